"""`tf.contrib.learn.datasets`: small tables, and CSV files with or without a header."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlretrieve

import numpy as np

from tensorflow_lamella.datasets.input_data import Datasets, read_data_sets
from tensorflow_lamella.names import export, put

_BASE = ("contrib.learn.datasets.base", "contrib.learn.python.learn.datasets.base")


class Dataset(NamedTuple):
    """A table: rows of features, and one target a row."""

    data: Any
    target: Any


for _place in _BASE:
    put(Dataset, f"{_place}.Dataset", version=1)
    put(Datasets, f"{_place}.Datasets", version=1)


@export(*(f"{place}.load_csv_with_header" for place in _BASE), version=1)
def load_csv_with_header(
    filename: str, target_dtype: Any, features_dtype: Any, target_column: int = -1
) -> Dataset:
    """A file whose first line says `rows,columns,...`."""
    return _table(filename, target_dtype, features_dtype, target_column, skip=1)


@export(*(f"{place}.load_csv_without_header" for place in _BASE), version=1)
def load_csv_without_header(
    filename: str, target_dtype: Any, features_dtype: Any, target_column: int = -1
) -> Dataset:
    """A file of rows only."""
    return _table(filename, target_dtype, features_dtype, target_column, skip=0)


def _table(
    filename: str, target_dtype: Any, features_dtype: Any, column: int, skip: int
) -> Dataset:
    with open(filename, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[skip:]
    target = np.array([row.pop(column) for row in rows], dtype=target_dtype)
    return Dataset(np.asarray(rows, dtype=features_dtype), target)


@export("contrib.learn.datasets.load_iris", version=1)
def load_iris(data_path: str | None = None) -> Dataset:
    """The irises of Fisher, from scikit-learn, or from a CSV file."""
    if data_path is not None:
        return load_csv_with_header(data_path, np.int32, np.float64)
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError(
            "load_iris reads the table that scikit-learn has: pip install scikit-learn, or name "
            "a CSV file with load_iris(data_path=...)"
        ) from error
    iris = datasets.load_iris()
    return Dataset(iris.data, iris.target)


_DATASETS: dict[str, Callable[..., Any]] = {"iris": load_iris, "mnist": read_data_sets}


@export("contrib.learn.datasets.load_dataset", version=1)
def load_dataset(name: str, size: str = "small") -> Any:
    """A data set by its name: "iris" or "mnist".

    Raises ValueError for others, which TensorFlow downloaded.
    """
    if name not in _DATASETS:
        raise ValueError(
            f"load_dataset({name!r}): only {', '.join(_DATASETS)} can be had without a download; "
            f"read a file of your own, for instance {Path(name + '.csv')} with load_csv_with_header"
        )
    return _DATASETS[name]()


@export(*(f"{place}.maybe_download" for place in _BASE), version=1)
def maybe_download(filename: str, work_directory: str, source_url: str) -> str:
    """The path of a file in a folder, which is fetched if it is not there.

    Raises FileNotFoundError with what to put where if it cannot be fetched.
    """
    place = Path(work_directory, filename)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            urlretrieve(source_url, place)
        except OSError as error:
            raise FileNotFoundError(
                f"{source_url} could not be downloaded, and {place} is not there. Fetch the file "
                f"where there is a connection and put it at {place}"
            ) from error
    return str(place)
