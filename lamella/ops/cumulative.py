"""Running folds along one axis: cumsum, cumprod, cummax, cummin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamella import ops
from lamella.ops import checks
from lamella.ops.layout import move_axis
from lamella.ops.lowering import Cumulative
from lamella.ops.reduction import max_, min_, prod, shifted, sum_, wide
from lamella.primitive import Primitive
from lamella.program import Builder, Program
from lamella.types import Type


def cumulative(
    name: str,
    *,
    of: Primitive,
    ufunc: np.ufunc,
    vjp: Callable[..., Any],
    check: Callable[..., None],
) -> Primitive:
    """The running form of the reduction `of`."""

    def typing(x: Type, *, axis: int, reverse: bool) -> Type:
        checks.axis_in(name, axis, x)
        check(name, x)
        return x

    def numpy(x: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
        flipped = np.flip(x, axis) if reverse else x
        out = ufunc.accumulate(flipped.astype(wide(x.dtype)), axis, dtype=wide(x.dtype))
        return (np.flip(out, axis) if reverse else out).astype(x.dtype)

    def batch(size: int, batched: Any, x: Any, *, axis: int, reverse: bool) -> Any:
        return primitive(x, axis=axis + 1, reverse=reverse)

    primitive = Primitive(
        name=name, family="cumulative", typing=typing, numpy=numpy, vjp=vjp, batch=batch,
        lower=Cumulative(of.lower),
        samples=lambda rng: [
            ((rng.uniform(0.5, 2, shape),), {"axis": axis, "reverse": reverse})
            for shape, axis, reverse in (((2, 4, 3), 1, False), ((5,), 0, True), ((0, 2), 0, False))
        ],
    )  # fmt: skip
    return primitive


def _recurrence_body(t: Type) -> Program:
    """(r; g, a) -> (g + a*r; the same): one step of a linear recurrence."""
    builder = Builder()
    r, g, a = (builder.make_value(t) for _ in range(3))
    product = builder.emit(ops.mul, (a, r), {})
    out = builder.emit(ops.add, (g, product), {})
    return builder.finish((r, g, a), (out, out))


def linear_recurrence(g: Any, a: Any, axis: int, reverse: bool) -> Any:
    """r with r[i] = g[i] + a[i] * r[i-1] along `axis` (r[i+1] if reverse)."""
    first_g, first_a = move_axis(g, axis, 0), move_axis(a, axis, 0)
    length, *rest = first_g.type.shape
    dtype = g.type.dtype
    zero = ops.full(shape=tuple(rest), dtype=dtype.name, value=0)
    body = _recurrence_body(Type(tuple(rest), dtype))
    _, r = ops.scan(
        zero, first_g, first_a, body=body, n_consts=0, n_carry=1, length=length, reverse=reverse
    )
    return move_axis(r, 0, axis)


def _cumprod_vjp(g: Any, y: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    """dx[i] = y[i-1] * r[i], r[i] = g[i] + x[i+1] * r[i+1]: right also where elements are zero."""
    r = linear_recurrence(g, shifted(x, axis, 1, 0, not reverse), axis, not reverse)
    return ops.mul(shifted(y, axis, 1, 1, reverse), r)


def _record_vjp(g: Any, y: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    """An element receives the cotangents of the places where it is the running extremum."""
    before = shifted(y, axis, 1, 0, reverse)
    first = ops.iota(shape=x.type.shape, axis=axis, dtype="int32")
    end = x.type.shape[axis] - 1 if reverse else 0
    at_end = ops.equal(first, ops.full(shape=x.type.shape, dtype="int32", value=end))
    record = ops.bitwise_or(at_end, ops.not_equal(y, before))
    name = x.type.dtype.name
    holds = ops.convert(record, dtype=name)
    goes_on = shifted(ops.convert(ops.bitwise_not(record), dtype=name), axis, 1, 0, not reverse)
    return ops.mul(holds, linear_recurrence(g, goes_on, axis, not reverse))


cumsum = cumulative(
    "cumsum",
    of=sum_,
    ufunc=np.add,
    vjp=lambda g, y, x, *, axis, reverse: ops.cumsum(g, axis=axis, reverse=not reverse),
    check=checks.numeric,
)
cumprod = cumulative("cumprod", of=prod, ufunc=np.multiply, vjp=_cumprod_vjp, check=checks.numeric)
cummax = cumulative("cummax", of=max_, ufunc=np.maximum, vjp=_record_vjp, check=checks.ordered)
cummin = cumulative("cummin", of=min_, ufunc=np.minimum, vjp=_record_vjp, check=checks.ordered)
