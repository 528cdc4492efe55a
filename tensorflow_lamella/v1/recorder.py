"""What ops do while a graph is built: each call makes a node."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import optree

from tensorflow_lamella.core import dispatch, state
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.core.shape import sizes
from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1.graph import make_operation
from tensorflow_lamella.v1.tensor import GraphTensor, as_graph_tensor, give_outputs
from tensorflow_lamella.v1.variables import GraphVariable


class Recorder:
    """The protocol `state.Graph`, for TensorFlow 1's default graph."""

    def record(self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A node for `op(*args, **kwargs)`; its tensors in the structure of the op's result."""
        handler = dispatch.handler_of(args)
        if handler is not None:
            return handler.call(op, args, kwargs)
        replacement = REPLACED.get(op.names[0])
        if replacement is not None:
            return replacement(*args, **kwargs)
        kwargs = dict(kwargs)
        name = kwargs.pop("name", None)
        if len(args) > len(op.order) and isinstance(args[-1], str):
            *args, name = args  # type: ignore[assignment]
        type = operation_type(op.names[0])
        return record_call(op.compute, args, kwargs, name or DEFAULT_NAMES.get(type, type), type)

    def keras(self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A node for a call of a Keras layer or loss on tensors of the graph.

        NotImplemented where no tensor of the graph is among the arguments.
        """
        from tensorflow_lamella.v1 import keras_layers

        if not keras_layers.holds((args[1:], kwargs)):
            return NotImplemented
        return keras_layers.call(f, args, kwargs)

    def variable(self, *args: Any, **kwargs: Any) -> GraphVariable:
        """What `tf.Variable(*args, **kwargs)` gives."""
        return GraphVariable(*args, **kwargs)


#: Ops that graphs have their own functions for, by their first name.
REPLACED: dict[str, Callable[..., Any]] = {}


def replaces(*names: str) -> Callable[[Any], Any]:
    """Call this function instead of the op of one of these names while a graph is built."""

    def decorate(function: Any) -> Any:
        REPLACED.update(dict.fromkeys(names, function))
        return function

    return decorate


def record_call(fn: Callable[..., Any], args: Any, kwargs: dict[str, Any], name: str, type: str,
                kind: str = "call") -> Any:  # fmt: skip
    """A node that applies `fn`; its tensors in the structure of the result."""
    op = make_operation(fn, args, kwargs, name=name, type=type, kind=kind)
    give_outputs(op)
    return optree.tree_unflatten(op.structure, op.outputs)


_TYPES = {
    "math.reduce_mean": "Mean", "reduce_mean": "Mean", "math.reduce_sum": "Sum",
    "reduce_sum": "Sum", "reduce_max": "Max", "math.reduce_max": "Max", "reduce_min": "Min",
    "math.reduce_min": "Min", "reduce_prod": "Prod", "math.reduce_prod": "Prod",
    "reduce_all": "All", "reduce_any": "Any", "math.reduce_all": "All", "math.reduce_any": "Any",
    "matmul": "MatMul", "linalg.matmul": "MatMul", "multiply": "Mul", "subtract": "Sub",
    "truediv": "RealDiv", "divide": "RealDiv", "negative": "Neg", "argmax": "ArgMax",
    "math.argmax": "ArgMax", "argmin": "ArgMin", "math.argmin": "ArgMin", "nn.relu": "Relu",
    "nn.conv2d": "Conv2D", "nn.max_pool": "MaxPool", "nn.avg_pool": "AvgPool",
    "nn.bias_add": "BiasAdd", "_getitem": "StridedSlice", "concat": "ConcatV2", "stack": "Pack",
    "unstack": "Unpack", "gather": "GatherV2", "constant": "Const", "convert_to_tensor": "Const",
}  # fmt: skip
DEFAULT_NAMES = {
    "Add": "add", "Mul": "mul", "Sub": "sub", "RealDiv": "truediv", "Pow": "pow",
    "StridedSlice": "strided_slice", "ConcatV2": "concat", "Pack": "stack", "Unpack": "unstack",
    "Zeros": "zeros", "Ones": "ones",
}  # fmt: skip


def operation_type(name: str) -> str:
    """TensorFlow's type of the node that the function `name` makes."""
    last = name.rpartition(".")[2].strip("_")
    return _TYPES.get(name) or "".join(w[:1].upper() + w[1:] for w in last.split("_"))


# Nodes without inputs


@replaces("constant")
def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None,
             verify_shape: bool = False) -> GraphTensor:  # fmt: skip
    """A tensor of `value`; one number fills the whole `shape`."""
    array = to_array(value, numpy_dtype(dtype))
    if shape is not None:
        wanted = sizes(shape)
        if array.size == 1:
            array = np.broadcast_to(array, wanted)
        elif array.size == int(np.prod(wanted)):
            array = np.reshape(array, wanted)
        else:
            array = _padded(array, wanted)
    (t,) = give_outputs(make_operation(lambda: array, name=name or "Const", type="Const"))
    t.op.attributes["value"] = array
    return t


def _padded(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """TensorFlow 1 repeats the last number where there are too few."""
    missing = int(np.prod(shape)) - array.size
    if missing < 0:
        raise ValueError(f"Too many elements provided. Needed at most {int(np.prod(shape))}, but "
                         f"received {array.size}")  # fmt: skip
    return np.pad(array.ravel(), (0, missing), "edge").reshape(shape)


@replaces("convert_to_tensor")
def convert_to_tensor(value: Any, dtype: Any = None, name: str | None = None,
                      preferred_dtype: Any = None, dtype_hint: Any = None) -> Any:  # fmt: skip
    """`value` as a tensor of the graph."""
    value = as_graph_tensor(value)
    if isinstance(value, GraphTensor):
        if dtype is not None and value.dtype != dtype:
            raise ValueError(
                f"Tensor conversion requested dtype {numpy_dtype(dtype)} for Tensor with dtype "
                f"{value.dtype.name}: {value}"
            )
        return value
    if any(isinstance(as_graph_tensor(x), GraphTensor) for x in optree.tree_leaves(value)):
        return get("stack")(value, name=name or "packed")
    hint = numpy_dtype(preferred_dtype or dtype_hint)
    return constant(to_array(value, numpy_dtype(dtype), hint), name=name)


@replaces("_getitem")
def getitem(x: Any, index: Any) -> Any:
    """`tensor[index]`: slices are taken apart, since tensors may be in them."""
    parts = index if isinstance(index, tuple) else (index,)
    flat = [(p.start, p.stop, p.step) if isinstance(p, slice) else p for p in parts]
    which = tuple(isinstance(p, slice) for p in parts)

    def take(x: Any, flat: Any) -> Any:
        rebuilt = tuple(slice(*p) if is_slice else p for p, is_slice in zip(flat, which))
        return get("_getitem").compute(x, rebuilt if len(rebuilt) != 1 else rebuilt[0])

    return record_call(take, (x, flat), {}, "strided_slice", "StridedSlice")


def building() -> bool:
    """Whether ops make nodes."""
    return state.graph() is not None


def in_graph(*names: str, eager: str | None = None) -> Callable[[Any], Any]:
    """`tf.<name>` of TensorFlow 1: what is decorated in graphs; else `eager` of TensorFlow 2.

    eager: the name there, the first of `names` if it is not given.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def chosen(*args: Any, **kwargs: Any) -> Any:
            if building():
                return function(*args, **kwargs)
            return get(eager or names[0], 2)(*args, **kwargs)

        return export(*names, version=1)(chosen)

    return decorate
