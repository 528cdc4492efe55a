"""Reductions: fold axes to one element, or find the best element's index."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lamella import ops
from lamella.ops import checks
from lamella.ops.layout import shift
from lamella.ops.lowering import ArgFold, Fold
from lamella.primitive import Primitive, no_gradient
from lamella.types import BOOL, Type, bfloat16, is_float

Axes = tuple[int, ...]
INT64 = np.dtype("int64")


def dropped(x: Type, axes: Axes) -> tuple[int, ...]:
    """The shape of `x` without `axes`."""
    return tuple(n for i, n in enumerate(x.shape) if i not in axes)


def spread_back(value: Any, x: Any, axes: Axes) -> Any:
    """`value`, the size of a reduction of `x` over `axes`, repeated to the shape of `x`."""
    kept = tuple(i for i in range(x.type.ndim) if i not in axes)
    return ops.broadcast(value, shape=x.type.shape, axes=kept)


def extreme(dtype: np.dtype, largest: bool) -> Any:
    """The identity of min (largest) or of max: an infinity, or the dtype's limit."""
    if is_float(dtype):
        return math.inf if largest else -math.inf
    if dtype == BOOL:
        return largest
    return int(np.iinfo(dtype).max if largest else np.iinfo(dtype).min)


def wide(dtype: np.dtype) -> np.dtype:
    """The dtype in which sums and products are accumulated."""
    return np.dtype("float32") if dtype in (np.dtype("float16"), bfloat16) else dtype


def _samples(low: float, high: float) -> Callable[..., Any]:
    cases = (((2, 3, 4), (1,)), ((3, 4), (0, 1)), ((2, 5), (0,)), ((3,), ()), ((0, 2), (1,)))
    return lambda rng: [((rng.uniform(low, high, s),), {"axes": axes}) for s, axes in cases]


def reduction(
    name: str,
    *,
    fold: Fold,
    numpy: Callable[..., Any],
    vjp: Callable[..., Any],
    samples: Callable[..., Any],
    check: Callable[[str, Type, Axes], None],
    traits: Iterable[str] = (),
) -> Primitive:
    """A fold over `axes`, which the result lacks."""

    def typing(x: Type, *, axes: Axes) -> Type:
        checks.axes_in(name, axes, x)
        check(name, x, axes)
        return Type(dropped(x, axes), x.dtype)

    def batch(size: int, batched: Any, x: Any, *, axes: Axes) -> Any:
        return primitive(x, axes=shift(axes))

    primitive = Primitive(
        name=name, family="reduction", typing=typing, numpy=numpy, vjp=vjp, batch=batch,
        lower=fold, samples=samples, traits=frozenset(traits),
    )  # fmt: skip
    return primitive


# ------------------------------------------------------------------ sum, prod


def _number(name: str, x: Type, axes: Axes) -> None:
    checks.numeric(name, x)


def _accumulate(ufunc: np.ufunc) -> Callable[..., Any]:
    def numpy(x: np.ndarray, *, axes: Axes) -> Any:
        return ufunc.reduce(x, axis=axes, dtype=wide(x.dtype)).astype(x.dtype)

    return numpy


def _prod_vjp(g: Any, y: Any, x: Any, *, axes: Axes) -> Any:
    """g times the product of all other elements, right also where some are zero."""
    kept = tuple(i for i in range(x.type.ndim) if i not in axes)
    order = (*kept, *axes)
    n = math.prod(x.type.shape[a] for a in axes)
    moved = ops.transpose(x, axes=order)
    rows = ops.reshape(moved, shape=(*y.type.shape, n))
    others = ops.mul(_exclusive_product(rows, False), _exclusive_product(rows, True))
    out = ops.mul(spread_back(g, rows, (len(kept),)), others)
    back = ops.reshape(out, shape=moved.type.shape)
    return ops.transpose(back, axes=tuple(int(i) for i in np.argsort(order)))


def _exclusive_product(rows: Any, reverse: bool) -> Any:
    """The product of the elements before (after) each one along the last axis."""
    last = rows.type.ndim - 1
    return ops.cumprod(shifted(rows, last, 1, 1, reverse), axis=last, reverse=reverse)


