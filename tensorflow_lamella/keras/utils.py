"""Small things of `keras.utils` and its neighbours that Keras 3 has not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Reduction:
    """`keras.losses.Reduction`: names of ways to reduce a loss over its batch."""

    AUTO = "sum_over_batch_size"
    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"


def multi_gpu_model(model: Any, gpus: Any = None) -> Any:
    """The model itself: it is trained on the processor, by all of its cores."""
    return model


def print_summary(model: Any, line_length: int | None = None, positions: Any = None,
                  print_fn: Callable[[str], None] | None = None) -> None:  # fmt: skip
    """`model.summary`, as a function."""
    model.summary(line_length=line_length, positions=positions, print_fn=print_fn)


def convert_all_kernels_in_model(model: Any) -> None:
    """Turn the kernels of convolutions by 180 degrees (weights that Theano trained)."""
    for layer in model.layers:
        if type(layer).__name__ in ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose"):
            kernel, *rest = layer.get_weights()
            axes = tuple(range(kernel.ndim - 2))
            layer.set_weights([np.flip(kernel, axes), *rest])


def get_source_inputs(tensor: Any) -> list[Any]:
    """The inputs that a symbolic tensor was computed from."""
    found: dict[int, Any] = {}
    waiting = [tensor]
    while waiting:
        x = waiting.pop()
        operation = x._keras_history.operation
        parents = operation._inbound_nodes[x._keras_history.node_index].input_tensors
        if not parents:
            found[id(x)] = x
        waiting.extend(parents)
    return list(found.values())


def slice_arrays(arrays: Any, start: Any = None, stop: int | None = None) -> Any:
    """Rows `start` to `stop`, or those of the list `start`, of an array or of each of several."""
    if isinstance(arrays, (list, tuple)):
        return [slice_arrays(x, start, stop) for x in arrays]
    return arrays[start] if hasattr(start, "__len__") else arrays[start:stop]


def probas_to_classes(y_pred: Any) -> np.ndarray:
    """The most probable class of each row."""
    p = np.asarray(y_pred)
    return p.argmax(axis=1) if p.ndim > 1 and p.shape[1] > 1 else np.ravel(p > 0.5).astype(int)


def count_params(weights: Any) -> int:
    """How many numbers a list of weights holds."""
    return int(sum(np.prod(w.shape) for w in weights))


def to_ordinal(y: Any, num_classes: int | None = None) -> np.ndarray:
    """Label k as k ones and then zeros.

    >>> to_ordinal([0, 2], num_classes=3)
    array([[0., 0.],
           [1., 1.]], dtype=float32)
    """
    labels = np.asarray(y, dtype=int)[..., None]
    steps = np.arange((num_classes or labels.max() + 1) - 1)
    return (steps < labels).astype("float32")


class HDF5Matrix:
    """A data set of an HDF5 file, rows `start` to `end`, read when it is indexed.

    >>> HDF5Matrix("train.h5", "features", end=100)[:10].shape  # doctest: +SKIP
    (10, 784)
    """

    def __init__(
        self, datapath: str, dataset: str, start: int = 0, end: int | None = None,
        normalizer: Callable[[Any], Any] | None = None,
    ) -> None:  # fmt: skip
        import h5py  # type: ignore[import-untyped]

        self.data = h5py.File(datapath, "r")[dataset]
        self.start, self.end = start, len(self.data) if end is None else end
        self.normalizer = normalizer

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, key: Any) -> Any:
        rows = self.data[self.start : self.end][key]
        return rows if self.normalizer is None else self.normalizer(rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self.data.shape[1:])

    @property
    def dtype(self) -> Any:
        return self.data.dtype

    @property
    def ndim(self) -> int:
        return self.data.ndim
