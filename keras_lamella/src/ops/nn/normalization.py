"""Moments and batch normalisation."""

from __future__ import annotations

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
    wide = as_dtype(x, accumulator(x.dtype))
    mean = np.mean(wide, axis=axes, keepdims=True)
    variance = _variance(wide, mean, axes)
    if not keepdims:
        mean, variance = np.squeeze(mean, axis=axes), np.squeeze(variance, axis=axes)
    return _narrow(mean, x.dtype), _narrow(variance, x.dtype)


def _variance(x, mean, axes):
    """The mean square distance from `mean`, which is the mean: the gradient through it is zero."""
    if not isinstance(x, Tracer):
        return np.mean(np.square(x - mean), axis=axes, keepdims=True)

    @transforms.custom_gradient
    def variance(x, mean):
        centred = x - mean
        n = max(x.size // max(mean.size, 1), 1)  # 0 in an empty batch

        def cotangents(g):
            return g * (centred * weak(2.0 / n, x.dtype)), np.zeros_like(mean)

        return np.mean(np.square(centred), axis=axes, keepdims=True), cotangents

    return variance(x, mean)


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
