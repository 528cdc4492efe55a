"""Keras's dtype rules, cached and in NumPy dtypes."""

from __future__ import annotations

import functools
from typing import Any

import ml_dtypes
import numpy as np
from keras.src.backend import config
from keras.src.backend.common import dtypes as keras_dtypes

from keras_lamella.src.tensor import convert_to_tensor

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOAT32 = np.dtype(np.float32)
INT32 = np.dtype(np.int32)
HALF = frozenset((np.dtype(np.float16), BFLOAT16))


@functools.cache
def _result_dtype(floatx: str, kinds: tuple[Any, ...]) -> np.dtype:
    return np.dtype(keras_dtypes.result_type(*kinds))


def result_dtype(*kinds: Any) -> np.dtype:
    """The common dtype by Keras's rules of dtypes and Python types (`int`, `float`: weak)."""
    return _result_dtype(config.floatx(), kinds)


def floatx() -> np.dtype:
    """The default float dtype."""
    return np.dtype(config.floatx())


def is_floating(dtype: np.dtype) -> bool:
    """True for real floats, bfloat16 included."""
    return dtype.kind == "f" or dtype == BFLOAT16


def is_scalar(x: Any) -> bool:
    """True for a Python number, which promotes weakly."""
    return isinstance(x, (int, float)) and not isinstance(x, np.generic)


def weak(value: Any, dtype: np.dtype) -> Any:
    """The Python number `value` in a form that leaves an array of `dtype` at that dtype.

    NumPy gives float32 for bfloat16 times a Python float.
    """
    return dtype.type(value) if dtype == BFLOAT16 else value


def promote(*xs: Any, also: tuple[Any, ...] = ()) -> list[Any]:
    """The operands as tensors of their common dtype (with the dtypes of `also`).

    A Python number beside a tensor stays one: it takes the tensor's dtype in the operation.
    """
    xs_ = [x if is_scalar(x) else convert_to_tensor(x) for x in xs]
    dtype = result_dtype(*(type(x) if is_scalar(x) else x.dtype for x in xs_), *also)
    if all(map(is_scalar, xs_)):
        return [convert_to_tensor(x, dtype) for x in xs_]
    return [weak(x, dtype) if is_scalar(x) else as_dtype(x, dtype) for x in xs_]


def as_dtype(x: Any, dtype: np.dtype) -> Any:
    """`x.astype(dtype)`, and `x` itself where it has that dtype."""
    return x if x.dtype == dtype else x.astype(dtype)


def to_float(x: Any) -> Any:
    """`x` as a tensor of a float (or complex) dtype: integers and bools become `floatx`."""
    x = convert_to_tensor(x)
    return as_dtype(x, result_dtype(x.dtype, float))


def accumulator(dtype: np.dtype) -> np.dtype:
    """The dtype in which a sum over `dtype` has to run."""
    return FLOAT32 if dtype in HALF else dtype


def sum_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype of a sum or product: integers narrower than 32 bits are widened."""
    if dtype.kind == "b" or (dtype.kind == "i" and dtype.itemsize < 4):
        return INT32
    if dtype.kind == "u" and dtype.itemsize < 4:
        return np.dtype(np.uint32)
    return dtype


def axes_of(axis: Any) -> Any:
    """`axis` as NumPy wants it: lists become tuples."""
    return tuple(axis) if isinstance(axis, list) else axis
