"""Batches for the training loop: array data is handed over in blocks of many steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import optree
from keras.src.trainers.data_adapters import array_slicing
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
from keras.src.trainers.epoch_iterator import EpochIterator

from keras_lamella.src.step import Block
from lamella.compile.executable import aligned_copy, is_readable
from lamella.types import type_of

#: Seconds of one block: short enough for a progress bar and for Ctrl-C.
BLOCK_SECONDS = 0.1


class Epoch(Protocol):
    """One pass over the data of an adapter, in Blocks.

    An adapter that has a method `epoch()` which makes one is read through it.
    """

    def available(self, steps: int) -> int:
        """How many of the next `steps` steps there are: less than `steps` at the end only."""

    def take(self, steps: int) -> Any:
        """At least one step and at most `steps`, of which there are as many: a Block or a batch."""


class BlockIterator(EpochIterator):
    """Keras's EpochIterator; data that is in arrays comes as `(first step, last step, Blocks)`.

    They have `steps_per_execution` steps where `every_batch` is set (a callback wants to see each
    batch), else as many as take BLOCK_SECONDS. No Block takes much longer.
    """

    every_batch = True
    _pace = 1  # steps that take BLOCK_SECONDS, as far as is known
    _epoch: Epoch | None = None  # under way, where an epoch ends after `steps_per_epoch`

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if getattr(self.data_adapter, "_num_samples", None) == 0:
            raise ValueError("the data has no rows: its arrays have shapes (0, ...)")

    def __iter__(self) -> Iterator[Any]:
        adapter = self.data_adapter
        if hasattr(adapter, "epoch"):
            return self._executions(adapter.epoch)
        arrays = self._plain_arrays()
        if arrays is None:
            return super().__iter__()
        return self._executions(lambda: ArrayEpoch(adapter, arrays))

    def reset(self) -> None:
        """Begin anew with the data."""
        super().reset()
        self._epoch = None

    def _plain_arrays(self) -> Any:
        """The data as nested NumPy arrays of floatx and other numbers, or None."""
        adapter = self.data_adapter
        if type(adapter) is not ArrayDataAdapter or self.steps_per_epoch:
            return None
        if not hasattr(self, "_arrays"):
            self._arrays = _numpy_arrays(adapter)
        return self._arrays

    def _executions(self, begin: Callable[[], Epoch]) -> Iterator[tuple[int, int, Iterator[Any]]]:
        self.data_adapter.on_epoch_begin()
        limit, step = self.steps_per_epoch, 0
        if limit is None or self._epoch is None:
            self._epoch = begin()
        epoch = self._epoch
        while limit is None or step < limit:
            wanted = self._steps() if limit is None else min(self._steps(), limit - step)
            start = time.perf_counter()
            steps = epoch.available(wanted)
            if steps == 0:
                break
            seconds = (time.perf_counter() - start) / steps
            end = step + (self.steps_per_execution if self.every_batch else steps)
            yield step, end - 1, self._blocks(epoch, steps, seconds)
            step += steps
        if limit is None:
            self._num_batches = step
        elif step < limit:
            self._interrupted_warning()
        if limit is None or step < limit or not epoch.available(1):
            self._epoch = None
        self.data_adapter.on_epoch_end()

    def _steps(self) -> int:
        """The steps of the next execution."""
        at_once = self.steps_per_execution
        return at_once if self.every_batch else max(at_once, self._pace // at_once * at_once)

    def _blocks(self, epoch: Epoch, steps: int, seconds: float) -> Iterator[Any]:
        """The next `steps` steps, while they are being run; reading one took `seconds`."""
        while steps:
            start = time.perf_counter()
            block = epoch.take(min(self._pace, steps))
            yield block
            taken = block.steps if isinstance(block, Block) else 1
            if taken > 1 or self._pace == 1:  # one is the last, smaller batch of an epoch
                spent = time.perf_counter() - start + taken * seconds
                self._pace = _next_pace(taken, spent)
            steps -= taken


class ArrayEpoch:
    """An epoch of array data: batches by row numbers, or one after the other."""

    def __init__(self, adapter: ArrayDataAdapter, data: Any) -> None:
        leaves, self._structure = optree.tree_flatten(data)
        self._arrays = tuple(leaves)
        self._rows = _order(adapter)
        self._batch, self._partial = adapter.batch_size, adapter.partial_batch_size
        self._full = adapter._num_samples // adapter.batch_size
        self._left = -(-adapter._num_samples // adapter.batch_size)
        self._step = 0

    def available(self, steps: int) -> int:
        """See Epoch."""
        return min(steps, self._left)

    def take(self, steps: int) -> Block:
        """See Epoch."""
        batch, start = self._batch, self._step * self._batch
        steps = min(steps, self._full - self._step)
        if steps == 0:
            batch, steps = self._partial, 1
        rows = self._rows
        if rows is not None:
            rows = rows[start : start + steps * batch].reshape(steps, batch)
        self._step += steps
        self._left -= steps
        return Block(self._arrays, self._structure, batch, steps, rows, start)


def _numpy_arrays(adapter: ArrayDataAdapter) -> Any:
    sliceables = array_slicing.convert_to_sliceable(adapter._inputs, target_backend="numpy")
    leaves, structure = optree.tree_flatten(sliceables)
    arrays: list[Any] = [getattr(s, "array", None) for s in leaves]
    if all(isinstance(a, np.ndarray) and a.dtype.kind in "fiub" for a in arrays):
        return optree.tree_unflatten(structure, [_readable(a) for a in arrays])
    return None


def _readable(array: np.ndarray) -> np.ndarray:
    """The array, or a copy that kernels can read where it lies: made once, not for each Block."""
    array = np.asarray(array)
    return array if is_readable(array) else aligned_copy(array, type_of(array))


def _order(adapter: ArrayDataAdapter) -> np.ndarray | None:
    """The rows in the order of this epoch, drawn as Keras's own iterator draws them."""
    n, batch = adapter._num_samples, adapter.batch_size
    if not adapter._shuffle:
        return None
    permutation = np.random.permutation  # keras.utils.set_random_seed seeds it
    if adapter._shuffle != "batch":
        return permutation(n).astype(np.int64)
    parts = [permutation(min(batch, n - i)) + i for i in range(0, n, batch)]
    return np.concatenate(parts).astype(np.int64)


def _next_pace(steps: int, seconds: float) -> int:
    """Steps that take BLOCK_SECONDS, growing at most eightfold at a time."""
    return max(1, min(8 * steps, int(steps * BLOCK_SECONDS / max(seconds, 1e-6))))
