"""Random Programs over memory with fences: a kernel that reads past its arrays dies.

Run as a program, `python fences.py front 20`: 20 random Programs and their gradients, every array
of which begins right behind a page that nobody may touch; with `end`, every array ends right before
one, but for the 64 bytes that kernels may read.
"""

import ctypes
import mmap
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

import numpy as np
from agreement import assert_agree
from hypothesis import given, settings
from programs import Example, programs
from test_random_programs import QUIET, gradient

from lamella import ops
from lamella.compile import Executable, compile_program, executable
from lamella.compile.executable import ALIGNMENT, SLACK
from lamella.compile.instructions import Instruction
from lamella.compile.memory import lifetimes
from lamella.program import Program, program_of
from lamella.types import Type, dtype_of

PAGE = mmap.PAGESIZE
_libc = ctypes.CDLL(None)
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def forbid(address: int) -> None:
    """Whoever touches the page at `address` from now on gets a segmentation fault."""
    assert _libc.mprotect(address, PAGE, 0) == 0


def room_for(nbytes: int, end: bool) -> tuple[int, int]:
    """The bytes of the pages that hold an array, and where in them it begins."""
    room = -(-(nbytes + SLACK) // PAGE) * PAGE
    return room, (room - SLACK - nbytes) // ALIGNMENT * ALIGNMENT if end else 0


def fenced_empty(t: Type, end: bool) -> np.ndarray:
    """An array as `aligned_empty` makes them, between two forbidden pages."""
    room, start = room_for(t.nbytes, end)
    raw = np.frombuffer(mmap.mmap(-1, room + 2 * PAGE), np.uint8)
    forbid(raw.ctypes.data)
    forbid(raw.ctypes.data + PAGE + room)
    return raw[PAGE + start :][: t.nbytes].view(t.dtype).reshape(t.shape)


def fenced_program(program: Program, end: bool) -> Executable:
    """`program` compiled; a forbidden page lies between any two temporaries."""
    gaps: list[int] = []

    def plan_arena(instructions: Sequence[Instruction]) -> int:
        size = 0
        for buffer in lifetimes(instructions):
            if size:
                gaps.append(size)
                size += PAGE
            room, start = room_for(buffer.nbytes, end)
            buffer.offset = size + start
            size += room
        return max(size - SLACK, 0)  # an array of so many bytes begins a page

    with mock.patch("lamella.compile.plan_arena", plan_arena):
        compiled = compile_program(program)
    for gap in gaps:
        forbid(compiled._arena.ctypes.data + gap)
    return compiled


@contextmanager
def fences(end: bool) -> Iterator[None]:
    """All arrays that the engine makes are fenced."""
    with mock.patch.object(executable, "aligned_empty", lambda t: fenced_empty(t, end)):
        yield


def check(example: Example, end: bool) -> None:
    """The Program does what it means, within its arrays."""
    program = example.program
    with fences(end):
        compiled = fenced_program(program, end)
        arrays = [executable.aligned_copy(x, t) for x, t in zip(example.arrays, program.in_types)]
        assert_agree(program, example.arrays, compiled(*arrays))


def concatenation() -> Example:
    """The last part of a row begins its array: nothing of the other parts is read in front."""
    widths = (32, 32, 64)
    types = [Type((7, n), dtype_of("float32")) for n in widths]
    program = program_of(lambda *xs: [ops.concatenate(*xs, axis=1)], *types)
    return Example(program, [np.full((7, n), n, np.float32) for n in widths])


def padded_transpose() -> Example:
    """Blocks that are read for a transpose begin inside the array, not at the padding."""
    kind = Type((40, 24), dtype_of("float32"))

    def f(x):
        padded = ops.pad(x, low=(0, 1), high=(0, 0), value=0.0)
        return [ops.sin(ops.transpose(padded, axes=(1, 0)))]

    return Example(program_of(f, kind), [np.arange(960, dtype=np.float32).reshape(40, 24)])


def sweep(count: int, end: bool) -> Callable[[], None]:
    @settings(max_examples=count, derandomize=True, **QUIET)
    @given(programs())
    def run(example: Example) -> None:
        check(example, end)
        if (found := gradient(example.program)) is not None:
            check(Example(found, example.arrays), end)

    return run


if __name__ == "__main__":
    for example in (concatenation(), padded_transpose()):
        check(example, end=sys.argv[1] == "end")
    sweep(int(sys.argv[2]), end=sys.argv[1] == "end")()
    print("within")
