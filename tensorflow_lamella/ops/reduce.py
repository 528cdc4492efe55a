"""Reductions, running sums, and the like: many elements to fewer along axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras.src import backend

from lamella.frontend.tracer import Tracer
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dispatch import Array, Arrays, Ts, op
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.errors import InvalidArgumentError


def axes_of(axis: Any) -> Any:
    """An axis, several, or None for all, as NumPy takes it."""
    if axis is None or isinstance(axis, int):
        return axis
    array = np.asarray(axis)
    return int(array) if array.ndim == 0 else tuple(int(a) for a in array)


def _mean(x: Any, axis: Any, keepdims: bool) -> Any:
    if x.dtype.kind in "iu":  # TensorFlow divides integers as integers
        count = x.size // max(np.sum(np.zeros(x.shape, np.int8), axis=axis).size, 1)
        total = np.sum(x, axis=axis, keepdims=keepdims).astype(x.dtype)
        return np.sign(total) * (np.abs(total) // x.dtype.type(count))
    return np.mean(x, axis=axis, keepdims=keepdims)


def _typed(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f`, in the dtype of its operand: NumPy sums small integers in larger ones."""

    def function(x: Any, axis: Any, keepdims: bool) -> Any:
        return f(x, axis=axis, keepdims=keepdims).astype(x.dtype)

    return function


def _bools(f: Callable[..., Any]) -> Callable[..., Any]:
    def function(x: Any, axis: Any, keepdims: bool) -> Any:
        if x.dtype != bool:
            raise TypeError(f"tf.reduce_{f.__name__} wants a bool tensor, got {x.dtype.name}")
        return f(x, axis=axis, keepdims=keepdims)

    return function


def _extreme(f: Callable[..., Any], fill: Callable[[Any], Any]) -> Callable[..., Any]:
    def function(x: Any, axis: Any, keepdims: bool) -> Any:
        if x.size == 0:
            return f(x, axis=axis, keepdims=keepdims, initial=fill(x.dtype))
        return f(x, axis=axis, keepdims=keepdims)

    return function


def _lowest(dtype: np.dtype) -> Any:
    return np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def _highest(dtype: np.dtype) -> Any:
    return np.iinfo(dtype).max if dtype.kind in "iu" else np.inf


def _norm(x: Any, axis: Any, keepdims: bool) -> Any:
    return np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims)).astype(x.dtype)


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "reduce_all math.reduce_all": _bools(np.all),
    "reduce_any math.reduce_any": _bools(np.any),
    "reduce_logsumexp math.reduce_logsumexp": backend.math.logsumexp,
    "reduce_max math.reduce_max": _extreme(np.max, _lowest),
    "reduce_mean math.reduce_mean": _mean,
    "reduce_min math.reduce_min": _extreme(np.min, _highest),
    "reduce_prod math.reduce_prod": _typed(np.prod),
    "reduce_sum math.reduce_sum": _typed(np.sum),
    "math.reduce_std": _typed(np.std),
    "math.reduce_variance": _typed(np.var),
    "math.reduce_euclidean_norm": _norm,
}


def _define(f: Callable[..., Any], *names: str) -> None:
    def function(input_tensor: Array, axis: Any = None, keepdims: bool = False) -> Any:
        return f(input_tensor, axis=axes_of(axis), keepdims=bool(keepdims))

    op(*names)(function)


for _names, _function in _REDUCTIONS.items():
    _define(_function, *_names.split())


@op("argmax", "math.argmax")
def argmax(input: Array, axis: Any = None, output_type: Any = "int64") -> Any:
    return np.argmax(input, axis=0 if axis is None else int(axis)).astype(numpy_dtype(output_type))


@op("argmin", "math.argmin")
def argmin(input: Array, axis: Any = None, output_type: Any = "int64") -> Any:
    return np.argmin(input, axis=0 if axis is None else int(axis)).astype(numpy_dtype(output_type))


@op("math.count_nonzero")
def count_nonzero(
    input: Array, axis: Any = None, keepdims: Any = None, dtype: Any = "int64"
) -> Any:
    hit = (input != input.dtype.type(0)).astype(numpy_dtype(dtype))
    return np.sum(hit, axis=axes_of(axis), keepdims=bool(keepdims), dtype=numpy_dtype(dtype))


@op("math.zero_fraction", "nn.zero_fraction")
def zero_fraction(value: Array) -> Any:
    return np.mean((value == 0).astype(np.float32))


@op("add_n", "math.add_n")
def add_n(inputs: Ts) -> Any:
    return _added(inputs)


@op("math.accumulate_n", "accumulate_n")
def accumulate_n(inputs: Ts, shape: Any = None, tensor_dtype: Any = None) -> Any:
    return _added(inputs)


