"""jit: trace a function for the types of its arguments, compile it, keep the machine code."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import optree

from lamella import garbage
from lamella.compile import Executable, compile_program
from lamella.compile.executable import aligned_copy, is_readable, overlapping
from lamella.frontend.trace import trace
from lamella.frontend.tracer import Tracer
from lamella.program import Program
from lamella.types import Type, dtype_of

F = TypeVar("F", bound=Callable[..., Any])

log = logging.getLogger("lamella.jit")

#: From so many compilations of one function on, a warning names what keeps changing.
MANY = 32


@dataclass
class Compiled:
    """Machine code for one signature, and how to put its outputs together."""

    executable: Executable
    structure: Any
    donated: tuple[int, ...]


class Jitted:
    """A compiled function; see `jit`."""

    def __init__(self, f: Callable[..., Any], donate_argnums: tuple[int, ...]) -> None:
        functools.update_wrapper(self, f)
        self._f = f
        self._donate = donate_argnums
        self._compiled: dict[Hashable, Compiled] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, structure = _flatten((args, kwargs))
        if any(isinstance(x, Tracer) for x in leaves):
            return self._f(*args, **kwargs)
        arrays, signature = _signature(leaves)
        key = (structure, *signature)
        compiled = self._compiled.get(key)
        if compiled is None:
            compiled = self._compile(leaves, structure, args)
            self._compiled[key] = compiled
            self._warn_if_many()
        shared = overlapping(arrays) if compiled.donated else ()
        for i in compiled.donated:
            if i in shared or not (is_readable(arrays[i]) and arrays[i].flags.writeable):
                arrays[i] = aligned_copy(arrays[i], compiled.executable.in_types[i])
        return optree.tree_unflatten(compiled.structure, compiled.executable.run(arrays))

    def program(self, *args: Any, **kwargs: Any) -> Program:
        """The Program of the function for these arguments; `print` it to read it."""
        leaves, structure = _flatten((args, kwargs))
        return self._trace(leaves, structure)[0]

    def _trace(self, leaves: Sequence[Any], structure: Any) -> tuple[Program, Any]:
        positions = [i for i, x in enumerate(leaves) if is_array(x)]
        result: list[Any] = []

        def flat(*tracers: Any) -> list[Any]:
            values = list(leaves)
            for i, t in zip(positions, tracers):
                values[i] = t
            args, kwargs = optree.tree_unflatten(structure, values)
            out, out_structure = optree.tree_flatten(self._f(*args, **kwargs))
            result.append(out_structure)
            return out

        types = [Type(leaves[i].shape, dtype_of(leaves[i].dtype)) for i in positions]
        program, captured = trace(flat, types)
        if captured:
            raise RuntimeError(
                f"{self._f.__name__} uses a traced value {captured[0].type} of a function that is "
                "being traced, but none of its arguments is traced; pass the value as an argument"
            )
        return program, result[0]

    @garbage.kept()
    def _compile(self, leaves: Sequence[Any], structure: Any, args: tuple[Any, ...]) -> Compiled:
        program, out_structure = self._trace(leaves, structure)
        donated = self._donated(args, program)
        executable = compile_program(program, donated)
        return Compiled(executable, out_structure, tuple(donated))

    def _donated(self, args: tuple[Any, ...], program: Program) -> dict[int, int]:
        """Arrays of the donated arguments, each with the first free output of its type."""
        free = list(enumerate(program.out_types))
        donated: dict[int, int] = {}
        position = 0
        for k, arg in enumerate(args):
            for leaf in filter(is_array, _flatten(arg)[0]):
                t = Type(leaf.shape, dtype_of(leaf.dtype))
                match = next((j for j, u in free if u == t), None) if k in self._donate else None
                if match is not None:
                    donated[position] = match
                    free = [(j, u) for j, u in free if j != match]
                position += 1
        return donated

    def _warn_if_many(self) -> None:
        if len(self._compiled) % MANY == 0:
            log.warning(
                "%s has been compiled for %d signatures: shapes, dtypes or the values of Python "
                "numbers among its arguments keep changing; pass numbers that change as arrays "
                "(np.float32(x))", self._f.__name__, len(self._compiled),
            )  # fmt: skip


def jit(f: F | None = None, *, donate_argnums: int | Sequence[int] = ()) -> Any:
    """Compile `f`, a function of arrays (in nested dicts, lists and tuples), to machine code.

    `f` is traced once for each combination of shapes and dtypes. Python numbers, strings and
    functions among the arguments are constants of the compiled code: for each new value `f` is
    compiled anew, so pass numbers that change as arrays (`np.float32(0.1)`).

    Args:
        f: uses NumPy, and the functions of `lamella`; without side effects. Keras variables among
            its arguments are their arrays.
        donate_argnums: positions of arguments whose arrays may be overwritten by results of the
            same type (parameters and optimizer state in a training step).

    Returns:
        A function with the signature of `f` that returns NumPy arrays. Called while something else
        is being traced it is `f` itself. Its `program(*args)` is the traced Program.

    Raises:
        ConcreteValueError: `f` asks for the numbers of a traced value (`if x > 0`).

    Example:
        >>> import numpy as np, lamella
        >>> norm = lamella.jit(lambda x: np.sqrt((x * x).sum()))
        >>> norm(np.array([3.0, 4.0]))
        array(5.)
    """
    if f is None:
        return functools.partial(jit, donate_argnums=donate_argnums)
    numbers = (donate_argnums,) if isinstance(donate_argnums, int) else tuple(donate_argnums)
    return Jitted(f, numbers)


def _flatten(args: Any) -> tuple[list[Any], Any]:
    """The leaves and the structure; what has a `__lamella_array__`, such as a variable, as that."""
    leaves, structure = optree.tree_flatten(args)
    return [x.__lamella_array__() if _is_variable(x) else x for x in leaves], structure


def _is_variable(x: Any) -> bool:
    return not isinstance(x, np.ndarray) and hasattr(x, "__lamella_array__")


def is_array(x: Any) -> bool:
    """Arrays and NumPy's scalars are traced; everything else is a constant."""
    return isinstance(x, np.ndarray | np.generic)


def _signature(leaves: Sequence[Any]) -> tuple[list[np.ndarray], list[Hashable]]:
    arrays: list[np.ndarray] = []
    key: list[Hashable] = []
    for x in leaves:
        if isinstance(x, np.ndarray):
            arrays.append(x)
            key.append((x.shape, x.dtype))
        elif is_array(x):
            arrays.append(np.asarray(x))
            key.append(((), arrays[-1].dtype))
        else:
            key.append((type(x), repr(x) if isinstance(x, float | complex) else x))
    return arrays, key
