"""Loops without axes of size 1: fewer loops, and more equations over one domain.

    y = add(a: [1,1,16], b: [1,1,16])  ->  y = reshape(add(reshape(a): [16], reshape(b): [16]))

The reshapes are free, and cancel between neighbours.
"""

from __future__ import annotations

from typing import Any

from lamella import ops
from lamella.passes.rewrite import map_nested
from lamella.passes.simplify import Simplifier
from lamella.program import Equation, Program, Value, building


def squeeze(program: Program) -> Program:
    """Rewrite elementwise, broadcast, transpose and reduction equations without axes of size 1."""
    out = Simplifier(program)
    with building(out):
        for eq in program.equations:
            out.from_line(eq.source)
            operands = tuple(out.new[v] for v in eq.operands)
            rewritten = _squeezed(eq, operands)
            if rewritten is None:
                out.keep(eq, map_nested(eq, squeeze))
            else:
                out.replace(eq, ops.reshape(rewritten, shape=eq.results[0].type.shape))
    return out.result(program)


def _squeezed(eq: Equation, operands: tuple[Value, ...]) -> Value | None:
    """The equation over arrays without axes of size 1, or None if it stays as it is."""
    shapes = [v.type.shape for v in (*eq.operands, *eq.results)]
    if not any(1 in shape for shape in shapes) or len(eq.results) != 1:
        return None
    attrs = _squeezed_attrs(eq)
    if attrs is None:
        return None
    return eq.primitive(*map(_without_ones, operands), **attrs)


def _squeezed_attrs(eq: Equation) -> dict[str, Any] | None:
    name, attrs = eq.primitive.name, eq.attrs
    if eq.primitive.family == "elementwise":
        return attrs
    if not eq.operands:
        return None
    operand = eq.operands[0]
    if name == "broadcast":
        place = _places(attrs["shape"])
        axes = tuple(place[a] for a, n in zip(attrs["axes"], operand.type.shape) if n != 1)
        return {"shape": _dense(attrs["shape"]), "axes": axes}
    if name == "transpose":
        place = _places(operand.type.shape)
        return {"axes": tuple(place[a] for a in attrs["axes"] if a in place)}
    if eq.primitive.family == "reduction" and set(attrs) == {"axes"}:
        place = _places(operand.type.shape)
        return {"axes": tuple(place[a] for a in attrs["axes"] if a in place)}
    return None


def _dense(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def _places(shape: tuple[int, ...]) -> dict[int, int]:
    """{axis: its number once axes of size 1 are gone}"""
    kept = [i for i, n in enumerate(shape) if n != 1]
    return {axis: i for i, axis in enumerate(kept)}


def _without_ones(value: Value) -> Value:
    return ops.reshape(value, shape=_dense(value.type.shape))
