"""Datasets in memory: rows of arrays, and batches of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree

from tensorflow_lamella.data import pipeline
from tensorflow_lamella.data.elements import flatten, stack
from tensorflow_lamella.errors import InvalidArgumentError


def row(array: np.ndarray, i: int) -> Any:
    """One row; of a list of strings an array without axes."""
    return (
        np.reshape(array[i : i + 1], ()) if array.dtype == object and array.ndim == 1 else array[i]
    )


@dataclass(frozen=True)
class Rows:
    """Elements that are rows of arrays, in an order that is made anew by each `numbers()`."""

    arrays: list[np.ndarray]
    structure: Any
    numbers: Callable[[], Iterator[int]]

    def __iter__(self) -> Iterator[Any]:
        for i in self.numbers():
            yield optree.tree_unflatten(self.structure, [row(a, i) for a in self.arrays])

    def gather(self, numbers: Any) -> Any:
        """The rows as one batch."""
        index = np.asarray(numbers, np.int64)
        return optree.tree_unflatten(self.structure, [np.asarray(a[index]) for a in self.arrays])

    def repeated(self, count: int | None) -> Rows:
        """The same rows `count` times, or for ever."""
        numbers = self.numbers
        return Rows(self.arrays, self.structure, lambda: pipeline.repeated(numbers, count))

    def ordered(self, change: Callable[[Iterator[int]], Iterator[int]]) -> Rows:
        """The same rows in another order."""
        numbers = self.numbers
        return Rows(self.arrays, self.structure, lambda: change(numbers()))


@dataclass(frozen=True)
class Batches:
    """Batches of rows: what is trained on without ever making them one by one."""

    rows: Rows
    size: int
    drop_remainder: bool

    def __iter__(self) -> Iterator[Any]:
        numbers = self.rows.numbers()
        while chosen := list(itertools.islice(numbers, self.size)):
            if len(chosen) == self.size or not self.drop_remainder:
                yield self.rows.gather(chosen)


def kept(items: list[Any]) -> Any:
    """Elements in memory: as rows of arrays where all have one shape."""
    try:
        arrays, structure = flatten(stack(items)) if items else ([], None)
    except (InvalidArgumentError, ValueError):
        return items
    if not arrays:
        return items
    return Rows(arrays, structure, lambda: iter(range(len(items))))
