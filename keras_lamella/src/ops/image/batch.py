"""Images as a batch with the channels last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras.src import backend

from keras_lamella.src.tensor import convert_to_tensor


def check_rank(images: Any) -> None:
    if images.ndim not in (3, 4):
        raise ValueError(
            "Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). "
            f"Received input with shape: images.shape={images.shape}"
        )


def channels_axis(data_format: str | None) -> int:
    """The axis of the channels, counted from the end."""
    return -1 if backend.standardize_data_format(data_format) == "channels_last" else -3


def spatial_axes(ndim: int, data_format: str | None) -> tuple[int, int]:
    """The axes of height and width."""
    return (ndim - 3, ndim - 2) if channels_axis(data_format) == -1 else (ndim - 2, ndim - 1)


def on_batch(f: Callable[[Any], Any], images: Any, data_format: str | None) -> Any:
    """`f` of the images as [batch, height, width, channels]; the result in their layout."""
    images = convert_to_tensor(images)
    check_rank(images)
    axis = channels_axis(data_format)
    x = np.moveaxis(images, axis, -1)
    y = f(x if x.ndim == 4 else x[None])
    y = y if images.ndim == 4 else np.squeeze(y, axis=0)
    return np.moveaxis(y, -1, axis)
