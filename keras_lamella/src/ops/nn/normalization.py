"""Moments and batch normalisation."""

from __future__ import annotations

import math

import numpy as np

from keras_lamella.src.ops.dtypes import HALF, accumulator, as_dtype, axes_of, to_float, weak
from keras_lamella.src.tensor import convert_to_tensor
from lamella import ops, transforms
from lamella.frontend.functions import apply
from lamella.frontend.tracer import Tracer


def moments(x, axes, keepdims=False, synchronized=False):
    if synchronized:
        raise NotImplementedError(
            "Argument synchronized=True is not supported with the lamella backend."
        )
    x, axes = to_float(x), axes_of(axes)
    mean, variance = _moments(as_dtype(x, accumulator(x.dtype)), axes)
    if not keepdims:
        mean, variance = np.squeeze(mean, axis=axes), np.squeeze(variance, axis=axes)
    return _narrow(mean, x.dtype), _narrow(variance, x.dtype)


def _moments(x, axes):
    """Mean and mean square distance from it, with axes of size 1."""
    if not isinstance(x, Tracer):
        return _of_elements(x, axes)

    @transforms.custom_gradient
    def moments(x):
        mean, variance = (_of_images if _has_images(x, axes) else _of_elements)(x, axes)
        n = max(x.size // max(mean.size, 1), 1)  # 0 in an empty batch

        def cotangents(of_mean, of_variance):
            """Distances from the mean have mean 0: moving the mean leaves the variance as it is."""
            scaled = (x - mean) * weak(2.0 / n, x.dtype)
            return of_variance * scaled + of_mean * weak(1.0 / n, x.dtype)

        return (mean, variance), cotangents

    return moments(x)


def _of_elements(x, axes):
    mean = np.mean(x, axis=axes, keepdims=True)
    return mean, np.mean(np.square(x - mean), axis=axes, keepdims=True)


#: Batches of more bytes do not stay in a core's cache, their images do.
BATCH_BYTES = 1 << 20


def _has_images(x, axes):
    inside = len(axes) > 1 and axes[0] == 0 < x.shape[0] and x.shape[0] * x.shape[-1] < x.size
    return inside and x.size * x.dtype.itemsize > BATCH_BYTES


def _of_images(x, axes):
    """The moments of each image, and of these: an image is gone over twice while it is in the
    cache (T. Chan, G. Golub, R. LeVeque, Algorithms for computing the sample variance, 1983)."""
    count, inner = x.shape[0], axes[1:]
    share = weak(1.0 / math.prod(x.shape[axis] for axis in inner), x.dtype)
    means = np.sum(x, axis=inner, keepdims=True) * share
    mean = np.sum(means, axis=0, keepdims=True) * weak(1.0 / count, x.dtype)
    within = np.sum(np.square(x - means), axis=inner, keepdims=True) * share
    squares = within + np.square(means - mean)
    return mean, np.sum(squares, axis=0, keepdims=True) * weak(1.0 / count, x.dtype)


def _narrow(x, dtype):
    """`x` at `dtype`; float16 and bfloat16 saturate at float16's range."""
    if dtype in HALF:
        limit = float(np.finfo(np.float16).max)
        x = np.minimum(np.maximum(x, -limit), limit)
    return as_dtype(x, dtype)


def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    x = convert_to_tensor(x)
    shape = [1] * x.ndim
    shape[axis] = mean.shape[0]
    mean, variance = (np.reshape(convert_to_tensor(v), shape) for v in (mean, variance))
    factor = apply(ops.rsqrt, variance + weak(float(epsilon), variance.dtype))
    if scale is not None:
        factor = factor * np.reshape(convert_to_tensor(scale), shape)
    shift = -mean * factor
    if offset is not None:
        shift = shift + np.reshape(convert_to_tensor(offset), shape)
    return x * factor + shift


__all__ = [
    "batch_normalization", "moments",
]  # fmt: skip
