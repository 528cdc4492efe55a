"""Tensors of a graph: the outputs of operations, with what is known of their shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
from keras.src.backend.common import KerasVariable

from tensorflow_lamella.core.dtypes import DType, as_dtype
from tensorflow_lamella.core.shape import UNKNOWN, TensorShape, known_sizes
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.v1 import abstract
from tensorflow_lamella.v1.graph import Graph, Operation, get_default_graph


class GraphTensor(Tensor):
    """Output `value_index` of an operation. It has no numbers: `Session.run` computes them."""

    def __init__(self, op: Operation, value_index: int) -> None:
        self.op, self.value_index = op, value_index
        self.worlds: dict[abstract.World, Any] = {}  # what it is with stand-ins for unknown sizes
        self._known: tuple[DType, TensorShape] | None = None
        self._set_shape: TensorShape | None = None
        self._fed: Any = None

    known_shape: TensorShape | None = None  # in place of what the worlds say
    graph = property(lambda self: self.op.graph)
    name = property(lambda self: f"{self.op.name}:{self.value_index}")
    device = property(lambda self: self.op.device)

    @property
    def is_text(self) -> bool:
        """Does it hold strings?"""
        return any(isinstance(v, np.ndarray) and v.dtype.kind == "O" for v in self.worlds.values())

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._static()[0]

    @property
    def shape(self) -> GraphShape:
        """What is known of the shape, with sizes that have a `.value`."""
        known = self.known_shape or self._static()[1]
        return GraphShape(known if self._set_shape is None else known.merge_with(self._set_shape))

    def _static(self) -> tuple[DType, TensorShape]:
        if self._known is None:
            dtype, shape = abstract.static_type(self)
            self._known = as_dtype(dtype), shape
        return self._known

    @property
    def feed_dtype(self) -> np.dtype:
        """The dtype of arrays that are fed for it."""
        return self._feed()[0]

    @property
    def feed_shape(self) -> tuple[int, ...] | None:
        """The shape of arrays that are fed for it, None where not all of it is known."""
        return self._feed()[1]

    def _feed(self) -> Any:
        if self._fed is None:
            full = self.shape.is_fully_defined()
            self._fed = self.dtype.dtype, tuple(self.shape.as_list()) if full else None
        return self._fed

    def get_shape(self) -> GraphShape:
        """As `shape`."""
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Add to what is known of the shape; ValueError where that contradicts it."""
        self._set_shape = self.shape.merge_with(shape)

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Its value in `session`, or in the default session."""
        from tensorflow_lamella.v1.session import default_session

        return default_session(session, "evaluate tensor").run(self, feed_dict)

    def consumers(self) -> list[Operation]:
        """The operations that use it."""
        return [op for op in self.graph.get_operations() if self in op.inputs]

    def numpy(self) -> NoReturn:
        """An error: numbers come from a session."""
        raise AttributeError(
            f"'Tensor' object has no attribute 'numpy': '{self.name}' belongs to a graph; its "
            "numbers come from sess.run(tensor) or tensor.eval()"
        )

    def __lamella_array__(self) -> NoReturn:
        raise TypeError(
            f"the tensor '{self.name}' of a graph is used where numbers are needed; they come "
            "from sess.run(tensor)"
        )

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            f"Cannot convert a symbolic Tensor ({self.name}) to a numpy array; its numbers come "
            "from sess.run(tensor)"
        )

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "Using a `tf.Tensor` as a Python `bool` is not allowed. Use `if t is not None:` "
            "instead of `if t:` to test if a tensor is defined, and use TensorFlow ops such as "
            "tf.cond to execute subgraphs conditioned on the value of a tensor."
        )

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(
            "Tensor objects are only iterable when eager execution is enabled. To iterate over "
            "this tensor use tf.unstack, tf.map_fn or tf.while_loop."
        )

    def __len__(self) -> int:
        raise TypeError(f"len() of the tensor '{self.name}' of a graph: use tf.shape(x)[0]")

    def _not_a_number(self, *args: Any) -> NoReturn:
        raise TypeError(
            f"the tensor '{self.name}' of a graph is used as a Python number; its number comes "
            "from sess.run(tensor)"
        )

    __int__ = __float__ = __index__ = __complex__ = _not_a_number

    def __eq__(self, other: Any) -> bool:
        return self is other

    def __ne__(self, other: Any) -> bool:
        return self is not other

    __hash__ = object.__hash__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __repr__(self) -> str:
        return f"<tf.Tensor '{self.name}' shape={_printed(self.shape)} dtype={self.dtype.name}>"

    def __str__(self) -> str:
        shape = "" if self.shape.rank is None else f"shape={_printed(self.shape)}, "
        return f'Tensor("{self.name}", {shape}dtype={self.dtype.name})'

    def __copy__(self) -> GraphTensor:
        return self

    def __deepcopy__(self, memo: Any) -> GraphTensor:
        return self


def _printed(shape: TensorShape) -> str:
    """As TensorFlow 1 printed shapes: (?, 784)."""
    if shape.rank is None:
        return "<unknown>"
    inner = ", ".join("?" if d is None else str(d) for d in known_sizes(shape))
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


class GraphShape(TensorShape):
    """A shape whose sizes have a `.value`."""

    def __new__(cls, shape: Any) -> GraphShape:
        if isinstance(shape, GraphShape):
            return shape
        plain = TensorShape(shape)
        made = tuple.__new__(cls, known_sizes(plain))
        made.rank = plain.rank
        return made

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return GraphShape(super().__getitem__(key))
        dims = self.dims
        return UNKNOWN if dims is None else dims[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.dims or ())

    def __str__(self) -> str:
        return _printed(self)


def as_graph_tensor(x: Any) -> Any:
    """The tensor that stands for a variable of a graph; other things as they are."""
    if isinstance(x, KerasVariable):
        known = get_default_graph().keras_variables.get(id(x))
        return x if known is None else known[1]._as_graph_element()
    found = getattr(x, "_as_graph_element", None)
    return x if found is None or isinstance(x, GraphTensor) else found()


def give_outputs(op: Operation) -> list[GraphTensor]:
    """Give a new operation its tensors; raises what the operation raises on its inputs."""
    world, found = abstract.settle(op)
    op.outputs = [GraphTensor(op, i) for i in range(len(found))]
    for t, value in zip(op.outputs, found):
        t.worlds[world] = value
        op.host = op.host or t.is_text
    return op.outputs


def is_graph_value(x: Any) -> bool:
    """Whether `x` is a tensor or a variable of a graph."""
    return isinstance(as_graph_tensor(x), GraphTensor)


def constant_value(x: Any) -> np.ndarray | None:
    """The numbers of a tensor where they follow from constants alone, else None."""
    if not is_graph_value(x):
        return np.asarray(x)
    values = [abstract.value(as_graph_tensor(x), world) for world in abstract.USUAL]
    if any(not isinstance(v, np.ndarray) for v in values) or not np.array_equal(*values):
        return None
    return values[0]


__all__ = [
    "Graph", "GraphShape", "GraphTensor", "as_graph_tensor", "constant_value", "give_outputs",
    "is_graph_value",
]  # fmt: skip
