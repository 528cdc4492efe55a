"""Segments, order statistics and special functions of `keras.ops`."""

from __future__ import annotations

import numpy as np

from keras_lamella.missing import missing_op
from keras_lamella.src.ops.core import stop_gradient
from keras_lamella.src.ops.dtypes import (
    INT32,
    as_dtype,
    axes_of,
    is_floating,
    promote,
    to_float,
)
from keras_lamella.src.ops.numpy.product import slogdet
from keras_lamella.src.ops.spectral import (
    complex_of,
    extract_sequences,
    fft,
    fft2,
    ifft2,
    irfft,
    istft,
    rfft,
    stft,
)
from keras_lamella.src.tensor import convert_to_tensor, return_tensors
from lamella import ops
from lamella.frontend.functions import apply
from lamella.frontend.tracer import Tracer


def segment_sum(data, segment_ids, num_segments=None, sorted=False):
    data = convert_to_tensor(data)
    return _segments("add", 0, data, segment_ids, num_segments)


def segment_prod(data, segment_ids, num_segments=None, sorted=False):
    return _segments("mul", 1, convert_to_tensor(data), segment_ids, num_segments)


def segment_max(data, segment_ids, num_segments=None, sorted=False):
    data = convert_to_tensor(data)
    lowest = -np.inf if is_floating(data.dtype) else np.iinfo(data.dtype).min
    return _segments("max", lowest, data, segment_ids, num_segments)


def segment_min(data, segment_ids, num_segments=None, sorted=False):
    data = convert_to_tensor(data)
    highest = np.inf if is_floating(data.dtype) else np.iinfo(data.dtype).max
    return _segments("min", highest, data, segment_ids, num_segments)


def _segments(mode, empty, data, segment_ids, num_segments):
    """[rows, ...] combined to [num_segments, ...]; ids out of range are left out."""
    ids = as_dtype(convert_to_tensor(segment_ids), INT32)
    if num_segments is None:
        if isinstance(ids, Tracer):
            raise ValueError(
                "Argument `num_segments` must be set where `segment_ids` is traced: the number of "
                "segments would depend on its data. Received: num_segments=None"
            )
        num_segments = int(np.max(ids)) + 1 if ids.size else 0
    start = np.full((num_segments, *data.shape[1:]), empty, data.dtype)
    ids = np.where(ids < 0, np.asarray(num_segments, INT32), ids)
    return apply(ops.scatter_nd, start, ids[:, None], data, mode=mode)


def top_k(x, k, sorted=True):
    return apply(ops.top_k, convert_to_tensor(x), k=k)


def in_top_k(targets, predictions, k):
    targets, predictions = convert_to_tensor(targets), convert_to_tensor(predictions)
    index = as_dtype(targets, INT32)[..., None]
    chosen = np.take_along_axis(predictions, index, axis=-1)
    chosen = np.where(np.isnan(chosen), np.asarray(-np.inf, chosen.dtype), chosen)
    larger = as_dtype(predictions > chosen, INT32)
    return np.sum(larger, axis=-1, dtype=INT32) < k


def logsumexp(x, axis=None, keepdims=False):
    x, axis = to_float(x), axes_of(axis)
    largest = stop_gradient(np.max(x, axis=axis, keepdims=True))
    largest = np.where(np.isfinite(largest), largest, np.zeros((), x.dtype))
    total = np.sum(np.exp(x - largest), axis=axis, keepdims=True, dtype=x.dtype)
    y = np.log(total) + largest
    if keepdims:
        return y
    return np.squeeze(y, axis=tuple(range(x.ndim)) if axis is None else axis)


def cdist(x, y):
    x, y = promote(convert_to_tensor(x), convert_to_tensor(y), also=(float,))
    if x.ndim < 2 or y.ndim < 2:
        raise ValueError("`cdist` inputs must have rank >= 2")
    if x.shape[-1] != y.shape[-1]:
        raise ValueError("Last dimension of inputs to `cdist` must match")
    difference = np.expand_dims(x, -2) - np.expand_dims(y, -3)
    return np.sqrt(np.sum(difference * difference, axis=-1, dtype=x.dtype))


def rsqrt(x):
    return apply(ops.rsqrt, to_float(x))


def erf(x):
    return apply(ops.erf, to_float(x))


def erfc(x):
    return apply(ops.erfc, to_float(x))


def erfinv(x):
    return apply(ops.erfinv, to_float(x))


def logdet(x):
    return slogdet(x)[1]


_get_complex_tensor_from_tuple = complex_of  # the name by which Keras's `polar` asks for it

__all__ = [
    "cdist", "erf", "erfc", "erfinv", "extract_sequences", "fft", "fft2", "ifft2", "in_top_k",
    "irfft", "istft", "logdet", "logsumexp", "rfft", "rsqrt", "segment_max", "segment_min",
    "segment_prod", "segment_sum", "stft", "top_k",
]  # fmt: skip

return_tensors(globals())
__getattr__ = missing_op(__name__)
