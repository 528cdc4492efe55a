"""What passes share: rebuilding a Program equation by equation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamella.program import Builder, Equation, Program, Value


class Rewriter(Builder):
    """A Builder that knows which equation defines a Value, and what old Values have become."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.new: dict[Value, Value] = {v: v for v in program.inputs}
        self.constants.update(program.constants)
        self.new.update((v, v) for v in program.constants)
        self.definition: dict[Value, Equation] = {}

    def from_line(self, source: str | None) -> None:
        """Equations emitted from here on come from this line of the user's program."""
        self.source = lambda: source

    def emit(self, primitive: Any, operands: Any, attrs: dict[str, Any]) -> Any:
        out = super().emit(primitive, operands, attrs)
        eq = self.equations[-1]
        for value in eq.results:
            self.definition[value] = eq
        return out

    def keep(self, eq: Equation, attrs: dict[str, Any] | None = None) -> None:
        """Append `eq` over the new Values; its results keep their identity."""
        operands = tuple([self.new[v] for v in eq.operands])
        if operands != eq.operands or (attrs or eq.attrs) is not eq.attrs:
            eq = Equation(eq.primitive, operands, attrs or eq.attrs, eq.results, eq.source)
        self.equations.append(eq)
        for value in eq.results:
            self.new[value] = value
            self.definition[value] = eq

    def replace(self, eq: Equation, values: Any) -> None:
        """From here on the results of `eq` are `values`."""
        several = values if isinstance(values, tuple) else (values,)
        self.new.update(zip(eq.results, several, strict=True))

    def result(self, program: Program) -> Program:
        outputs = tuple(self.new[v] for v in program.outputs)
        return Program(program.inputs, self.equations, outputs, self.constants)


def map_nested(eq: Equation, f: Callable[[Program], Program]) -> dict[str, Any]:
    """The attributes of `eq` with `f` applied to its nested Programs."""
    nested = eq.programs
    return {**eq.attrs, **{k: f(p) for k, p in nested}} if nested else eq.attrs


def with_nested(eq: Equation, f: Callable[[Program], Program]) -> Equation:
    """`eq` with `f` applied to its nested Programs."""
    attrs = map_nested(eq, f)
    if attrs is eq.attrs:
        return eq
    return Equation(eq.primitive, eq.operands, attrs, eq.results, eq.source)
