"""`@op`: one definition of a TensorFlow function, as a function of arrays.

    @op("math.reduce_sum", "reduce_sum")
    def reduce_sum(input_tensor: Array, axis=None, keepdims=False):
        return np.sum(input_tensor, axis=axis, keepdims=keepdims)

The function sees NumPy arrays, or Tracers of the engine where its numbers are not known; it is
written with NumPy, Lamella and keras.ops, which take both. What calls it sees tensors. The
annotation of a parameter says what it is:

    Array    one tensor           T      one of the tensors that must all have the same dtype
    Arrays   a list of tensors    Ts     a list of tensors that must all have the same dtype

`Array | None` and its like may be None. All other parameters are attributes, passed as they are,
tensors among them as their arrays. `name=` is accepted everywhere and goes to graphs only.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from lamella.frontend.tracer import Tracer
from tensorflow_lamella.core import state
from tensorflow_lamella.core.convert import matching, raw, to_array
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.names import put

Array: TypeAlias = Any
Arrays: TypeAlias = Any
T: TypeAlias = Any
Ts: TypeAlias = Any


class Op:
    """A function of tensors, defined as a function of arrays; see the module's docstring.

    `op(...)` takes and gives tensors, or nodes while a graph is being built; `op.compute(...)`
    takes what a call takes and gives arrays.
    """

    def __init__(self, function: Callable[..., Any], names: tuple[str, ...]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.names = names
        self.params: dict[str, str] = {}
        for parameter in inspect.signature(function).parameters.values():
            kind = str(parameter.annotation).removesuffix(" | None")
            self.params[parameter.name] = kind if kind in _KINDS else ""
        self.order = list(self.params)
        self.same = [name for name, kind in self.params.items() if kind in ("T", "Ts")]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        graph = state.graph()
        if graph is not None:
            return graph.record(self, args, kwargs)
        handler = handler_of((*args, *kwargs.values()))
        if handler is not None:
            return handler.call(self, args, kwargs)
        return wrap(self.compute(*args, **kwargs))

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Ops are functions: as attributes of a class they bind its instance."""
        return self if instance is None else functools.partial(self, instance)

    def compute(self, *args: Any, **kwargs: Any) -> Any:
        """The result on arrays, for arguments as in a call; 1 / 0 is infinity without a warning."""
        arguments = self.converted(args, kwargs)
        with np.errstate(all="ignore"):
            return self.function(**arguments)

    def converted(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name, tensors as arrays; TypeError for arguments that do not fit."""
        given = self.bind(args, kwargs)
        for name, value in given.items():
            kind = self.params[name]
            if kind == "Array":
                given[name] = None if value is None else to_array(value)
            elif kind == "Arrays":
                given[name] = [to_array(x) for x in _listed(value)]
            elif kind == "":
                given[name] = attribute(value)
        if self.same:
            self._match(given)
        return given

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name, without `name`."""
        if len(args) == len(self.order) + 1:
            args = args[:-1]  # the name, given by position
        if len(args) > len(self.order):
            raise TypeError(f"{self.names[0]}() takes {len(self.order)} arguments ({self._usage()})"
                            f", {len(args)} were given")  # fmt: skip
        given = dict(zip(self.order, args))
        for key, value in kwargs.items():
            if key in given:
                raise TypeError(f"{self.names[0]}() got two values for the argument {key!r}")
            if key in self.params:
                given[key] = value
            elif key != "name":
                raise TypeError(f"{self.names[0]}() has no argument {key!r}; it has "
                                f"{self._usage()}")  # fmt: skip
        return given

    def _match(self, given: dict[str, Any]) -> None:
        names = [name for name in self.same if given.get(name) is not None]
        lists = {name: _listed(given[name]) for name in names if self.params[name] == "Ts"}
        flat = [x for name in names for x in lists.get(name, [given[name]])]
        arrays = iter(matching(flat, self.names[0]))
        for name in names:
            if name in lists:
                given[name] = [next(arrays) for _ in lists[name]]
            else:
                given[name] = next(arrays)

    def _usage(self) -> str:
        return ", ".join([*self.order, "name"])

    def __repr__(self) -> str:
        return f"<function tf.{self.names[0]}>"


_KINDS = ("Array", "Arrays", "T", "Ts")
_handlers: list[Any] = []


def add_handler(handler: Any) -> None:
    """Calls with tensors that are no arrays go to `handler.call` where `handler.holds` says so.

    Keras's symbolic tensors and ragged tensors are such. Adding one again is harmless.
    """
    if handler not in _handlers:
        _handlers.append(handler)


def handler_of(values: tuple[Any, ...]) -> Any:
    """Who takes a call with these arguments; None where all are arrays or become arrays."""
    for handler in _handlers:
        if handler.holds(values):
            return handler
    return None


def op(*names: str, version: int = 2) -> Callable[[Callable[..., Any]], Op]:
    """Define `tf.<name>` for each of `names` as a function of arrays."""

    def decorate(function: Callable[..., Any]) -> Op:
        made = Op(function, names or (function.__name__,))
        put(made, *names, version=version)
        return made

    return decorate


def wrap(x: Any) -> Any:
    """Arrays in nested lists, tuples and dicts as Tensors; other things as they are."""
    if isinstance(x, (np.ndarray, np.generic, Tracer)):
        return Tensor(x)
    if isinstance(x, bytes):  # an element of an array of strings
        return Tensor(to_array(x))
    if isinstance(x, list):
        return [wrap(item) for item in x]
    if isinstance(x, tuple):
        items = [wrap(item) for item in x]
        return type(x)(*items) if hasattr(x, "_fields") else tuple(items)
    if isinstance(x, dict):
        return {key: wrap(item) for key, item in x.items()}
    return x


def attribute(value: Any) -> Any:
    """An attribute with the tensors in it (a shape, an axis) as arrays."""
    if isinstance(value, list):
        return [attribute(item) for item in value]
    if type(value) is tuple:
        return tuple(attribute(item) for item in value)
    if isinstance(value, slice):
        return slice(*map(attribute, (value.start, value.stop, value.step)))
    found = raw(value)
    return value if found is None else found


def _listed(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return list(value)
    array = to_array(value)
    return [array] if array.ndim == 0 else list(array)
