"""tf.image: size and geometry of images [height, width, channels], or batches of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras.src import backend

from tensorflow_lamella.core.dispatch import Array, T, op
from tensorflow_lamella.core.shape import sizes
from tensorflow_lamella.errors import InvalidArgumentError, unsupported
from tensorflow_lamella.names import export
from tensorflow_lamella.ops.random import uniform_numbers

LAST = "channels_last"


@export("image.ResizeMethod")
class ResizeMethod:
    """The names of ways to resize."""

    BILINEAR = "bilinear"
    NEAREST_NEIGHBOR = "nearest"
    BICUBIC = "bicubic"
    AREA = "area"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"
    GAUSSIAN = "gaussian"
    MITCHELLCUBIC = "mitchellcubic"


_OLD_METHODS = {0: "bilinear", 1: "nearest", 2: "bicubic", 3: "area"}


def resized(images: Any, size: Any, method: Any, antialias: bool) -> Any:
    """Images of another size, as float32 unless they are taken from the nearest elements."""
    method = _OLD_METHODS.get(method, method)
    height, width = sizes(size)
    if method == "nearest":
        return backend.image.resize(images, (height, width), "nearest", data_format=LAST)
    x = images if images.dtype.kind == "f" else images.astype(np.float32)
    if method == "area":
        return _area(x, height, width)
    if method not in ("bilinear", "bicubic", "lanczos3", "lanczos5"):
        raise unsupported(f"tf.image.resize with method={method!r}", "use bilinear or bicubic")
    out = backend.image.resize(x, (height, width), method, bool(antialias), data_format=LAST)
    return out.astype(np.float32)


def _area(x: Any, height: int, width: int) -> Any:
    """Means over the part of the image that each element of the result covers."""
    for axis, out in ((x.ndim - 3, height), (x.ndim - 2, width)):
        weights = _coverage(x.shape[axis], out).astype(x.dtype)
        x = np.moveaxis(np.tensordot(weights, x, (1, axis)), 0, axis)
    return x


def _coverage(n: int, out: int) -> np.ndarray:
    edges = np.arange(out + 1) * (n / out)
    low, high = edges[:-1, None], edges[1:, None]
    place = np.arange(n)
    covered = np.clip(np.minimum(high, place + 1) - np.maximum(low, place), 0, 1)
    return covered / covered.sum(axis=1, keepdims=True)


@op("image.resize")
def resize(images: Array, size: Any, method: Any = "bilinear", preserve_aspect_ratio: bool = False,
           antialias: bool = False) -> Any:  # fmt: skip
    if preserve_aspect_ratio:
        height, width = sizes(size)
        scale = min(height / images.shape[-3], width / images.shape[-2])
        size = [round(images.shape[-3] * scale), round(images.shape[-2] * scale)]
    return resized(images, size, method, antialias)


@op("image.resize_with_pad")
def resize_with_pad(image: Array, target_height: Any, target_width: Any, method: Any = "bilinear",
                    antialias: bool = False) -> Any:  # fmt: skip
    height, width = int(target_height), int(target_width)
    ratio = max(image.shape[-3] / height, image.shape[-2] / width)
    inner = (int(image.shape[-3] / ratio), int(image.shape[-2] / ratio))
    top = int((height - image.shape[-3] / ratio) / 2)
    left = int((width - image.shape[-2] / ratio) / 2)
    return _pad(resized(image, inner, method, antialias), top, left, height, width)


def _pad(image: Any, top: int, left: int, height: int, width: int) -> Any:
    h, w = image.shape[-3:-1]
    bottom, right = height - top - h, width - left - w
    if min(top, left, bottom, right) < 0:
        raise ValueError(f"an image of {h} x {w} at ({top}, {left}) does not fit into {height} x "
                         f"{width}")  # fmt: skip
    return np.pad(image, [(0, 0)] * (image.ndim - 3) + [(top, bottom), (left, right), (0, 0)])


def _crop(image: Any, top: Any, left: Any, height: int, width: int) -> Any:
    if not (hasattr(top, "type") or hasattr(left, "type")):
        return image[..., int(top) : int(top) + height, int(left) : int(left) + width, :]
    starts = [0] * (image.ndim - 3) + [top, left, 0]
    whole = (*image.shape[:-3], height, width, image.shape[-1])
    return backend.core.slice(image, starts, whole)


@op("image.pad_to_bounding_box")
def pad_to_bounding_box(image: Array, offset_height: Any, offset_width: Any, target_height: Any,
                        target_width: Any) -> Any:  # fmt: skip
    return _pad(image, int(offset_height), int(offset_width), int(target_height), int(target_width))


@op("image.crop_to_bounding_box")
def crop_to_bounding_box(image: Array, offset_height: Any, offset_width: Any, target_height: Any,
                         target_width: Any) -> Any:  # fmt: skip
    return _crop(image, offset_height, offset_width, int(target_height), int(target_width))


@op("image.central_crop")
def central_crop(image: Array, central_fraction: float) -> Any:
    h, w = image.shape[-3:-1]
    top, left = int((h - h * central_fraction) / 2), int((w - w * central_fraction) / 2)
    return _crop(image, top, left, h - 2 * top, w - 2 * left)


@op("image.resize_with_crop_or_pad")
def resize_with_crop_or_pad(image: Array, target_height: Any, target_width: Any) -> Any:
    height, width = int(target_height), int(target_width)
    h, w = image.shape[-3:-1]
    top, left = max((h - height) // 2, 0), max((w - width) // 2, 0)
    image = _crop(image, top, left, min(h, height), min(w, width))
    return _pad(image, max((height - h) // 2, 0), max((width - w) // 2, 0), height, width)


@op("image.flip_left_right")
def flip_left_right(image: Array) -> Any:
    return np.flip(image, -2)


@op("image.flip_up_down")
def flip_up_down(image: Array) -> Any:
    return np.flip(image, -3)


@op("image.transpose")
def transpose(image: Array) -> Any:
    return np.swapaxes(image, -3, -2)


@op("image.rot90")
def rot90(image: Array, k: Any = 1) -> Any:
    return np.rot90(image, int(k), axes=(-3, -2))


def _maybe(image: Any, axis: int, seed: Any, numbers: Any = None) -> Any:
    """Each image of a batch is flipped, or not, by itself."""
    shape = image.shape[:-3]
    draw = uniform_numbers(shape, seed) if numbers is None else numbers
    chosen = np.reshape(draw < 0.5, (*shape, 1, 1, 1))
    return np.where(chosen, np.flip(image, axis), image)


@op("image.random_flip_left_right")
def random_flip_left_right(image: Array, seed: Any = None) -> Any:
    return _maybe(image, -2, seed)


@op("image.random_flip_up_down")
def random_flip_up_down(image: Array, seed: Any = None) -> Any:
    return _maybe(image, -3, seed)


def _stateless(shape: Any, seed: Any) -> Any:
    from tensorflow_lamella.ops.random import stateless_uniform

    return stateless_uniform.compute(shape, seed)


@op("image.stateless_random_flip_left_right")
def stateless_random_flip_left_right(image: Array, seed: Any) -> Any:
    return _maybe(image, -2, None, _stateless(image.shape[:-3], seed))


@op("image.stateless_random_flip_up_down")
def stateless_random_flip_up_down(image: Array, seed: Any) -> Any:
    return _maybe(image, -3, None, _stateless(image.shape[:-3], seed))


def _random_crop(value: Any, size: Any, draws: Any) -> Any:
    wanted = sizes(size)
    wanted = tuple(n if d < 0 else d for n, d in zip(value.shape, wanted))
    if len(wanted) != value.ndim or any(d > n for n, d in zip(value.shape, wanted)):
        raise InvalidArgumentError(f"random_crop: {wanted} out of {value.shape}")
    room = np.array([n - d + 1 for n, d in zip(value.shape, wanted)], np.float32)
    starts = np.floor(draws * room).astype(np.int32)
    return backend.core.slice(value, starts, wanted)


@op("image.random_crop")
def random_crop(value: Array, size: Any, seed: Any = None) -> Any:
    return _random_crop(value, size, uniform_numbers((value.ndim,), seed))


@op("image.stateless_random_crop")
def stateless_random_crop(value: Array, size: Any, seed: Any) -> Any:
    return _random_crop(value, size, _stateless((value.ndim,), seed))


@op("image.crop_and_resize")
def crop_and_resize(image: Array, boxes: Array, box_indices: Array, crop_size: Any,
                    method: str = "bilinear", extrapolation_value: float = 0.0) -> Any:  # fmt: skip
    """The boxes (y1, x1, y2, x2 in [0, 1]) of images, each resized to `crop_size`."""
    height, width = sizes(crop_size)
    pictures = np.take(image, box_indices, axis=0)
    h, w = image.shape[1:3]
    rows = _places(boxes[:, 0], boxes[:, 2], h, height)
    columns = _places(boxes[:, 1], boxes[:, 3], w, width)
    inside = ((rows >= 0) & (rows <= h - 1))[:, :, None] & (
        (columns >= 0) & (columns <= w - 1)
    )[:, None, :]  # fmt: skip
    sampled = _sample(pictures, rows, columns, method)
    outside = sampled.dtype.type(extrapolation_value)
    return np.where(inside[..., None], sampled, outside)


def _places(low: Any, high: Any, n: int, out: int) -> Any:
    if out == 1:
        return (0.5 * (low + high) * (n - 1))[:, None]
    step = (high - low) * (n - 1) / (out - 1)
    return low[:, None] * (n - 1) + np.arange(out, dtype=np.float32) * step[:, None]


def _sample(pictures: Any, rows: Any, columns: Any, method: str) -> Any:
    pictures = pictures.astype(np.float32)
    box = np.arange(pictures.shape[0])[:, None, None]

    def at(r: Any, c: Any) -> Any:
        r = np.clip(r, 0, pictures.shape[1] - 1).astype(np.int32)
        c = np.clip(c, 0, pictures.shape[2] - 1).astype(np.int32)
        return pictures[box, r[:, :, None], c[:, None, :]]

    if method == "nearest":
        return at(np.floor(rows + 0.5), np.floor(columns + 0.5))
    top, left = np.floor(rows), np.floor(columns)
    y, x = (rows - top)[:, :, None, None], (columns - left)[:, None, :, None]
    upper = at(top, left) * (1 - x) + at(top, left + 1) * x
    lower = at(top + 1, left) * (1 - x) + at(top + 1, left + 1) * x
    return upper * (1 - y) + lower * y


@op("image.image_gradients")
def image_gradients(image: Array) -> Any:
    """Differences to the next row and the next column, 0 at the end."""
    dy = np.concatenate([image[:, 1:] - image[:, :-1], np.zeros_like(image[:, :1])], 1)
    dx = np.concatenate([image[:, :, 1:] - image[:, :, :-1], np.zeros_like(image[:, :, :1])], 2)
    return dy, dx


@op("image.sobel_edges")
def sobel_edges(image: Array) -> Any:
    """The two Sobel filters, along a new last axis."""
    x = np.pad(image, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    left, right = x[:, :, :-2], x[:, :, 2:]
    across = right - left
    dx = across[:, :-2] + 2 * across[:, 1:-1] + across[:, 2:]
    down = x[:, 2:] - x[:, :-2]
    dy = down[:, :, :-2] + 2 * down[:, :, 1:-1] + down[:, :, 2:]
    return np.stack([dy, dx], -1)


@op("image.total_variation")
def total_variation(images: Array) -> Any:
    axes = tuple(range(images.ndim - 3, images.ndim))
    rows = np.abs(images[..., 1:, :, :] - images[..., :-1, :, :])
    columns = np.abs(images[..., :, 1:, :] - images[..., :, :-1, :])
    return np.sum(rows, axis=axes) + np.sum(columns, axis=axes)


@op("image.psnr")
def psnr(a: T, b: T, max_val: Any) -> Any:
    error = np.mean(np.square(a.astype(np.float32) - b.astype(np.float32)), axis=(-3, -2, -1))
    return np.float32(20 * np.log10(max_val)) - np.float32(10 / np.log(10)) * np.log(error)


def _window_means(x: Any, size: int, sigma: float) -> Any:
    place = np.arange(size, dtype=np.float32) - (size - 1) / 2
    weights = np.exp(-(place**2) / (2 * sigma**2))
    kernel = np.outer(weights, weights)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    kernel = np.broadcast_to(kernel[:, :, None, None], (size, size, x.shape[-1], 1))
    return backend.nn.depthwise_conv(x, np.ascontiguousarray(kernel), 1, "valid", LAST)


@op("image.ssim")
def ssim(img1: T, img2: T, max_val: float, filter_size: int = 11, filter_sigma: float = 1.5,
         k1: float = 0.01, k2: float = 0.03, return_index_map: bool = False) -> Any:  # fmt: skip
    """The structural similarity of images [n, height, width, channels]."""
    a, b = img1.astype(np.float32), img2.astype(np.float32)
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mean_a, mean_b = (_window_means(x, filter_size, filter_sigma) for x in (a, b))
    product = _window_means(a * b, filter_size, filter_sigma) * 2
    squares = _window_means(a * a + b * b, filter_size, filter_sigma)
    means = mean_a * mean_b * 2
    power = mean_a * mean_a + mean_b * mean_b
    index = (means + c1) / (power + c1) * (product - means + c2) / (squares - power + c2)
    index = np.mean(index, axis=-1)
    return index if return_index_map else np.mean(index, axis=(-2, -1))


@op("image.non_max_suppression")
def non_max_suppression(boxes: Array, scores: Array, max_output_size: Any,
                        iou_threshold: float = 0.5,
                        score_threshold: float = -np.inf) -> Any:  # fmt: skip
    """The numbers of the best boxes that do not overlap; where numbers are known."""
    boxes, scores = np.asarray(boxes), np.asarray(scores)
    chosen: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        if len(chosen) == int(max_output_size) or scores[i] <= score_threshold:
            break
        if all(_overlap(boxes[i], boxes[j]) <= iou_threshold for j in chosen):
            chosen.append(int(i))
    return np.array(chosen, np.int32)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (y1, x1, y2, x2)."""
    low_a, high_a = np.minimum(a[:2], a[2:]), np.maximum(a[:2], a[2:])
    low_b, high_b = np.minimum(b[:2], b[2:]), np.maximum(b[:2], b[2:])
    shared = np.prod(np.maximum(np.minimum(high_a, high_b) - np.maximum(low_a, low_b), 0))
    total = np.prod(high_a - low_a) + np.prod(high_b - low_b) - shared
    return float(shared / total) if total > 0 else 0.0
