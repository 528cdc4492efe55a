"""Resizing: along each axis a matrix of interpolation weights."""

from __future__ import annotations

import math

import numpy as np
from keras.src import backend

from keras_lamella.src.ops.dtypes import accumulator, as_dtype, is_floating, to_float
from keras_lamella.src.ops.image.batch import check_rank, spatial_axes
from keras_lamella.src.tensor import convert_to_tensor

RESIZE_INTERPOLATIONS = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")
SCALE_AND_TRANSLATE_METHODS = {
    "linear", "bilinear", "trilinear", "cubic", "bicubic", "tricubic", "lanczos3", "lanczos5",
}  # fmt: skip


def _triangle(x):
    return np.maximum(np.zeros((), x.dtype), 1 - x)


def _cubic(x):
    """Keys' cubic convolution, a = -1/2."""
    near = ((1.5 * x - 2.5) * x) * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x >= 2, np.zeros((), x.dtype), np.where(x >= 1, far, near))


def _lanczos(radius):
    def kernel(x):
        is_zero = x <= 1e-3
        y = np.where(is_zero, np.ones((), x.dtype), x)
        wave = radius * np.sin(math.pi * y) * np.sin(math.pi * y / radius)
        inside = np.where(is_zero, np.ones((), x.dtype), wave / (math.pi**2 * y * y))
        return np.where(x > radius, np.zeros((), x.dtype), inside)

    return kernel


_LANCZOS3, _LANCZOS5 = _lanczos(3), _lanczos(5)
_KERNELS = {
    "linear": _triangle, "bilinear": _triangle, "trilinear": _triangle,
    "cubic": _cubic, "bicubic": _cubic, "tricubic": _cubic,
    "lanczos3": _LANCZOS3, "lanczos5": _LANCZOS5,
}  # fmt: skip


def _weights(size, out, scale, translation, method, antialias, dtype):
    """[size, out]: column j says what element j of the result is made of.

    Element j lies at (j + 1/2 - translation) / scale - 1/2; with `antialias` the kernel widens
    where the image shrinks.
    """
    inverse = 1 / scale
    place = (np.arange(out).astype(dtype) + 0.5) * inverse - translation * inverse - 0.5
    width = np.maximum(inverse, np.ones((), dtype)) if antialias else np.ones((), dtype)
    distance = np.absolute(place - np.arange(size).astype(dtype)[:, None]) / width
    weights = _KERNELS[method](distance)
    total = np.sum(weights, axis=0, keepdims=True)
    enough = np.absolute(total) > 1000 * float(np.finfo(np.float32).eps)
    weights = np.where(enough, weights / np.where(enough, total, np.ones((), dtype)), 0 * weights)
    inside = (place >= -0.5) & (place <= size - 0.5)
    return as_dtype(np.where(inside, weights, np.zeros((), dtype)), dtype)


def _along(x, axis, weights):
    return np.moveaxis(np.matmul(np.moveaxis(x, axis, -1), weights), -1, axis)


def scale_and_translate(
    images,
    output_shape,
    scale,
    translation,
    spatial_dims,
    method,
    antialias=True,
):
    if method not in SCALE_AND_TRANSLATE_METHODS:
        raise ValueError(
            "Invalid value for argument `method`. Expected of one "
            f"{SCALE_AND_TRANSLATE_METHODS}. Received: method={method}"
        )
    images = to_float(images)
    wide = accumulator(images.dtype)
    scale, translation = convert_to_tensor(scale, wide), convert_to_tensor(translation, wide)
    x = as_dtype(images, wide)
    for i, axis in enumerate(spatial_dims):
        settings = (scale[i], translation[i], method, antialias, wide)
        x = _along(x, axis, _weights(x.shape[axis], output_shape[axis], *settings))
    return as_dtype(x, images.dtype)


def resize(
    images,
    size,
    interpolation="bilinear",
    antialias=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    fill_mode="constant",
    fill_value=0.0,
    data_format=None,
):
    data_format = backend.standardize_data_format(data_format)
    _check(size, interpolation, crop_to_aspect_ratio and pad_to_aspect_ratio, fill_mode)
    images = convert_to_tensor(images)
    check_rank(images)
    axes, size = spatial_axes(images.ndim, data_format), tuple(map(int, size))
    if crop_to_aspect_ratio:
        images = _cropped(images, axes, size)
    elif pad_to_aspect_ratio:
        images = _padded(images, axes, size, fill_value)
    if interpolation == "nearest":
        return _nearest(images, axes, size)
    return _interpolated(images, axes, size, interpolation, antialias)


def _check(size, interpolation, crop_and_pad, fill_mode):
    if interpolation not in RESIZE_INTERPOLATIONS:
        raise ValueError(
            "Invalid value for argument `interpolation`. Expected of one "
            f"{RESIZE_INTERPOLATIONS}. Received: interpolation={interpolation}"
        )
    if fill_mode != "constant":
        raise ValueError(
            "Invalid value for argument `fill_mode`. Only `'constant'` is supported. "
            f"Received: fill_mode={fill_mode}"
        )
    if crop_and_pad:
        raise ValueError(
            "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`."
        )
    if len(size) != 2:
        raise ValueError(
            "Argument `size` must be a tuple of two elements (height, width). "
            f"Received: size={size}"
        )


def _cropped(images, axes, size):
    """The largest part in the middle with the proportions of `size`."""
    height, width = (images.shape[a] for a in axes)
    rows = max(min(height, int(width * size[0] / size[1])), 1)
    columns = max(min(width, int(height * size[1] / size[0])), 1)
    index = [slice(None)] * images.ndim
    for axis, old, new in zip(axes, (height, width), (rows, columns), strict=True):
        start = (old - new) // 2
        index[axis] = slice(start, start + new)
    return images[tuple(index)]


def _padded(images, axes, size, fill_value):
    """The images in the middle of the smallest frame with the proportions of `size`."""
    height, width = (images.shape[a] for a in axes)
    above = (max(height, int(width * size[0] / size[1])) - height) // 2
    beside = (max(width, int(height * size[1] / size[0])) - width) // 2
    widths = [(0, 0)] * images.ndim
    if above:
        widths[axes[0]] = (above, above)
    elif beside:
        widths[axes[1]] = (beside, beside)
    return np.pad(images, widths, constant_values=fill_value)


def _nearest(images, axes, size):
    for axis, out in zip(axes, size, strict=True):
        n = images.shape[axis]
        index = np.floor((np.arange(out, dtype=np.float32) + 0.5) * n / out).astype(np.int32)
        images = np.take(images, index, axis=axis)
    return images


def _interpolated(images, axes, size, interpolation, antialias):
    x = to_float(images)
    x = as_dtype(x, accumulator(x.dtype))
    for axis, out in zip(axes, size, strict=True):
        n = x.shape[axis]
        if n != out:
            settings = (out / n, 0.0, interpolation, antialias, np.dtype(np.float64))
            x = _along(x, axis, _weights(n, out, *settings).astype(x.dtype))
    if is_floating(images.dtype):
        return as_dtype(x, images.dtype)
    return _saturated(x, images.dtype)


def _saturated(x, dtype):
    limits = np.iinfo(dtype)
    return as_dtype(np.clip(np.rint(x), float(limits.min), float(limits.max)), dtype)


__all__ = ["RESIZE_INTERPOLATIONS", "SCALE_AND_TRANSLATE_METHODS", "resize", "scale_and_translate"]
