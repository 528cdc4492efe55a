"""Random variates from random words, with shapes that depend on nothing random."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_lamella.src.ops.dtypes import BFLOAT16, FLOAT32, INT32, as_dtype
from keras_lamella.src.tensor import convert_to_tensor
from lamella import ops
from lamella.frontend.functions import apply
from lamella.frontend.tracer import Tracer

_UINT32 = np.dtype(np.uint32)
_FLOAT64 = np.dtype(np.float64)
# Bits of a uniform number in [0, 1) that each dtype holds exactly.
_BITS = {np.dtype(np.float16): 11, BFLOAT16: 8, FLOAT32: 24, _FLOAT64: 32}


def bits(seed: Any, shape: tuple[int, ...], start: int = 0, beside: Any = None) -> Any:
    """uint32 words `start`, `start` + 1, ... of the stream of `seed` (uint32[2]).

    They are traced if the seed is, or the tensor `beside` which they will be used.
    """
    seed = convert_to_tensor(seed, _UINT32)
    size = math.prod(shape)
    if not isinstance(seed, Tracer) and not isinstance(beside, Tracer):
        return _bits(seed, start, size).reshape(shape)
    counter = ops.iota(shape=(size,), axis=0, dtype="uint32")
    counter = counter + np.uint32(start) if start else counter
    counter = np.reshape(counter, shape)  # here, so that the draw fuses with its use
    keys = (np.broadcast_to(seed[i], shape) for i in (0, 1))
    return np.astype(apply(ops.philox, counter, *keys), _UINT32)


_BLOCK = 16384  # words whose intermediate results stay in the cache


def _bits(seed: np.ndarray, start: int, size: int) -> np.ndarray:
    words = np.arange(start, start + size).astype(_UINT32)
    keys = seed[:1], seed[1:]
    for i in range(0, size, _BLOCK):
        words[i : i + _BLOCK] = ops.philox.numpy(words[i : i + _BLOCK], *keys).astype(_UINT32)
    return words


#: Masks of fewer elements are drawn where they are used.
LARGE_MASK = 1 << 14
#: Draws of 16 bits hit a rate to this part of it.
_RATE_ERROR = 1e-3


def kept(seed: Any, shape: tuple[int, ...], rate: float, beside: Any) -> Any:
    """True with probability 1 - `rate`, for each element of `shape`.

    Element i of a large mask of n looks at 16 of the 64 bits of block i mod ceil(n / 4); elements
    of small ones, and of those whose rate 16 bits do not hit, at 32 bits of a block of their own.
    """
    size, dropped = math.prod(shape), round(rate * 2**16)
    error = abs(dropped / 2**16 - rate)
    if size < LARGE_MASK or error > _RATE_ERROR * min(rate, 1 - rate):
        return bits(seed, shape, beside=beside) >= np.uint32(min(round(rate * 2**32), 2**32 - 1))
    seed = convert_to_tensor(seed, _UINT32)
    blocks = -(-size // 4)
    if isinstance(seed, Tracer) or isinstance(beside, Tracer):
        counter = ops.iota(shape=(blocks,), axis=0, dtype="uint32")
    else:
        counter = np.arange(blocks, dtype=_UINT32)
    words = apply(ops.philox, counter, *(np.broadcast_to(seed[i], (blocks,)) for i in (0, 1)))
    parts = [(words >> np.uint64(16 * k)) & np.uint64(0xFFFF) for k in range(4)]
    mask = np.concatenate([part >= np.uint64(dropped) for part in parts])
    return np.reshape(mask[:size] if size % 4 else mask, shape)


def unit_interval(seed: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """Uniform in [0, 1), each number exact in `dtype`."""
    if dtype == _FLOAT64:
        high, low = (as_dtype(w, dtype) for w in bits(seed, (2, *shape)))
        return (np.floor(high / 2**5) * 2**26 + np.floor(low / 2**6)) / 2**53
    n = _BITS[dtype]
    word = bits(seed, shape) >> np.uint32(32 - n)
    return as_dtype(as_dtype(word, FLOAT32) * np.float32(2.0**-n), dtype)


def open_interval(word: Any, dtype: np.dtype) -> Any:
    """Uniform in (0, 1) from 23 bits of each word: neither end occurs."""
    return (as_dtype(word >> np.uint32(9), dtype) + dtype.type(0.5)) * dtype.type(2.0**-23)


def normal(seed: Any, shape: tuple[int, ...], dtype: np.dtype, limit: float = math.inf) -> Any:
    """Standard normal, cut off outside [-limit, limit]: the quantiles of uniform numbers."""
    return _normal(bits(seed, shape), dtype, limit)


def _normal(word, dtype, limit=math.inf):
    share = math.erf(limit / math.sqrt(2))  # of the distribution inside the limit
    centred = open_interval(word, dtype) * dtype.type(2 * share) - dtype.type(share)
    if dtype == _FLOAT64:
        x = apply(ops.erfinv, centred) * dtype.type(math.sqrt(2))
    else:
        x = _quantile(centred)
    if limit < math.inf:
        x = np.minimum(np.maximum(x, dtype.type(-limit)), dtype.type(limit))
    return x


def _quantile(x):
    """sqrt(2) erfinv(x) for float32 (M. Giles, Approximating the erfinv function, 2012)."""
    w = -np.log1p(-x * x)
    central = _polynomial(_CENTRAL, w - np.float32(2.5))
    # The maximum spares the square root of negative numbers: both sides are computed.
    tail = _polynomial(_TAIL, np.sqrt(np.maximum(w, np.float32(5))) - np.float32(3))
    return np.where(w < 5, central, tail) * x


_SQRT2 = math.sqrt(2)
_CENTRAL = [
    _SQRT2 * c for c in (
        2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
        -0.00125372503, -0.00417768164, 0.246640727, 1.50140941,
    )
]  # fmt: skip
_TAIL = [
    _SQRT2 * c for c in (
        -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
        -0.0076224613, 0.00943887047, 1.00167406, 2.83297682,
    )
]  # fmt: skip


def _polynomial(coefficients, x):
    """By Horner's rule, the highest power first."""
    y = x * np.float32(coefficients[0]) + np.float32(coefficients[1])
    for c in coefficients[2:]:
        y = y * x + np.float32(c)
    return y


