"""Keras and tensors: what Keras's layers, losses and metrics return to a program are Tensors.

Keras itself works on arrays. `connect()` wraps the calls a program makes (`layer(x)`, `loss(y, p)`,
`metric.result()`): Tensors go in as arrays and come out as Tensors, and the `call` of a layer that
the program defines sees Tensors. Symbolic tensors of the functional API that reach one of our ops
become a layer of the model, as in TensorFlow 2.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras.src import tree
from keras.src.backend import KerasTensor
from keras.src.ops.operation import Operation
from keras.src.utils import backend_utils

import keras_lamella.src.tensor
from lamella.frontend.tracer import Tracer
from tensorflow_lamella.core import state
from tensorflow_lamella.core.autograph import converted
from tensorflow_lamella.core.convert import raw
from tensorflow_lamella.core.dispatch import Op, add_handler, wrap
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.errors import unsupported


def arrays_in(x: Any) -> Any:
    """`x` with Tensors, at any depth of lists, tuples and dicts, as arrays."""
    if isinstance(x, Tensor):
        return x.__lamella_array__()
    if type(x) in (list, tuple):
        return type(x)(arrays_in(item) for item in x)
    if type(x) is dict:
        return {key: arrays_in(item) for key, item in x.items()}
    return state.current(x) if isinstance(x, Tracer) else x


def outward(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` of arrays, for a program: Tensors in, Tensors out."""

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        graph = state.graph()
        node = NotImplemented if graph is None else graph.keras(f, args, kwargs)
        if node is not NotImplemented:
            return node
        if len(args) > 1 and hasattr(args[1], "with_flat_values"):
            return _of_ragged(wrapped, *args, **kwargs)
        out = f(*(arrays_in(x) for x in args), **{k: arrays_in(v) for k, v in kwargs.items()})
        return wrap(out)

    wrapped.outward = f  # type: ignore[attr-defined]
    return wrapped


def _of_ragged(f: Callable[..., Any], layer: Any, rows: Any, *args: Any, **kwargs: Any) -> Any:
    """A layer on a ragged tensor: those that look up each element by itself take one."""
    if type(layer).__name__ not in ("StringLookup", "IntegerLookup", "Hashing", "Discretization"):
        raise unsupported(f"{type(layer).__name__} on a ragged tensor",
                          "give it rows of one length: rt.to_tensor()")  # fmt: skip
    return rows.with_flat_values(f(layer, rows.flat_values, *args, **kwargs))


def _inward(call: Callable[..., Any]) -> Callable[..., Any]:
    """The `call` of a program's own layer: it sees Tensors, Keras sees arrays."""

    @functools.wraps(call)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        args = tuple(tree.map_structure(_tensor, x) for x in args)
        kwargs = {key: tree.map_structure(_tensor, x) for key, x in kwargs.items()}
        function = converted(call) if state.is_traced() else call
        return tree.map_structure(arrays_in, function(self, *args, **kwargs))

    wrapped.inward = call  # type: ignore[attr-defined]
    return wrapped


def _tensor(x: Any) -> Any:
    return Tensor(x) if isinstance(x, (np.ndarray, Tracer)) else x


_OUTWARD: dict[type, tuple[str, ...]] = {
    keras.layers.Layer: ("__call__", "add_loss"),
    keras.losses.Loss: ("__call__",),
    keras.metrics.Metric: ("result", "__call__"),
    keras.initializers.Initializer: ("__call__",),
}
"""Methods that a program calls, and the classes whose subclasses define them."""


def connect() -> None:
    """Make Keras's classes take and give Tensors from now on. Calling it again is harmless."""
    add_handler(Symbolic)
    keras_lamella.src.tensor.Tensor.numpy = lambda self: np.asarray(
        self
    )  # what keras.ops and keras.losses return
    backend_utils.in_tf_graph = lambda: False  # Keras would take our name for TensorFlow's graphs
    if not hasattr(Operation.symbolic_call, "outward"):
        Operation.symbolic_call = _of_arrays(Operation.symbolic_call)
    for base, methods in _OUTWARD.items():
        for cls in [base, *_subclasses(base)]:
            _wrap_methods(cls, methods)
        _watch_subclasses(base, methods)


def _of_arrays(symbolic_call: Callable[..., Any]) -> Callable[..., Any]:
    """The node of a model with Tensors, its constants, as arrays: so Keras can save it."""

    @functools.wraps(symbolic_call)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        known = {key: arrays_in(x) for key, x in kwargs.items()}
        return symbolic_call(self, *map(arrays_in, args), **known)

    wrapped.outward = symbolic_call  # type: ignore[attr-defined]
    return wrapped


def _subclasses(cls: type) -> list[type]:
    found: list[type] = list(cls.__subclasses__())
    return [c for sub in found for c in (sub, *_subclasses(sub))]


def _wrap_methods(cls: type, methods: tuple[str, ...]) -> None:
    for name in methods:
        method = vars(cls).get(name)
        if callable(method) and not hasattr(method, "outward"):
            setattr(cls, name, outward(method))
    call = vars(cls).get("call")
    own = not cls.__module__.startswith("keras.")
    if own and callable(call) and not hasattr(call, "inward"):
        cls.call = _inward(call)  # type: ignore[attr-defined]


def _watch_subclasses(base: type, methods: tuple[str, ...]) -> None:
    """Classes that are defined later are wrapped when they are."""
    if hasattr(base, "_tensorflow_lamella"):
        return

    def __init_subclass__(cls: type, **kwargs: Any) -> None:
        super(base, cls).__init_subclass__(**kwargs)  # type: ignore[arg-type]
        _wrap_methods(cls, methods)

    base.__init_subclass__ = classmethod(__init_subclass__)  # type: ignore[assignment]
    base._tensorflow_lamella = True  # type: ignore[attr-defined]


class Symbolic:
    """What dispatch does with Keras's symbolic tensors: the op becomes a layer of the model."""

    @staticmethod
    def holds(values: tuple[Any, ...]) -> bool:
        """Whether a symbolic tensor is among the arguments, or in a list of them."""
        for x in values:
            if isinstance(x, KerasTensor):
                return True
            if isinstance(x, (list, tuple)) and any(isinstance(i, KerasTensor) for i in x):
                return True
        return False

    @staticmethod
    def call(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The symbolic result of `op(*args, **kwargs)`."""
        kwargs.pop("name", None)
        known = {key: _known(value) for key, value in kwargs.items()}
        return OpLayer(op)(*map(_known, args), **known)


class OpLayer(Operation):
    """One of our ops as an operation of a functional model."""

    def __init__(self, op: Op) -> None:
        super().__init__(name=None)
        self.op = op

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The op on arrays."""
        return self.op.compute(*args, **kwargs)


def _known(x: Any) -> Any:
    """Tensors among the arguments as arrays: they are constants of the model."""
    if isinstance(x, (list, tuple)):
        return type(x)(_known(item) for item in x)
    found = None if isinstance(x, KerasTensor) else raw(x)
    return x if found is None else found
