"""Reductions and cumulative functions."""

from __future__ import annotations

import numpy as np

from keras_lamella.src.ops.dtypes import (
    FLOAT32,
    HALF,
    INT32,
    accumulator,
    as_dtype,
    axes_of,
    is_floating,
    promote,
    result_dtype,
    sum_dtype,
    to_float,
)
from keras_lamella.src.tensor import convert_to_tensor


def sum(x, axis=None, keepdims=False):
    x = convert_to_tensor(x)
    total = np.sum(_summand(x), axis=axes_of(axis), keepdims=keepdims)
    return as_dtype(total, sum_dtype(x.dtype))


def _summand(x):
    return as_dtype(x, accumulator(sum_dtype(x.dtype)))


def prod(x, axis=None, keepdims=False, dtype=None):
    x = convert_to_tensor(x)
    dtype = sum_dtype(x.dtype) if dtype is None else np.dtype(dtype)
    product = np.prod(as_dtype(x, accumulator(dtype)), axis=axes_of(axis), keepdims=keepdims)
    return as_dtype(product, dtype)


def mean(x, axis=None, keepdims=False):
    x = to_float(x)
    average = np.mean(as_dtype(x, accumulator(x.dtype)), axis=axes_of(axis), keepdims=keepdims)
    return as_dtype(average, x.dtype)


def var(x, axis=None, keepdims=False):
    x = to_float(x)
    spread = np.var(as_dtype(x, accumulator(x.dtype)), axis=axes_of(axis), keepdims=keepdims)
    return as_dtype(spread, np.zeros((), x.dtype).real.dtype)


def std(x, axis=None, keepdims=False):
    x = to_float(x)
    spread = np.std(as_dtype(x, accumulator(x.dtype)), axis=axes_of(axis), keepdims=keepdims)
    return as_dtype(spread, np.zeros((), x.dtype).real.dtype)


def max(x, axis=None, keepdims=False, initial=None):
    return _extremum(np.max, np.maximum, x, axis, keepdims, initial)


def min(x, axis=None, keepdims=False, initial=None):
    return _extremum(np.min, np.minimum, x, axis, keepdims, initial)


def _extremum(reduce, combine, x, axis, keepdims, initial):
    x, axis = convert_to_tensor(x), axes_of(axis)
    if initial is None:
        return reduce(x, axis=axis, keepdims=keepdims)
    initial = convert_to_tensor(initial, x.dtype)
    if x.size == 0:
        shape = np.sum(np.zeros(x.shape, bool), axis=axis, keepdims=keepdims).shape
        return np.broadcast_to(initial, shape)
    return combine(reduce(x, axis=axis, keepdims=keepdims), initial)


def amax(x, axis=None, keepdims=False):
    return max(x, axis, keepdims)


def amin(x, axis=None, keepdims=False):
    return min(x, axis, keepdims)


def ptp(x, axis=None, keepdims=False):
    return max(x, axis, keepdims) - min(x, axis, keepdims)


def all(x, axis=None, keepdims=False):
    return np.all(convert_to_tensor(x, "bool"), axis=axes_of(axis), keepdims=keepdims)


def any(x, axis=None, keepdims=False):
    return np.any(convert_to_tensor(x, "bool"), axis=axes_of(axis), keepdims=keepdims)


def count_nonzero(x, axis=None):
    nonzero = convert_to_tensor(x, "bool")
    return np.sum(as_dtype(nonzero, INT32), axis=axes_of(axis), dtype=INT32)


def argmax(x, axis=None, keepdims=False):
    return _position(np.argmax, x, axis, keepdims)


def argmin(x, axis=None, keepdims=False):
    return _position(np.argmin, x, axis, keepdims)


def _position(find, x, axis, keepdims):
    x = convert_to_tensor(x)
    if is_floating(x.dtype) and x.ndim:
        if x.dtype in HALF:
            x = as_dtype(x, FLOAT32)
        # -0.0 counts as less than 0.0.
        tiny = np.asarray(-np.finfo(x.dtype).tiny, x.dtype)
        x = np.where((x == 0) & np.signbit(x), tiny, x)
    return as_dtype(find(x, axis=axis, keepdims=keepdims), INT32)


def average(x, axis=None, weights=None):
    axis = axes_of(axis)
    if weights is None:
        return mean(x, axis)
    x, weights = promote(convert_to_tensor(x), convert_to_tensor(weights), also=(float,))
    weights = _align(weights, x, axis)
    dtype = x.dtype
    x, weights = as_dtype(x, accumulator(dtype)), as_dtype(weights, accumulator(dtype))
    total = np.sum(x * weights, axis=axis)
    return as_dtype(total / np.sum(np.broadcast_to(weights, x.shape), axis=axis), dtype)


def _align(weights, x, axis):
    """One-dimensional weights along `axis` of `x`."""
    if weights.shape == x.shape or axis is None:
        return weights
    axes = [a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))]
    order = np.argsort(axes)
    shape = [x.shape[a] if a in axes else 1 for a in range(x.ndim)]
    return np.reshape(np.transpose(weights, order), shape)


def trace(x, offset=0, axis1=0, axis2=1):
    return sum(np.diagonal(convert_to_tensor(x), offset, axis1, axis2), axis=-1)


# -- cumulative --------------------------------------------------------------------------------


