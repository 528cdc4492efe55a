"""Convolutions, each one `contract`: a sum of products over an index map."""

from __future__ import annotations

import numpy as np
from keras.src import backend
from keras.src.backend.common.backend_utils import (
    check_conv_input_channels,
    check_conv_transpose_input_channels,
    compute_conv_transpose_output_shape,
    compute_conv_transpose_padding_args_for_jax,
)

from keras_lamella.src.ops.dtypes import promote
from keras_lamella.src.ops.nn.spatial import per_axis, window
from keras_lamella.src.tensor import convert_to_tensor
from lamella import ops
from lamella.frontend.functions import apply

_OUT = "xyz"  # spatial axes of the side that is not strided over
_TAP = "ijk"  # axes of the kernel window


def _tap(axis, stride, dilation, offset):
    """The index expression `stride*out + dilation*tap + offset`."""
    terms = [f"{k if k != 1 else ''}{x}" for k, x in ((stride, _OUT[axis]), (dilation, _TAP[axis]))]
    return "+".join(terms) + (f"{offset:+d}" if offset else "")


def _image(spatial, channels, data_format):
    """The dimensions of a batch of images: `spatial` and `channels` are lists of indices."""
    if data_format == "channels_last":
        return " ".join(["n", *spatial, *channels])
    return " ".join(["n", *channels, *spatial])


def _arguments(inputs, kernel, strides, data_format, dilation_rate):
    data_format = backend.standardize_data_format(data_format)
    inputs, kernel = promote(convert_to_tensor(inputs), convert_to_tensor(kernel))
    n = inputs.ndim - 2
    strides = per_axis(strides, n, "strides")
    return inputs, kernel, strides, data_format, per_axis(dilation_rate, n, "dilation_rate")


def _correlate(inputs, kernel, channels, strides, padding, data_format, dilation):
    """The contraction of a convolution.

    `channels` gives the channel axes as (of the input, of the kernel, of the result); each may
    be several, which stand where the channel stands in `inputs`. Kernels are made for channels that
    come last; moving them there costs little beside a convolution.
    """
    of_input, of_kernel, of_result = channels
    if data_format == "channels_first":
        moved = _move_axes(inputs, 1, len(of_input), inputs.ndim - len(of_input))
        out = _correlate(moved, kernel, channels, strides, padding, "channels_last", dilation)
        return _move_axes(out, out.ndim - len(of_result), len(of_result), 1)
    n = inputs.ndim - 1 - len(of_input)
    sizes = inputs.shape[1 : 1 + n]
    windows = [
        window(sizes[i], kernel.shape[i], strides[i], padding, dilation[i]) for i in range(n)
    ]
    if 0 in [w.out for w in windows] and inputs.size:
        raise ValueError(
            "The convolution operation resulted in an empty output. This can happen if the input "
            "is too small for the given kernel size, strides, dilation rate, and padding mode. "
            f"Received: inputs.shape={inputs.shape}, kernel.shape={kernel.shape}"
        )
    taps = [_tap(i, strides[i], dilation[i], -windows[i].low) for i in range(n)]
    spec = (
        f"{_image(taps, of_input, data_format)}, {' '.join([*_TAP[:n], *of_kernel])} -> "
        f"{_image(list(_OUT[:n]), of_result, data_format)}"
    )
    extents = dict(zip(of_input, inputs.shape[1 + n :]))
    extents.update(zip(of_kernel, kernel.shape[n:]))
    extents.update(zip(_OUT, (w.out for w in windows)), n=inputs.shape[0])
    shape = tuple(extents[x] for x in spec.partition("-> ")[2].split())
    return apply(ops.contract, inputs, kernel, spec=spec, shape=shape)


def _move_axes(x, start, count, to):
    """The `count` axes from `start` on moved together, so that the first becomes axis `to`."""
    return np.moveaxis(x, tuple(range(start, start + count)), tuple(range(to, to + count)))


def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    inputs, kernel, strides, data_format, dilation = _arguments(
        inputs, kernel, strides, data_format, dilation_rate
    )
    channels = inputs.shape[-1 if data_format == "channels_last" else 1]
    groups, rest = divmod(channels, kernel.shape[-2])
    if rest:
        raise ValueError(
            "The number of input channels must be evenly divisible by kernel's in_channels. "
            f"Received input channels {channels} and kernel in_channels {kernel.shape[-2]}. "
        )
    settings = (strides, padding.lower(), data_format, dilation)
    if groups == 1:
        return _correlate(inputs, kernel, ("c", "co", "o"), *settings)
    inputs = _split_channels(inputs, (groups, channels // groups), data_format)
    kernel = np.reshape(kernel, (*kernel.shape[:-1], groups, kernel.shape[-1] // groups))
    out = _correlate(inputs, kernel, ("gc", "cgo", "go"), *settings)
    return _join_channels(out, data_format)


def depthwise_conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    inputs, kernel, strides, data_format, dilation = _arguments(
        inputs, kernel, strides, data_format, dilation_rate
    )
    check_conv_input_channels(inputs, kernel, data_format)
    settings = (strides, padding.lower(), data_format, dilation)
    if kernel.shape[-1] == 1:
        return _correlate(inputs, np.reshape(kernel, kernel.shape[:-1]), ("c", "c", "c"), *settings)
    out = _correlate(inputs, kernel, ("c", "cm", "cm"), *settings)
    return _join_channels(out, data_format)


def _split_channels(x, sizes, data_format):
    if data_format == "channels_last":
        return np.reshape(x, (*x.shape[:-1], *sizes))
    return np.reshape(x, (x.shape[0], *sizes, *x.shape[2:]))


def _join_channels(x, data_format):
    """Two channel axes as one."""
    if data_format == "channels_last":
        return np.reshape(x, (*x.shape[:-2], x.shape[-2] * x.shape[-1]))
    return np.reshape(x, (x.shape[0], x.shape[1] * x.shape[2], *x.shape[3:]))


def separable_conv(
    inputs,
    depthwise_kernel,
    pointwise_kernel,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
):
    data_format = backend.standardize_data_format(data_format)
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(x, pointwise_kernel, 1, "valid", data_format, dilation_rate)


def conv_transpose(
    inputs,
    kernel,
    strides=1,
    padding="valid",
    output_padding=None,
    data_format=None,
    dilation_rate=1,
):
    inputs, kernel, strides, data_format, dilation = _arguments(
        inputs, kernel, strides, data_format, dilation_rate
    )
    check_conv_transpose_input_channels(inputs, kernel, data_format)
    n = inputs.ndim - 2
    geometry = (strides, padding, output_padding)
    pads = compute_conv_transpose_padding_args_for_jax(
        inputs.shape, kernel.shape, *geometry, dilation
    )
    shape = compute_conv_transpose_output_shape(
        inputs.shape, kernel.shape[:n], kernel.shape[-2], *geometry, data_format, dilation
    )
    # Tap i of position x adds to x * stride + i * dilation - crop; what falls outside is dropped.
    crops = [(kernel.shape[i] - 1) * dilation[i] - pads[i][0] for i in range(n)]
    taps = [_tap(i, strides[i], dilation[i], -crops[i]) for i in range(n)]
    spec = (
        f"{_image(list(_OUT[:n]), 'c', data_format)}, {' '.join([*_TAP[:n], 'o', 'c'])} -> "
        f"{_image(taps, 'o', data_format)}"
    )
    return apply(ops.contract, inputs, kernel, spec=spec, shape=tuple(shape))


__all__ = ["conv", "conv_transpose", "depthwise_conv", "separable_conv"]
