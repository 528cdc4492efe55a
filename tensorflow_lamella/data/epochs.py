"""A pass over a Dataset, as the training loop reads it: many batches at once.

See `keras_lamella.src.data.Epoch`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import optree
from keras.src.backend import config

from keras_lamella.src.step import Block
from lamella.compile.executable import aligned_copy, is_readable
from lamella.types import type_of
from tensorflow_lamella.data.rows import Batches

#: Bytes of batches that are put into one Block.
AT_ONCE = 1 << 26


class RowEpoch:
    """Batches of rows of arrays: row numbers, or rows that were gathered and mapped.

    whole: the arrays of the dataset as kernels read them, made once for all epochs.
    """

    def __init__(self, batches: Batches, whole: Callable[[Batches], tuple[np.ndarray, ...]]):
        self._batches = batches
        self._numbers = batches.rows.numbers()
        self._next = np.zeros(0, np.int64)  # rows that were asked for and are not taken yet
        self._maps = bool(batches.maps or batches.rows.maps)
        self._arrays = () if self._maps else whole(batches)

    def available(self, steps: int) -> int:
        """See Epoch."""
        size = self._batches.size
        missing = steps * size - len(self._next)
        if missing > 0:
            more = np.fromiter(itertools.islice(self._numbers, missing), np.int64)
            self._next = np.concatenate([self._next, more])
        full, rest = divmod(len(self._next), size)
        return min(steps, full + bool(rest and not self._batches.drop_remainder))

    def take(self, steps: int) -> Block:
        """See Epoch."""
        size = self._batches.size
        steps = min(steps, self.available(steps), len(self._next) // size or 1)
        size = min(size, len(self._next))
        numbers, self._next = np.split(self._next, [steps * size])
        if not self._maps:
            rows = numbers.reshape(steps, size)
            return Block(self._arrays, self._batches.rows.structure, size, steps, rows)
        leaves, structure = optree.tree_flatten(self._batches.gather(numbers, size))
        return Block(tuple(map(floats, leaves)), structure, len(leaves[0]) // steps, steps)


class StreamEpoch:
    """Batches that are made one by one: those of one shape follow each other in one Block."""

    def __init__(self, stream: Iterator[Any]) -> None:
        self._stream = stream
        self._next: list[tuple[Any, list[Any], Any]] = []  # kind, leaves, structure

    def available(self, steps: int) -> int:
        """See Epoch."""
        for batch in itertools.islice(self._stream, max(0, steps - len(self._next))):
            leaves, structure = optree.tree_flatten(batch)
            self._next.append((_kind(leaves, structure), leaves, structure))
            if sum(np.asarray(x).nbytes for x in leaves) * len(self._next) > AT_ONCE:
                break
        return min(steps, len(self._next))

    def take(self, steps: int) -> Any:
        """See Epoch."""
        kind, leaves, structure = self._next[0]
        if kind is None:
            del self._next[0]
            return optree.tree_unflatten(structure, leaves)
        same = itertools.takewhile(lambda item: item[0] == kind, self._next[:steps])
        found = [item[1] for item in same]
        del self._next[: len(found)]
        arrays = tuple(floats(np.concatenate(parts)) for parts in zip(*found))
        return Block(arrays, structure, len(leaves[0]), len(found))


def _kind(leaves: list[Any], structure: Any) -> Any:
    """What batches of one Block have in common; None for a batch that is none of arrays of rows."""
    sizes = {np.shape(x)[:1] for x in leaves}
    if len(sizes) != 1 or () in sizes or any(np.asarray(x).dtype == object for x in leaves):
        return None
    return structure, tuple((x.shape, x.dtype) for x in leaves)


def floats(array: np.ndarray) -> np.ndarray:
    """float64 as floatx, as all of Keras's data."""
    return array.astype(config.floatx()) if array.dtype == np.float64 else array


def readable(array: np.ndarray) -> np.ndarray:
    """The array as floatx where kernels can read it."""
    array = np.ascontiguousarray(floats(array))
    return array if is_readable(array) else aligned_copy(array, type_of(array))
