"""Order, quantiles, counting."""

from __future__ import annotations

import builtins

import numpy as np

from keras_lamella.src.ops.dtypes import (
    FLOAT32,
    HALF,
    INT32,
    as_dtype,
    axes_of,
    result_dtype,
)
from keras_lamella.src.tensor import convert_to_tensor
from lamella.frontend.tracer import Tracer


def sort(x, axis=-1):
    return np.sort(convert_to_tensor(x), axis=axis)


def argsort(x, axis=-1):
    x = convert_to_tensor(x)
    if x.ndim == 0:
        return np.zeros((), INT32)
    return as_dtype(np.argsort(x, axis=axis, kind="stable"), INT32)


def argpartition(x, kth, axis=-1):
    """A full sort: a partition in the strictest sense."""
    return argsort(x, axis)


def median(x, axis=None, keepdims=False):
    return quantile(x, 0.5, axis, keepdims=keepdims)


def nanmedian(x, axis=None, keepdims=False):
    return nanquantile(x, 0.5, axis, keepdims=keepdims)


def percentile(x, q, axis=None, method="linear", keepdims=False):
    return _quantile(x, _fraction(q), axis, method, keepdims, ignore_nan=False)


def nanpercentile(x, q, axis=None, method="linear", keepdims=False):
    return _quantile(x, _fraction(q), axis, method, keepdims, ignore_nan=True)


def quantile(x, q, axis=None, method="linear", keepdims=False):
    return _quantile(x, q, axis, method, keepdims, ignore_nan=False)


def nanquantile(x, q, axis=None, method="linear", keepdims=False):
    return _quantile(x, q, axis, method, keepdims, ignore_nan=True)


def _fraction(q):
    q = convert_to_tensor(q)
    return as_dtype(q, result_dtype(q.dtype, "float32")) / 100


def _quantile(x, q, axis, method, keepdims, ignore_nan):
    """Sort what is reduced to the last axis (NaN goes to its end), then interpolate in it."""
    x = convert_to_tensor(x)
    dtype = result_dtype(x.dtype, float)
    x = as_dtype(x, FLOAT32 if dtype in HALF else dtype)
    q = convert_to_tensor(q, x.dtype)
    axes = _normal_axes(axis, x.ndim)
    kept = [a for a in range(x.ndim) if a not in axes]
    outer = tuple(x.shape[a] for a in kept)
    x = np.sort(np.reshape(np.transpose(x, (*kept, *axes)), (*outer, -1)), axis=-1)
    nans = np.sum(as_dtype(np.isnan(x), INT32), axis=-1, keepdims=True, dtype=INT32)
    last = as_dtype(x.shape[-1] - 1 - (nans if ignore_nan else 0 * nans), x.dtype)
    y = _interpolate(x, np.ravel(q) * last, method)  # [*outer, q]
    invalid = nans == x.shape[-1] if ignore_nan else nans > 0
    y = np.where(invalid, np.asarray(np.nan, x.dtype), y)
    y = np.reshape(np.moveaxis(y, -1, 0), (*q.shape, *outer))
    if keepdims:
        y = np.expand_dims(y, tuple(q.ndim + a for a in axes))
    return as_dtype(y, dtype)


def _normal_axes(axis, ndim):
    axis = axes_of(axis)
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple(builtins.sorted(a % ndim for a in axes))


def _interpolate(x, position, method):
    """`x` at fractional positions of its last axis."""
    position = np.clip(position, 0, x.shape[-1] - 1)
    below, above = np.floor(position), np.ceil(position)
    if method == "nearest":
        below = above = np.rint(position)
    elif method == "lower":
        above = below
    elif method == "higher":
        below = above
    elif method not in ("linear", "midpoint"):
        raise ValueError(
            "`method` must be one of 'linear', 'lower', 'higher', 'midpoint', 'nearest'. "
            f"Received: method={method}"
        )
    low = np.take_along_axis(x, as_dtype(below, INT32), axis=-1)
    high = np.take_along_axis(x, as_dtype(above, INT32), axis=-1)
    weight = np.asarray(0.5, x.dtype) if method == "midpoint" else position - below
    return np.where(low == high, low, low + (high - low) * weight)


