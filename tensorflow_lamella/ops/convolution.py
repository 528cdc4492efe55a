"""tf.nn: convolutions and pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras.src import backend

import lamella
from tensorflow_lamella.core.dispatch import Array, T, op
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.core.shape import sizes

nn = backend.nn


def _last(data_format: Any) -> bool:
    """Whether the channels are the last axis."""
    return data_format is None or not str(data_format).startswith("NC")


def _spatial(value: Any, n: int, data_format: Any) -> tuple[int, ...]:
    """Strides (or the like) of the n spatial axes: one number, n numbers, or n + 2 with 1s."""
    if value is None:
        return (1,) * n
    numbers = sizes(value)
    if len(numbers) == 1:
        return numbers * n
    if len(numbers) == n + 2:
        return numbers[1:-1] if _last(data_format) else numbers[2:]
    if len(numbers) != n:
        raise ValueError(
            f"1, {n} or {n + 2} numbers are wanted for {n} spatial axes, got {numbers}"
        )
    return numbers


def _padded(x: Any, padding: Any, fill: Any = 0) -> tuple[Any, str]:
    """Explicit paddings ([before, after] for each axis) applied; else "same" or "valid"."""
    if isinstance(padding, str):
        return x, padding.lower()
    widths = [(int(a), int(b)) for a, b in padding]
    return np.pad(x, widths, constant_values=fill).astype(x.dtype), "valid"


def convolve(x: Any, filters: Any, strides: Any, padding: Any, data_format: Any,
             dilations: Any) -> Any:  # fmt: skip
    """A convolution over all axes between rows and channels."""
    n = filters.ndim - 2
    x, padding = _padded(x, padding)
    return nn.conv(x, filters, _spatial(strides, n, data_format), padding, _name(data_format),
                   _spatial(dilations, n, data_format))  # fmt: skip


def _name(data_format: Any) -> str:
    return "channels_last" if _last(data_format) else "channels_first"


@op("nn.conv1d")
def conv1d(input: T, filters: T, stride: Any, padding: Any, data_format: Any = "NWC",
           dilations: Any = None) -> Any:  # fmt: skip
    return convolve(input, filters, stride, padding, data_format, dilations)


@op("nn.conv2d")
def conv2d(input: T, filters: T, strides: Any, padding: Any, data_format: Any = "NHWC",
           dilations: Any = None) -> Any:  # fmt: skip
    return convolve(input, filters, strides, padding, data_format, dilations)


@op("nn.conv3d")
def conv3d(input: T, filters: T, strides: Any, padding: Any, data_format: Any = "NDHWC",
           dilations: Any = None) -> Any:  # fmt: skip
    return convolve(input, filters, strides, padding, data_format, dilations)


@op("nn.convolution")
def convolution(input: T, filters: T, strides: Any = None, padding: Any = "VALID",
                data_format: Any = None, dilations: Any = None) -> Any:  # fmt: skip
    return convolve(input, filters, strides, padding, data_format, dilations)


@op("nn.atrous_conv2d")
def atrous_conv2d(value: T, filters: T, rate: int, padding: Any) -> Any:
    return convolve(value, filters, 1, padding, "NHWC", rate)


def deconvolve(x: Any, filters: Any, output_shape: Any, strides: Any, padding: Any,
               data_format: Any, dilations: Any) -> Any:  # fmt: skip
    """The cotangent of a convolution's input: what TensorFlow calls conv_transpose."""
    like = np.zeros(sizes(output_shape), x.dtype)
    _, pullback = lamella.vjp(
        lambda y: convolve(y, filters, strides, padding, data_format, dilations), like
    )
    return pullback(x)[0]


@op("nn.conv1d_transpose")
def conv1d_transpose(input: T, filters: T, output_shape: Any, strides: Any, padding: Any = "SAME",
                     data_format: Any = "NWC", dilations: Any = None) -> Any:  # fmt: skip
    return deconvolve(input, filters, output_shape, strides, padding, data_format, dilations)


@op("nn.conv2d_transpose")
def conv2d_transpose(input: T, filters: T, output_shape: Any, strides: Any, padding: Any = "SAME",
                     data_format: Any = "NHWC", dilations: Any = None) -> Any:  # fmt: skip
    return deconvolve(input, filters, output_shape, strides, padding, data_format, dilations)


@op("nn.conv3d_transpose")
def conv3d_transpose(input: T, filters: T, output_shape: Any, strides: Any, padding: Any = "SAME",
                     data_format: Any = "NDHWC", dilations: Any = None) -> Any:  # fmt: skip
    return deconvolve(input, filters, output_shape, strides, padding, data_format, dilations)


@op("nn.conv_transpose")
def conv_transpose(input: T, filters: T, output_shape: Any, strides: Any, padding: Any = "SAME",
                   data_format: Any = None, dilations: Any = None) -> Any:  # fmt: skip
    return deconvolve(input, filters, output_shape, strides, padding, data_format, dilations)


@op("nn.atrous_conv2d_transpose")
def atrous_conv2d_transpose(value: T, filters: T, output_shape: Any, rate: int,
                            padding: Any) -> Any:  # fmt: skip
    return deconvolve(value, filters, output_shape, 1, padding, "NHWC", rate)


@op("nn.depthwise_conv2d")
def depthwise_conv2d(input: T, filter: T, strides: Any, padding: Any, data_format: Any = None,
                     dilations: Any = None) -> Any:  # fmt: skip
    x, padding = _padded(input, padding)
    return nn.depthwise_conv(x, filter, _spatial(strides, 2, data_format), padding,
                             _name(data_format), _spatial(dilations, 2, data_format))  # fmt: skip


