"""Blurring and edges: depthwise convolutions."""

from __future__ import annotations

import numpy as np

from keras_lamella.src.ops.dtypes import accumulator, as_dtype, to_float
from keras_lamella.src.ops.image.batch import on_batch
from keras_lamella.src.ops.nn.convolution import depthwise_conv
from keras_lamella.src.tensor import convert_to_tensor


def _gaussian(size, sigma, dtype):
    """Weights of `size` taps that sum to 1."""
    x = (np.arange(size) - (size - 1) / 2).astype(dtype) / sigma
    weights = np.exp(-0.5 * x * x)
    return weights / np.sum(weights)


def _filter(x, kernel):
    """Every channel of [b, height, width, c] filtered with `kernel` [rows, columns]."""
    kernel = np.broadcast_to(kernel[..., None, None], (*kernel.shape, x.shape[-1], 1))
    return depthwise_conv(x, kernel, padding="same", data_format="channels_last")


def blur(x, kernel_size, sigma):
    """[b, height, width, c] blurred with Gaussian weights; the first size is that along a row."""
    columns, rows = (_gaussian(n, s, x.dtype) for n, s in zip(kernel_size, sigma, strict=True))
    return _filter(x, rows[:, None] * columns)


def gaussian_blur(images, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None):
    images = to_float(images)
    wide = accumulator(images.dtype)
    sigma = convert_to_tensor(sigma, wide)
    widths = (sigma[0], sigma[1])
    blurred = on_batch(lambda x: blur(x, kernel_size, widths), as_dtype(images, wide), data_format)
    return as_dtype(blurred, images.dtype)


def sobel_edges(images, data_format=None):
    """The slopes of each channel, along height and width on a new last axis."""
    images = to_float(images)
    across = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], images.dtype)

    def slope(kernel):
        return on_batch(lambda x: _filter(x, kernel), images, data_format)

    return np.stack([slope(across.T), slope(across)], axis=-1)


__all__ = ["gaussian_blur", "sobel_edges"]
