"""A function given to `Dataset.map`, over many elements in one native call."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import optree

from keras_lamella.src.step import Block, StepFunction
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.effects import refused
from tensorflow_lamella.data.elements import Mapped

log = logging.getLogger("lamella.tensorflow")


class Mapping:
    """`mapping(rows, size, count)`: what `f` gives for `count` batches of `size` rows each.

    With `one_by_one` a batch is one row, and `f` is given the row itself.
    """

    def __init__(self, f: Mapped, one_by_one: bool) -> None:
        self._f = f
        self._one_by_one = one_by_one
        self._step = StepFunction(self._batch, concatenate=True)

    @staticmethod
    def of(f: Mapped, one_by_one: bool) -> Mapping:
        """The one of `f`, made when it is asked for first."""
        if one_by_one not in f.together:
            f.together[one_by_one] = Mapping(f, one_by_one)
        return f.together[one_by_one]

    def __call__(self, rows: Any, size: int, count: int) -> Any:
        """The results, one after the other."""
        leaves, structure = optree.tree_flatten(rows)
        return self._step([Block(tuple(leaves), structure, size, count)])

    def takes(self, sample: Any, size: int) -> bool:
        """Can `f` be compiled for batches like the sample, and does it give rows for rows?"""
        leaves, structure = optree.tree_flatten(sample)
        try:
            self._step._get("rows", [a[None] for a in leaves], structure)
        except Exception as error:  # Python computes it, or raises it again
            log.debug("a function of a dataset is called element by element: %s", error)
            return False
        return True

    def _batch(self, batch: Any) -> Any:
        size = len(optree.tree_leaves(batch)[0])
        element = optree.tree_map(lambda x: x[0], batch) if self._one_by_one else batch
        with refused("it prints, logs or checks numbers"):
            out = self._f.traced(element)
        leaves, structure = optree.tree_flatten(out, none_is_leaf=True)
        return optree.tree_unflatten(structure, [self._row(to_array(x), size) for x in leaves])

    def _row(self, x: Any, size: int) -> Any:
        if np.dtype(x.dtype).kind not in "fiub":
            raise TypeError("it gives strings")
        if self._one_by_one:
            return x[None]
        if x.ndim == 0 or x.shape[0] != size:
            raise TypeError(f"it gives an array of shape {x.shape} for a batch of {size}")
        return x
