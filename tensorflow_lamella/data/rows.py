"""Datasets in memory: rows of arrays, and batches of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import optree

from tensorflow_lamella.data import pipeline
from tensorflow_lamella.data.elements import Mapped, flatten, stack
from tensorflow_lamella.data.mapping import Mapping
from tensorflow_lamella.errors import InvalidArgumentError


def row(array: np.ndarray, i: int) -> Any:
    """One row; of a list of strings an array without axes."""
    return (
        np.reshape(array[i : i + 1], ()) if array.dtype == object and array.ndim == 1 else array[i]
    )


#: Rows that are mapped at once where they are asked for one by one.
CHUNK = 256


@dataclass(frozen=True)
class Rows:
    """Elements that are rows of arrays, in an order that is made anew by each `numbers()`.

    maps: functions that are applied to the rows when they are gathered.
    """

    arrays: list[np.ndarray]
    structure: Any
    numbers: Callable[[], Iterator[int]]
    maps: tuple[Mapping, ...] = ()

    def __iter__(self) -> Iterator[Any]:
        if not self.maps:
            for i in self.numbers():
                yield optree.tree_unflatten(self.structure, [row(a, i) for a in self.arrays])
            return
        numbers, size = self.numbers(), 1
        while chosen := list(itertools.islice(numbers, size)):
            yield from pipeline.unbatched(iter([self.gather(chosen)]))
            size = min(2 * size, CHUNK)

    def gather(self, numbers: Any) -> Any:
        """The rows as one batch."""
        index = np.asarray(numbers, np.int64)
        batch = optree.tree_unflatten(self.structure, [np.asarray(a[index]) for a in self.arrays])
        for mapping in self.maps:
            batch = mapping(batch, 1, len(index))
        return batch

    def repeated(self, count: int | None) -> Rows:
        """The same rows `count` times, or for ever."""
        numbers = self.numbers
        return replace(self, numbers=lambda: pipeline.repeated(numbers, count))

    def ordered(self, change: Callable[[Iterator[int]], Iterator[int]]) -> Rows:
        """The same rows in another order."""
        numbers = self.numbers
        return replace(self, numbers=lambda: change(numbers()))

    def with_map(self, mapping: Mapping) -> Rows | None:
        """`mapping` of every row; None where it must be called by Python."""
        if not all(a.dtype.kind in "fiub" and len(a) for a in self.arrays):
            return None
        sample = optree.tree_unflatten(self.structure, [a[:1] for a in self.arrays])
        return with_mapping(self, mapping, sample, 1)


@dataclass(frozen=True)
class Batches:
    """Batches of rows: what is trained on without ever making them one by one.

    maps: functions that are applied to the batches when they are gathered.
    """

    rows: Rows
    size: int
    drop_remainder: bool
    maps: tuple[Mapping, ...] = ()

    def __iter__(self) -> Iterator[Any]:
        numbers = self.rows.numbers()
        while chosen := list(itertools.islice(numbers, self.size)):
            if len(chosen) == self.size or not self.drop_remainder:
                yield self.gather(chosen, len(chosen))

    def gather(self, numbers: Any, size: int) -> Any:
        """Batches of `size` rows, one after the other in one array."""
        found = self.rows.gather(numbers)
        for mapping in self.maps:
            found = mapping(found, size, len(numbers) // size)
        return found

    def with_map(self, mapping: Mapping) -> Batches | None:
        """`mapping` of every batch; None where it must be called by Python."""
        if not all(a.dtype.kind in "fiub" and len(a) for a in self.rows.arrays):
            return None
        sample = optree.tree_unflatten(
            self.rows.structure, [a[: self.size] for a in self.rows.arrays]
        )
        for inner in self.rows.maps:
            sample = inner(sample, 1, len(optree.tree_leaves(sample)[0]))
        return with_mapping(self, mapping, sample, len(optree.tree_leaves(sample)[0]))


def with_mapping(source: Any, mapping: Mapping, sample: Any, size: int) -> Any:
    """`source` with one function more, or None where it does not take the sample as a whole."""
    for inner in source.maps:
        sample = inner(sample, size, 1)
    if not mapping.takes(sample, size):
        return None
    return replace(source, maps=(*source.maps, mapping))


def mapped(source: Any, f: Mapped) -> Any:
    """`f` of all elements of `source`, many in one native call where that can be."""
    found = None
    if isinstance(source, (Rows, Batches)):
        found = source.with_map(Mapping.of(f, one_by_one=isinstance(source, Rows)))
    return map(f, iter(source)) if found is None else found  # goes on after an error


def kept(source: Any) -> Any:
    """The elements of one pass in memory: as rows of arrays where all have one shape."""
    if isinstance(source, Rows):
        numbers = np.fromiter(source.numbers(), np.int64)
        if not len(numbers):
            return []
        arrays, structure = optree.tree_flatten(source.gather(numbers))
        return Rows(arrays, structure, lambda: iter(range(len(numbers))))
    items = list(source)
    try:
        arrays, structure = flatten(stack(items)) if items else ([], None)
    except (InvalidArgumentError, ValueError):
        return items
    if not arrays:
        return items
    return Rows(arrays, structure, lambda: iter(range(len(items))))