# -- gamma -------------------------------------------------------------------------------------

# Marsaglia and Tsang accept at least 95 % of their proposals: 8 fail once in 10**10 draws.
_GAMMA_ROUNDS = 8
GAMMA_WORDS = 2 * _GAMMA_ROUNDS + 1


def gamma(alpha: Any, words: Any) -> Any:
    """Gamma variates of shape parameter `alpha` (Marsaglia and Tsang, 2000).

    alpha [...], words uint32[GAMMA_WORDS, ...].
    """
    dtype = alpha.dtype
    small = alpha < 1
    raised = np.where(small, alpha + dtype.type(1), alpha)
    d = raised - dtype.type(1 / 3)
    c = dtype.type(1) / np.sqrt(dtype.type(9) * d)
    x = _normal(words[:_GAMMA_ROUNDS], dtype)
    u = open_interval(words[_GAMMA_ROUNDS : 2 * _GAMMA_ROUNDS], dtype)
    root = dtype.type(1) + c * x
    possible = root > 0
    v = np.where(possible, root, dtype.type(1)) ** 3
    accepted = possible & (np.log(u) < dtype.type(0.5) * x * x + d - d * v + d * np.log(v))
    y = d * _first(accepted, v)
    # gamma(a) = gamma(a + 1) * u ** (1 / a)
    boost = np.log(open_interval(words[-1], dtype)) / np.where(small, alpha, dtype.type(1))
    return y * np.where(small, np.exp(boost), dtype.type(1))


def _first(accepted, values):
    """The value of the first accepted round, of the last if none was."""
    chosen = values[-1]
    for k in reversed(range(values.shape[0] - 1)):
        chosen = np.where(accepted[k], values[k], chosen)
    return chosen


