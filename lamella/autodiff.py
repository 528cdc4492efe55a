"""Reverse-mode differentiation: a backward sweep appended to the Program being built.

The sweep reads equations newest first and asks each primitive for the cotangents of its operands.
Since the rules emit ordinary equations, a sweep over a sweep gives the second derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamella import ops
from lamella.program import Builder, Equation, Value, current_builder
from lamella.types import is_float, COMPLEX


def differentiable(value: Value) -> bool:
    """Only floating point (and complex) Values carry cotangents."""
    return is_float(value.type.dtype) or value.type.dtype in COMPLEX


def backward(
    start: int, outputs: Sequence[Value], cotangents: Sequence[Any], wrt: Sequence[Value]
) -> list[Value]:
    """Cotangents of `wrt` given those of `outputs`, over the equations since index `start`.

    cotangents: one per output, of its type, or None for zero. Values made before `start` that are
    not in `wrt` are constants. Returns one Value per `wrt`, zeros where nothing depends on it.
    """
    builder = current_builder()
    section = builder.equations[start:]
    active = _active(section, wrt)
    grads: dict[Value, Value] = {}
    for value, g in zip(outputs, cotangents, strict=True):
        if g is not None and value in active:
            _accumulate(grads, value, builder.lift(g))
    for eq in reversed(section):
        gs = tuple(grads.pop(v, None) if v not in wrt else grads.get(v) for v in eq.results)
        if any(g is not None for g in gs) and any(v in active for v in eq.operands):
            for operand, g in zip(eq.operands, _operand_cotangents(eq, gs), strict=True):
                if g is not None and operand in active:
                    _accumulate(grads, operand, builder.lift(g))
    return [grads[v] if v in grads else zeros(v) for v in wrt]


def zeros(value: Value) -> Value:
    """A zero of the Value's type."""
    return ops.full(shape=value.type.shape, dtype=value.type.dtype.name, value=0)


def _active(section: Sequence[Equation], wrt: Sequence[Value]) -> set[Value]:
    """The differentiable Values that depend on `wrt`."""
    active = set(wrt)
    for eq in section:
        if any(v in active for v in eq.operands):
            active.update(v for v in eq.results if differentiable(v))
    return active


def _operand_cotangents(eq: Equation, gs: tuple[Value | None, ...]) -> tuple[Any, ...]:
    several = len(eq.results) > 1 or eq.primitive.family == "control"
    g, y = (gs, eq.results) if several else (gs[0], eq.results[0])
    out = eq.primitive.vjp(g, y, *eq.operands, **eq.attrs)
    return out if isinstance(out, tuple) else (out,)


def _accumulate(grads: dict[Value, Any], value: Value, g: Value) -> None:
    if g.type != value.type:
        raise TypeError(f"the cotangent of a {value.type} has type {g.type}: a wrong VJP rule")
    grads[value] = ops.add(grads[value], g) if value in grads else g
