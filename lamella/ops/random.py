"""Random bits from a counter: the same bits wherever and in whatever order they are computed."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamella.ops.families import elementwise
from lamella.primitive import no_gradient
from lamella.scalar import convert_

_ROUNDS = 10
_MULTIPLIER = 0xD256D193
_WEYL = 0x9E3779B9  # the golden ratio
_WORD = 0xFFFFFFFF
_UINT32, _UINT64 = np.dtype("uint32"), np.dtype("uint64")


def philox_rounds(counter: Any, key0: Any, key1: Any) -> Any:
    """Philox2x32-10 (Salmon et al., SC'11): the block (counter, key1) under key0.

    All are uint32 lanes or arrays; the block is uint64, its first word the lower half. Inside,
    words are the lower halves of 64-bit lanes, whose upper halves hold anything: a product of words
    is then one instruction, its high word one shift.
    """
    left, right, key = (convert_(x, _UINT64) for x in (counter, key1, key0))
    for _ in range(_ROUNDS):
        product = (left & _WORD) * _MULTIPLIER
        left, right = (product >> 32) ^ (key ^ right), product
        key = key + _WEYL
    return (left & _WORD) | (right << 32)


philox = elementwise(
    "philox",
    numpy=philox_rounds,
    vjp=no_gradient,
    scalar=philox_rounds,
    dtypes=(_UINT32,),
    result=_UINT64,
    samples=lambda rng: [(tuple(rng.integers(0, 2**32, (3, 4), "uint32") for _ in range(3)), {})],
)
