"""Random bits from a counter: the same bits wherever and in whatever order they are computed."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamella.ops.families import elementwise
from lamella.primitive import no_gradient
from lamella.scalar import wide_product_

_ROUNDS = 10
_MULTIPLIER = 0xD256D193
_WEYL = 0x9E3779B9  # the golden ratio
_UINT32 = np.dtype("uint32")


def philox_rounds(counter: Any, key0: Any, key1: Any) -> Any:
    """Philox2x32-10 (Salmon et al., SC'11): the first word of the block (counter, key1) under key0.

    All are uint32 lanes or arrays.
    """
    left, right, key = counter, key1, key0
    for _ in range(_ROUNDS):
        high, low = wide_product_(left, _MULTIPLIER)
        left, right = high ^ key ^ right, low
        key = key + _WEYL
    return left


def _numpy(counter: np.ndarray, key0: np.ndarray, key1: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return philox_rounds(counter, key0, key1)


philox = elementwise(
    "philox",
    numpy=_numpy,
    vjp=no_gradient,
    scalar=philox_rounds,
    dtypes=(_UINT32,),
    samples=lambda rng: [(tuple(rng.integers(0, 2**32, (3, 4), "uint32") for _ in range(3)), {})],
)
