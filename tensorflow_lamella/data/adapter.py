"""How Keras reads a Dataset: `fit(ds)`, `evaluate(ds)`, `predict(ds)`, `layer.adapt(ds)`.

Batches of rows of arrays are handed over as row numbers, many steps at once, as array data is;
everything else batch by batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras.src.trainers import data_adapters
from keras.src.trainers.data_adapters.data_adapter import DataAdapter
from keras.src.trainers.data_adapters.data_adapter_utils import class_weight_to_sample_weights

from tensorflow_lamella.data.dataset import INFINITE, Dataset
from tensorflow_lamella.data.epochs import RowEpoch, StreamEpoch, readable
from tensorflow_lamella.data.rows import Batches


class DatasetAdapter(DataAdapter):
    """Keras's view of a Dataset of batches."""

    def __init__(self, dataset: Dataset, class_weight: Any = None) -> None:
        self.dataset = dataset
        self._class_weight = class_weight
        self._whole: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def epoch(self) -> RowEpoch | StreamEpoch:
        """One pass, for the training loop."""
        source = self.dataset.source()
        if isinstance(source, Batches) and self._class_weight is None:
            kinds = {a.dtype.kind for a in source.rows.arrays}
            if kinds <= set("fiub"):
                return RowEpoch(source, self._arrays)
        return StreamEpoch(map(self._weighted, source))

    def _arrays(self, batches: Batches) -> tuple[np.ndarray, ...]:
        """The arrays of a dataset as kernels read them, of which no second copy is made."""
        for array in batches.rows.arrays:
            if id(array) not in self._whole:
                self._whole[id(array)] = array, readable(array)
        return tuple(self._whole[id(array)][1] for array in batches.rows.arrays)

    def get_numpy_iterator(self) -> Iterator[Any]:
        """The batches as nested arrays."""
        for batch in self.dataset.elements():
            yield self._weighted(batch)

    get_jax_iterator = get_numpy_iterator

    def _weighted(self, batch: Any) -> Any:
        if self._class_weight is None:
            return batch
        x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
        if weight is not None:
            raise ValueError("fit: class_weight with a dataset that has sample weights")
        return x, y, class_weight_to_sample_weights(np.asarray(y), self._class_weight)

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; None where it is not known or there is no end."""
        return self.dataset._count if self.dataset._count >= 0 else None

    @property
    def batch_size(self) -> None:
        """Not known."""

    has_partial_batch = None
    partial_batch_size = None


def connect() -> None:
    """Make Keras take our datasets."""
    plain = data_adapters.get_data_adapter
    if getattr(plain, "tensorflow_lamella", False):
        return

    def get_data_adapter(x: Any, y: Any = None, sample_weight: Any = None, batch_size: Any = None,
                         steps_per_epoch: Any = None, shuffle: Any = False,
                         class_weight: Any = None) -> Any:  # fmt: skip
        if not isinstance(x, Dataset):
            return plain(x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight)
        for name, given in (("y", y), ("sample_weight", sample_weight)):
            if given is not None:
                raise ValueError(f"`{name}` belongs into the dataset, as a part of its elements, "
                                 "when the data is a tf.data.Dataset")  # fmt: skip
        if x._count == INFINITE and steps_per_epoch is None:
            raise ValueError(
                "When providing an infinite dataset, you must specify the number of "
                "steps to run (steps_per_epoch, steps or validation_steps)"
            )
        return DatasetAdapter(x, class_weight)

    get_data_adapter.tensorflow_lamella = True  # type: ignore[attr-defined]
    data_adapters.get_data_adapter = get_data_adapter
