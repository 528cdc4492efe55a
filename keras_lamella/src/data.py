"""Batches for the training loop: array data is handed over in blocks of many steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

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


class BlockIterator(EpochIterator):
    """Keras's EpochIterator; array data comes as `(first step, last step, Blocks)`.

    They have `steps_per_execution` steps where `every_batch` is set (a callback wants to see each
    batch), else as many as take BLOCK_SECONDS. No Block takes much longer.
    """

    every_batch = True
    _pace = 1  # steps that take BLOCK_SECONDS, as far as is known

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if getattr(self.data_adapter, "_num_samples", None) == 0:
            raise ValueError("the data has no rows: its arrays have shapes (0, ...)")

    def __iter__(self) -> Iterator[Any]:
        arrays = self._plain_arrays()
        return super().__iter__() if arrays is None else self._executions(arrays)

    def _plain_arrays(self) -> Any:
        """The data as nested NumPy arrays of floatx and other numbers, or None."""
        adapter = self.data_adapter
        if type(adapter) is not ArrayDataAdapter or self.steps_per_epoch:
            return None
        if not hasattr(self, "_arrays"):
            self._arrays = _numpy_arrays(adapter)
        return self._arrays

    def _executions(self, data: Any) -> Iterator[tuple[int, int, Iterator[Block]]]:
        adapter, at_once = self.data_adapter, self.steps_per_execution
        adapter.on_epoch_begin()
        leaves, structure = optree.tree_flatten(data)
        rows = _order(adapter)
        total = -(-adapter._num_samples // adapter.batch_size)

        def block(step: int, steps: int, batch: int) -> Block:
            start = step * adapter.batch_size
            chosen = None
            if rows is not None:
                chosen = rows[start : start + steps * batch].reshape(steps, batch)
            return Block(tuple(leaves), structure, batch, steps, chosen, start)

        step = 0
        while step < total:
            steps = at_once
            if not self.every_batch:
                steps = min(max(at_once, self._pace // at_once * at_once), total - step)
            end = step + steps
            yield step, end - 1, self._blocks(block, step, min(end, total))
            step = end
        adapter.on_epoch_end()

    def _blocks(self, block: Callable[..., Block], step: int, end: int) -> Iterator[Block]:
        """The steps from `step` to `end`, while they are being run."""
        adapter = self.data_adapter
        full = adapter._num_samples // adapter.batch_size
        while step < min(end, full):
            steps = min(self._pace, min(end, full) - step)
            begin = time.perf_counter()
            yield block(step, steps, adapter.batch_size)
            self._pace = _next_pace(steps, time.perf_counter() - begin)
            step += steps
        if step < end:
            yield block(full, 1, adapter.partial_batch_size)


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
