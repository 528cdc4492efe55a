"""Rearranging images: patches, and depth against space."""

from __future__ import annotations

import numpy as np

from keras_lamella.src.ops.nn.spatial import per_axis
from keras_lamella.src.tensor import convert_to_tensor
from lamella import ops
from lamella.frontend.functions import apply


def _geometry(kernel_size, dilation, padding, stride):
    named = {"kernel_size": kernel_size, "dilation": dilation, "padding": padding}
    return [per_axis(v, 2, k) for k, v in {**named, "stride": stride}.items()]


def _counts(size, kernel, dilation, padding, stride):
    """How many patches fit along each axis."""
    return [
        (size[a] + 2 * padding[a] - (kernel[a] - 1) * dilation[a] - 1) // stride[a] + 1
        for a in (0, 1)
    ]


def _index(axis, kernel, dilation, padding, stride):
    offset = f"{-padding[axis]:+d}" if padding[axis] else ""
    return f"{stride[axis]}{'yx'[axis]}+{dilation[axis]}{'ij'[axis]}{offset}"


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """[n, c, h, w] to patches [n, c * kernel area, number of patches]."""
    input = convert_to_tensor(input)
    geometry = _geometry(kernel_size, dilation, padding, stride)
    (kh, kw), (n, c, *size) = geometry[0], input.shape
    rows, columns = _counts(size, *geometry)
    ones = np.ones((kh, kw), input.dtype)
    spec = f"n c {_index(0, *geometry)} {_index(1, *geometry)}, i j -> n c i j y x"
    shape = (n, c, kh, kw, rows, columns)
    patches = apply(ops.contract, input, ones, spec=spec, shape=shape)
    return np.reshape(patches, (n, c * kh * kw, rows * columns))


def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """The sum of overlapping patches: the transpose of `unfold`."""
    x = convert_to_tensor(x)
    geometry = _geometry(kernel_size, dilation, padding, stride)
    size = per_axis(output_size, 2, "output_size")
    (kh, kw), n = geometry[0], x.shape[0]
    c = x.shape[1] // (kh * kw)
    patches = np.reshape(x, (n, c, kh, kw, *_counts(size, *geometry)))
    ones = np.ones((kh, kw), x.dtype)
    spec = f"n c i j y x, i j -> n c {_index(0, *geometry)} {_index(1, *geometry)}"
    return apply(ops.contract, patches, ones, spec=spec, shape=(n, c, *size))


def depth_to_space(x, block_size, data_format="channels_last"):
    x, b = convert_to_tensor(x), block_size
    if data_format == "channels_last":
        n, h, w, c = x.shape
        x = np.reshape(x, (n, h, w, b, b, c // b**2))
        return np.reshape(np.transpose(x, (0, 1, 3, 2, 4, 5)), (n, h * b, w * b, c // b**2))
    n, c, h, w = x.shape
    x = np.reshape(x, (n, c // b**2, b, b, h, w))
    return np.reshape(np.transpose(x, (0, 1, 4, 2, 5, 3)), (n, c // b**2, h * b, w * b))


def space_to_depth(x, block_size, data_format="channels_last"):
    x, b = convert_to_tensor(x), block_size
    if data_format == "channels_last":
        n, h, w, c = x.shape
        x = np.reshape(x, (n, h // b, b, w // b, b, c))
        return np.reshape(np.transpose(x, (0, 1, 3, 2, 4, 5)), (n, h // b, w // b, c * b**2))
    n, c, h, w = x.shape
    x = np.reshape(x, (n, c, h // b, b, w // b, b))
    return np.reshape(np.transpose(x, (0, 1, 3, 5, 2, 4)), (n, c * b**2, h // b, w // b))


__all__ = ["depth_to_space", "fold", "space_to_depth", "unfold"]
