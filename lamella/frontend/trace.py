"""Tracing: run a Python function once with Tracers and keep what it did as a Program."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamella import tree
from lamella.frontend.tracer import Tracer, check_alive
from lamella.program import Builder, Equation, Program, Value, building
from lamella.types import Type, type_of

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_LIBRARIES = tuple(
    folder + os.sep
    for folder in (
        _PACKAGE,
        os.path.join(os.path.dirname(_PACKAGE), "keras_lamella"),
        os.path.join(os.path.dirname(_PACKAGE), "tensorflow_lamella"),
        os.path.join("site-packages", "keras"),
        os.path.dirname(np.__file__),
    )
)


@functools.cache
def is_library(filename: str) -> bool:
    """Whether a file is part of Lamella, Keras or NumPy, and not of the program."""
    return filename.startswith("<") or any(part in filename for part in _LIBRARIES)


def user_line() -> str | None:
    """`file:line in function` of the innermost frame outside Lamella, Keras and NumPy."""
    frame = sys._getframe(1)
    while frame is not None:
        if not is_library(frame.f_code.co_filename):
            return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
        frame = frame.f_back  # type: ignore[assignment]
    return None


class Trace(Builder):
    """A Builder whose Values are Tracers, and which captures Tracers of enclosing traces.

    A Tracer of another trace that is used here becomes an additional input; `captures` maps it to
    the Tracer that stands for it here, in the order of first use.
    """

    def __init__(self) -> None:
        super().__init__(self.make_tracer)
        self.source = user_line
        self.captures: dict[Value, Tracer] = {}
        self.closed = False

    def make_tracer(self, type: Type) -> Tracer:
        return Tracer(type, self)

    def lift(self, x: Any) -> Value:
        if not isinstance(x, Tracer) and hasattr(x, "__lamella_array__"):
            x = x.__lamella_array__()
        if not isinstance(x, Tracer) or x.owner is self:
            return super().lift(x)
        check_alive(x)
        if x not in self.captures:
            self.captures[x] = self.make_tracer(x.type)
        return self.captures[x]


def trace(f: Callable[..., Sequence[Any]], types: Sequence[Type]) -> tuple[Program, list[Value]]:
    """The Program of `f` for flat arguments of `types`, and the outer Values that it captured.

    `f` takes len(types) Tracers and returns a flat sequence of arrays or Tracers. The Program's
    inputs are the arguments, then one input per captured Value.
    """
    builder = Trace()
    inputs = [builder.make_tracer(t) for t in types]
    try:
        with building(builder):
            outputs = [builder.lift(x) for x in f(*inputs)]
    finally:
        builder.closed = True
    program = builder.finish([*inputs, *builder.captures.values()], outputs)
    return _plain(program), list(builder.captures)


def _plain(program: Program) -> Program:
    """The same Program over Values that are not Tracers: `==` compares them by identity."""
    env: dict[Value, Value] = {}

    def plain(v: Value) -> Value:
        if v not in env:
            env[v] = Value(v.type)
        return env[v]

    def each(values: Sequence[Value]) -> tuple[Value, ...]:
        return tuple(map(plain, values))

    inputs = each(program.inputs)
    constants = {plain(v): array for v, array in program.constants.items()}
    equations = [Equation(eq.primitive, each(eq.operands), eq.attrs, each(eq.results), eq.source)
                 for eq in program.equations]  # fmt: skip
    return Program(inputs, equations, each(program.outputs), constants)


def run(f: Callable[..., Any], *args: Any) -> Any:
    """`f(*args)` for concrete arrays in any nesting: traced, then evaluated."""
    leaves, structure = tree.flatten(args)
    found: list[Any] = []

    def flat(*tracers: Any) -> list[Any]:
        out, result = tree.flatten(f(*tree.unflatten(structure, tracers)))
        found.append(result)
        return out

    arrays = [np.asarray(x) for x in leaves]
    program, _ = trace(flat, [type_of(x) for x in arrays])
    return tree.unflatten(found[0], program.run(*arrays))
