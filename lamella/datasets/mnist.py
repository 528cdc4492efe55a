"""MNIST, the 70,000 handwritten digits of LeCun, Cortes and Burges, from inside the package."""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from lamella.datasets import codec

TRAIN = 60_000
TABLES = {
    "above_kinds": "u1",
    "upper_kinds": "u1",
    "left_kinds": "u1",
    "joined_kinds": "u1",
    "contexts": "<u2",
    "frequencies": "<u2",
    "start_counts": "<u2",
}
"""The arrays of the packed file that are compressed, with their dtypes."""

Arrays = tuple[np.ndarray, np.ndarray]


def load_data() -> tuple[Arrays, Arrays]:
    """`(x_train, y_train), (x_test, y_test)`, as `keras.datasets.mnist.load_data()` gives them.

    Images are uint8 [60000, 28, 28] and [10000, 28, 28], labels uint8 [60000] and [10000].

    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, y_test[:3]
    ((60000, 28, 28), array([7, 2, 1], dtype=uint8))
    """
    with files("lamella.datasets").joinpath("mnist.npz").open("rb") as file, np.load(file) as parts:
        arrays = {name: parts[name] for name in parts.files}
    for name, dtype in TABLES.items():
        arrays[name] = codec.decompress(arrays[name], dtype)
    pairs = arrays.pop("labels")
    labels = np.stack([pairs & 15, pairs >> 4], axis=1).ravel()
    images = codec.decode(codec.Packed(**arrays), len(labels))
    return (images[:TRAIN], labels[:TRAIN]), (images[TRAIN:], labels[TRAIN:])
