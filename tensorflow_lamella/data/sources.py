"""Datasets that read files: lines of text, records, CSV."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.data.dataset import Dataset
from tensorflow_lamella.io import records
from tensorflow_lamella.io.files import path_of
from tensorflow_lamella.names import export


def file_names(filenames: Any) -> list[str]:
    """The paths in a name, a tensor of names or a dataset of them."""
    if isinstance(filenames, Dataset):
        return [path_of(np.asarray(f)) for f in filenames.elements()]
    if isinstance(filenames, (str, bytes)) or not hasattr(filenames, "__iter__"):
        return [path_of(filenames)]
    array = np.asarray(to_array(filenames))
    return [path_of(f) for f in np.atleast_1d(array)]


def open_file(name: str, compression: Any) -> Any:
    """The bytes of a file, unpacked where `compression` is GZIP."""
    return gzip.open(name, "rb") if str(compression or "").upper() == "GZIP" else open(name, "rb")


@export("data.TextLineDataset")
class TextLineDataset(Dataset):
    """The lines of text files, without their ends."""

    def __init__(self, filenames: Any, compression_type: Any = None, buffer_size: Any = None,
                 num_parallel_reads: Any = None, name: Any = None) -> None:  # fmt: skip
        def make() -> Iterator[Any]:
            for file in file_names(filenames):
                with open_file(file, compression_type) as lines:
                    for line in lines:
                        yield to_array(line.rstrip(b"\r\n"))

        super().__init__(make)


@export("data.TFRecordDataset")
class TFRecordDataset(Dataset):
    """The records of TFRecord files, as strings."""

    def __init__(self, filenames: Any, compression_type: Any = None, buffer_size: Any = None,
                 num_parallel_reads: Any = None, name: Any = None) -> None:  # fmt: skip
        def make() -> Iterator[Any]:
            for file in file_names(filenames):
                with open_file(file, compression_type) as stream:
                    for record in records.read(stream):
                        yield to_array(record)

        super().__init__(make)


@export("data.experimental.CsvDataset")
class CsvDataset(Dataset):
    """The rows of CSV files, a tuple of columns; `record_defaults` gives types and defaults."""

    def __init__(self, filenames: Any, record_defaults: Any, compression_type: Any = None,
                 buffer_size: Any = None, header: bool = False, field_delim: str = ",",
                 use_quote_delim: bool = True, na_value: str = "",
                 select_cols: Any = None) -> None:  # fmt: skip
        columns = [records.Column(d, na_value) for d in record_defaults]

        def make() -> Iterator[Any]:
            for file in file_names(filenames):
                with open(file, newline="") as lines:
                    rows = csv.reader(lines, delimiter=field_delim)
                    if header:
                        next(rows, None)
                    for row in rows:
                        fields = row if select_cols is None else [row[k] for k in select_cols]
                        yield tuple(c.value(f) for c, f in zip(columns, fields, strict=True))

        super().__init__(make)


@export("data.experimental.cardinality")
def cardinality(dataset: Dataset) -> Any:
    """The number of elements; -1 for no end, -2 where it is not known."""
    return dataset.cardinality()


@export("data.experimental.assert_cardinality")
def assert_cardinality(expected_cardinality: Any) -> Any:
    """For `dataset.apply`: declares the number of elements."""

    def declare(dataset: Dataset) -> Dataset:
        return Dataset(dataset.source, int(expected_cardinality), dataset._spec)

    return declare


@export("data.experimental.get_structure")
def get_structure(dataset: Dataset) -> Any:
    """Its element_spec."""
    return dataset.element_spec
