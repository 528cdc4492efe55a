"""tf.data.experimental.make_csv_dataset: CSV files as batches of named columns."""

from __future__ import annotations

import csv
import glob
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tensorflow_lamella.core.dtypes import as_dtype
from tensorflow_lamella.data.dataset import Dataset
from tensorflow_lamella.data.sources import file_names, open_file
from tensorflow_lamella.io.records import Column
from tensorflow_lamella.names import export

#: What the fields of a column are taken for, where nobody says: the first that all of them fit.
GUESSES: tuple[Any, ...] = (np.int32(0), np.int64(0), np.float32(0), np.float64(0), "")


@export("data.experimental.make_csv_dataset")
def make_csv_dataset(
    file_pattern: Any, batch_size: int, column_names: Sequence[str] | None = None,
    column_defaults: Sequence[Any] | None = None, label_name: str | None = None,
    select_columns: Sequence[Any] | None = None, field_delim: str = ",",
    use_quote_delim: bool = True, na_value: str = "", header: bool = True,
    num_epochs: int | None = None, shuffle: bool = True, shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None, prefetch_buffer_size: int | None = None,
    num_parallel_reads: int | None = None, sloppy: bool = False, num_rows_for_inference: int = 100,
    compression_type: str | None = None, ignore_errors: bool = False,
) -> Dataset:  # fmt: skip
    """Batches of the rows of CSV files: a dict of columns, with `label_name` (dict, label).

    The files are read at once. Types of columns come from `column_defaults` (a type, or a default
    for empty fields), else from the fields: numbers are int32, int64, float32 or float64, what
    else there is are strings. ValueError where names and fields do not fit.
    """
    names = list(column_names or ())
    rows: list[list[str]] = []
    for file in _matching(file_pattern):
        found = _rows(file, field_delim, use_quote_delim, compression_type)
        first = next(found, []) if header else []
        names = names or first
        rows += found
    if not names:
        raise ValueError("make_csv_dataset: header=False needs column_names")
    kept = _selected(names, select_columns)
    if label_name is not None and label_name not in kept:
        raise ValueError(f"make_csv_dataset: label_name {label_name!r} is not among {kept}")
    if ignore_errors:
        rows = [row for row in rows if len(row) == len(names)]
    given = [None] * len(kept) if column_defaults is None else list(column_defaults)
    dataset = Dataset.from_tensor_slices(_columns(rows, names, kept, given, na_value))
    if shuffle:
        dataset = dataset.shuffle(shuffle_buffer_size, seed=shuffle_seed)
    dataset = dataset.repeat(num_epochs).batch(batch_size, drop_remainder=num_epochs is None)
    return dataset if label_name is None else dataset.map(lambda row: (row, row.pop(label_name)))


def _rows(file: str, delimiter: str, quoted: bool, compression: Any) -> Iterator[list[str]]:
    with io.TextIOWrapper(open_file(file, compression), newline="") as lines:
        yield from filter(
            None,
            csv.reader(
                lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
            ),
        )


def _matching(patterns: Any) -> list[str]:
    files = [file for name in file_names(patterns) for file in sorted(glob.glob(name))]
    if not files:
        raise ValueError(f"make_csv_dataset: no file matches {patterns!r}")
    return files


def _selected(names: Sequence[str], select: Sequence[Any] | None) -> list[str]:
    kept = [names[x] if isinstance(x, int) else x for x in (names if select is None else select)]
    missing = [name for name in kept if name not in names]
    if missing:
        raise ValueError(f"make_csv_dataset: the columns {missing} are not among {list(names)}")
    return kept


def _columns(rows: list[list[str]], names: Sequence[str], kept: list[str], defaults: list[Any],
             missing: str) -> dict[str, np.ndarray]:  # fmt: skip
    if len(defaults) != len(kept):
        raise ValueError(
            f"make_csv_dataset: {len(defaults)} column_defaults for the columns {kept}"
        )
    return {
        name: _column([_field(row, names, name) for row in rows], default, missing)
        for name, default in zip(kept, defaults)
    }


def _field(row: Sequence[str], names: Sequence[str], name: str) -> str:
    if len(row) != len(names):
        raise ValueError(f"make_csv_dataset: a row of {len(row)} fields, {len(names)} are expected")
    return row[names.index(name)]


def _column(fields: list[str], default: Any, missing: str) -> np.ndarray:
    """The fields as an array."""
    if default is None:
        present = [f for f in fields if f not in ("", missing)]
        default = next(guess for guess in GUESSES if guess == "" or _fits(guess, present))
    column = Column(as_dtype(default) if isinstance(default, type) else default, missing)
    values = [column.value(f) for f in fields]
    array = np.empty(len(values), values[0].dtype)
    array[:] = [v[()] for v in values]
    return array


def _fits(guess: Any, fields: list[str]) -> bool:
    try:
        return not np.isinf(np.array(fields).astype(guess.dtype)).any()
    except (ValueError, OverflowError):
        return False
