"""The special functions that NumPy lacks, in float64: the meaning of the primitives of that name.

Narrower floats are computed in float64 and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

# Bernoulli numbers B_2, B_4, ..., B_20 of the asymptotic series
BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510,
    43867 / 798, -174611 / 330,
)  # fmt: skip
ASYMPTOTIC = 16.0  # from here on the series above are exact to float64


def _in_float64(f: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    def wrapped(x: Any, *args: Any, **kwargs: Any) -> np.ndarray:
        x = np.asarray(x)
        with np.errstate(all="ignore"):
            return np.asarray(f(x.astype(np.float64), *args, **kwargs)).astype(x.dtype)

    wrapped.__name__ = f.__name__
    wrapped.__doc__ = f.__doc__
    return wrapped


def _each(f: Callable[[float], float]) -> Callable[[np.ndarray], np.ndarray]:
    one_by_one = np.frompyfunc(f, 1, 1)
    return lambda x: np.asarray(one_by_one(x), dtype=np.float64)


def _lgamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):  # a pole, or too large
        return math.inf


_erf, _erfc, _log_gamma = _each(math.erf), _each(math.erfc), _each(_lgamma)


@_in_float64
def erf(x: np.ndarray) -> np.ndarray:
    """The error function."""
    return _erf(x)


@_in_float64
def erfc(x: np.ndarray) -> np.ndarray:
    """1 - erf(x), accurate where that is small."""
    return _erfc(x)


@_in_float64
def lgamma(x: np.ndarray) -> np.ndarray:
    """log |gamma(x)|."""
    return _log_gamma(x)


@_in_float64
def erfinv(x: np.ndarray) -> np.ndarray:
    """The inverse of erf: Winitzki's approximation, then Halley's steps."""
    y = np.clip(x, -1.0, 1.0)
    a = 0.147
    log = np.log1p(-y * y)
    b = 2 / (np.pi * a) + log / 2
    z = np.copysign(np.sqrt(np.sqrt(b * b - log / a) - b), y)
    small = np.abs(y) < 1e-8
    for _ in range(3):
        # erf(z) - y, by the complement where that is smaller
        tail = np.sign(y) * ((1 - np.abs(y)) - _erfc(np.abs(z)))
        error = np.where(np.abs(y) > 0.5, tail, _erf(z) - y)
        step = error / (2 / math.sqrt(math.pi) * np.exp(-z * z))
        z = z - step / (1 + z * step)
    z = np.where(small, y * (math.sqrt(math.pi) / 2), z)
    z = np.where(np.abs(x) == 1, np.copysign(np.inf, x), z)
    return np.where(np.abs(x) <= 1, z, np.nan)


@_in_float64
def digamma(x: np.ndarray) -> np.ndarray:
    """The derivative of lgamma; NaN at the poles 0, -1, -2, ... except -inf, +inf at 0, -0."""
    reflect = x < 0
    z = np.where(reflect, 1 - x, x)
    total = np.zeros_like(z)
    for _ in range(int(ASYMPTOTIC)):
        below = z < ASYMPTOTIC
        total -= np.where(below, 1 / z, 0)
        z = np.where(below, z + 1, z)
    inverse = 1 / (z * z)
    series = np.zeros_like(z)
    for k in range(len(BERNOULLI), 0, -1):
        series = (series + BERNOULLI[k - 1] / (2 * k)) * inverse
    total += np.log(z) - 0.5 / z - series
    total = np.where(x == np.inf, x, total)
    fraction = x - np.rint(x)
    total -= np.where(reflect, np.pi / np.tan(np.pi * fraction), 0)
    return np.where(reflect & (fraction == 0), np.nan, total)


@_in_float64
def polygamma(x: np.ndarray, *, order: int) -> np.ndarray:
    """The derivative of digamma of `order` >= 1, for x > 0; NaN below."""
    z = np.where(x > 0, x, np.nan)
    total = np.zeros_like(z)
    for _ in range(int(ASYMPTOTIC)):
        below = z < ASYMPTOTIC
        total += np.where(below, math.factorial(order) / z ** (order + 1), 0)
        z = np.where(below, z + 1, z)
    term = math.factorial(order - 1) / z**order
    total += term + math.factorial(order) / (2 * z ** (order + 1))
    for k, b in enumerate(BERNOULLI, 1):
        c = b * math.factorial(2 * k + order - 1) / math.factorial(2 * k)
        total += c / z ** (2 * k + order)
    total = np.where(x == np.inf, 0, np.where(x == 0, np.inf, total))
    return total if order % 2 else -total


def sigmoid(x: Any) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow, in x's dtype (halves in float32)."""
    x = np.asarray(x)
    z = x.astype(np.float32) if x.dtype.itemsize == 2 else x
    with np.errstate(all="ignore"):
        e = np.exp(-np.abs(z))
        return np.asarray(np.where(z < 0, e, 1) / (1 + e)).astype(x.dtype)


def rsqrt(x: Any) -> np.ndarray:
    """1 / sqrt(x), in x's dtype (halves in float32)."""
    x = np.asarray(x)
    z = x.astype(np.float32) if x.dtype.itemsize == 2 else x
    with np.errstate(all="ignore"):
        return np.asarray(1 / np.sqrt(z)).astype(x.dtype)