# -- counting ----------------------------------------------------------------------------------


def bincount(x, weights=None, minlength=0, sparse=False):
    if sparse:
        raise ValueError("Unsupported value `sparse=True` with the lamella backend")
    x = convert_to_tensor(x)
    if x.ndim > 2:
        raise ValueError(f"bincount expects 1 or 2 dimensions. Received: shape={x.shape}")
    dtype = INT32
    if weights is not None:
        weights = convert_to_tensor(weights)
        dtype = result_dtype(x.dtype, weights.dtype)
    length = _bins(x, minlength)
    hits = x[..., None] == np.arange(length).astype(x.dtype)  # [..., element, bin]
    if weights is None:
        return np.sum(as_dtype(hits, INT32), axis=-2, dtype=INT32)
    zero = np.zeros((), dtype)
    return np.sum(np.where(hits, as_dtype(weights, dtype)[..., None], zero), axis=-2, dtype=dtype)


def _bins(x, minlength):
    if not isinstance(x, Tracer):
        return builtins.max(int(np.max(x)) + 1 if x.size else 0, minlength)
    if not minlength:
        raise ValueError(
            "the number of bins of a traced `bincount` would depend on its data: give "
            "`minlength`; values of `minlength` or more are not counted then"
        )
    return minlength


def histogram(x, bins=10, range=None):
    x = convert_to_tensor(x)
    dtype = result_dtype(x.dtype, float)
    x = np.ravel(as_dtype(x, dtype))
    edges = _edges(x, bins, range, dtype)
    inside = (x >= edges[0]) & (x <= edges[-1])
    place = np.searchsorted(edges[1:-1], x, side="right")
    hits = (place[:, None] == np.arange(edges.shape[0] - 1)) & inside[:, None]
    return np.sum(as_dtype(hits, INT32), axis=0, dtype=INT32), edges


def _edges(x, bins, range, dtype):
    if not isinstance(bins, int):
        return convert_to_tensor(bins, dtype)
    if range is not None:
        low, high = (convert_to_tensor(v, dtype) for v in range)
    elif x.size:
        low, high = np.min(x), np.max(x)
    else:
        low, high = np.zeros((), dtype), np.ones((), dtype)
    half = np.where(low == high, np.asarray(0.5, dtype), np.asarray(0, dtype))
    weights = np.linspace(0, 1, bins + 1).astype(dtype)
    return (low - half) * (1 - weights) + (high + half) * weights


def unique(
    x,
    sorted=True,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    size=None,
    fill_value=None,
):
    x = convert_to_tensor(x)
    values, index, inverse, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True, axis=axis,
        equal_nan=False,
    )  # fmt: skip
    if size is not None:
        dim = 0 if axis is None else axis % x.ndim
        values = _resize(values, size, dim, 0 if fill_value is None else fill_value)
        index, counts = _resize(index, size, 0, 1), _resize(counts, size, 0, 0)
    wanted = zip((index, inverse, counts), (return_index, return_inverse, return_counts))
    extra = [as_dtype(v, INT32) for v, yes in wanted if yes]
    return (values, *extra) if extra else values


def _resize(x, size, axis, fill):
    if x.shape[axis] >= size:
        return np.take(x, np.arange(size), axis=axis)
    widths = [(0, size - x.shape[axis] if a == axis else 0) for a in range(x.ndim)]
    return np.pad(x, widths, constant_values=fill)


__all__ = [
    "argpartition", "argsort", "bincount", "histogram", "median", "nanmedian", "nanpercentile",
    "nanquantile", "percentile", "quantile", "sort", "unique",
]  # fmt: skip
