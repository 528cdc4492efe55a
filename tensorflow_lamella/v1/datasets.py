"""tf.data in graphs: iterators whose next element is read before each run."""

from __future__ import annotations

from typing import Any

import numpy as np
import optree

from tensorflow_lamella.core import state
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dtypes import as_dtype
from tensorflow_lamella.core.shape import TensorShape
from tensorflow_lamella.errors import FailedPreconditionError, OutOfRangeError, unsupported
from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1.graph import Operation
from tensorflow_lamella.v1.tensor import GraphTensor
from tensorflow_lamella.v1.variables import host_operation


@export("data.Dataset", "contrib.data.Dataset", version=1)
class GraphDataset:
    """tf.data.Dataset while a graph is built: a recipe, made a dataset when an iterator begins.

    Tensors of the graph among the arguments of `from_tensor_slices` and others (placeholders) get
    their numbers then. While computing eagerly it is the Dataset of TensorFlow 2.
    """

    def __init__(self, source: Any, method: str, args: Any, kwargs: dict[str, Any]) -> None:
        self._recipe = source, method, args, kwargs
        self._element_spec: Any = None

    def tensors(self) -> list[GraphTensor]:
        """The tensors of the graph that the recipe needs."""
        source, _, args, kwargs = self._recipe
        found = [] if not isinstance(source, GraphDataset) else source.tensors()
        for x in optree.tree_leaves((args, kwargs), none_is_leaf=True):
            found += [x] if isinstance(x, GraphTensor) else []
            found += x.tensors() if isinstance(x, GraphDataset) else []
        return list(dict.fromkeys(found))

    def made(self, values: dict[Any, np.ndarray]) -> Any:
        """The dataset, with numbers for the tensors."""
        source, method, args, kwargs = self._recipe

        def number(x: Any) -> Any:
            if isinstance(x, GraphDataset):
                return x.made(values)
            return values[x] if isinstance(x, GraphTensor) else x

        args, kwargs = optree.tree_map(number, (args, kwargs), none_is_leaf=True)
        home = source.made(values) if isinstance(source, GraphDataset) else get("data.Dataset", 2)
        out = getattr(home, method)(*args, **kwargs)
        return getattr(out, method, out) if method == "apply" else out

    @property
    def element_spec(self) -> Any:
        """TensorSpecs of the elements, found with stand-ins for placeholders."""
        if self._element_spec is None:
            stands = {t: _stand_in(t) for t in self.tensors()}
            with state.recording(None):
                self._element_spec = self.made(stands).element_spec
        return self._element_spec

    output_types = property(lambda self: _mapped(lambda s: s.dtype, self.element_spec))
    output_shapes = property(lambda self: _mapped(lambda s: s.shape, self.element_spec))

    def make_one_shot_iterator(self) -> GraphIterator:
        """An iterator that begins with the first run, and ends for good."""
        if self.tensors():
            raise ValueError(
                "make_one_shot_iterator: the dataset depends on a placeholder; use "
                "make_initializable_iterator and run iterator.initializer"
            )
        return GraphIterator(self.element_spec, self)

    def make_initializable_iterator(self, shared_name: Any = None) -> GraphIterator:
        """An iterator that begins when `iterator.initializer` is run."""
        return GraphIterator(self.element_spec, None, self)

    def apply(self, transformation_func: Any) -> Any:
        """`transformation_func` of this dataset."""
        return transformation_func(self)

    def __iter__(self) -> Any:
        raise RuntimeError(
            "__iter__() is only supported inside of tf.function or when eager "
            "execution is enabled; use make_one_shot_iterator().get_next()"
        )


def _stand_in(t: GraphTensor) -> np.ndarray:
    sizes = [120 if d is None else int(d) for d in tuple.__iter__(t.shape)]
    kind = t.dtype.dtype
    return np.full(sizes, b"0", object) if kind.kind == "O" else np.zeros(sizes, kind)


def _mapped(f: Any, spec: Any) -> Any:
    return optree.tree_map(f, spec)


def _recorded(method: str) -> Any:
    def call(self: GraphDataset, *args: Any, **kwargs: Any) -> GraphDataset:
        kwargs.pop("name", None)
        return GraphDataset(self, method, args, kwargs)

    call.__name__, call.__doc__ = method, f"Dataset.{method}, when an iterator begins."
    return call


def _constructor(method: str) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        if state.graph() is None:
            return getattr(get("data.Dataset", 2), method)(*args, **kwargs)
        return GraphDataset(None, method, args, kwargs)

    call.__name__, call.__doc__ = method, f"Dataset.{method}."
    return staticmethod(call)


for _name in ("batch", "cache", "concatenate", "enumerate", "filter", "flat_map", "interleave",
              "map", "padded_batch", "prefetch", "repeat", "shard", "shuffle", "skip", "take",
              "window"):  # fmt: skip
    setattr(GraphDataset, _name, _recorded(_name))
for _name in ("from_tensor_slices", "from_tensors", "from_generator", "range", "zip", "list_files"):
    setattr(GraphDataset, _name, _constructor(_name))


@export("data.experimental.shuffle_and_repeat", "contrib.data.shuffle_and_repeat", version=1)
def shuffle_and_repeat(buffer_size: Any, count: Any = None, seed: Any = None) -> Any:
    """For `dataset.apply`: shuffle, then repeat."""
    return lambda ds: ds.shuffle(buffer_size, seed).repeat(count)


