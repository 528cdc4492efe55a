"""A compiled Program: memory, pointers and the machine that runs them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from lamella import inspect, native
from lamella.kernels.kernel import Kernel
from lamella.types import Type, type_of

ALIGNMENT = 64
#: Kernels may read (never write) this many bytes past the end of an array.
SLACK = 64
PAGE = 4096

_numbers = itertools.count()  # of Executables, for their profiles


def aligned_empty(type: Type) -> np.ndarray:
    """An uninitialised array, aligned to 64 bytes, for which `is_readable` holds."""
    return _aligned(type, np.empty)


def aligned_zeros(type: Type) -> np.ndarray:
    """Zeros in an array as `aligned_empty` makes them; large ones take memory as they are used."""
    return _aligned(type, np.zeros)


def _aligned(type: Type, allocate: Callable[..., np.ndarray]) -> np.ndarray:
    raw = allocate(type.nbytes + 2 * ALIGNMENT + SLACK, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    if not _has_slack(raw.ctypes.data + start + type.nbytes):
        start += ALIGNMENT
    return raw[start : start + type.nbytes].view(type.dtype).reshape(type.shape)


def aligned_copy(x: Any, type: Type) -> np.ndarray:
    """A copy of `x` as `aligned_empty` makes them."""
    out = aligned_empty(type)
    out[...] = x
    return out


def is_readable(x: np.ndarray) -> bool:
    """May a kernel use this array where it lies? Dense, native, its slack on the same page."""
    dense = x.flags.c_contiguous and x.flags.aligned and x.dtype.isnative
    return dense and _has_slack(x.ctypes.data + x.nbytes)


def _has_slack(end: int) -> bool:
    return 0 < end % PAGE <= PAGE - SLACK


def overlapping(arrays: Sequence[np.ndarray]) -> set[int]:
    """The numbers of the arrays that may share memory with another one."""
    spans = sorted((*_span(x), i) for i, x in enumerate(arrays) if x.nbytes)
    found: set[int] = set()
    reach, reaches = 0, -1  # how far any array before goes, and which one it is
    for start, end, i in spans:
        if start < reach:
            found |= {i, reaches}
        if end > reach:
            reach, reaches = end, i
    return found


def _span(x: np.ndarray) -> tuple[int, int]:
    """The addresses between which all elements lie."""
    start = x.ctypes.data
    return (start, start + x.nbytes) if x.flags.c_contiguous else byte_bounds(x)


class Executable:
    """Runs a compiled Program on arrays.

    in_types, out_types: types of the arrays; donated: input number -> the output number that is
    written over it. `run` takes arrays of exactly these types.
    """

    def __init__(
        self,
        machine: native.Machine,
        in_types: Sequence[Type],
        out_types: Sequence[Type],
        donated: dict[int, int],
        constants: Sequence[np.ndarray],
        arena_nbytes: int,
        arena_slots: Sequence[tuple[int, int]],
        kernels: Mapping[int, Kernel],
    ) -> None:
        self.machine = machine
        self.in_types, self.out_types = tuple(in_types), tuple(out_types)
        self.donated = donated
        self.arena_nbytes = arena_nbytes
        self._kernels = kernels if inspect.wanted("time") else None
        self._number = next(_numbers)
        self._over = {j: i for i, j in donated.items()}
        self._arena = aligned_empty(Type((arena_nbytes,), np.dtype(np.uint8)))
        self._constants = [aligned_copy(x, type_of(x)) for x in constants]
        self._pointers = np.zeros(machine.slots, np.uintp)
        self._params = np.zeros(1, np.int64)
        self._lock = threading.Lock()
        first = len(self.in_types) + len(self.out_types)
        for k, x in enumerate(self._constants):
            self._pointers[first + k] = x.ctypes.data
        for slot, offset in arena_slots:
            self._pointers[slot] = self._arena.ctypes.data + offset

    def __call__(self, *arrays: Any) -> tuple[np.ndarray, ...]:
        """The outputs on `arrays`, which must have the types `in_types`; raises TypeError."""
        if len(arrays) != len(self.in_types):
            raise TypeError(f"expected {len(self.in_types)} arrays, got {len(arrays)}")
        for i, (x, t) in enumerate(zip(arrays, self.in_types)):
            if type_of(x) != t:
                raise TypeError(f"argument {i}: expected {t}, got {type_of(x)}")
        return self.run([np.asarray(x) for x in arrays])

    def run(
        self,
        arrays: Sequence[np.ndarray],
        steps: int = 1,
        given: Mapping[int, np.ndarray] | None = None,
    ) -> tuple[np.ndarray, ...]:
        """Run `steps` rounds on arrays whose types have been checked.

        Donated arrays are overwritten and returned as the outputs they became: they must be dense,
        aligned and writable, and share no memory with other arrays. All others are left
        as they are. Output j is written to given[j], where there is one.
        """
        with self._lock:  # one arena
            return self._run(arrays, steps, given or {})

    def _run(self, arrays: Sequence[np.ndarray], steps: int, given: Mapping[int, np.ndarray]
             ) -> tuple[np.ndarray, ...]:  # fmt: skip
        pointers, keep = self._pointers, []
        for i, x in enumerate(arrays):
            if i not in self.donated and not is_readable(x):
                x = aligned_copy(x, type_of(x))
                keep.append(x)
            pointers[i] = x.ctypes.data
        outputs = []
        for j, t in enumerate(self.out_types):
            out = arrays[self._over[j]] if j in self._over else given.get(j)
            out = aligned_empty(t) if out is None else out
            pointers[len(arrays) + j] = out.ctypes.data
            outputs.append(out)
        self._params[0] = steps
        if self._kernels is None:
            self.machine.run(pointers, self._params)
        else:
            timings = self.machine.profile(pointers, self._params)
            threads = 1 if self.machine.serial else native.num_threads()
            inspect.record(self._number, timings, self._kernels, threads)
        return tuple(outputs)
