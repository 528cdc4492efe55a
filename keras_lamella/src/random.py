"""`keras.random`: counter-based draws, the same numbers eagerly and traced.

A seed is two words; `SeedGenerator` advances the second one. Element i of a draw comes from the
block (i, second word) of Philox under the first word.
"""

from __future__ import annotations

import math

import numpy as np
from keras.src.random.seed_generator import SeedGenerator, draw_seed, make_default_seed

from keras_lamella.missing import missing_op
from keras_lamella.src import variates
from keras_lamella.src.ops.dtypes import (
    FLOAT32,
    accumulator,
    as_dtype,
    floatx,
    is_scalar,
    to_float,
)
from keras_lamella.src.tensor import convert_to_tensor, return_tensors
from keras_lamella.src.variates import bits


def _dtype(dtype):
    return floatx() if dtype is None else np.dtype(dtype)


def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    dtype = _dtype(dtype)
    u = variates.unit_interval(draw_seed(seed), tuple(shape), dtype)
    if is_scalar(minval) and is_scalar(maxval) and (minval, maxval) == (0, 1):
        return u
    low, high = convert_to_tensor(minval, dtype), convert_to_tensor(maxval, dtype)
    return low + u * (high - low)


def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    dtype = _dtype(dtype)
    x = variates.normal(draw_seed(seed), tuple(shape), accumulator(dtype))
    return _scaled(as_dtype(x, dtype), mean, stddev)


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    dtype = _dtype(dtype)
    x = variates.normal(draw_seed(seed), tuple(shape), accumulator(dtype), limit=2.0)
    return _scaled(as_dtype(x, dtype), mean, stddev)


def _scaled(x, mean, stddev):
    if not (is_scalar(stddev) and stddev == 1):
        x = x * convert_to_tensor(stddev, x.dtype)
    if not (is_scalar(mean) and mean == 0):
        x = x + convert_to_tensor(mean, x.dtype)
    return x


def randint(shape, minval, maxval, dtype="int32", seed=None):
    dtype = np.dtype(dtype)
    low, high = (as_dtype(np.asarray(v) if is_scalar(v) else v, _INT64) for v in (minval, maxval))
    span = as_dtype(high - low, _UINT64)
    words = 2 if dtype.itemsize == 8 else 1
    word = as_dtype(bits(draw_seed(seed), (words, *shape)), _UINT64)
    if words == 1:
        offset = (word[0] * span) >> np.uint64(32)
    else:
        offset = ((word[0] << np.uint64(32)) | word[1]) % span
    return as_dtype(as_dtype(offset, _INT64) + low, dtype)


_INT64, _UINT64 = np.dtype(np.int64), np.dtype(np.uint64)


def categorical(logits, num_samples, dtype="int32", seed=None):
    """The argmax of Gumbel noise added to the logits; logits [b, classes] -> [b, num_samples]."""
    logits = to_float(logits)
    b, classes = logits.shape
    u = variates.open_interval(
        bits(draw_seed(seed), (b, num_samples, classes), beside=logits), FLOAT32
    )
    noisy = as_dtype(logits, FLOAT32)[:, None, :] - np.log(-np.log(u))
    return as_dtype(np.argmax(noisy, axis=-1), np.dtype(dtype))


def dropout(inputs, rate, noise_shape=None, seed=None):
    inputs = convert_to_tensor(inputs)
    if rate == 1.0:
        return np.zeros_like(inputs)
    if rate == 0.0:
        return inputs
    shape = inputs.shape
    if noise_shape is not None:
        shape = tuple(n if s is None else s for s, n in zip(noise_shape, inputs.shape))
    keep = variates.kept(draw_seed(seed), shape, rate, beside=inputs)
    scale = inputs.dtype.type(1.0 / (1.0 - rate))
    return np.where(keep, inputs * scale, np.zeros((), inputs.dtype))


def shuffle(x, axis=0, seed=None):
    x = convert_to_tensor(x)
    order = np.argsort(bits(draw_seed(seed), x.shape, beside=x), axis=axis, kind="stable")
    return np.take_along_axis(x, order, axis=axis)


def gamma(shape, alpha, dtype=None, seed=None):
    dtype = _dtype(dtype)
    return as_dtype(_gamma(tuple(shape), alpha, dtype, draw_seed(seed), 0), dtype)


def beta(shape, alpha, beta, dtype=None, seed=None):
    dtype, seed = _dtype(dtype), draw_seed(seed)
    first = _gamma(tuple(shape), alpha, dtype, seed, 0)
    second = _gamma(tuple(shape), beta, dtype, seed, 1)
    return as_dtype(first / (first + second), dtype)


def _gamma(shape, alpha, dtype, seed, stream):
    alpha = np.broadcast_to(convert_to_tensor(alpha, accumulator(dtype)), shape)
    size = variates.GAMMA_WORDS * math.prod(shape)
    return variates.gamma(alpha, bits(seed, (variates.GAMMA_WORDS, *shape), stream * size))


def binomial(shape, counts, probabilities, dtype=None, seed=None):
    dtype, shape = _dtype(dtype), tuple(shape)
    counts, probabilities = (
        np.broadcast_to(convert_to_tensor(v, FLOAT32), shape) for v in (counts, probabilities)
    )
    words = bits(draw_seed(seed), (variates.BINOMIAL_WORDS, *shape))
    return as_dtype(variates.binomial(counts, probabilities, words), dtype)


__all__ = [
    "SeedGenerator", "beta", "binomial", "categorical", "draw_seed", "dropout", "gamma",
    "make_default_seed", "normal", "randint", "shuffle", "truncated_normal", "uniform",
]  # fmt: skip

return_tensors(globals())
__getattr__ = missing_op(__name__)