# -- binomial ----------------------------------------------------------------------------------

_BINOMIAL_ROUNDS = 12  # BTRS accepts at least 3 of 4 proposals
_SMALL_MEAN = 10.0
_LARGEST_SMALL = 64  # a binomial of mean below 10 exceeds it less than once in 10**25 draws
BINOMIAL_WORDS = 2 * _BINOMIAL_ROUNDS


def binomial(n: Any, p: Any, words: Any) -> Any:
    """Binomial variates, float32: inversion for small means, else BTRS (Hörmann, 1993).

    n, p float32[...], words uint32[BINOMIAL_WORDS, ...].
    """
    flipped = p > 0.5
    q = np.where(flipped, np.float32(1) - p, p)
    small = n * q < np.float32(_SMALL_MEAN)
    u = open_interval(words[:_BINOMIAL_ROUNDS], FLOAT32)
    v = open_interval(words[_BINOMIAL_ROUNDS:], FLOAT32)
    by_inversion = _invert(n, np.where(small, q, np.float32(0)), u[0])
    by_rejection = _btrs(np.where(small, np.float32(100), n), np.where(small, np.float32(0.5), q),
                         u, v)  # fmt: skip
    k = np.where(small, by_inversion, by_rejection)
    return np.where(flipped, n - k, k)


def _invert(n, p, u):
    """How many terms of the distribution function lie below `u`."""
    k = np.arange(1, _LARGEST_SMALL + 1).astype(np.float32)
    # P(k) / P(k - 1) = (n - k + 1) / k * p / (1 - p)
    ratio = np.maximum(n[..., None] - k + np.float32(1), np.float32(0)) / k
    ratio = ratio * (p / (np.float32(1) - p))[..., None]
    zero = np.exp(n * np.log1p(-p))[..., None]
    terms = np.concatenate([zero, zero * np.cumprod(ratio, axis=-1, dtype=np.float32)], axis=-1)
    below = np.cumsum(terms, axis=-1, dtype=np.float32) < u[..., None]
    count = np.sum(as_dtype(below, INT32), axis=-1, dtype=INT32)
    return np.minimum(as_dtype(count, FLOAT32), n)


def _btrs(n, p, u, v):
    """Transformed rejection with squeeze: proposals u, v [round, ...]."""
    spread = np.sqrt(n * p * (1 - p))
    b = np.float32(1.15) + np.float32(2.53) * spread
    a = np.float32(-0.0873) + np.float32(0.0248) * b + np.float32(0.01) * p
    alpha = (np.float32(2.83) + np.float32(5.1) / b) * spread
    centre = n * p + np.float32(0.5)
    u = u - np.float32(0.5)
    us = np.float32(0.5) - np.absolute(u)
    k = np.floor((np.float32(2) * a / us + b) * u + centre)
    possible = (k >= 0) & (k <= n)
    k = np.minimum(np.maximum(k, np.float32(0)), n)
    mode = np.floor((n + 1) * p)
    threshold = np.log(v * alpha / (a / (us * us) + b))
    accepted = possible & (threshold <= _log_ratio(n, p, k, mode))
    return _first(accepted, k)


def _log_ratio(n, p, k, mode):
    """log P(k) - log P(mode), with Stirling's series for the factorials."""
    half = np.float32(0.5)
    odds = p / (1 - p)
    return (
        (mode + half) * np.log((mode + 1) / (odds * (n - mode + 1)))
        + (n + 1) * np.log((n - mode + 1) / (n - k + 1))
        + (k + half) * np.log(odds * (n - k + 1) / (k + 1))
        + (_stirling(mode) + _stirling(n - mode) - _stirling(k) - _stirling(n - k))
    )


def _stirling(k):
    """log k! - [(k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2]"""
    x = 1 / (k + 1)
    return x * (np.float32(1 / 12) - x * x * (np.float32(1 / 360) - x * x * np.float32(1 / 1260)))
