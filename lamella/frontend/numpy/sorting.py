"""Sorting, searching and counting."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamella import ops
from lamella.frontend.numpy import promotion as p
from lamella.frontend.numpy.registry import implements, refuse
from lamella.frontend.numpy.shaping import reshape_to
from lamella.frontend.tracer import Tracer


def _flat_if_none(a: Any, axis: Any) -> tuple[Tracer, int]:
    a = p.value(a)
    if axis is None:
        return reshape_to(a, (a.size,)), 0
    return a, p.normalize_axis(axis, a.ndim)


@implements(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None) -> Tracer:
    a, axis = _flat_if_none(a, axis)
    return ops.sort(a, axis=axis)


@implements(np.argsort)
def argsort(a: Any, axis: Any = -1, kind: Any = None) -> Tracer:
    """Always stable."""
    a, axis = _flat_if_none(a, axis)
    return p.convert(ops.argsort(a, axis=axis), np.int64)


@implements(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1) -> Tracer:
    """Fully sorted: that puts element `kth` in its place too."""
    return sort(a, axis)


@implements(np.argpartition)
def argpartition(a: Any, kth: Any, axis: Any = -1) -> Tracer:
    return argsort(a, axis)


@implements(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Tracer:
    """Stable sorts from the least to the most significant key, which is the last."""
    keys = [p.value(k) for k in keys]
    order: Any = None
    for key in keys:
        if order is None:
            order = argsort(key, axis)
        else:
            moved = argsort(np.take_along_axis(key, order, axis), axis)
            order = np.take_along_axis(order, moved, axis)
    return order


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Tracer:
    """By bisection: ceil(log2(n + 1)) steps, each on all of `v` at once."""
    if side not in ("left", "right"):
        raise ValueError(f"np.searchsorted: side must be 'left' or 'right', got {side!r}")
    a = p.value(a) if sorter is None else np.take(p.value(a), sorter)
    dtype = p.result_type(a, v)
    a, v = p.value(a, dtype), p.value(v, dtype)
    if a.ndim != 1:
        raise ValueError(f"np.searchsorted: expected a sorted array of 1 axis, got shape {a.shape}")
    low = p.full(v.shape, np.int32, 0)
    high = p.full(v.shape, np.int32, a.size)
    for _ in range(a.size.bit_length()):
        middle = (low + high) >> 1
        at = np.take(a, middle, mode="clip") if a.size else v
        right = _before(at, v) if side == "left" else ~_before(v, at)
        right = right & (low < high)
        low, high = np.where(right, middle + 1, low), np.where(right, high, middle)
    return p.convert(low, np.int64)


def _before(x: Any, y: Any) -> Any:
    """x < y in the order of np.sort, where NaN is last."""
    return (x < y) | (np.isnan(y) & ~np.isnan(x)) if x.dtype.kind in "fV" else x < y


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Tracer:
    """Traced bins must increase; concrete ones may decrease too."""
    bins_known = not isinstance(bins, Tracer)
    if bins_known and np.size(bins) > 1 and np.asarray(bins)[0] > np.asarray(bins)[-1]:
        found = searchsorted(np.asarray(bins)[::-1], x, "right" if right else "left")
        return len(bins) - found
    return searchsorted(bins, x, "left" if right else "right")


@implements(np.bincount)
def bincount(x: Any, weights: Any = None, minlength: Any = 0) -> Tracer:
    """Of length `minlength`, which must be given; larger values are not counted."""
    x = p.value(x)
    length = int(minlength)
    if length <= 0:
        raise TypeError(
            "np.bincount of a traced array: the result's length would depend on the data; give "
            "minlength=, one more than the largest value to count"
        )
    dtype = np.dtype(np.int64 if weights is None else np.float64)
    ones = p.full(x.shape, dtype, 1) if weights is None else p.value(weights, dtype)
    zero = p.full((length,), dtype, 0)
    return ops.scatter_add(zero, x, np.broadcast_to(ones, x.shape), axis=0)


@implements(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None,
              weights: Any = None) -> tuple[Tracer, Any]:  # fmt: skip
    a = np.ravel(p.value(a))
    edges = np.histogram_bin_edges(a, bins, range)
    count = p.shape_of(edges)[0] - 1
    a = p.value(a, p.dtype_spec(edges)) if a.dtype.kind in "biu" else a
    found = searchsorted(edges, a, "right") - 1
    last = np.take(edges, count) if isinstance(edges, Tracer) else edges[-1]
    found = np.where(np.equal(a, last), count - 1, found)  # the last bin is closed
    found = np.where(found < 0, count, found)  # below the range: not counted
    inside = np.where(np.isnan(a), count, found) if a.dtype.kind in "fV" else found
    counts = bincount(inside, weights, count)
    if not density:
        return counts, edges
    widths = np.diff(edges)
    return counts / widths / np.sum(counts), edges


@implements(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    if isinstance(bins, str):
        raise TypeError("np.histogram of a traced array: give a number of bins or their edges")
    if np.ndim(bins):
        return bins
    if range is not None:
        return np.histogram_bin_edges(np.zeros(0), bins, range)
    a = p.value(a)
    a = p.convert(a, np.float64) if a.dtype.kind in "biu" else a
    low, high = np.min(a), np.max(a)
    flat = low == high
    return np.linspace(np.where(flat, low - 0.5, low), np.where(flat, high + 0.5, high), bins + 1)


@implements(np.isin)
def isin(element: Any, test_elements: Any, invert: bool = False) -> Tracer:
    element, test = p.value(element), np.ravel(p.value(test_elements))
    found = np.any(element[..., None] == test, axis=-1)
    return ~found if invert else found


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Any, ...]:
    indices = p.value(indices, np.int64)
    sizes = (shape,) if np.ndim(shape) == 0 else tuple(shape)
    out = []
    for n in sizes[::-1] if order == "C" else sizes:
        out.append(indices % n)
        indices = indices // n
    return tuple(out[::-1] if order == "C" else out)


@implements(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Tracer:
    out: Any = np.int64(0)
    pairs = list(zip(multi_index, dims, strict=True))
    for i, n in pairs if order == "C" else pairs[::-1]:
        out = out * n + (i % n if mode == "wrap" else np.clip(i, 0, n - 1))
    return out


_SHAPE = (
    "the shape of its result depends on the data, and a traced program has static shapes; use "
    "np.where(condition, x, y) to choose elements, np.argmax, np.sort or lamella.top_k to find some"
)
for _function in (np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.unique_all,
                  np.unique_counts, np.unique_inverse, np.unique_values, np.union1d,
                  np.intersect1d, np.setdiff1d, np.setxor1d, np.trim_zeros):  # fmt: skip
    refuse(_function, _SHAPE)
