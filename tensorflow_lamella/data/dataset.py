"""tf.data.Dataset: a recipe for a stream of elements, made anew by each iteration.

Data that is in arrays stays there: as long as only the order of rows is decided (shuffle, repeat,
take, skip, shard), a dataset is arrays and a stream of row numbers, and a batch is one gather.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import optree
from keras.src.random.seed_generator import make_default_seed

from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dispatch import wrap
from tensorflow_lamella.core.dtypes import as_dtype, numpy_dtype
from tensorflow_lamella.core.shape import TensorShape
from tensorflow_lamella.core.spec import TensorSpec
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.data import pipeline
from tensorflow_lamella.data.conform import conform, declared
from tensorflow_lamella.data.elements import (
    Mapped,
    as_arrays,
    as_tensors,
    each,
    flatten,
    spec_of,
)
from tensorflow_lamella.data.iterator import DatasetIterator, Options, check_not_traced
from tensorflow_lamella.data.rows import Batches, Rows, kept, mapped
from tensorflow_lamella.errors import InvalidArgumentError
from tensorflow_lamella.names import export, put
from tensorflow_lamella.ops import random as random_ops

INFINITE, UNKNOWN = -1, -2
AUTOTUNE = -1

put(AUTOTUNE, "data.AUTOTUNE", "data.experimental.AUTOTUNE")
put(INFINITE, "data.INFINITE_CARDINALITY", "data.experimental.INFINITE_CARDINALITY")
put(UNKNOWN, "data.UNKNOWN_CARDINALITY", "data.experimental.UNKNOWN_CARDINALITY")


@export("data.Dataset")
class Dataset:
    """A stream of elements; see TensorFlow's own documentation of each method.

    >>> ds = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(1000).batch(32)
    >>> for rows, labels in ds: ...
    """

    def __init__(self, source: Any, count: int = UNKNOWN, spec: Any = None) -> None:
        """source: something to iterate over again and again, or a function that gives it."""
        self._source = source
        self._count = count
        self._spec = spec

    # ---- reading -------------------------------------------------------------------------------

    def source(self) -> Any:
        """What one pass goes over: Rows, Batches, or some other iterable."""
        return self._source() if callable(self._source) else self._source

    def elements(self) -> Iterator[Any]:
        """The elements as nested arrays."""
        return iter(self.source())

    def __iter__(self) -> Iterator[Any]:
        check_not_traced()
        return DatasetIterator(self)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements with arrays in place of tensors."""
        return (each(_numpy_value, x) for x in self.elements())

    def __len__(self) -> int:
        if self._count == INFINITE:
            raise TypeError("The dataset is infinite.")
        if self._count == UNKNOWN:
            raise TypeError("The dataset length is unknown.")
        return self._count

    def __bool__(self) -> bool:
        return True

    def cardinality(self) -> Tensor:
        """The number of elements; INFINITE (-1) or UNKNOWN (-2)."""
        return wrap(np.array(self._count, np.int64))

    @property
    def element_spec(self) -> Any:
        """TensorSpecs of the elements; where nothing else tells, those of the first one."""
        if self._spec is None:
            first = next(self.elements(), None)
            if first is None:
                raise ValueError("element_spec of a dataset without elements")
            self._spec = spec_of(first)
        return self._spec

    def get_single_element(self, name: Any = None) -> Any:
        """The element of a dataset that has one."""
        found = list(itertools.islice(self.elements(), 2))
        if len(found) != 1:
            raise InvalidArgumentError("get_single_element: the dataset must have one element")
        return as_tensors(found[0])

    # ---- sources -------------------------------------------------------------------------------

    @staticmethod
    def from_tensor_slices(tensors: Any, name: Any = None) -> Dataset:
        """The rows of tensors in a nested structure."""
        arrays, structure = flatten(tensors)
        sizes = {a.shape[:1] for a in arrays}
        if len(sizes) != 1 or () in sizes:
            raise ValueError(f"from_tensor_slices: the first sizes must agree, got shapes "
                             f"{[a.shape for a in arrays]}")  # fmt: skip
        n = len(arrays[0])
        spec = optree.tree_unflatten(structure, [TensorSpec(a.shape[1:], a.dtype) for a in arrays])
        return Dataset(Rows(arrays, structure, lambda: iter(range(n))), n, spec)

    @staticmethod
    def from_tensors(tensors: Any, name: Any = None) -> Dataset:
        """One element."""
        element = as_arrays(tensors)
        return Dataset([element], 1, spec_of(element))

    @staticmethod
    def range(*args: Any, output_type: Any = "int64", name: Any = None) -> Dataset:
        """The numbers of Python's range, as scalars."""
        numbers = np.arange(*(int(np.asarray(a)) for a in args), dtype=numpy_dtype(output_type))
        return Dataset.from_tensor_slices(numbers)

    @staticmethod
    def from_generator(
        generator: Any,
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: Any = None,
    ) -> Dataset:
        """What `generator(*args)` yields, as tensors of the given types."""
        spec = output_signature
        if spec is None and output_types is not None:
            kinds = optree.tree_map(as_dtype, output_types)
            spec = declared(kinds, output_shapes)
        given = [] if args is None else [np.asarray(to_array(a)) for a in args]

        def make() -> Iterator[Any]:
            for item in generator(*given):
                yield conform(item, spec)

        return Dataset(make, UNKNOWN, spec)

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: Any = None) -> Dataset:
        """Elements of several datasets side by side, in the nesting in which they are given."""
        given = datasets if datasets is not None else (args[0] if len(args) == 1 else args)
        inner, structure = optree.tree_flatten(tuple(given) if isinstance(given, list) else given)

        def make() -> Iterator[Any]:
            for items in zip(*(d.elements() for d in inner)):
                yield optree.tree_unflatten(structure, items)

        counts = [d._count for d in inner if d._count != INFINITE]
        count = UNKNOWN if UNKNOWN in counts else min(counts, default=INFINITE)
        return Dataset(make, count)

    @staticmethod
    def sample_from_datasets(datasets: Any, weights: Any = None, seed: Any = None,
                             stop_on_empty_dataset: bool = False,
                             rerandomize_each_iteration: Any = None) -> Dataset:  # fmt: skip
        """Elements of randomly chosen datasets."""
        rngs = _generators(seed, True)
        return Dataset(lambda: pipeline.sampled([d.elements() for d in datasets], weights,
                                                next(rngs), stop_on_empty_dataset))  # fmt: skip

    @staticmethod
    def choose_from_datasets(datasets: Any, choice_dataset: Dataset,
                             stop_on_empty_dataset: bool = True) -> Dataset:  # fmt: skip
        """Elements of the datasets that `choice_dataset` names."""

        def make() -> Iterator[Any]:
            streams = [d.elements() for d in datasets]
            for i in choice_dataset.elements():
                item = next(streams[int(i)], None)
                if item is None and stop_on_empty_dataset:
                    return
                if item is not None:
                    yield item

        return Dataset(make)

    @staticmethod
    def random(seed: Any = None, rerandomize_each_iteration: Any = None,
               name: Any = None) -> Dataset:  # fmt: skip
        """Random int64 scalars without end."""
        rngs = _generators(seed, bool(rerandomize_each_iteration))

        def make() -> Iterator[Any]:
            rng = next(rngs)
            while True:
                yield np.int64(rng.integers(1 << 32))

        return Dataset(make, INFINITE)

    @staticmethod
    def counter(start: Any = 0, step: Any = 1, dtype: Any = "int64", name: Any = None) -> Dataset:
        """start, start + step, ... without end."""
        kind = numpy_dtype(dtype).type
        return Dataset(lambda: (kind(i) for i in itertools.count(start, step)), INFINITE)

    @staticmethod
    def list_files(file_pattern: Any, shuffle: Any = None, seed: Any = None,
                   name: Any = None) -> Dataset:  # fmt: skip
        """The names of files that match, in random order unless shuffle=False."""
        from tensorflow_lamella.io.files import glob

        found = Dataset.from_tensor_slices([f.encode() for f in sorted(glob(file_pattern))])
        return found if shuffle is False else found.shuffle(max(len(found), 1), seed)

    # ---- the order of elements -----------------------------------------------------------------

    def _reordered(self, change: Callable[[Iterator[Any]], Iterator[Any]], count: int) -> Dataset:
        """The same elements, of which `change` drops, repeats or moves some."""

        def make() -> Any:
            source = self.source()
            return source.ordered(change) if isinstance(source, Rows) else change(iter(source))

        return Dataset(make, count, self._spec)

    def shuffle(self, buffer_size: Any, seed: Any = None, reshuffle_each_iteration: Any = True,
                name: Any = None) -> Dataset:  # fmt: skip
        """Elements drawn at random from a buffer."""
        size, rngs = int(buffer_size), _generators(seed, reshuffle_each_iteration is not False)
        return self._reordered(lambda s: pipeline.shuffled(s, size, next(rngs)), self._count)

    def repeat(self, count: Any = None, name: Any = None) -> Dataset:
        """All elements `count` times, or for ever."""
        times = None if count is None or int(count) < 0 else int(count)
        total = INFINITE if times is None else self._times(times)

        def make() -> Any:
            source = self.source()
            if isinstance(source, Rows):
                return source.repeated(times)
            return pipeline.repeated(self.elements, times)

        return Dataset(make, total, self._spec)

    def _times(self, times: int) -> int:
        return self._count * times if self._count >= 0 else self._count

    def take(self, count: Any, name: Any = None) -> Dataset:
        """The first `count` elements."""
        n = int(count)
        if n < 0:
            return self
        left = (
            n if self._count == INFINITE else min(n, self._count) if self._count >= 0 else UNKNOWN
        )
        return self._reordered(lambda s: itertools.islice(s, n), left)

    def skip(self, count: Any, name: Any = None) -> Dataset:
        """All but the first `count` elements."""
        n = int(count)
        left = max(self._count - n, 0) if self._count >= 0 else self._count
        if n < 0:
            return self.take(0)
        return self._reordered(lambda s: itertools.islice(s, n, None), left)

    def shard(self, num_shards: Any, index: Any, name: Any = None) -> Dataset:
        """Every `num_shards`-th element, from the `index`-th on."""
        n, k = int(num_shards), int(index)
        left = len(range(k, self._count, n)) if self._count >= 0 else self._count
        return self._reordered(lambda s: itertools.islice(s, k, None, n), left)

    def prefetch(self, buffer_size: Any, name: Any = None) -> Dataset:
        """This dataset: there is nothing to wait for."""
        return self

    def cache(self, filename: Any = "", name: Any = None) -> Dataset:
        """The elements, computed once and kept in memory (also where a file is named)."""
        found: list[Any] = []

        def make() -> Any:
            if not found:
                found.append(kept(self.source()))
            return found[0]

        return Dataset(make, self._count, self._spec)

    # ---- what elements are ---------------------------------------------------------------------

    def map(self, map_func: Any, num_parallel_calls: Any = None, deterministic: Any = None,
            name: Any = None, **unused: Any) -> Dataset:  # fmt: skip
        """`map_func` of every element; compiled, one element after the other."""
        f = Mapped(map_func)
        return Dataset(lambda: mapped(self.source(), f), self._count)

    def filter(self, predicate: Any, name: Any = None) -> Dataset:
        """The elements for which `predicate` is true."""
        f = Mapped(predicate)
        return Dataset(lambda: (x for x in self.elements() if bool(f(x))), UNKNOWN, self._spec)

    def batch(self, batch_size: Any, drop_remainder: Any = False, num_parallel_calls: Any = None,
              deterministic: Any = None, name: Any = None) -> Dataset:  # fmt: skip
        """`batch_size` elements at a time, stacked."""
        size, drop = int(batch_size), bool(drop_remainder)
        spec = None if self._spec is None else _batch_spec(self._spec, size if drop else None)

        def make() -> Any:
            source = self.source()
            if isinstance(source, Rows):
                return Batches(source, size, drop)
            return pipeline.batched(_batchable(iter(source)), size, drop)

        return Dataset(make, self._batches(size, drop), spec)

    def _batches(self, size: int, drop: bool) -> int:
        if self._count < 0:
            return self._count
        return self._count // size if drop else -(-self._count // size)

    def padded_batch(self, batch_size: Any, padded_shapes: Any = None, padding_values: Any = None,
                     drop_remainder: Any = False, name: Any = None) -> Dataset:  # fmt: skip
        """As batch, with arrays of different sizes filled up."""
        size, drop = int(batch_size), bool(drop_remainder)
        return Dataset(lambda: pipeline.padded(self.elements(), size, padded_shapes,
                                               padding_values, drop),
                       self._batches(size, drop))  # fmt: skip

    def unbatch(self, name: Any = None) -> Dataset:
        """The rows of the elements."""
        return Dataset(lambda: pipeline.unbatched(self.elements()))

    def rebatch(self, batch_size: Any, drop_remainder: Any = False, name: Any = None) -> Dataset:
        """The rows in batches of another size."""
        return self.unbatch().batch(batch_size, drop_remainder)

    def window(self, size: Any, shift: Any = None, stride: Any = 1, drop_remainder: Any = False,
               name: Any = None) -> Dataset:  # fmt: skip
        """Windows of elements, each a dataset (or a tuple of datasets, one for each part)."""
        n = int(size)
        step = n if shift is None else int(shift)

        def make() -> Iterator[Any]:
            for items in pipeline.windows(self.elements(), n, step, int(stride), drop_remainder):
                yield each(lambda *parts: Dataset(list(parts), len(parts)), *items)

        return Dataset(make)

    def flat_map(self, map_func: Any, name: Any = None) -> Dataset:
        """The elements of the datasets that `map_func` gives."""
        f = _inner(map_func)
        return Dataset(lambda: (y for x in self.elements() for y in f(x)))

    def interleave(self, map_func: Any, cycle_length: Any = None, block_length: Any = None,
                   num_parallel_calls: Any = None, deterministic: Any = None,
                   name: Any = None) -> Dataset:  # fmt: skip
        """As flat_map, with several of the datasets taking turns."""
        f, block = _inner(map_func), int(block_length or 1)
        cycle = 4 if cycle_length is None or int(cycle_length) < 1 else int(cycle_length)
        return Dataset(lambda: pipeline.interleaved(self.elements(), f, cycle, block))

    def enumerate(self, start: Any = 0, name: Any = None) -> Dataset:
        """Pairs of a number and an element."""
        first = int(start)
        return Dataset(lambda: ((np.int64(i), x) for i, x in enumerate(self.elements(), first)),
                       self._count)  # fmt: skip

    def concatenate(self, dataset: Dataset, name: Any = None) -> Dataset:
        """The elements of this dataset, then those of the other."""
        counts = (self._count, dataset._count)
        total = sum(counts) if min(counts) >= 0 else min(counts) if UNKNOWN in counts else INFINITE
        return Dataset(lambda: itertools.chain(self.elements(), dataset.elements()), total,
                       self._spec)  # fmt: skip

    def take_while(self, predicate: Any, name: Any = None) -> Dataset:
        """Elements up to the first for which `predicate` is false."""
        f = Mapped(predicate)
        return Dataset(lambda: itertools.takewhile(lambda x: bool(f(x)), self.elements()))

    def scan(self, initial_state: Any, scan_func: Any, name: Any = None) -> Dataset:
        """`state, y = scan_func(state, x)` along the elements."""
        f, start = Mapped(scan_func), as_arrays(initial_state)
        return Dataset(lambda: pipeline.scanned(self.elements(), start, f), self._count)

    def reduce(self, initial_state: Any, reduce_func: Any, name: Any = None) -> Any:
        """The last of `state = reduce_func(state, x)`."""
        f, start = Mapped(reduce_func), as_arrays(initial_state)
        return as_tensors(pipeline.reduced(self.elements(), start, f))

    def unique(self, name: Any = None) -> Dataset:
        """Each element once."""
        return Dataset(lambda: pipeline.unique(self.elements()))

    def group_by_window(self, key_func: Any, reduce_func: Any, window_size: Any = None,
                        window_size_func: Any = None, name: Any = None) -> Dataset:  # fmt: skip
        """Windows of elements with one key, each reduced to a dataset."""
        key = Mapped(key_func)

        size = Mapped(window_size_func or (lambda k: window_size))

        def reduce(k: int, items: list[Any]) -> Iterator[Any]:
            return reduce_func(wrap(np.int64(k)), Dataset(items, len(items))).elements()

        return Dataset(
            lambda: pipeline.grouped(
                self.elements(), lambda x: int(key(x)), lambda k: int(size(np.int64(k))), reduce
            )
        )

    def bucket_by_sequence_length(
        self, element_length_func: Any, bucket_boundaries: Any, bucket_batch_sizes: Any,
        padded_shapes: Any = None, padding_values: Any = None, pad_to_bucket_boundary: bool = False,
        no_padding: bool = False, drop_remainder: bool = False, name: Any = None,
    ) -> Dataset:  # fmt: skip
        """Padded batches of elements of similar length."""
        length = Mapped(element_length_func)
        limits = np.asarray(bucket_boundaries)

        def reduce(k: int, items: list[Any]) -> Iterator[Any]:
            if len(items) < bucket_batch_sizes[k] and drop_remainder:
                return iter(())
            inner = Dataset(items, len(items))
            if no_padding:
                return inner.batch(len(items)).elements()
            return inner.padded_batch(len(items), padded_shapes, padding_values).elements()

        def key(x: Any) -> int:
            return int(np.searchsorted(limits, int(length(x)), side="right"))

        return Dataset(
            lambda: pipeline.grouped(
                self.elements(), key, lambda k: int(bucket_batch_sizes[k]), reduce
            )
        )

    def apply(self, transformation_func: Any) -> Dataset:
        """`transformation_func(self)`."""
        return transformation_func(self)

    def ignore_errors(self, log_warning: bool = False, name: Any = None) -> Dataset:
        """Without the elements whose computation fails."""
        return Dataset(lambda: pipeline.without_errors(self.elements()), UNKNOWN, self._spec)

    def options(self) -> Options:
        """An Options object; none has an effect."""
        return Options()

    def with_options(self, options: Any, name: Any = None) -> Dataset:
        """This dataset: options have no effect."""
        return self

    def __repr__(self) -> str:
        return f"<Dataset element_spec={self.element_spec}>"


