"""Products of arrays."""

from __future__ import annotations

import numpy as np

from keras_lamella.src.ops.dtypes import (
    HALF,
    INT32,
    accumulator,
    as_dtype,
    axes_of,
    floatx,
    promote,
    result_dtype,
    to_float,
)
from keras_lamella.src.tensor import convert_to_tensor
from lamella.frontend.tracer import Tracer

_INT8 = np.dtype(np.int8)


def _multiply(product, *xs):
    """`product(*xs)` for tensors of one dtype; half precision accumulates in float32.

    A traced product does so by itself (`contract`).
    """
    dtype = xs[0].dtype
    if dtype in HALF and not any(isinstance(x, Tracer) for x in xs):
        return np.asarray(product(*(as_dtype(x, accumulator(dtype)) for x in xs))).astype(dtype)
    return product(*xs)


def _tensors(x1, x2):
    return promote(convert_to_tensor(x1), convert_to_tensor(x2))


def _widened(*xs):
    """The operands at their common dtype; a product of int8 by int8 is int32."""
    tensors = [convert_to_tensor(x) for x in xs]
    if all(x.dtype == _INT8 for x in tensors):
        return [as_dtype(x, INT32) for x in tensors]
    return promote(*tensors)


def matmul(x1, x2):
    return _multiply(np.matmul, *_widened(x1, x2))


def einsum(subscripts, *operands, **kwargs):
    kwargs.setdefault("optimize", True)
    return _multiply(lambda *xs: np.einsum(subscripts, *xs, **kwargs), *_widened(*operands))


def dot(x1, x2):
    return _multiply(np.dot, *_tensors(x1, x2))


def inner(x1, x2):
    return _multiply(np.inner, *_tensors(x1, x2))


def vdot(x1, x2):
    return _multiply(np.vdot, *_tensors(x1, x2))


def tensordot(x1, x2, axes=2):
    axes = axes_of(axes)
    return _multiply(lambda a, b: np.tensordot(a, b, axes=axes), *_tensors(x1, x2))


def outer(x1, x2):
    return np.outer(*_tensors(x1, x2))


def kron(x1, x2):
    return np.kron(*_tensors(x1, x2))


def cross(x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None):
    if axis is not None:
        axisa = axisb = axisc = axis
    x1, x2 = _tensors(x1, x2)
    a, b = np.moveaxis(x1, axisa, -1), np.moveaxis(x2, axisb, -1)
    if a.shape[-1] == b.shape[-1] == 2:
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    a, b = _three(a), _three(b)
    parts = [a[..., i] * b[..., j] - a[..., j] * b[..., i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return np.stack(parts, axis=axisc)


def _three(x):
    """A vector of the plane gets a third coordinate, 0."""
    if x.shape[-1] not in (2, 3):
        raise ValueError(f"cross expects vectors of 2 or 3 components. Received: shape={x.shape}")
    if x.shape[-1] == 3:
        return x
    return np.concatenate([x, np.zeros((*x.shape[:-1], 1), x.dtype)], axis=-1)


def correlate(x1, x2, mode="valid"):
    x1, x2 = promote(x1, x2, also=(float,))
    return _multiply(lambda a, b: np.correlate(a, b, mode), x1, x2)


def corrcoef(x):
    x = to_float(x)
    dtype = x.dtype
    x = as_dtype(x, accumulator(dtype))
    x = x if x.ndim == 2 else x[None]
    x = x - np.mean(x, axis=1, keepdims=True)
    covariance = np.matmul(x, np.transpose(x))
    scale = np.sqrt(np.diagonal(covariance))
    return as_dtype(np.clip(covariance / scale[:, None] / scale[None, :], -1, 1), dtype)


def slogdet(x):
    x = convert_to_tensor(x)
    x = as_dtype(x, result_dtype(x.dtype, floatx()))
    return tuple(np.linalg.slogdet(x))


__all__ = [
    "corrcoef", "correlate", "cross", "dot", "einsum", "inner", "kron", "matmul", "outer",
    "slogdet", "tensordot", "vdot",
]  # fmt: skip
