"""Random numbers that every backend shares, so that random layers can be compared."""

from __future__ import annotations

import contextlib
import functools
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from keras import ops
from keras.src import backend


class Draws:
    """keras.random's functions, from one generator of NumPy."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)
        random.seed(0)  # AugMix chooses layers by it

    def uniform(self, shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
        return self._moved(self.rng.random(tuple(shape)), minval, maxval - minval, dtype)

    def normal(self, shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
        return self._moved(self.rng.normal(size=tuple(shape)), mean, stddev, dtype)

    def truncated_normal(self, shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
        return self._moved(self.rng.uniform(-2, 2, tuple(shape)), mean, stddev, dtype)

    def randint(self, shape, minval, maxval, dtype="int32", seed=None):
        return ops.cast(
            ops.floor(self.rng.random(tuple(shape)) * (maxval - minval)) + minval, dtype
        )

    def beta(self, shape, alpha, beta, dtype=None, seed=None):
        return self._moved(self.rng.beta(2.0, 3.0, tuple(shape)), 0.0, 1.0, dtype)

    def gamma(self, shape, alpha, dtype=None, seed=None):
        return self._moved(self.rng.gamma(2.0, size=tuple(shape)), 0.0, 1.0, dtype)

    def dropout(self, inputs, rate, noise_shape=None, seed=None):
        shape = inputs.shape
        if noise_shape is not None:
            shape = [n if s is None else s for s, n in zip(noise_shape, shape)]
        keep = self.rng.random(shape) >= rate
        return ops.where(keep, inputs / (1 - rate), ops.zeros_like(inputs))

    def shuffle(self, x, axis=0, seed=None):
        return ops.take(x, self.rng.permutation(x.shape[axis]), axis=axis)

    def _moved(self, x, start, scale, dtype):
        return ops.cast(x * scale + start, dtype or backend.floatx())


NAMES = "uniform normal truncated_normal randint beta gamma dropout shuffle".split()


@contextlib.contextmanager
def common_draws() -> Iterator[None]:
    """While entered the backend's random functions are those of `Draws`."""
    draws, module = Draws(), backend.random
    plain = {name: getattr(module, name) for name in NAMES}
    try:
        for name in NAMES:
            setattr(module, name, getattr(draws, name))
        yield
    finally:
        for name, f in plain.items():
            setattr(module, name, f)


def drawn(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` with common draws, the same ones in each call."""

    @functools.wraps(f)
    def with_draws(*args: Any) -> Any:
        with common_draws():
            return f(*args)

    return with_draws
