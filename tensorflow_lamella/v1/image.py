"""tf.image with the names and arguments of TensorFlow 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorflow_lamella.errors import unsupported
from tensorflow_lamella.names import export, get

_METHODS = {0: "bilinear", 1: "nearest", 2: "bicubic", 3: "area"}


def _resized(images: Any, size: Any, method: str, align_corners: bool, name: Any) -> Any:
    if align_corners:
        raise unsupported(
            "align_corners=True", "leave it out, or use tf.image.resize of TensorFlow 2"
        )
    return get("image.resize", 2)(images, size, method, name=name)


@export("image.resize_images", "image.resize", version=1)
def resize_images(images: Any, size: Any, method: Any = 0, align_corners: bool = False,
                  preserve_aspect_ratio: bool = False, name: Any = None) -> Any:  # fmt: skip
    """Images of another size."""
    return _resized(images, size, _METHODS.get(method, method), align_corners, name)


def _by(method: str) -> Callable[..., Any]:
    def resize(images: Any, size: Any, align_corners: bool = False, name: Any = None,
               half_pixel_centers: bool = False) -> Any:  # fmt: skip
        return _resized(images, size, method, align_corners, name)

    resize.__doc__ = f"Images of another size, {method}."
    return resize


for _name, _method in (("resize_bilinear", "bilinear"), ("resize_nearest_neighbor", "nearest"),
                       ("resize_bicubic", "bicubic"), ("resize_area", "area")):  # fmt: skip
    export(f"image.{_name}", version=1)(_by(_method))


def _renamed(old: str, new: str) -> None:
    def call(*args: Any, **kwargs: Any) -> Any:
        return get(new, 2)(*args, **kwargs)

    call.__doc__ = f"tf.{new}."
    export(*old.split(), version=1)(call)


_renamed("image.resize_image_with_crop_or_pad", "image.resize_with_crop_or_pad")
_renamed("image.resize_image_with_pad", "image.resize_with_pad")
_renamed("image.transpose_image", "image.transpose")


@export("extract_image_patches", "image.extract_image_patches", version=1)
def extract_image_patches(
    images: Any,
    ksizes: Any = None,
    strides: Any = None,
    rates: Any = None,
    padding: Any = None,
    name: Any = None,
    sizes: Any = None,
) -> Any:
    """Windows of images, flattened: (n, rows, columns, window)."""
    return get("image.extract_patches", 2)(
        images, sizes or ksizes, strides, rates, padding, name=name
    )