def shifted(x: Any, axis: int, by: int, value: Any, reverse: bool = False) -> Any:
    """`x` moved `by` places towards the end (start) of an axis; `value` moves in."""
    n = x.type.shape[axis]
    by = min(by, n)
    start, stop = [0] * x.type.ndim, list(x.type.shape)
    if reverse:
        start[axis] = by
    else:
        stop[axis] = n - by
    cut = ops.slice(x, start=tuple(start), stop=tuple(stop), step=(1,) * x.type.ndim)
    gap = tuple(by if i == axis else 0 for i in range(x.type.ndim))
    none = (0,) * x.type.ndim
    return ops.pad(cut, low=none if reverse else gap, high=gap if reverse else none, value=value)


sum_ = reduction(
    "sum",
    fold=Fold(lambda dtype: 0, lambda a, b: a + b),
    numpy=_accumulate(np.add),
    vjp=lambda g, y, x, *, axes: spread_back(g, x, axes),
    samples=_samples(-2, 2),
    check=_number,
)

prod = reduction(
    "prod",
    fold=Fold(lambda dtype: 1, lambda a, b: a * b),
    numpy=_accumulate(np.multiply),
    vjp=_prod_vjp,
    samples=_samples(0.5, 2),
    check=_number,
)

# ------------------------------------------------------------------- max, min


def _nonempty(name: str, x: Type, axes: Axes) -> None:
    checks.ordered(name, x)
    if x.size == 0 and math.prod(dropped(x, axes)) > 0:
        raise ValueError(f"{name}: {x} has no element along axes {axes} to choose from")


def _extremum_vjp(g: Any, y: Any, x: Any, *, axes: Axes) -> Any:
    """Elements that tie for the extremum share the cotangent equally."""
    chosen = ops.convert(ops.equal(x, spread_back(y, x, axes)), dtype=x.type.dtype.name)
    share = ops.div(g, ops.sum(chosen, axes=axes))
    return ops.mul(chosen, spread_back(share, x, axes))


max_ = reduction(
    "max",
    fold=Fold(lambda dtype: extreme(dtype, False), lambda a, b: ops.maximum.lower(a, b)),
    numpy=lambda x, *, axes: np.maximum.reduce(x, axis=axes),
    vjp=_extremum_vjp,
    samples=_samples(-2, 2),
    check=_nonempty,
    traits=("chooses",),
)

min_ = reduction(
    "min",
    fold=Fold(lambda dtype: extreme(dtype, True), lambda a, b: ops.minimum.lower(a, b)),
    numpy=lambda x, *, axes: np.minimum.reduce(x, axis=axes),
    vjp=_extremum_vjp,
    samples=_samples(-2, 2),
    check=_nonempty,
    traits=("chooses",),
)

# ------------------------------------------------------------- argmax, argmin


def _arg_reduction(name: str, numpy: Callable[..., Any], better: Callable[..., Any]) -> Primitive:
    def typing(x: Type, *, axis: int) -> Type:
        checks.axis_in(name, axis, x)
        _nonempty(name, x, (axis,))
        return Type(dropped(x, (axis,)), INT64)

    def meaning(x: np.ndarray, *, axis: int) -> Any:
        if x.shape[axis] == 0:
            return np.zeros(x.shape[:axis] + x.shape[axis + 1 :], INT64)
        return numpy(x.astype(np.float32) if x.dtype == bfloat16 else x, axis=axis)

    def batch(size: int, batched: Any, x: Any, *, axis: int) -> Any:
        return primitive(x, axis=axis + 1)

    primitive = Primitive(
        name=name, family="reduction", typing=typing, numpy=meaning, vjp=no_gradient,
        batch=batch, lower=ArgFold(better),
        samples=lambda rng: [
            ((rng.normal(size=(2, 3, 4)),), {"axis": 1}),
            ((np.array([1.0, np.nan, np.nan, 3.0]),), {"axis": 0}),
            ((rng.integers(0, 3, (4, 5)),), {"axis": 1}),
        ],
    )  # fmt: skip
    return primitive


def _beats(ordered: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """a beats b where `ordered` says so or a is the first NaN."""
    return lambda a, b: ordered(a, b) | ((a != a) & (b == b))


argmax = _arg_reduction("argmax", np.argmax, _beats(lambda a, b: a > b))
argmin = _arg_reduction("argmin", np.argmin, _beats(lambda a, b: a < b))
