"""Functions that move elements without computing."""

from __future__ import annotations

import numpy as np

from keras_lamella.src.ops.dtypes import as_dtype, axes_of, result_dtype
from keras_lamella.src.tensor import convert_to_tensor


def _promoted(xs):
    """The sequence `xs` as tensors of their common dtype."""
    if not isinstance(xs, (list, tuple)):
        return list(convert_to_tensor(xs))
    xs = [convert_to_tensor(x) for x in xs]
    dtypes = {x.dtype for x in xs}
    if len(dtypes) == 1:
        return xs
    dtype = result_dtype(*dtypes)
    return [as_dtype(x, dtype) for x in xs]


def ndim(x):
    return convert_to_tensor(x).ndim


def size(x):
    return convert_to_tensor(x).size


def reshape(x, newshape):
    return np.reshape(convert_to_tensor(x), newshape)


def ravel(x):
    return np.ravel(convert_to_tensor(x))


def broadcast_to(x, shape):
    return np.broadcast_to(convert_to_tensor(x), shape)


def expand_dims(x, axis):
    return np.expand_dims(convert_to_tensor(x), axes_of(axis))


def squeeze(x, axis=None):
    return np.squeeze(convert_to_tensor(x), axis=axes_of(axis))


def transpose(x, axes=None):
    return np.transpose(convert_to_tensor(x), axes=axes_of(axes))


def swapaxes(x, axis1, axis2):
    return np.swapaxes(convert_to_tensor(x), axis1, axis2)


def moveaxis(x, source, destination):
    return np.moveaxis(convert_to_tensor(x), source, destination)


def flip(x, axis=None):
    return np.flip(convert_to_tensor(x), axis=axes_of(axis))


def fliplr(x):
    return np.fliplr(convert_to_tensor(x))


def flipud(x):
    return np.flipud(convert_to_tensor(x))


def rot90(array, k=1, axes=(0, 1)):
    array = convert_to_tensor(array)
    if array.ndim < 2:
        raise ValueError(
            f"Input array must have at least 2 dimensions. Received: array.ndim={array.ndim}"
        )
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError(f"Invalid axes: {axes}. Axes must be a tuple of two different dimensions.")
    return np.rot90(array, k=k, axes=axes)


def roll(x, shift, axis=None):
    return np.roll(convert_to_tensor(x), shift, axis=axes_of(axis))


def repeat(x, repeats, axis=None):
    return np.repeat(convert_to_tensor(x), repeats, axis=axis)


def tile(x, repeats):
    return np.tile(convert_to_tensor(x), repeats)


def pad(x, pad_width, mode="constant", constant_values=None):
    x = convert_to_tensor(x)
    if constant_values is None:
        return np.pad(x, pad_width, mode=mode)
    if mode != "constant":
        raise ValueError(
            "Argument `constant_values` can only be provided when `mode == 'constant'`. "
            f"Received: mode={mode}"
        )
    return np.pad(x, pad_width, mode=mode, constant_values=constant_values)


def concatenate(xs, axis=0):
    return np.concatenate(_promoted(xs), axis=axis)


def append(x1, x2, axis=None):
    x1, x2 = _promoted([x1, x2])
    if axis is None:
        x1, x2, axis = np.ravel(x1), np.ravel(x2), 0
    return np.concatenate([x1, x2], axis=axis)


def stack(x, axis=0):
    return np.stack(_promoted(x), axis=axis)


def hstack(xs):
    return np.hstack(_promoted(xs))


def vstack(xs):
    return np.vstack(_promoted(xs))


def dstack(xs):
    return np.dstack(_promoted(xs))


def _sections(indices_or_sections):
    """Static split points: an int or a list of ints."""
    if isinstance(indices_or_sections, int):
        return indices_or_sections
    points = np.asarray(indices_or_sections)
    return int(points) if points.ndim == 0 else points.tolist()


def split(x, indices_or_sections, axis=0):
    return list(np.split(convert_to_tensor(x), _sections(indices_or_sections), axis=axis))


def array_split(x, indices_or_sections, axis=0):
    return list(np.array_split(convert_to_tensor(x), _sections(indices_or_sections), axis=axis))


def hsplit(x, indices_or_sections):
    return list(np.hsplit(convert_to_tensor(x), _sections(indices_or_sections)))


def vsplit(x, indices_or_sections):
    return list(np.vsplit(convert_to_tensor(x), _sections(indices_or_sections)))


def dsplit(x, indices_or_sections):
    return list(np.dsplit(convert_to_tensor(x), _sections(indices_or_sections)))


def diag(x, k=0):
    return np.diag(convert_to_tensor(x), k=k)


def diagflat(x, k=0):
    return np.diag(np.ravel(convert_to_tensor(x)), k=k)


def diagonal(x, offset=0, axis1=0, axis2=1):
    return np.diagonal(convert_to_tensor(x), offset=offset, axis1=axis1, axis2=axis2)


def tril(x, k=0):
    return np.tril(convert_to_tensor(x), k=k)


def triu(x, k=0):
    return np.triu(convert_to_tensor(x), k=k)


__all__ = [
    "append", "array_split", "broadcast_to", "concatenate", "diag", "diagflat", "diagonal",
    "dsplit", "dstack", "expand_dims", "flip", "fliplr", "flipud", "hsplit", "hstack",
    "moveaxis", "ndim", "pad", "ravel", "repeat", "reshape", "roll", "rot90", "size", "split",
    "squeeze", "stack", "swapaxes", "tile", "transpose", "tril", "triu", "vsplit", "vstack",
]  # fmt: skip
