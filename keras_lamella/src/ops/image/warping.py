"""Images looked up at computed coordinates."""

from __future__ import annotations

import functools
import itertools

import numpy as np
from keras.src import backend
from keras.src.random.seed_generator import draw_seed

from keras_lamella.src import variates
from keras_lamella.src.ops.dtypes import (
    FLOAT32,
    INT32,
    accumulator,
    as_dtype,
    is_floating,
    to_float,
)
from keras_lamella.src.ops.image.batch import check_rank, on_batch
from keras_lamella.src.ops.image.filtering import blur
from keras_lamella.src.tensor import convert_to_tensor

AFFINE_TRANSFORM_INTERPOLATIONS = {"nearest": 0, "bilinear": 1}
AFFINE_TRANSFORM_FILL_MODES = {"constant", "nearest", "wrap", "mirror", "reflect"}
MAP_COORDINATES_FILL_MODES = AFFINE_TRANSFORM_FILL_MODES


# -- looking up --------------------------------------------------------------------------------


def _mirror(i, n):
    """... 2 1 | 0 1 2 | 1 0 ..."""
    s = max(n - 1, 1)
    return np.absolute((i + s) % (2 * s) - s)


def _inside(i, n, mode):
    """Indices of any size brought into range(n)."""
    if mode == "wrap":
        return i % n
    if mode == "mirror":
        return _mirror(i, n)
    if mode == "reflect":  # ... 1 0 | 0 1 2 | 2 1 ...
        return _mirror(2 * i + 1, 2 * n + 1) // 2
    return np.clip(i, 0, n - 1)


def _corners(place, order):
    """Pairs (index, weight) of the elements that a coordinate lies between."""
    if order == 0:
        nearest = np.floor(place + 0.5)
        return [(as_dtype(nearest, INT32), None)]
    below = np.floor(place)
    share = place - below
    index = as_dtype(below, INT32)
    return [(index, 1 - share), (index + 1, share)]


def _look_up(x, coordinates, order, mode, fill_value):
    """x [b, *space, c] at coordinates, one array [b, *out] for each axis of space: [b, *out, c]."""
    space = x.shape[1:-1]
    rows = np.reshape(x, (-1, x.shape[-1]))
    shape = (x.shape[0],) + (1,) * (coordinates[0].ndim - 1)
    image = np.arange(x.shape[0], dtype=INT32).reshape(shape)
    fill = np.asarray(fill_value, x.dtype)
    total = None
    for corner in itertools.product(*(_corners(c, order) for c in coordinates)):
        address, weight, inside = image, None, []
        for (index, share), n in zip(corner, space, strict=True):
            inside.append((index >= 0) & (index < n))
            address = address * n + _inside(index, n, mode)
            if share is not None:
                weight = share if weight is None else weight * share
        values = np.take(rows, address, axis=0)
        if mode == "constant":
            valid = functools.reduce(np.logical_and, inside)
            values = np.where(valid[..., None], values, fill)
        if weight is not None:
            values = values * as_dtype(weight, x.dtype)[..., None]
        total = values if total is None else total + values
    return total


def _sample(images, coordinates, order, mode, fill_value):
    """`_look_up` in float32 at least, rounded where the images are integers."""
    wide = to_float(images)
    wide = as_dtype(wide, accumulator(wide.dtype))
    y = _look_up(wide, coordinates, order, mode, fill_value)
    return as_dtype(y if is_floating(images.dtype) else np.rint(y), images.dtype)


def map_coordinates(inputs, coordinates, order, fill_mode="constant", fill_value=0.0):
    inputs, coordinates = convert_to_tensor(inputs), convert_to_tensor(coordinates)
    if coordinates.shape[0] != inputs.ndim:
        raise ValueError(
            "First dim of `coordinates` must be the same as the rank of `inputs`. "
            f"Received inputs with shape: {inputs.shape} and coordinate leading dim of "
            f"{coordinates.shape[0]}"
        )
    if coordinates.ndim < 2:
        raise ValueError(
            "Invalid coordinates rank: expected at least rank 2. "
            f"Received input with shape: {coordinates.shape}"
        )
    if fill_mode not in MAP_COORDINATES_FILL_MODES:
        raise ValueError(
            "Invalid value for argument `fill_mode`. Expected one of "
            f"{MAP_COORDINATES_FILL_MODES}. Received: fill_mode={fill_mode}"
        )
    if order not in (0, 1):
        raise ValueError(
            f"Invalid value for argument `order`. Expected one of [0, 1]. Received: order={order}"
        )
    places = as_dtype(coordinates, FLOAT32)
    places = [places[i][None] for i in range(inputs.ndim)]
    return _sample(inputs[None, ..., None], places, order, fill_mode, fill_value)[0, ..., 0]


# -- transformations ---------------------------------------------------------------------------


def _check(images, interpolation, fill_mode="constant"):
    if interpolation not in AFFINE_TRANSFORM_INTERPOLATIONS:
        raise ValueError(
            "Invalid value for argument `interpolation`. Expected of one "
            f"{set(AFFINE_TRANSFORM_INTERPOLATIONS)}. Received: interpolation={interpolation}"
        )
    if fill_mode not in AFFINE_TRANSFORM_FILL_MODES:
        raise ValueError(
            "Invalid value for argument `fill_mode`. Expected of one "
            f"{AFFINE_TRANSFORM_FILL_MODES}. Received: fill_mode={fill_mode}"
        )
    check_rank(images)


