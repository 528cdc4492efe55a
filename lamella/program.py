"""The IR: a Program is a list of Equations in SSA form over Values of static Type.

    program(x: float32[2,3], w: float32[3,4]) {
      h: float32[2,4] = contract(x, w) [spec='a b, b c -> a c', shape=(2, 4)]
      y: float32[2,4] = tanh(h)
      return y
    }

A Value is defined once: as an input, a constant (a captured array) or the result of an Equation.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamella.primitive import Primitive
from lamella.types import Type, type_of


class Value:
    """One array in a Program; identity is what counts, names exist only in print."""

    __slots__ = ("type", "__weakref__")

    def __init__(self, type: Type) -> None:
        self.type = type


@dataclass(eq=False, slots=True)
class Equation:
    """`results = primitive(*operands, **attrs)`; `source` is the user's line, for messages."""

    primitive: Primitive
    operands: tuple[Value, ...]
    attrs: dict[str, Any]
    results: tuple[Value, ...]
    source: str | None = None

    @property
    def programs(self) -> list[tuple[str, Program]]:
        """The nested Programs among the attributes, with their names."""
        if self.primitive.family != "control":
            return []
        return [(k, v) for k, v in self.attrs.items() if isinstance(v, Program)]


@dataclass(eq=False)
class Program:
    """Inputs, constants, equations in order, outputs. Treat a finished Program as immutable."""

    inputs: tuple[Value, ...]
    equations: list[Equation]
    outputs: tuple[Value, ...]
    constants: dict[Value, np.ndarray] = field(default_factory=dict)

    @property
    def in_types(self) -> tuple[Type, ...]:
        return tuple(v.type for v in self.inputs)

    @property
    def out_types(self) -> tuple[Type, ...]:
        return tuple(v.type for v in self.outputs)

    def run(self, *arrays: Any) -> tuple[np.ndarray, ...]:
        """Evaluate on NumPy arrays: the meaning of the Program."""
        from lamella.evaluate import evaluate

        return evaluate(self, arrays)

    def verify(self) -> Program:
        """Check SSA form and every type; returns self, raises VerificationError otherwise."""
        from lamella.text import verify

        return verify(self)

    def __str__(self) -> str:
        from lamella.text import format_program

        return format_program(self)


class Builder:
    """Appends equations; the Program under construction."""

    def __init__(self, make_value: Callable[[Type], Value] = Value) -> None:
        self.make_value = make_value
        self.equations: list[Equation] = []
        self.constants: dict[Value, np.ndarray] = {}
        self.source: Callable[[], str | None] = lambda: None

    def emit(self, primitive: Primitive, operands: Sequence[Any], attrs: dict[str, Any]) -> Any:
        """Append one equation; returns its Value, or a tuple where `typing` gives several."""
        values = tuple([self.lift(x) for x in operands])
        types = primitive.typing(*[v.type for v in values], **attrs)
        several = isinstance(types, tuple)
        results = tuple(map(self.make_value, types)) if several else (self.make_value(types),)
        self.equations.append(Equation(primitive, values, attrs, results, self.source()))
        return results if several else results[0]

    def extend(
        self, eq: Equation, attrs: dict[str, Any], types: Sequence[Type]
    ) -> tuple[Value, ...]:
        """Give `eq` other attributes, with which it has further results: these, of `types`."""
        more = tuple(self.make_value(t) for t in types)
        eq.attrs, eq.results = attrs, (*eq.results, *more)
        return more

    def lift(self, x: Any) -> Value:
        """`x` as a Value: an array becomes a constant of the Program."""
        if isinstance(x, Value):
            return x
        array = np.asarray(x)
        value = self.make_value(type_of(array))
        self.constants[value] = array
        return value

    def finish(self, inputs: Sequence[Value], outputs: Sequence[Any]) -> Program:
        """The Program from `inputs` to `outputs`."""
        outs = tuple(self.lift(x) for x in outputs)
        return Program(tuple(inputs), self.equations, outs, self.constants)

    def inline(self, program: Program, operands: Sequence[Any]) -> tuple[Value, ...]:
        """Append the equations of `program` applied to `operands`; returns its outputs."""
        env: dict[Value, Value] = dict(zip(program.inputs, map(self.lift, operands), strict=True))
        for value, array in program.constants.items():
            env[value] = self.lift(array)
        for eq in program.equations:
            out = self.emit(eq.primitive, [env[v] for v in eq.operands], eq.attrs)
            self.equations[-1].source = eq.source
            env.update(zip(eq.results, out if isinstance(out, tuple) else (out,), strict=True))
        return tuple(env[v] for v in program.outputs)


class _Stack(threading.local):
    def __init__(self) -> None:
        self.builders: list[Builder] = []


_stack = _Stack()


def current_builder() -> Builder:
    """The innermost Builder of this thread; raises RuntimeError outside `building`."""
    if not _stack.builders:
        raise RuntimeError("no Program is being built here; call this inside a traced function")
    return _stack.builders[-1]


def is_building() -> bool:
    """True while some Program is being built in this thread."""
    return bool(_stack.builders)


@contextlib.contextmanager
def building(builder: Builder) -> Iterator[Builder]:
    """Make `builder` the current one."""
    _stack.builders.append(builder)
    try:
        yield builder
    finally:
        _stack.builders.pop()


@contextlib.contextmanager
def not_building() -> Iterator[None]:
    """Inside, no Program is being built: what is called there computes."""
    outer, _stack.builders = _stack.builders, []
    try:
        yield
    finally:
        _stack.builders = outer


def is_entered(builder: Builder) -> bool:
    """Whether `builder` is the current one or encloses it."""
    return any(b is builder for b in _stack.builders)


def program_of(f: Callable[..., Sequence[Any]], *types: Type) -> Program:
    """The Program that `f` emits for Values of `types`; without the services of a Trace."""
    builder = Builder()
    inputs = [builder.make_value(t) for t in types]
    with building(builder):
        outputs = f(*inputs)
        return builder.finish(inputs, outputs)
