"""Cases: functions of arrays that each exercise one public name of Keras.

A case's key is the name, `"ops.add"`, or the name with a remark, `"ops.pad, reflect"`. Cases are
made the same way under every backend, from NumPy's numbers only.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np


@dataclass(frozen=True)
class Case:
    """make: gives `f` and its arrays; f(*arrays) is a nested structure of tensors and numbers.

    differentiate: compare the gradient with respect to the floating arrays as well.
    jit: shapes do not depend on the data, and the function is no question about tensors.
    rtol, atol: for float32; the defaults are those of a few roundings.
    """

    make: Callable[[np.random.Generator], tuple[Callable[..., Any], Sequence[np.ndarray]]]
    differentiate: bool = True
    jit: bool = True
    rtol: float = 1e-4
    atol: float = 1e-5


CASES: dict[str, Case] = {}
OUTSIDE: dict[str, str] = {}
"""Public names without a case -> why."""


def generator(key: str) -> np.random.Generator:
    """The numbers of a case, whatever other cases there are."""
    return np.random.default_rng(zlib.crc32(key.encode()))


def add(key: str, make: Callable[..., Any], **settings: Any) -> None:
    """Enter a case that `make(rng)` makes."""
    if key in CASES:
        raise ValueError(f"two cases are called {key!r}")
    CASES[key] = Case(make, **settings)


def outside(names: str, reason: str) -> None:
    """Say why the names have no case."""
    OUTSIDE.update(dict.fromkeys(names.split(), reason))


def lookup(key: str) -> Any:
    """The object of Keras that a key names."""
    found: Any = keras
    for name in key.partition(",")[0].split("."):
        found = getattr(found, name)
    return found


def real(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Standard normal float32."""
    return rng.normal(size=shape).astype(np.float32)


def positive(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """float32 from 0.2 to 2."""
    return rng.uniform(0.2, 2, size=shape).astype(np.float32)


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """float32 inside (-1, 1)."""
    return rng.uniform(-0.9, 0.9, size=shape).astype(np.float32)


def share(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """float32 inside (0, 1)."""
    return rng.uniform(0.05, 0.95, size=shape).astype(np.float32)


def whole(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """int32 from -5 to 5."""
    return rng.integers(-5, 6, size=shape).astype(np.int32)


def count(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """int32 from 1 to 6."""
    return rng.integers(1, 7, size=shape).astype(np.int32)


def bits(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Booleans."""
    return rng.random(shape) < 0.5


def holed(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Standard normal float32 with NaNs, the first column without."""
    x = real(rng, *shape)
    x[rng.random(shape) < 0.3] = np.nan
    x[..., 0] = 1.5
    return x


KINDS = {f.__name__: f for f in (real, positive, unit, share, whole, count, bits, holed)}


def arrays(rng: np.random.Generator, text: str) -> list[np.ndarray]:
    """The arrays that a text describes: "real 3 4, count 5"."""
    words = [part.split() for part in text.split(",") if part.strip()]
    return [KINDS[kind](rng, *map(int, shape)) for kind, *shape in words]


def function(key: str, text: str, f: Callable[..., Any] | None = None, **settings: Any) -> None:
    """Enter the function that `key` names, or `f`, of the arrays that `text` describes."""
    add(key, lambda rng: (f or lookup(key), arrays(rng, text)), **settings)
