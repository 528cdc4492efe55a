"""Reverse-mode differentiation: a backward sweep appended to the Program being built.

The sweep reads equations newest first and asks each primitive for the cotangents of its operands.
Since the rules emit ordinary equations, a sweep over a sweep gives the second derivative.

Complex numbers follow JAX: a cotangent is paired without conjugation, so that the rules of products
and sums are those of real numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lamella import ops
from lamella.program import Equation, Value, current_builder
from lamella.types import COMPLEX, is_float


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
    found = sweep(start, outputs, cotangents, wrt)
    return [zeros(v) if g is None else g for v, g in zip(wrt, found)]


def sweep(
    start: int, outputs: Sequence[Value], cotangents: Sequence[Any], wrt: Sequence[Value]
) -> list[Value | None]:
    """As `backward`, but None where no output depends on a Value of `wrt`."""
    builder = current_builder()
    section = builder.equations[start:]
    wanted = set(wrt)
    active = depending(section, wanted)
    grads: dict[Value, Value] = {}
    for value, g in zip(outputs, cotangents, strict=True):
        if g is not None and value in active:
            _accumulate(grads, value, builder.lift(g))
    for eq in reversed(section):
        gs = tuple(grads.get(v) if v in wanted else grads.pop(v, None) for v in eq.results)
        if all(g is None for g in gs) or not any(v in active for v in eq.operands):
            continue
        for operand, g in zip(eq.operands, _operand_cotangents(eq, gs, active), strict=True):
            if g is not None and operand in active:
                _accumulate(grads, operand, builder.lift(g))
    return [grads.get(v) for v in wrt]


def zeros(value: Value) -> Value:
    """A zero of the Value's type."""
    return ops.full(shape=value.type.shape, dtype=value.type.dtype.name, value=0)


def depending(section: Iterable[Equation], sources: Iterable[Value]) -> set[Value]:
    """`sources` and the differentiable Values that depend on them."""
    active = set(sources)
    for eq in section:
        if any(v in active for v in eq.operands):
            active.update(v for v in eq.results if differentiable(v))
    return active


def _operand_cotangents(
    eq: Equation, gs: tuple[Value | None, ...], active: set[Value]
) -> tuple[Any, ...]:
    rule = eq.primitive.vjp
    if eq.primitive.family == "control":
        needed = tuple(v in active and differentiable(v) for v in eq.operands)
        return rule(gs, eq.results, *eq.operands, **eq.attrs, needed=needed)
    several = len(eq.results) > 1
    g, y = (gs, eq.results) if several else (gs[0], eq.results[0])
    out = rule(g, y, *eq.operands, **eq.attrs)
    return out if isinstance(out, tuple) else (out,)


def _accumulate(grads: dict[Value, Any], value: Value, g: Value) -> None:
    if g.type != value.type:
        raise TypeError(f"the cotangent of a {value.type} has type {g.type}: a wrong VJP rule")
    grads[value] = ops.add(grads[value], g) if value in grads else g
