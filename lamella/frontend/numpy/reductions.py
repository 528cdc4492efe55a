"""Sums, means, extrema and other folds; cumulative sums and products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamella import ops
from lamella.frontend.numpy import promotion as p
from lamella.frontend.numpy.elementwise import is_half, truth
from lamella.frontend.numpy.registry import implements
from lamella.frontend.numpy.shaping import reshape_to
from lamella.frontend.tracer import Tracer
from lamella.types import BOOL


def keep(out: Tracer, x: Tracer, axes: tuple[int, ...], keepdims: bool) -> Tracer:
    """`out`, which lacks `axes` of `x`, with size 1 in their place where `keepdims`."""
    if not keepdims:
        return out
    return reshape_to(out, tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def fold(primitive: Any, x: Tracer, axis: Any, keepdims: Any = False) -> Tracer:
    """`primitive` over `axis` (None: all); nothing to do over no axes."""
    axes = p.normalize_axes(axis, x.ndim)
    return keep(primitive(x, axes=axes) if axes else x, x, axes, bool(keepdims))


def _wide_integer(dtype: np.dtype) -> np.dtype:
    """Integers are added and multiplied in 64 bits, as NumPy does."""
    if dtype.kind in "bi":
        return np.dtype("int64")
    return np.dtype("uint64") if dtype.kind == "u" else dtype


def _masked(x: Tracer, where: Any, otherwise: Any) -> Tracer:
    return (
        x if where is None or where is True else np.where(where, x, p.full((), x.dtype, otherwise))
    )


@implements(np.sum)
def sum_(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
         initial: Any = None, where: Any = True) -> Tracer:  # fmt: skip
    _refuse_out(out)
    a = p.value(a)
    a = p.convert(a, _wide_integer(a.dtype) if dtype is None else dtype)
    total = fold(ops.sum, _masked(a, where, 0), axis, keepdims)
    return total if initial is None else (total + initial).astype(total.dtype)


@implements(np.prod)
def prod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
         initial: Any = None, where: Any = True) -> Tracer:  # fmt: skip
    _refuse_out(out)
    a = p.value(a)
    a = p.convert(a, _wide_integer(a.dtype) if dtype is None else dtype)
    total = fold(ops.prod, _masked(a, where, 1), axis, keepdims)
    return total if initial is None else (total * initial).astype(total.dtype)


def _refuse_out(out: Any) -> None:
    if out is not None:
        raise TypeError("out= is not supported on traced arrays; use the returned value")


def lowest(dtype: np.dtype) -> Any:
    """The identity of max."""
    if dtype == BOOL:
        return False
    return np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def highest(dtype: np.dtype) -> Any:
    """The identity of min."""
    if dtype == BOOL:
        return True
    return np.iinfo(dtype).max if dtype.kind in "iu" else np.inf


def _extremum(functions: Any, primitive: Any, join: Any, identity: Callable[..., Any]) -> None:
    @implements(*functions)
    def f(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None,
          where: Any = True) -> Tracer:  # fmt: skip
        _refuse_out(out)
        a = p.value(a)
        axes = p.normalize_axes(axis, a.ndim)
        if p.static_size(a.shape, axes) == 0:
            if initial is None:
                raise ValueError(f"maximum or minimum of no elements: shape {a.shape}, axis {axis}")
            kept = tuple(n for i, n in enumerate(a.shape) if i not in axes)
            return keep(p.full(kept, a.dtype, initial), a, axes, keepdims)
        if where is not True and initial is None:
            raise ValueError("where= in a maximum or minimum needs initial=")
        best = fold(primitive, _masked(a, where, identity(a.dtype)), axes, keepdims)
        return best if initial is None else join(best, initial).astype(best.dtype)


_extremum((np.max, np.amax), ops.max, np.maximum, lowest)
_extremum((np.min, np.amin), ops.min, np.minimum, highest)


@implements(np.any)
def any_(
    a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, where: Any = True
) -> Tracer:
    _refuse_out(out)
    return _logical(ops.max, _masked(truth(a), where, False), axis, keepdims, False)


@implements(np.all)
def all_(
    a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, where: Any = True
) -> Tracer:
    _refuse_out(out)
    return _logical(ops.min, _masked(truth(a), where, True), axis, keepdims, True)


def _logical(primitive: Any, x: Tracer, axis: Any, keepdims: bool, on_empty: bool) -> Tracer:
    axes = p.normalize_axes(axis, x.ndim)
    if p.static_size(x.shape, axes) == 0:
        shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
        return keep(p.full(shape, BOOL, on_empty), x, axes, keepdims)
    return fold(primitive, x, axes, keepdims)


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, keepdims: bool = False) -> Tracer:
    return sum_(truth(a), axis, keepdims=keepdims)


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Tracer:
    return np.max(a, axis, keepdims=keepdims) - np.min(a, axis, keepdims=keepdims)


# Means and variances: half precision is summed in float32 and rounded once.


def _accumulator(x: Tracer, dtype: Any) -> tuple[np.dtype, np.dtype]:
    """The dtypes in which a mean is computed and returned."""
    if dtype is not None:
        return p.dtype_of(dtype), p.dtype_of(dtype)
    if x.dtype.kind in "biu":
        return np.dtype("float64"), np.dtype("float64")
    return (np.dtype("float32") if is_half(x.dtype) else x.dtype), x.dtype


def _count(x: Tracer, axes: tuple[int, ...], where: Any, dtype: np.dtype, keepdims: bool) -> Any:
    if where is None or where is True:
        return p.static_size(x.shape, axes)
    mask = np.broadcast_to(p.value(where, dtype), x.shape)
    return sum_(mask, axes, keepdims=keepdims)


@implements(np.mean)
def mean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
         where: Any = True) -> Tracer:  # fmt: skip
    _refuse_out(out)
    a = p.value(a)
    inner, outer = _accumulator(a, dtype)
    axes = p.normalize_axes(axis, a.ndim)
    total = sum_(a, axes, inner, keepdims=keepdims, where=where)
    return p.convert(total / _count(a, axes, where, inner, keepdims), outer)


@implements(np.var)
def var(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0,
        keepdims: bool = False, where: Any = True, mean: Any = None,
        correction: Any = None) -> Tracer:  # fmt: skip
    _refuse_out(out)
    inner, outer = _accumulator(p.value(a), dtype)
    variance = _variance(a, axis, inner, ddof if correction is None else correction, keepdims,
                         where, mean)  # fmt: skip
    return variance if outer.kind == "c" else p.convert(variance, outer)


def _variance(a: Any, axis: Any, dtype: np.dtype, ddof: float, keepdims: bool, where: Any,
              center: Any) -> Tracer:  # fmt: skip
    x = p.value(a, dtype)
    axes = p.normalize_axes(axis, x.ndim)
    center = mean(x, axes, keepdims=True, where=where) if center is None else center
    gap = x - center
    square = np.real(gap * np.conj(gap)) if dtype.kind == "c" else gap * gap
    count = np.maximum(_count(x, axes, where, square.dtype, keepdims) - ddof, 0)
    return sum_(square, axes, keepdims=keepdims, where=where) / count


@implements(np.std)
def std(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0,
        keepdims: bool = False, where: Any = True, mean: Any = None,
        correction: Any = None) -> Tracer:  # fmt: skip
    _refuse_out(out)
    inner, outer = _accumulator(p.value(a), dtype)
    variance = _variance(a, axis, inner, ddof if correction is None else correction, keepdims,
                         where, mean)  # fmt: skip
    deviation = np.sqrt(variance)
    return deviation if outer.kind == "c" else p.convert(deviation, outer)


@implements(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False,
            keepdims: bool = False) -> Any:  # fmt: skip
    a = p.value(a)
    if weights is None:
        out = mean(a, axis, keepdims=keepdims)
        count = p.static_size(a.shape, p.normalize_axes(axis, a.ndim))
        return (out, np.full_like(out, count)) if returned else out
    dtype = p.result_type(a, weights, *([np.dtype("float64")] if a.dtype.kind in "biu" else []))
    a, weights = p.value(a, dtype), p.value(weights, dtype)
    if weights.shape != a.shape:
        axes = p.normalize_axes(axis, a.ndim)
        sizes = iter(weights.shape)
        weights = reshape_to(weights, tuple(next(sizes) if i in axes else 1 for i in range(a.ndim)))
        weights = np.broadcast_to(weights, a.shape)
    scale = sum_(weights, axis, keepdims=keepdims)
    out = sum_(a * weights, axis, keepdims=keepdims) / scale
    return (out, scale) if returned else out


# Positions of extrema, cumulative folds.


def _arg(function: Any, primitive: Any) -> None:
    @implements(function)
    def f(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Tracer:
        _refuse_out(out)
        a = p.value(a)
        if axis is None:
            index = primitive(reshape_to(a, (a.size,)), axis=0)
            return reshape_to(index, (1,) * a.ndim) if keepdims else index
        axis = p.normalize_axis(axis, a.ndim)
        return keep(primitive(a, axis=axis), a, (axis,), keepdims)


_arg(np.argmax, ops.argmax)
_arg(np.argmin, ops.argmin)


def _cumulative(function: Any, name: str) -> None:
    @implements(function)
    def f(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Tracer:
        _refuse_out(out)
        a = p.value(a)
        a = p.convert(a, _wide_integer(a.dtype) if dtype is None else dtype)
        if axis is None:
            a, axis = reshape_to(a, (a.size,)), 0
        return getattr(ops, name)(a, axis=p.normalize_axis(axis, a.ndim), reverse=False)


_cumulative(np.cumsum, "cumsum")
_cumulative(np.cumprod, "cumprod")


def _cumulative_with_initial(function: Any, plain: Any, first: int) -> None:
    @implements(function)
    def f(x: Any, axis: Any = None, dtype: Any = None, out: Any = None,
          include_initial: bool = False) -> Tracer:  # fmt: skip
        result = plain(x, 0 if axis is None else axis, dtype, out)
        if not include_initial:
            return result
        axis = p.normalize_axis(0 if axis is None else axis, result.ndim)
        shape = (*result.shape[:axis], 1, *result.shape[axis + 1 :])
        return np.concatenate([p.full(shape, result.dtype, first), result], axis)


_cumulative_with_initial(np.cumulative_sum, np.cumsum, 0)
_cumulative_with_initial(np.cumulative_prod, np.cumprod, 1)


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Tracer:
    a = p.value(a)
    axis = p.normalize_axis(axis, a.ndim)
    edge = (*a.shape[:axis], 1, *a.shape[axis + 1 :])
    ends = [x if x is None or np.ndim(x) else np.broadcast_to(x, edge) for x in (prepend, append)]
    parts = [x for x in (ends[0], a, ends[1]) if x is not None]
    a = np.concatenate(parts, axis) if len(parts) > 1 else a
    head = (slice(None),) * axis
    for _ in range(n):
        high, low = a[(*head, slice(1, None))], a[(*head, slice(None, -1))]
        a = high != low if a.dtype == BOOL else high - low
    return a


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Tracer:
    gaps = diff(np.ravel(ary))
    parts = [to_begin, gaps, to_end]
    return np.concatenate([np.ravel(p.value(x, gaps.dtype)) for x in parts if x is not None])


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Tracer:
    y = np.moveaxis(y, axis, -1)
    if x is not None:
        x = p.value(x) if isinstance(x, Tracer) else np.asarray(x)
        dx = diff(x) if x.ndim == 1 else diff(np.moveaxis(x, axis, -1))
    return sum_(dx * (y[..., 1:] + y[..., :-1]) / 2.0, -1)


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """On evenly spaced points, `edge_order` 1."""
    f = p.value(f)
    axes = p.normalize_axes(axis, f.ndim)
    if edge_order != 1 or any(np.ndim(h) for h in varargs):
        raise TypeError("np.gradient on traced arrays: evenly spaced points and edge_order 1 only")
    steps = varargs * len(axes) if len(varargs) == 1 else varargs or (1.0,) * len(axes)
    out = []
    for i, h in zip(axes, steps, strict=True):
        x = np.moveaxis(f, i, 0)
        inner = (x[2:] - x[:-2]) / (2.0 * h)
        ends = (x[1:2] - x[:1]) / h, (x[-1:] - x[-2:-1]) / h
        out.append(np.moveaxis(np.concatenate([ends[0], inner, ends[1]]), 0, i))
    return out[0] if len(axes) == 1 else tuple(out)
