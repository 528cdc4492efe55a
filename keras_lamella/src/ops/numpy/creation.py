"""New arrays."""

from __future__ import annotations

import numpy as np

from keras_lamella.src.ops.dtypes import as_dtype, axes_of, floatx, result_dtype
from keras_lamella.src.tensor import convert_to_tensor


def _dtype(dtype):
    return floatx() if dtype is None else np.dtype(dtype)


def array(x, dtype=None):
    return convert_to_tensor(x, dtype=dtype)


def zeros(shape, dtype=None):
    return np.zeros(shape, dtype=_dtype(dtype))


def ones(shape, dtype=None):
    return np.ones(shape, dtype=_dtype(dtype))


def empty(shape, dtype=None):
    return np.zeros(shape, dtype=_dtype(dtype))


def full(shape, fill_value, dtype=None):
    value = convert_to_tensor(fill_value, _dtype(dtype))
    return np.broadcast_to(value, shape) + np.zeros((), value.dtype)


def zeros_like(x, dtype=None):
    x = convert_to_tensor(x)
    return np.zeros(x.shape, x.dtype if dtype is None else np.dtype(dtype))


def ones_like(x, dtype=None):
    x = convert_to_tensor(x)
    return np.ones(x.shape, x.dtype if dtype is None else np.dtype(dtype))


def empty_like(x, dtype=None):
    return zeros_like(x, dtype)


def full_like(x, fill_value, dtype=None):
    x = convert_to_tensor(x)
    return full(x.shape, fill_value, x.dtype if dtype is None else dtype)


def eye(N, M=None, k=0, dtype=None):
    return np.eye(N, M=M, k=k, dtype=_dtype(dtype))


def identity(n, dtype=None):
    return np.identity(n, dtype=_dtype(dtype))


def tri(N, M=None, k=0, dtype=None):
    return np.tri(N, M=M, k=k, dtype=_dtype(dtype))


def arange(start, stop=None, step=None, dtype=None):
    if dtype is None:
        given = [x for x in (start, stop, step) if x is not None]
        dtype = result_dtype(*(getattr(x, "dtype", type(x)) for x in given))
    dtype = np.dtype(dtype)
    if stop is None:
        start, stop = 0, start
    values = np.arange(start, stop, 1 if step is None else step)
    return as_dtype(values, dtype)


def _float_dtype(start, stop, dtype):
    if dtype is not None:
        return np.dtype(dtype)
    return result_dtype(*(getattr(x, "dtype", type(x)) for x in (start, stop)), float)


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    dtype = _float_dtype(start, stop, dtype)
    compute = result_dtype(dtype, "float32")
    start, stop = convert_to_tensor(start, compute), convert_to_tensor(stop, compute)
    divisor = num - 1 if endpoint else num
    # The weights keep the first and, with `endpoint`, the last value exact.
    weights = (np.arange(num) / max(divisor, 1)).astype(compute)
    weights = weights.reshape((num,) + (1,) * max(start.ndim, stop.ndim))
    samples = start * (1 - weights) + stop * weights
    if dtype.kind in "iu":
        samples = np.floor(samples)
    samples = np.moveaxis(as_dtype(samples, dtype), 0, axes_of(axis))
    step = (stop - start) / divisor if divisor > 0 else np.full((), np.nan, compute)
    return (samples, step) if retstep else samples


def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    dtype = _float_dtype(start, stop, dtype)
    exponents = linspace(start, stop, num, endpoint, dtype=result_dtype(dtype, "float32"))
    base = convert_to_tensor(base, exponents.dtype)
    return np.moveaxis(as_dtype(np.power(base, exponents), dtype), 0, axis)


def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    dtype = _float_dtype(start, stop, dtype)
    start, stop = (convert_to_tensor(x, result_dtype(dtype, "float32")) for x in (start, stop))
    sign = np.sign(start)
    exponents = linspace(np.log(start * sign), np.log(stop * sign), num, endpoint)
    return np.moveaxis(as_dtype(sign * np.exp(exponents), dtype), 0, axis)


def _window(name, function):
    def f(x):
        return as_dtype(np.asarray(function(int(x))), floatx())

    f.__name__ = f.__qualname__ = name
    return f


bartlett = _window("bartlett", np.bartlett)
blackman = _window("blackman", np.blackman)
hamming = _window("hamming", np.hamming)
hanning = _window("hanning", np.hanning)


def kaiser(x, beta):
    return as_dtype(np.kaiser(int(x), np.asarray(convert_to_tensor(beta))), floatx())


def vander(x, N=None, increasing=False):
    x = convert_to_tensor(x)
    dtype = result_dtype(x.dtype)
    size = x.shape[0] if N is None else N
    exponents = np.arange(size) if increasing else np.arange(size)[::-1]
    x = as_dtype(x, result_dtype(x.dtype, float))
    return as_dtype(np.power(x[:, None], exponents.astype(x.dtype)), dtype)


def meshgrid(*x, indexing="xy"):
    return np.meshgrid(*(convert_to_tensor(v) for v in x), indexing=indexing)


def copy(x):
    x = convert_to_tensor(x)
    return np.copy(x)


__all__ = [
    "arange", "array", "bartlett", "blackman", "copy", "empty", "empty_like", "eye", "full",
    "full_like", "geomspace", "hamming", "hanning", "identity", "kaiser", "linspace",
    "logspace", "meshgrid", "ones", "ones_like", "tri", "vander", "zeros", "zeros_like",
]  # fmt: skip
