"""Choosing elements."""

from __future__ import annotations

import numpy as np
from keras.src.backend.common.symbolic_scope import in_symbolic_scope

from keras_lamella.src.ops.dtypes import INT32, as_dtype, axes_of, promote, result_dtype
from keras_lamella.src.tensor import convert_to_tensor
from lamella.frontend.numpy.promotion import value
from lamella.frontend.tracer import Tracer


def take(x, indices, axis=None):
    x, indices = convert_to_tensor(x), convert_to_tensor(indices)
    if isinstance(indices, Tracer):
        x = value(x)  # NumPy's protocol asks the first argument only
    elif in_symbolic_scope():
        x, indices = value(x), value(indices)  # positions up to what stands for an unknown size
    return np.take(x, _integer(indices), axis=axis)


def take_along_axis(x, indices, axis=None):
    x, indices = convert_to_tensor(x), convert_to_tensor(indices)
    return np.take_along_axis(x, _integer(indices), axis=axis)


def _integer(indices):
    return indices if indices.dtype.kind in "iu" else as_dtype(indices, INT32)


def where(condition, x1=None, x2=None):
    condition = convert_to_tensor(condition, "bool")
    if x1 is None or x2 is None:
        return nonzero(condition)
    return np.where(condition, *promote(x1, x2))


def select(condlist, choicelist, default=0):
    conditions = [convert_to_tensor(c, "bool") for c in condlist]
    *choices, result = promote(*choicelist, default)
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = np.where(condition, choice, result)
    return result


def nonzero(x):
    return tuple(as_dtype(i, INT32) for i in np.nonzero(convert_to_tensor(x)))


def unravel_index(indices, shape):
    indices = convert_to_tensor(indices)
    dtype, result = result_dtype(indices.dtype), []
    total = int(np.prod(shape, dtype=np.int64))
    rest = np.where(indices < 0, indices + total, indices)
    for size in reversed(shape):
        result.append(as_dtype(rest % size, dtype))
        rest = rest // size
    return tuple(reversed(result))


def searchsorted(sorted_sequence, values, side="left"):
    sorted_sequence, values = promote(convert_to_tensor(sorted_sequence), convert_to_tensor(values))
    if sorted_sequence.ndim != 1:
        raise ValueError(
            "`searchsorted` only supports 1-D sorted sequences. You can use "
            "`keras.ops.vectorized_map` to extend it to N-D sequences. Received: "
            f"sorted_sequence.shape={sorted_sequence.shape}"
        )
    return as_dtype(np.searchsorted(sorted_sequence, values, side=side), INT32)


def digitize(x, bins):
    bins = axes_of(bins)
    x, bins = promote(convert_to_tensor(x), convert_to_tensor(bins))
    return as_dtype(np.digitize(x, bins), INT32)


def isin(x1, x2, assume_unique=False, invert=False):
    x1, x2 = promote(convert_to_tensor(x1), convert_to_tensor(x2))
    found = np.any(x1[..., None] == np.ravel(x2), axis=-1)
    return ~found if invert else found


__all__ = [
    "digitize", "isin", "nonzero", "searchsorted", "select", "take", "take_along_axis",
    "unravel_index", "where",
]  # fmt: skip