def _grid(x):
    """Row and column numbers of [b, height, width, c]: [height, 1] and [1, width]."""
    _, height, width, _ = x.shape
    return np.arange(height, dtype=FLOAT32)[:, None], np.arange(width, dtype=FLOAT32)[None, :]


def _full(place, x):
    return np.broadcast_to(place, x.shape[:3])


def affine_transform(
    images,
    transform,
    interpolation="bilinear",
    fill_mode="constant",
    fill_value=0,
    data_format=None,
):
    images, transform = convert_to_tensor(images), convert_to_tensor(transform)
    _check(images, interpolation, fill_mode)
    if transform.ndim not in (1, 2):
        raise ValueError(
            "Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of "
            f"transforms). Received input with shape: transform.shape={transform.shape}"
        )
    transform = as_dtype(transform if transform.ndim == 2 else transform[None], FLOAT32)
    order = AFFINE_TRANSFORM_INTERPOLATIONS[interpolation]

    def warp(x):
        a0, a1, a2, b0, b1, b2 = (transform[:, k, None, None] for k in range(6))
        row, column = _grid(x)
        places = [row * b1 + column * b0 + b2, row * a1 + column * a0 + a2]
        return _sample(x, [_full(p, x) for p in places], order, fill_mode, fill_value)

    return on_batch(warp, images, data_format)


def compute_homography_matrix(start_points, end_points):
    """The 8 parameters of the projection that takes the end points to the start points."""
    start, end = convert_to_tensor(start_points), convert_to_tensor(end_points)
    start_x, start_y, end_x, end_y = start[..., 0], start[..., 1], end[..., 0], end[..., 1]
    zero, one = np.zeros_like(end_x), np.ones_like(end_x)
    x_rows = [end_x, end_y, one, zero, zero, zero, -start_x * end_x, -start_x * end_y]
    y_rows = [zero, zero, zero, end_x, end_y, one, -start_y * end_x, -start_y * end_y]
    matrix = np.concatenate([np.stack(x_rows, axis=-1), np.stack(y_rows, axis=-1)], axis=1)
    target = np.concatenate([start_x, start_y], axis=-1)[..., None]
    return np.squeeze(np.linalg.solve(matrix, target), -1)


def perspective_transform(
    images,
    start_points,
    end_points,
    interpolation="bilinear",
    fill_value=0,
    data_format=None,
):
    images = convert_to_tensor(images)
    start, end = convert_to_tensor(start_points), convert_to_tensor(end_points)
    _check(images, interpolation)
    _check_points(start, end)
    start, end = (as_dtype(p if p.ndim == 3 else p[None], FLOAT32) for p in (start, end))
    transform = compute_homography_matrix(start, end)
    order = AFFINE_TRANSFORM_INTERPOLATIONS[interpolation]

    def warp(x):
        t = [transform[:, k, None, None] for k in range(8)]
        row, column = _grid(x)
        depth = t[6] * column + t[7] * row + 1
        across = (t[0] * column + t[1] * row + t[2]) / depth
        down = (t[3] * column + t[4] * row + t[5]) / depth
        return _sample(x, [_full(down, x), _full(across, x)], order, "constant", fill_value)

    return on_batch(warp, images, data_format)


def _check_points(start, end):
    for name, points, size in (("start", start, "(4,2)"), ("end", end, "(4,2)")):
        if points.shape[-2:] != (4, 2) or points.ndim not in (2, 3):
            raise ValueError(
                f"Invalid {name}_points shape: expected {size} for a single image or (N,4,2) for a "
                f"batch. Received shape: {points.shape}"
            )
    if start.shape != end.shape:
        raise ValueError(
            "start_points and end_points must have the same shape. Received "
            f"start_points.shape={start.shape}, end_points.shape={end.shape}"
        )


def elastic_transform(
    images,
    alpha=20.0,
    sigma=5.0,
    interpolation="bilinear",
    fill_mode="reflect",
    fill_value=0.0,
    seed=None,
    data_format=None,
):
    images = convert_to_tensor(images)
    data_format = backend.standardize_data_format(data_format)
    _check(images, interpolation, fill_mode)
    order = AFFINE_TRANSFORM_INTERPOLATIONS[interpolation]
    seed, size = draw_seed(seed), (int(6 * sigma) | 1,) * 2
    strength = convert_to_tensor(alpha, FLOAT32)
    sigma = convert_to_tensor(sigma, FLOAT32)

    def warp(x):
        noise = variates.normal(seed, (*x.shape[:3], 2), FLOAT32) * sigma
        shift = blur(noise, size, (sigma, sigma)) * strength  # [b, height, width, 2]
        row, column = _grid(x)
        places = [row + shift[..., 0], column + shift[..., 1]]
        return _sample(x, places, order, fill_mode, fill_value)

    return on_batch(warp, images, data_format)


__all__ = [
    "AFFINE_TRANSFORM_FILL_MODES",
    "AFFINE_TRANSFORM_INTERPOLATIONS",
    "MAP_COORDINATES_FILL_MODES",
    "affine_transform",
    "compute_homography_matrix",
    "elastic_transform",
    "map_coordinates",
    "perspective_transform",
]