def _numpy_value(x: Any) -> Any:
    array = np.asarray(x)
    return array[()] if array.ndim == 0 else array


def _generators(seed: Any, anew: bool) -> Iterator[np.random.Generator]:
    """A generator of random numbers for each iteration: other ones where `anew`."""
    words = [int(s) & 0xFFFFFFFF for s in (random_ops.global_seed(), seed) if s is not None]
    words = words or [make_default_seed()]
    for k in itertools.count():
        yield np.random.default_rng([*words, k if anew else 0])


def _batch_spec(spec: Any, size: int | None) -> Any:
    def batched(s: Any) -> Any:
        return TensorSpec(TensorShape([size]).concatenate(s.shape), s.dtype)

    return optree.tree_map(batched, spec)


def _batchable(stream: Iterator[Any]) -> Iterator[Any]:
    """Elements; a dataset that is one (of `window`) cannot be part of a batch."""
    for item in stream:
        if any(isinstance(x, Dataset) for x in optree.tree_leaves(item)):
            raise TypeError("a window is a dataset: use flat_map(lambda w: w.batch(size)) first")
        yield item


def _inner(map_func: Any) -> Callable[[Any], Iterator[Any]]:
    """The elements of the dataset that `map_func` gives for an element."""

    def elements(x: Any) -> Iterator[Any]:
        args = x if type(x) is tuple else (x,)
        tensors = (a if isinstance(a, Dataset) else as_tensors(a) for a in args)
        return map_func(*tensors).elements()

    return elements