def _added(inputs: list[Any]) -> Any:
    if not inputs:
        raise ValueError("add_n: expected at least one tensor")
    total = inputs[0]
    for x in inputs[1:]:
        total = total + x
    return total


def _running(f: Callable[..., Any], x: Any, axis: int, exclusive: bool, reverse: bool,
             start: Any) -> Any:  # fmt: skip
    """A fold along an axis; exclusive: each element without its own; reverse: from the end."""
    axis = int(axis) % x.ndim
    if reverse:
        x = np.flip(x, axis)
    if exclusive:
        head = np.full((*x.shape[:axis], 1, *x.shape[axis + 1 :]), start, x.dtype)
        x = np.concatenate([head, x[(slice(None),) * axis + (slice(0, -1),)]], axis)
    y = f(x, axis).astype(x.dtype)
    return np.flip(y, axis) if reverse else y


@op("cumsum", "math.cumsum")
def cumsum(x: Array, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    return _running(np.cumsum, x, axis, exclusive, reverse, 0)


@op("math.cumprod")
def cumprod(x: Array, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    return _running(np.cumprod, x, axis, exclusive, reverse, 1)


@op("math.cumulative_logsumexp")
def cumulative_logsumexp(x: Array, axis: int = 0, exclusive: bool = False,
                         reverse: bool = False) -> Any:  # fmt: skip
    def fold(x: Any, axis: int) -> Any:
        top = np.max(x, axis=axis, keepdims=True)
        return np.log(np.cumsum(np.exp(x - top), axis)) + top

    return _running(fold, x, axis, exclusive, reverse, -np.inf)


@op("math.bincount")
def bincount(
    arr: Array,
    weights: Array | None = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = "int32",
    axis: Any = None,
    binary_output: bool = False,
) -> Any:
    """How often each integer occurs; inside of a compiled function give `maxlength`."""
    if isinstance(arr, Tracer) and maxlength is None:
        raise ValueError("tf.math.bincount in a compiled function: give minlength and maxlength, "
                         "since the largest number is not known")  # fmt: skip
    size = max(_number(minlength), 0 if isinstance(arr, Tracer) else _top(arr) + 1)
    size = size if maxlength is None else min(size, _number(maxlength))
    if isinstance(arr, Tracer):
        size = _number(maxlength)
    kind = numpy_dtype(dtype) if weights is None else weights.dtype
    hits = (arr[..., None] == np.arange(size, dtype=arr.dtype)).astype(kind)
    if weights is not None:
        hits = hits * weights[..., None]
    around = hits.ndim - 1 if axis is None else arr.ndim - (int(axis) % arr.ndim)
    counts = np.sum(hits, axis=tuple(range(hits.ndim - 1 - around, hits.ndim - 1)), dtype=kind)
    return (counts > 0).astype(kind) if binary_output else counts


def _number(x: Any) -> int:
    return 0 if x is None else int(x)


def _top(arr: np.ndarray) -> int:
    return int(arr.max()) if arr.size else -1


@op("math.confusion_matrix")
def confusion_matrix(labels: Array, predictions: Array, num_classes: Any = None,
                     weights: Array | None = None, dtype: Any = "int32") -> Any:  # fmt: skip
    """How often label i was predicted as j."""
    n = int(num_classes) if num_classes is not None else 1 + max(_top(labels), _top(predictions))
    classes = np.arange(n, dtype=np.int64)
    rows = (np.reshape(labels, (-1, 1)) == classes).astype(numpy_dtype(dtype))
    columns = (np.reshape(predictions, (-1, 1)) == classes).astype(numpy_dtype(dtype))
    if weights is not None:
        rows = rows * np.reshape(weights, (-1, 1)).astype(rows.dtype)
    return np.matmul(rows.T, columns)


@op("histogram_fixed_width_bins")
def histogram_fixed_width_bins(values: Array, value_range: Any, nbins: int = 100,
                               dtype: Any = "int32") -> Any:  # fmt: skip
    low, high = (to_array(v, hint=values.dtype) for v in value_range)
    place = np.floor((values - low) / (high - low) * nbins)
    return np.clip(place, 0, nbins - 1).astype(numpy_dtype(dtype))


@op("histogram_fixed_width")
def histogram_fixed_width(values: Array, value_range: Any, nbins: int = 100,
                          dtype: Any = "int32") -> Any:  # fmt: skip
    bins = histogram_fixed_width_bins.function(values, value_range, nbins)
    hits = np.reshape(bins, (-1, 1)) == np.arange(nbins, dtype=np.int32)
    return np.sum(hits.astype(numpy_dtype(dtype)), axis=0, dtype=numpy_dtype(dtype))


@op("math.is_non_decreasing")
def is_non_decreasing(x: Array) -> Any:
    flat = np.reshape(x, -1)
    return np.all(flat[1:] >= flat[:-1])


@op("math.is_strictly_increasing")
def is_strictly_increasing(x: Array) -> Any:
    flat = np.reshape(x, -1)
    return np.all(flat[1:] > flat[:-1])


@op("math.polyval")
def polyval(coeffs: Ts, x: Array) -> Any:
    """The polynomial with these coefficients, highest power first (Horner's rule)."""
    total = np.zeros_like(x)
    for c in coeffs:
        total = total * x + c
    return total


def _segments(mode: str, empty: Any) -> Callable[..., Any]:
    return lambda data, ids, n: getattr(backend.math, f"segment_{mode}")(data, ids, n)


def _segment_mean(data: Any, ids: Any, n: int) -> Any:
    return backend.math.segment_sum(data, ids, n) / _segment_sizes(data, ids, n)


def _segment_sqrt_n(data: Any, ids: Any, n: int) -> Any:
    return backend.math.segment_sum(data, ids, n) / np.sqrt(_segment_sizes(data, ids, n))


def _segment_sizes(data: Any, ids: Any, n: int) -> Any:
    ones = np.ones(data.shape[:1], data.dtype)
    sizes = np.maximum(backend.math.segment_sum(ones, ids, n), ones.dtype.type(1))
    return np.reshape(sizes, (n, *(1,) * (data.ndim - 1)))


def _at_least(mode: str) -> Callable[..., Any]:
    """Extremes; an empty segment has the lowest (highest) finite number, as in TensorFlow."""

    def function(data: Any, ids: Any, n: int) -> Any:
        found = getattr(backend.math, f"segment_{mode}")(data, ids, n)
        limits = np.iinfo(data.dtype) if data.dtype.kind in "iu" else np.finfo(data.dtype)
        sizes = backend.math.segment_sum(np.ones(data.shape[:1], np.int32), ids, n)
        empty = np.reshape(sizes == 0, (n, *(1,) * (data.ndim - 1)))
        limit = limits.min if mode == "max" else limits.max
        return np.where(empty, np.asarray(limit, data.dtype), found)

    return function


_SEGMENTS = {
    "sum": backend.math.segment_sum,
    "prod": backend.math.segment_prod,
    "mean": _segment_mean,
    "sqrt_n": _segment_sqrt_n,
    "max": _at_least("max"),
    "min": _at_least("min"),
}


def _define_segments(mode: str, f: Callable[..., Any]) -> None:
    def unsorted(data: Array, segment_ids: Array, num_segments: Any) -> Any:
        ids = np.reshape(segment_ids, -1)
        flat = np.reshape(data, (-1, *data.shape[segment_ids.ndim :]))
        return f(flat, ids, int(num_segments))

    def sorted_(data: Array, segment_ids: Array) -> Any:
        if isinstance(segment_ids, Tracer):
            raise ValueError(f"tf.math.segment_{mode} in a compiled function has a result of "
                             "unknown size; use tf.math.unsorted_segment_"
                             f"{mode} with num_segments")  # fmt: skip
        found = f(data, segment_ids, _top(segment_ids) + 1)
        empty = ~np.isin(np.arange(len(found)), segment_ids)
        return np.where(np.reshape(empty, (-1, *(1,) * (found.ndim - 1))), 0, found).astype(
            data.dtype
        )

    op(f"math.unsorted_segment_{mode}")(unsorted)
    if mode != "sqrt_n":
        op(f"math.segment_{mode}")(sorted_)


for _mode, _function in _SEGMENTS.items():
    _define_segments(_mode, _function)


@op("math.invert_permutation")
def invert_permutation(x: Array) -> Any:
    return np.argsort(x).astype(x.dtype)


@op("dynamic_partition")
def dynamic_partition(data: Array, partitions: Array, num_partitions: int) -> Any:
    """The rows of each partition; eagerly only, since their numbers are not known before."""
    if isinstance(partitions, Tracer):
        raise InvalidArgumentError("tf.dynamic_partition in a compiled function has results of "
                                   "unknown sizes; use masks (tf.where)")  # fmt: skip
    flat = np.asarray(partitions).reshape(-1)
    rows = np.reshape(data, (-1, *data.shape[partitions.ndim :]))
    return [rows[flat == k] for k in range(num_partitions)]


@op("dynamic_stitch")
def dynamic_stitch(indices: Arrays, data: Arrays) -> Any:
    """The rows of `data` at their `indices` in one tensor; later ones win."""
    places = np.concatenate([np.reshape(i, -1) for i in indices])
    rows = [np.reshape(d, (-1, *d.shape[i.ndim :])) for i, d in zip(indices, data)]
    joined = np.concatenate(rows)
    out = np.zeros((int(places.max()) + 1, *joined.shape[1:]), joined.dtype)
    from lamella import update

    return update(out, places, joined)
