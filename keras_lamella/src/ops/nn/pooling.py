"""Pooling."""

from __future__ import annotations

import math

import numpy as np
from keras.src import backend

from keras_lamella.src.ops.dtypes import accumulator, as_dtype, to_float
from keras_lamella.src.ops.nn.spatial import per_axis, spatial_axes, window
from keras_lamella.src.tensor import convert_to_tensor
from lamella import ops
from lamella.frontend.functions import apply


def _windows(x, pool_size, strides, padding, data_format):
    """The attributes of a window primitive over all axes of `x`."""
    axes = spatial_axes(x.ndim, backend.standardize_data_format(data_format))
    if padding not in ("same", "valid"):
        raise ValueError(f"Invalid padding '{padding}', must be 'same' or 'valid'.")
    sizes = per_axis(pool_size, len(axes), "pool_size")
    steps = sizes if strides is None else per_axis(strides, len(axes), "strides")
    full = {name: [fill] * x.ndim for name, fill in _NEUTRAL.items()}
    for axis, size, step in zip(axes, sizes, steps):
        w = window(x.shape[axis], size, step, padding)
        full["size"][axis], full["strides"][axis] = size, step
        full["low"][axis], full["high"][axis] = w.low, w.high
    return {name: tuple(values) for name, values in full.items()}


_NEUTRAL = {"size": 1, "strides": 1, "low": 0, "high": 0}


def max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    inputs = convert_to_tensor(inputs)
    return apply(
        ops.window_max, inputs, **_windows(inputs, pool_size, strides, padding, data_format)
    )


def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    inputs = to_float(inputs)
    attrs = _windows(inputs, pool_size, strides, padding, data_format)
    x = as_dtype(inputs, accumulator(inputs.dtype))
    total = apply(ops.window_sum, x, **attrs)
    if padding == "valid":
        average = total * np.asarray(1 / math.prod(attrs["size"]), x.dtype)
    else:
        average = total * (1 / _counts(inputs.shape, **attrs)).astype(x.dtype)
    return as_dtype(average, inputs.dtype)


def _counts(shape, size, strides, low, high):
    """How many elements of the input each window covers; 1 long where nothing is pooled."""
    counts = np.ones((1,) * len(shape))
    for axis, n in enumerate(shape):
        if size[axis] == 1:
            continue
        start = np.arange(0, n + low[axis] + high[axis] - size[axis] + 1, strides[axis]) - low[axis]
        covered = np.minimum(start + size[axis], n) - np.maximum(start, 0)
        counts = counts * covered.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return counts


# -- adaptive: window i of m over n elements runs from floor(i n / m) to ceil((i + 1) n / m) ------


def _bounds(n, m):
    i = np.arange(m)
    return i * n // m, -(-(i + 1) * n // m)


def _each_axis(reduce, x, output_size, data_format):
    axes = spatial_axes(x.ndim, backend.standardize_data_format(data_format))
    for axis, m in zip(axes, per_axis(output_size, len(axes), "output_size")):
        if x.shape[axis] != m:
            x = np.moveaxis(reduce(np.moveaxis(x, axis, -1), m), -1, axis)
    return x


def adaptive_average_pool(inputs, output_size, data_format=None):
    def average(x, m):
        n = x.shape[-1]
        start, stop = _bounds(n, m)
        position = np.arange(n)[:, None]
        weights = ((position >= start) & (position < stop)) / (stop - start)
        return np.matmul(x, weights.astype(x.dtype))

    x = to_float(inputs)
    wide = as_dtype(x, accumulator(x.dtype))
    return as_dtype(_each_axis(average, wide, output_size, data_format), x.dtype)


def adaptive_max_pool(inputs, output_size, data_format=None):
    def largest(x, m):
        start, stop = _bounds(x.shape[-1], m)
        # Short windows repeat their last element.
        index = start[:, None] + np.arange(np.max(stop - start))
        index = np.minimum(index, stop[:, None] - 1).astype(np.int32)
        return np.max(np.take(x, index, axis=-1), axis=-1)

    return _each_axis(largest, convert_to_tensor(inputs), output_size, data_format)


__all__ = ["adaptive_average_pool", "adaptive_max_pool", "average_pool", "max_pool"]