@export("data.experimental.map_and_batch", "contrib.data.map_and_batch", version=1)
def map_and_batch(map_func: Any, batch_size: Any, num_parallel_batches: Any = None,
                  drop_remainder: bool = False, num_parallel_calls: Any = None) -> Any:  # fmt: skip
    """For `dataset.apply`: map, then batch."""
    return lambda ds: ds.map(map_func).batch(batch_size, drop_remainder)


def _file_dataset(name: str) -> None:
    def make(*args: Any, **kwargs: Any) -> Any:
        if state.graph() is None:
            return get(f"data.{name}", 2)(*args, **kwargs)
        return _Files(name, args, kwargs)

    make.__doc__ = f"tf.data.{name}."
    export(f"data.{name}", f"contrib.data.{name}", version=1)(make)


class _Files(GraphDataset):
    """A dataset that reads files."""

    def __init__(self, name: str, args: Any, kwargs: dict[str, Any]) -> None:
        super().__init__(None, name, args, kwargs)

    def made(self, values: dict[Any, np.ndarray]) -> Any:
        _, name, args, kwargs = self._recipe
        args = [values[x] if isinstance(x, GraphTensor) else x for x in args]
        return get(f"data.{name}", 2)(*args, **kwargs)


for _name in ("TextLineDataset", "TFRecordDataset"):
    _file_dataset(_name)


class GraphIterator:
    """The elements of a dataset, one for each run that needs `get_next()`."""

    def __init__(self, spec: Any, one_shot: GraphDataset | None = None,
                 dataset: GraphDataset | None = None) -> None:  # fmt: skip
        self.element_spec, self._one_shot, self._dataset = spec, one_shot, dataset

    output_types = property(lambda self: _mapped(lambda s: s.dtype, self.element_spec))
    output_shapes = property(lambda self: _mapped(lambda s: s.shape, self.element_spec))

    @property
    def initializer(self) -> Operation:
        """The operation that begins the dataset."""
        if self._dataset is None:
            raise ValueError("Iterator does not have an initializer.")
        return self.make_initializer(self._dataset)

    def make_initializer(self, dataset: GraphDataset, name: str | None = None) -> Operation:
        """An operation that begins `dataset` here."""
        tensors = dataset.tensors()

        def begin(session: Any, *arrays: np.ndarray) -> list[Any]:
            session.resources[self] = dataset.made(dict(zip(tensors, arrays))).elements()
            return []

        return host_operation(begin, tensors, [], name or "MakeIterator", "MakeIterator")

    def get_next(self, name: str | None = None) -> Any:
        """The tensors of the next element; OutOfRangeError in a run after the last."""
        specs, structure = optree.tree_flatten(self.element_spec)

        def advance(session: Any) -> list[np.ndarray]:
            stream = session.resources.get(self)
            if stream is None:
                if self._one_shot is None:
                    raise FailedPreconditionError(
                        None, None, "GetNext() failed because the iterator has not been "
                        "initialized. Ensure that you have run the initializer operation for this "
                        "iterator before getting the next element."
                    )  # fmt: skip
                stream = session.resources[self] = self._one_shot.made({}).elements()
            try:
                element = next(stream)
            except StopIteration:
                raise OutOfRangeError(None, None, "End of sequence") from None
            return [np.asarray(to_array(x)) for x in optree.tree_leaves(element)]

        types = [(s.dtype, s.shape) for s in specs]
        op = host_operation(advance, [], types, name or "IteratorGetNext", "IteratorGetNext")
        return optree.tree_unflatten(structure, op.outputs)


@export("data.Iterator", "contrib.data.Iterator", version=1)
class Iterator:
    """Makes iterators that several datasets can begin."""

    @staticmethod
    def from_structure(output_types: Any, output_shapes: Any = None, shared_name: Any = None,
                       output_classes: Any = None) -> GraphIterator:  # fmt: skip
        """An iterator for any dataset of these types: run `make_initializer(dataset)`."""
        from tensorflow_lamella.core.spec import TensorSpec

        leaves, structure = optree.tree_flatten(output_types)
        shapes = [None] * len(leaves)
        if output_shapes is not None:
            shapes = optree.tree_leaves(output_shapes, is_leaf=lambda x: isinstance(x, TensorShape))
        specs = [TensorSpec(s, as_dtype(t)) for t, s in zip(leaves, shapes)]
        return GraphIterator(optree.tree_unflatten(structure, specs))

    @staticmethod
    def from_string_handle(*args: Any, **kwargs: Any) -> Any:
        """An error."""
        raise unsupported(
            "tf.data.Iterator.from_string_handle",
            "use Iterator.from_structure and run make_initializer(dataset)",
        )


@export("data.make_one_shot_iterator", version=1)
def make_one_shot_iterator(dataset: Any) -> Any:
    """dataset.make_one_shot_iterator()."""
    return iter(dataset) if state.graph() is None else dataset.make_one_shot_iterator()


@export("data.make_initializable_iterator", version=1)
def make_initializable_iterator(dataset: Any, shared_name: Any = None) -> Any:
    """dataset.make_initializable_iterator()."""
    return dataset.make_initializable_iterator()


export("data.get_output_types", version=1)(lambda x: x.output_types)
export("data.get_output_shapes", version=1)(lambda x: x.output_shapes)
