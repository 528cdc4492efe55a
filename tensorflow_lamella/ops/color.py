"""tf.image: brightness, contrast, colour spaces, conversion of element types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras.src import backend

from tensorflow_lamella.core.dispatch import Array, op
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.ops.image import LAST
from tensorflow_lamella.ops.random import stateless_uniform, uniform_numbers


def converted(image: Any, dtype: Any, saturate: bool = False) -> Any:
    """Images of another element type: floats are in [0, 1], integers in their whole range."""
    kind = numpy_dtype(dtype)
    if image.dtype == kind:
        return image
    if image.dtype.kind == "f" and kind.kind == "f":
        return image.astype(kind)
    if image.dtype.kind == "f":
        top = np.iinfo(kind).max
        scaled = image * image.dtype.type(top + 0.5)
        if saturate:
            scaled = np.clip(scaled, np.iinfo(kind).min, top)
        return scaled.astype(kind)
    if kind.kind == "f":
        return image.astype(kind) * kind.type(1.0 / np.iinfo(image.dtype).max)
    return _integers(image, kind, saturate)


def _integers(image: Any, kind: np.dtype, saturate: bool) -> Any:
    old, new = int(np.iinfo(image.dtype).max), int(np.iinfo(kind).max)
    if old > new:
        return (image // image.dtype.type((old + 1) // (new + 1))).astype(kind)
    return image.astype(kind) * kind.type((new + 1) // (old + 1))


@op("image.convert_image_dtype")
def convert_image_dtype(image: Array, dtype: Any, saturate: bool = False) -> Any:
    return converted(image, dtype, saturate)


def _as_floats(f: Callable[..., Any], image: Any, *args: Any) -> Any:
    """`f` on the image with elements in [0, 1], and back."""
    kind = image.dtype
    out = f(converted(image, "float32" if kind.kind != "f" else kind), *args)
    return converted(out, kind, saturate=True)


def _brighter(image: Any, delta: Any) -> Any:
    return image + np.asarray(delta, image.dtype) if not hasattr(delta, "type") else image + delta


def _contrast(image: Any, factor: Any) -> Any:
    mean = np.mean(image, axis=(-3, -2), keepdims=True)
    return (image - mean) * _scalar(factor, image) + mean


def _scalar(x: Any, like: Any) -> Any:
    return x.astype(like.dtype) if hasattr(x, "astype") else like.dtype.type(x)


def _hue(image: Any, delta: Any) -> Any:
    hsv = backend.image.rgb_to_hsv(image, LAST)
    hue = np.mod(hsv[..., :1] + _scalar(delta, image), image.dtype.type(1))
    return backend.image.hsv_to_rgb(np.concatenate([hue, hsv[..., 1:]], -1), LAST)


def _saturation(image: Any, factor: Any) -> Any:
    hsv = backend.image.rgb_to_hsv(image, LAST)
    strength = np.clip(hsv[..., 1:2] * _scalar(factor, image), 0, 1).astype(image.dtype)
    out = np.concatenate([hsv[..., :1], strength, hsv[..., 2:]], -1)
    return backend.image.hsv_to_rgb(out, LAST)


@op("image.adjust_brightness")
def adjust_brightness(image: Array, delta: Any) -> Any:
    return _as_floats(_brighter, image, delta)


@op("image.adjust_contrast")
def adjust_contrast(images: Array, contrast_factor: Any) -> Any:
    return _as_floats(_contrast, images, contrast_factor)


@op("image.adjust_hue")
def adjust_hue(image: Array, delta: Any) -> Any:
    return _as_floats(_hue, image, delta)


@op("image.adjust_saturation")
def adjust_saturation(image: Array, saturation_factor: Any) -> Any:
    return _as_floats(_saturation, image, saturation_factor)


@op("image.adjust_gamma")
def adjust_gamma(image: Array, gamma: Any = 1, gain: Any = 1) -> Any:
    return _as_floats(lambda x: _scalar(gain, x) * x ** _scalar(gamma, x), image)


def _between(low: Any, high: Any, seed: Any) -> Any:
    return np.float32(low) + uniform_numbers((), seed) * np.float32(high - low)


@op("image.random_brightness")
def random_brightness(image: Array, max_delta: float, seed: Any = None) -> Any:
    return _as_floats(_brighter, image, _between(-max_delta, max_delta, seed))


@op("image.random_contrast")
def random_contrast(image: Array, lower: float, upper: float, seed: Any = None) -> Any:
    return _as_floats(_contrast, image, _between(lower, upper, seed))


@op("image.random_hue")
def random_hue(image: Array, max_delta: float, seed: Any = None) -> Any:
    return _as_floats(_hue, image, _between(-max_delta, max_delta, seed))


@op("image.random_saturation")
def random_saturation(image: Array, lower: float, upper: float, seed: Any = None) -> Any:
    return _as_floats(_saturation, image, _between(lower, upper, seed))


def _drawn(low: float, high: float, seed: Any) -> Any:
    return np.float32(low) + stateless_uniform.compute((), seed) * np.float32(high - low)


@op("image.stateless_random_brightness")
def stateless_random_brightness(image: Array, max_delta: float, seed: Any) -> Any:
    return _as_floats(_brighter, image, _drawn(-max_delta, max_delta, seed))


@op("image.stateless_random_contrast")
def stateless_random_contrast(image: Array, lower: float, upper: float, seed: Any) -> Any:
    return _as_floats(_contrast, image, _drawn(lower, upper, seed))


@op("image.stateless_random_hue")
def stateless_random_hue(image: Array, max_delta: float, seed: Any) -> Any:
    return _as_floats(_hue, image, _drawn(-max_delta, max_delta, seed))


@op("image.stateless_random_saturation")
def stateless_random_saturation(image: Array, lower: float, upper: float, seed: Any) -> Any:
    return _as_floats(_saturation, image, _drawn(lower, upper, seed))


@op("image.per_image_standardization")
def per_image_standardization(image: Array) -> Any:
    """Mean 0 and deviation 1, of images that are not uniform."""
    x = image.astype(np.float32) if image.dtype.kind != "f" else image
    axes = (-3, -2, -1)
    least = x.dtype.type(1 / np.sqrt(np.prod(image.shape[-3:])))
    deviation = np.maximum(np.std(x, axis=axes, keepdims=True), least)
    return (x - np.mean(x, axis=axes, keepdims=True)) / deviation


@op("image.rgb_to_grayscale")
def rgb_to_grayscale(images: Array) -> Any:
    return _as_floats(_grey, images)


def _grey(x: Any) -> Any:
    return np.matmul(x, np.array([[0.2989], [0.5870], [0.1140]], x.dtype))


@op("image.grayscale_to_rgb")
def grayscale_to_rgb(images: Array) -> Any:
    return np.repeat(images, 3, axis=-1)


@op("image.rgb_to_hsv")
def rgb_to_hsv(images: Array) -> Any:
    return backend.image.rgb_to_hsv(images, LAST)


@op("image.hsv_to_rgb")
def hsv_to_rgb(images: Array) -> Any:
    return backend.image.hsv_to_rgb(images, LAST)


_TO_YIQ = np.array([[0.299, 0.59590059, 0.2115], [0.587, -0.27455667, -0.52273617],
                    [0.114, -0.32134392, 0.31119955]])  # fmt: skip
_FROM_YIQ = np.array([[1.0, 1.0, 1.0], [0.95598634, -0.27201283, -1.10674021],
                      [0.6208248, -0.64720424, 1.70423049]])  # fmt: skip
_TO_YUV = np.array([[0.299, -0.14714119, 0.61497538], [0.587, -0.28886916, -0.51496512],
                    [0.114, 0.43601035, -0.10001026]])  # fmt: skip


def _define(name: str, matrix: np.ndarray) -> None:
    def function(images: Array) -> Any:
        return np.matmul(images, matrix.astype(images.dtype))

    op(name)(function)


_define("image.rgb_to_yiq", _TO_YIQ)
_define("image.yiq_to_rgb", _FROM_YIQ)
_define("image.rgb_to_yuv", _TO_YUV)
_define("image.yuv_to_rgb", np.linalg.inv(_TO_YUV))