@op("nn.separable_conv2d")
def separable_conv2d(
    input: T,
    depthwise_filter: T,
    pointwise_filter: T,
    strides: Any,
    padding: Any,
    data_format: Any = None,
    dilations: Any = None,
) -> Any:
    x = depthwise_conv2d.function(input, depthwise_filter, strides, padding, data_format, dilations)
    return nn.conv(x, pointwise_filter, 1, "valid", _name(data_format), 1)


def _pooled(kind: str, x: Any, ksize: Any, strides: Any, padding: Any, data_format: Any,
            n: int) -> Any:  # fmt: skip
    if not isinstance(padding, str):
        low = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        x, padding = _padded(x, padding, low if kind == "max" else 0)
    pool = nn.max_pool if kind == "max" else nn.average_pool
    size, steps = _spatial(ksize, n, data_format), _spatial(strides, n, data_format)
    return pool(x, size, steps, padding.lower(), _name(data_format))


def _define(kind: str, name: str, n: int) -> None:
    def function(input: Array, ksize: Any, strides: Any, padding: Any,
                 data_format: Any = None) -> Any:  # fmt: skip
        return _pooled(kind, input, ksize, strides, padding, data_format, n or input.ndim - 2)

    op(name)(function)


for _kind in ("max", "avg"):
    for _n in (1, 2, 3):
        _define(_kind, f"nn.{_kind}_pool{_n}d", _n)
    _define(_kind, f"nn.{_kind}_pool", 0)


@op("nn.pool")
def pool(
    input: Array,
    window_shape: Any,
    pooling_type: str,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: Any = None,
    dilations: Any = None,
) -> Any:
    n = input.ndim - 2
    return _pooled(pooling_type.lower(), input, window_shape, strides, padding, data_format, n)


@op("nn.max_pool_with_argmax")
def max_pool_with_argmax(input: Array, ksize: Any, strides: Any, padding: Any,
                         data_format: Any = "NHWC", output_dtype: Any = "int64",
                         include_batch_in_index: bool = False) -> Any:  # fmt: skip
    """The maxima, and where each lies in its flattened image."""
    size, steps = _spatial(ksize, 2, data_format), _spatial(strides, 2, data_format)
    values = nn.max_pool(input, size, steps, padding.lower(), "channels_last")
    n, h, w, c = input.shape
    place = np.arange(h * w * c, dtype=np.float64).reshape(1, h, w, c)
    if include_batch_in_index:
        place = place + np.arange(n).reshape(n, 1, 1, 1) * (h * w * c)
    best = _windows_of(input, values.shape, size, steps, padding)
    places = _windows_of(np.broadcast_to(place, input.shape), values.shape, size, steps, padding)
    first = np.argmax(best, axis=0)[None]
    found = np.take_along_axis(places, first, axis=0)[0]
    return values, found.astype(numpy_dtype(output_dtype))


def _windows_of(x: Any, shape: tuple[int, ...], size: Any, steps: Any, padding: str) -> Any:
    """Each tap of the window as an image of the result's shape; [taps, n, h, w, c]."""
    widths = [(0, 0)]
    for d, out, k, s in zip(x.shape[1:3], shape[1:3], size, steps):
        total = max((out - 1) * s + k - d, 0) if padding.upper() == "SAME" else 0
        widths.append((total // 2, total - total // 2))
    x = np.pad(x.astype(np.float64), [*widths, (0, 0)], constant_values=-np.inf)
    taps = []
    for i in range(size[0]):
        for j in range(size[1]):
            rows = slice(i, i + (shape[1] - 1) * steps[0] + 1, steps[0])
            columns = slice(j, j + (shape[2] - 1) * steps[1] + 1, steps[1])
            taps.append(x[:, rows, columns])
    return np.stack(taps)


@op("nn.depth_to_space")
def depth_to_space(input: Array, block_size: int, data_format: str = "NHWC") -> Any:
    return nn.depth_to_space(input, block_size, _name(data_format))


@op("nn.space_to_depth")
def space_to_depth(input: Array, block_size: int, data_format: str = "NHWC") -> Any:
    return nn.space_to_depth(input, block_size, _name(data_format))


@op("image.extract_patches")
def extract_patches(images: Array, sizes: Any, strides: Any, rates: Any, padding: str) -> Any:
    """Each window as one row of channels, [n, rows, columns, height * width * channels]."""
    size, rate = _spatial(sizes, 2, None), _spatial(rates, 2, None)
    c = images.shape[-1]
    kernel = np.zeros((*size, c, size[0] * size[1] * c), images.dtype)
    for i in range(size[0]):
        for j in range(size[1]):
            for k in range(c):
                kernel[i, j, k, (i * size[1] + j) * c + k] = 1
    return nn.conv(
        images, kernel, _spatial(strides, 2, None), padding.lower(), "channels_last", rate
    )


@op("nn.dilation2d")
def dilation2d(input: Array, filters: Array, strides: Any, padding: str, data_format: str,
               dilations: Any) -> Any:  # fmt: skip
    """Grey dilation: the maximum over the window of input plus filter."""
    size, steps = filters.shape[:2], _spatial(strides, 2, None)
    if _spatial(dilations, 2, None) != (1, 1):
        raise ValueError("nn.dilation2d: dilations other than 1 are not supported")
    shape = nn.max_pool(input, size, steps, padding.lower(), "channels_last").shape
    taps = _windows_of(input, shape, size, steps, padding)
    weights = np.reshape(filters, (-1, 1, 1, 1, filters.shape[-1]))
    return np.max(taps + weights, axis=0).astype(input.dtype)
