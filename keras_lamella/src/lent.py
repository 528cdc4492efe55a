"""TensorFlow's names for the parts of Keras that use them whatever the backend is.

`image_dataset_from_directory`, `timeseries_dataset_from_array`, `split_dataset`, `FeatureSpace` ...
make data sets of `tf.data`: here those of `tensorflow_lamella`, which iterate over NumPy arrays and
which `fit` takes.
"""

from __future__ import annotations

import importlib
from typing import Any


class Names:
    """What lies under `tf.<prefix>.`."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        importlib.import_module("tensorflow_lamella.api")  # defines them
        importlib.import_module("tensorflow_lamella.data.adapter").connect()
        names = importlib.import_module("tensorflow_lamella.names")
        full = f"{self._prefix}.{name}".lstrip(".")
        try:
            return names.get(full)
        except KeyError:
            pass
        if names.is_module(full):
            return Names(full)
        raise AttributeError(
            f"Keras asks for tf.{full}, which Lamella does not have; with TensorFlow itself it "
            "works: pip install tensorflow"
        )


tensorflow = Names()
