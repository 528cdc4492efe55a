"""Colour spaces."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from keras_lamella.src.ops.dtypes import accumulator, as_dtype, is_floating, to_float
from keras_lamella.src.ops.image.batch import channels_axis, check_rank
from keras_lamella.src.tensor import convert_to_tensor


def rgb_to_grayscale(images, data_format=None):
    images = convert_to_tensor(images)
    check_rank(images)
    axis = channels_axis(data_format)
    if images.shape[axis] not in (1, 3):
        raise ValueError(
            "Invalid channel size: expected 3 (RGB) or 1 (Grayscale). "
            f"Received input with shape: images.shape={images.shape}"
        )
    if images.shape[axis] == 1:
        return images
    x = to_float(images)
    red, green, blue = _planes(as_dtype(x, accumulator(x.dtype)), axis)
    gray = 0.2989 * red + 0.5870 * green + 0.1140 * blue
    return as_dtype(np.expand_dims(as_dtype(gray, x.dtype), axis), images.dtype)


def _planes(images, axis):
    """The three channels, without their axis."""
    return [np.squeeze(x, axis) for x in np.split(images, 3, axis=axis)]


def _convert(function, images, data_format):
    images = convert_to_tensor(images)
    check_rank(images)
    if not is_floating(images.dtype):
        raise ValueError(
            "Invalid images dtype: expected float dtype. "
            f"Received: images.dtype={images.dtype.name}"
        )
    axis = channels_axis(data_format)
    wide = as_dtype(images, accumulator(images.dtype))
    eps = float(ml_dtypes.finfo(images.dtype).eps)
    planes = function(*_planes(wide, axis), eps)
    return as_dtype(np.stack(planes, axis=axis), images.dtype)


def rgb_to_hsv(images, data_format=None):
    return _convert(_hsv, images, data_format)


def hsv_to_rgb(images, data_format=None):
    return _convert(_rgb, images, data_format)


def _hsv(r, g, b, eps):
    zero, one = np.zeros((), r.dtype), np.ones((), r.dtype)
    r, g, b = (np.where(np.absolute(x) < eps, zero, x) for x in (r, g, b))
    value = np.maximum(np.maximum(r, g), b)
    spread = value - np.minimum(np.minimum(r, g), b)
    is_gray = spread <= 0
    saturation = np.where(value > 0, spread / np.where(value > 0, value, one), zero)
    norm = 1 / (6 * np.where(is_gray, one, spread))
    hue = np.where(value == g, norm * (b - r) + 2 / 6, norm * (r - g) + 4 / 6)
    hue = np.where(value == r, norm * (g - b), hue)
    hue = np.where(is_gray, zero, hue)
    return np.where(hue < 0, hue + 1, hue), saturation, value


def _rgb(hue, saturation, value, eps):
    turn = (hue - np.floor(hue)) * 6
    share = (
        np.absolute(turn - 3) - 1,
        2 - np.absolute(turn - 2),
        2 - np.absolute(turn - 4),
    )
    zero, one = np.zeros((), hue.dtype), np.ones((), hue.dtype)
    return [
        value * (1 - saturation + saturation * np.minimum(np.maximum(x, zero), one)) for x in share
    ]


__all__ = ["hsv_to_rgb", "rgb_to_grayscale", "rgb_to_hsv"]
