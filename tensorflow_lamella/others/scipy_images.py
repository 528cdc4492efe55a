"""Images in `scipy.misc`, as SciPy had them until 1.2: Pillow does the work."""

from __future__ import annotations

from typing import Any

import numpy as np


def _image(name: str) -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(f"scipy.misc.{name} needs Pillow: pip install Pillow") from None
    return Image


def bytescale(
    data: Any, cmin: Any = None, cmax: Any = None, high: float = 255, low: float = 0
) -> np.ndarray:
    """`data` scaled from cmin .. cmax (its own limits) to bytes; bytes stay what they are."""
    data = np.asarray(data)
    if data.dtype == np.uint8:
        return data
    least = data.min() if cmin is None else cmin
    span = (data.max() if cmax is None else cmax) - least
    scaled = (data - least) * ((high - low) / (span or 1)) + low
    return (np.clip(scaled, low, high) + 0.5).astype(np.uint8)


def toimage(
    arr: Any, high: float = 255, low: float = 0, cmin: Any = None, cmax: Any = None,
    pal: Any = None, mode: Any = None, channel_axis: Any = None,
) -> Any:  # fmt: skip
    """A Pillow image of an array (height, width) or (height, width, 3 or 4), scaled to bytes.

    ValueError for other shapes.
    """
    array = np.asarray(arr)
    if array.ndim == 3 and array.shape[2] not in (3, 4) and array.shape[0] in (3, 4):
        array = np.moveaxis(array, 0, 2)
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise ValueError(
            f"'arr' does not have a suitable array shape for any mode: {array.shape}; expected "
            "(height, width) or (height, width, 3 or 4)"
        )
    if mode == "F":
        return _image("toimage").fromarray(array.astype(np.float32))
    return _image("toimage").fromarray(bytescale(array, cmin, cmax, high, low))


def fromimage(im: Any, flatten: bool = False, mode: Any = None) -> np.ndarray:
    """The array of a Pillow image; `flatten` gives shades of grey as float32."""
    if mode is not None and mode != im.mode:
        im = im.convert(mode)
    elif im.mode == "P":
        im = im.convert("RGBA" if "transparency" in im.info else "RGB")
    return np.array(im.convert("F") if flatten else im)


def imread(name: Any, flatten: bool = False, mode: Any = None) -> np.ndarray:
    """The image in a file."""
    with _image("imread").open(name) as im:
        return fromimage(im, flatten, mode)


def imsave(name: Any, arr: Any, format: Any = None) -> None:
    """Write an array as an image."""
    toimage(arr).save(name, format)


def imshow(arr: Any) -> None:
    """Show an array in the system's viewer of images."""
    toimage(arr).show()


_FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "cubic": 3}


def imresize(arr: Any, size: Any, interp: str = "bilinear", mode: Any = None) -> np.ndarray:
    """The image in another size: percent (int), a fraction (float) or (height, width)."""
    im = toimage(arr, mode=mode)
    if isinstance(size, (int, np.integer)):
        size = size / 100.0
    if isinstance(size, (float, np.floating)):
        size = tuple((np.array(im.size) * size).astype(int))
    else:
        size = (int(size[1]), int(size[0]))
    return fromimage(im.resize(size, resample=_FILTERS[interp]))


def imrotate(arr: Any, angle: float, interp: str = "bilinear") -> np.ndarray:
    """The image turned counter-clockwise by degrees."""
    return fromimage(toimage(arr).rotate(angle, resample=_FILTERS[interp]))


__all__ = ["bytescale", "fromimage", "imread", "imresize", "imrotate", "imsave", "imshow",
           "toimage"]  # fmt: skip
