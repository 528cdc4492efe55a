"""MNIST as TensorFlow 1 gave it: `tensorflow.examples.tutorials.mnist.input_data`.

Files that lie in the folder a program names win (`train-images-idx3-ubyte.gz` and the three
others; also those of Fashion-MNIST, which have the same names). Without them it is the MNIST
inside the package.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lamella.datasets import mnist
from tensorflow_lamella.core.dtypes import as_dtype
from tensorflow_lamella.names import export

FILES = (
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
)  # fmt: skip

_PLACES = (
    "examples.tutorials.mnist.input_data",
    "contrib.learn.datasets.mnist",
    "contrib.learn.python.learn.datasets.mnist",
)
"""The modules that had these names."""


def _at(name: str) -> tuple[str, ...]:
    return tuple(f"{place}.{name}" for place in _PLACES)


class Datasets(NamedTuple):
    """The three parts of a data set."""

    train: Any
    validation: Any
    test: Any


@export(*_at("DataSet"), version=1)
class DataSet:
    """Images and labels that are handed out in batches.

    Args:
        images: uint8 [rows, height, width, 1].
        labels: [rows], or [rows, classes].
        dtype: float32 scales images to 0 .. 1; uint8 leaves them as they are.
        reshape: flatten each image to one row.
        seed: of the shuffling; NumPy's global generator if None.
    """

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, fake_data: bool = False,
        one_hot: bool = False, dtype: Any = "float32", reshape: bool = True,
        seed: int | None = None,
    ) -> None:  # fmt: skip
        if len(images) != len(labels):
            raise ValueError(f"images has {len(images)} rows, labels has {len(labels)}")
        if reshape:
            images = images.reshape(len(images), -1)
        if as_dtype(dtype).name == "float32":
            images = images.astype(np.float32) * np.float32(1 / 255)
        self.images, self.labels = images, labels
        self.epochs_completed = 0
        self._shuffle = np.random.shuffle if seed is None else np.random.RandomState(seed).shuffle
        self._order = np.arange(len(images))
        self._next = 0

    @property
    def num_examples(self) -> int:
        return len(self.images)

    def next_batch(
        self, batch_size: int, fake_data: bool = False, shuffle: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """The next rows; every row once an epoch, in a new order each time.

        A batch may begin in one epoch and end in the next.
        """
        if shuffle and self._next == 0 and self.epochs_completed == 0:
            self._shuffle(self._order)
        rows = self._order[self._next : self._next + batch_size]
        self._next += len(rows)
        if len(rows) < batch_size:
            self.epochs_completed += 1
            if shuffle:
                self._order = self._order.copy()
                self._shuffle(self._order)
            self._next = batch_size - len(rows)
            rows = np.concatenate([rows, self._order[: self._next]])
        return self.images[rows], self.labels[rows]


@export(*_at("read_data_sets"), "contrib.learn.datasets.mnist.load_mnist", version=1)
def read_data_sets(
    train_dir: str = "MNIST-data", fake_data: bool = False, one_hot: bool = False,
    dtype: Any = "float32", reshape: bool = True, validation_size: int = 5000,
    seed: int | None = None, source_url: str = "",
) -> Datasets:  # fmt: skip
    """MNIST in three parts: 55,000 rows to train, 5,000 to validate, 10,000 to test.

    >>> read_data_sets("MNIST_data/", one_hot=True).train.labels.shape
    (55000, 10)

    Raises:
        FileNotFoundError: some of the four files are in `train_dir`, and some are not.
        ValueError: `validation_size` is not between 0 and the number of rows.
    """
    (x, y), (x_test, y_test) = _load(Path(train_dir))
    if not 0 <= validation_size <= len(x):
        raise ValueError(
            f"Validation size should be between 0 and {len(x)}. Received: {validation_size}."
        )
    if one_hot:
        y, y_test = dense_to_one_hot(y, 10), dense_to_one_hot(y_test, 10)

    def part(images: np.ndarray, labels: np.ndarray) -> DataSet:
        return DataSet(images[..., None], labels, dtype=dtype, reshape=reshape, seed=seed)

    n = validation_size
    return Datasets(part(x[n:], y[n:]), part(x[:n], y[:n]), part(x_test, y_test))


def _load(folder: Path) -> Any:
    """The files in `folder`, or the MNIST of the package where there is none."""
    found = [_file(folder, name) for name in FILES]
    if not any(found):
        return mnist.load_data()
    missing = [f"{name}.gz" for name, path in zip(FILES, found) if path is None]
    if missing:
        raise FileNotFoundError(
            f"{folder} has some files of the data set but not {', '.join(missing)}; put them "
            "there, or move the others away to use the MNIST that comes with Lamella"
        )
    arrays = [read_idx(path) for path in found if path is not None]
    return (arrays[0], arrays[1]), (arrays[2], arrays[3])


def _file(folder: Path, name: str) -> Path | None:
    return next((p for p in (folder / f"{name}.gz", folder / name) if p.is_file()), None)


def read_idx(path: Path) -> np.ndarray:
    """The array of unsigned bytes in a file of LeCun's format, compressed or not.

    Raises ValueError where the file is not one.
    """
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return _idx(data, str(path))


def _idx(data: bytes, name: str) -> np.ndarray:
    if data[:3] != b"\0\0\x08":
        raise ValueError(f"{name} is not an IDX file of bytes: it begins with {data[:4]!r}")
    start = 4 + 4 * data[3]
    shape = np.frombuffer(data[4:start], ">u4")
    values = np.frombuffer(data, np.uint8, offset=start)
    if len(values) != np.prod(shape):
        raise ValueError(f"{name} is cut off: {len(values)} bytes for the shape {tuple(shape)}")
    return values.reshape(shape)


@export(*_at("extract_images"), version=1)
def extract_images(f: Any) -> np.ndarray:
    """Images [rows, height, width, 1] from an open, compressed file."""
    return _idx(gzip.decompress(f.read()), getattr(f, "name", "the file"))[..., None]


@export(*_at("extract_labels"), version=1)
def extract_labels(f: Any, one_hot: bool = False, num_classes: int = 10) -> np.ndarray:
    """Labels [rows], or [rows, classes], from an open, compressed file."""
    labels = _idx(gzip.decompress(f.read()), getattr(f, "name", "the file"))
    return dense_to_one_hot(labels, num_classes) if one_hot else labels


@export(*_at("dense_to_one_hot"), version=1)
def dense_to_one_hot(labels_dense: Sequence[int], num_classes: int) -> np.ndarray:
    """One column for each class, float64."""
    return np.eye(num_classes)[np.asarray(labels_dense)]