def _cumulative(function, x, axis, dtype):
    x = convert_to_tensor(x)
    dtype = result_dtype(x.dtype if dtype is None else dtype)
    dtype = INT32 if dtype.kind == "b" else dtype
    if axis is None:
        x, axis = np.ravel(x), 0
    return as_dtype(function(as_dtype(x, accumulator(dtype)), axis=axis), dtype)


def cumsum(x, axis=None, dtype=None):
    return _cumulative(_same_dtype(np.cumsum), x, axis, dtype)


def cumprod(x, axis=None, dtype=None):
    return _cumulative(_same_dtype(np.cumprod), x, axis, dtype)


def _same_dtype(function):
    return lambda x, axis: function(x, axis=axis, dtype=x.dtype)


def diff(a, n=1, axis=-1):
    return np.diff(convert_to_tensor(a), n=n, axis=axis)


def trapezoid(y, x=None, dx=1.0, axis=-1):
    y = to_float(y)
    y = np.moveaxis(y, axis, -1)
    if x is None:
        step = convert_to_tensor(dx, y.dtype)
    else:
        x = convert_to_tensor(x, y.dtype)
        step = np.diff(x if x.ndim == 1 else np.moveaxis(x, axis, -1), axis=-1)
    half = np.asarray(0.5, y.dtype)
    return sum((y[..., 1:] + y[..., :-1]) * half * step, axis=-1)


# -- ignoring NaN ------------------------------------------------------------------------------


def _without_nan(x, value):
    """`x` with `value` in place of NaN, and where NaN was."""
    x = convert_to_tensor(x)
    if not is_floating(x.dtype) and x.dtype.kind != "c":
        return x, np.zeros(x.shape, bool)
    is_nan = np.isnan(x)
    return np.where(is_nan, np.asarray(value, x.dtype), x), is_nan


def nansum(x, axis=None, keepdims=False):
    return sum(_without_nan(x, 0)[0], axis, keepdims)


def nanprod(x, axis=None, keepdims=False):
    return prod(_without_nan(x, 1)[0], axis, keepdims)


def nancumsum(x, axis=None, dtype=None):
    return cumsum(_without_nan(x, 0)[0], axis, dtype)


def nancumprod(x, axis=None, dtype=None):
    return cumprod(_without_nan(x, 1)[0], axis, dtype)


def nanmax(x, axis=None, keepdims=False):
    return _nan_extremum(max, -np.inf, x, axis, keepdims)


def nanmin(x, axis=None, keepdims=False):
    return _nan_extremum(min, np.inf, x, axis, keepdims)


def _nan_extremum(reduce, identity, x, axis, keepdims):
    x = convert_to_tensor(x)
    if not is_floating(x.dtype):
        return reduce(x, axis, keepdims)
    filled, is_nan = _without_nan(x, identity)
    nothing = np.all(is_nan, axis=axes_of(axis), keepdims=keepdims)
    return np.where(nothing, np.asarray(np.nan, x.dtype), reduce(filled, axis, keepdims))


def nanargmax(x, axis=None, keepdims=False):
    return _nan_position(argmax, -np.inf, x, axis, keepdims)


def nanargmin(x, axis=None, keepdims=False):
    return _nan_position(argmin, np.inf, x, axis, keepdims)


def _nan_position(find, identity, x, axis, keepdims):
    x = convert_to_tensor(x)
    if not is_floating(x.dtype):
        return find(x, axis, keepdims)
    filled, is_nan = _without_nan(x, identity)
    nothing = np.all(is_nan, axis=axis, keepdims=keepdims)
    return np.where(nothing, np.asarray(-1, INT32), find(filled, axis, keepdims))


def _nan_moments(x, axis):
    """Mean and variance over `axis` (kept) of what is not NaN, in the accumulator's dtype."""
    x = to_float(x)
    x, is_nan = _without_nan(as_dtype(x, accumulator(x.dtype)), 0)
    present = as_dtype(~is_nan, x.real.dtype)
    count = np.sum(present, axis=axis, keepdims=True)
    average = np.sum(x, axis=axis, keepdims=True) / count
    distance = np.absolute(x - average) * present
    return average, np.sum(distance * distance, axis=axis, keepdims=True) / count


def _dropped(x, axis, keepdims):
    if keepdims:
        return x
    return np.squeeze(x, axis=tuple(range(x.ndim)) if axis is None else axis)


def nanmean(x, axis=None, keepdims=False):
    axis = axes_of(axis)
    average, _ = _nan_moments(x, axis)
    dtype = result_dtype(convert_to_tensor(x).dtype, float)
    return as_dtype(_dropped(average, axis, keepdims), dtype)


def nanvar(x, axis=None, keepdims=False):
    axis = axes_of(axis)
    _, spread = _nan_moments(x, axis)
    dtype = result_dtype(convert_to_tensor(x).dtype, float)
    return as_dtype(_dropped(spread, axis, keepdims), np.zeros((), dtype).real.dtype)


def nanstd(x, axis=None, keepdims=False):
    return np.sqrt(nanvar(x, axis, keepdims))


__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "average", "count_nonzero", "cumprod",
    "cumsum", "diff", "max", "mean", "min", "nanargmax", "nanargmin", "nancumprod", "nancumsum",
    "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar", "prod", "ptp",
    "std", "sum", "trace", "trapezoid", "var",
]  # fmt: skip
