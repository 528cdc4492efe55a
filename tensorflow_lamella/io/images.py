"""Images in files: PNG, JPEG, GIF, BMP, through Pillow."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from tensorflow_lamella.core.dispatch import Array, op
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.errors import InvalidArgumentError

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            "reading and writing image files needs Pillow: pip install pillow"
        ) from None
    return Image


def decode(contents: Any, channels: Any = 0, frames: bool = False) -> np.ndarray:
    """A file's bytes as uint8 [height, width, channels], or [frames, ...] of an animation."""
    image_module = _pillow()
    try:
        image = image_module.open(io.BytesIO(np.asarray(contents).item()))
    except image_module.UnidentifiedImageError:
        raise InvalidArgumentError("Unknown image file format. One of JPEG, PNG, GIF, BMP "
                                   "required.") from None  # fmt: skip
    mode = _MODES[int(channels)] if channels else _mode_of(image)
    if frames and getattr(image, "n_frames", 1) > 1:
        return np.stack([_pixels(image, mode, k) for k in range(image.n_frames)])
    return _pixels(image, mode, 0)


def _mode_of(image: Any) -> str:
    if image.mode in ("1", "L", "I;16"):
        return "L"
    return "RGBA" if image.mode in ("RGBA", "LA", "PA") else "RGB"


def _pixels(image: Any, mode: str, frame: int) -> np.ndarray:
    image.seek(frame)
    array = np.asarray(image.convert(mode), np.uint8)
    return array[:, :, None] if array.ndim == 2 else array


def _as_type(pixels: np.ndarray, dtype: Any) -> np.ndarray:
    from tensorflow_lamella.ops.color import converted

    return converted(pixels, numpy_dtype(dtype))


@op("io.decode_image", "image.decode_image")
def decode_image(contents: Array, channels: Any = None, dtype: Any = "uint8",
                 expand_animations: bool = True) -> Any:  # fmt: skip
    return _as_type(decode(contents, channels or 0, expand_animations), dtype)


@op("io.decode_png", "image.decode_png")
def decode_png(contents: Array, channels: Any = 0, dtype: Any = "uint8") -> Any:
    return _as_type(decode(contents, channels), dtype)


@op("io.decode_jpeg", "image.decode_jpeg")
def decode_jpeg(contents: Array, channels: Any = 0, ratio: int = 1, fancy_upscaling: bool = True,
                try_recover_truncated: bool = False, acceptable_fraction: float = 1,
                dct_method: str = "") -> Any:  # fmt: skip
    return decode(contents, channels)[:: int(ratio), :: int(ratio)]


@op("io.decode_bmp", "image.decode_bmp")
def decode_bmp(contents: Array, channels: Any = 0) -> Any:
    return decode(contents, channels)


@op("io.decode_gif", "image.decode_gif")
def decode_gif(contents: Array) -> Any:
    found = decode(contents, 3, frames=True)
    return found[None] if found.ndim == 3 else found


def encode(image: Any, kind: str, **settings: Any) -> np.ndarray:
    """uint8 [height, width, channels] as a file's bytes."""
    pixels = np.asarray(image)
    picture = _pillow().fromarray(pixels[:, :, 0] if pixels.shape[-1] == 1 else pixels)
    out = io.BytesIO()
    picture.save(out, kind, **settings)
    found = np.empty((), object)
    found[()] = out.getvalue()
    return found


@op("io.encode_png", "image.encode_png")
def encode_png(image: Array, compression: int = -1) -> Any:
    return encode(image, "PNG")


@op("io.encode_jpeg", "image.encode_jpeg")
def encode_jpeg(image: Array, format: str = "", quality: int = 95, progressive: bool = False,
                optimize_size: bool = False, chroma_downsampling: bool = True,
                density_unit: str = "in", x_density: int = 300, y_density: int = 300,
                xmp_metadata: str = "") -> Any:  # fmt: skip
    return encode(image, "JPEG", quality=quality, progressive=progressive)


@op("io.is_jpeg", "image.is_jpeg")
def is_jpeg(contents: Array) -> Any:
    return np.asarray(np.asarray(contents).item()[:3] == b"\xff\xd8\xff")


@op("io.extract_jpeg_shape", "image.extract_jpeg_shape")
def extract_jpeg_shape(contents: Array, output_type: Any = "int32") -> Any:
    return np.array(decode(contents).shape, numpy_dtype(output_type))
