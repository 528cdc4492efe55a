"""tf.Session: owns the values of a graph's variables, and runs parts of the graph."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import optree
from keras import KerasTensor

from lamella.compile.executable import aligned_copy
from lamella.types import Type
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dispatch import Tensor
from tensorflow_lamella.names import export
from tensorflow_lamella.v1 import keras_tensors
from tensorflow_lamella.v1.graph import Graph, Operation, get_default_graph
from tensorflow_lamella.v1.plan import Plan, initial_array, missing
from tensorflow_lamella.v1.tensor import GraphTensor


class Slot:
    """The array of one variable in one session; compiled runs write it in place."""

    __slots__ = ("_array", "dtype", "initialized")

    def __init__(self, array: np.ndarray, initialized: bool = False) -> None:
        self._array, self.dtype, self.initialized = array, array.dtype, initialized

    def set(self, array: np.ndarray) -> None:
        """Replace the value."""
        array = np.asarray(array, self.dtype)
        self._array = aligned_copy(array, Type(array.shape, array.dtype))
        self.initialized = True


class BaseSession:
    """See Session."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        self.graph = graph or get_default_graph()
        self.sess_str = target
        self._closed = False
        self._slots: dict[Any, Slot] = {}
        self._plans: dict[Hashable, Any] = {}
        self.resources: dict[Any, Any] = {}  # iterators, tables: what lives as long as the session

    graph_def = property(lambda self: self.graph.as_graph_def())

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None,
            run_metadata: Any = None) -> Any:  # fmt: skip
        """The numbers of `fetches`, in the same nesting; None for operations.

        Args:
            fetches: tensors, operations, variables, their names, in lists, tuples and dicts.
            feed_dict: numbers for placeholders, or for any other tensor; for a tuple of tensors,
                such as the state of a cell, a tuple of numbers.

        Raises:
            InvalidArgumentError: a placeholder is not fed.
            FailedPreconditionError: a variable has not been initialised.
            ValueError: a number does not fit the shape of its placeholder.
        """
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        leaves, structure = _flatten(fetches)
        if feed_dict and any(isinstance(k, tuple) for k in feed_dict):
            feed_dict = _flat_feeds(feed_dict)
        feeds = list(feed_dict) if feed_dict else []
        key = (structure, *map(_key, leaves), None, *map(_key, feeds), self.graph.version)
        found = self._plans.get(key)
        if found is None:
            found = self._prepare(leaves, feeds)
            self._plans[key] = found
        plan, tensors, results = found
        fed = []
        if feed_dict:
            for t, x in zip(tensors, feed_dict.values()):
                fed.append(_fed(t, x))
        values = plan.run(fed)
        out = [None if r is None else _result(values[r]) for r in results]
        return out[0] if structure is None else optree.tree_unflatten(structure, out)

    def _prepare(self, leaves: Sequence[Any], feeds: Sequence[Any]) -> Any:
        """A plan, its fed tensors, and which tensor gives each leaf (None for operations).

        Keeps `leaves` and `feeds` alive: plans are found by their identity.
        """
        if any(isinstance(x, KerasTensor) for x in leaves):
            return keras_tensors.prepare(leaves, feeds)
        elements = [self._element(x, "Fetch") for x in leaves]
        tensors = [self._element(x, "Feed") for x in feeds]
        for t in tensors:
            if isinstance(t, Operation):
                raise TypeError(f"Cannot interpret feed_dict key as Tensor: {t!r}")
        plan = Plan(self, list(dict.fromkeys(elements)), tensors)
        plan.keep = (list(leaves), list(feeds))  # type: ignore[attr-defined]
        return plan, tensors, [None if isinstance(e, Operation) else e for e in elements]

    def _element(self, x: Any, what: str) -> Any:
        if isinstance(x, Tensor) and not isinstance(x, GraphTensor):
            return self._constant(x)
        try:
            return self.graph.as_graph_element(x)
        except TypeError as error:
            raise TypeError(
                f"{what} argument {x!r} has invalid type {type(x)}, must be a string or Tensor. "
                f"({error})"
            ) from None
        except (ValueError, KeyError) as error:
            message = error.args[0]
            raise ValueError(
                f"{what} argument {x!r} cannot be interpreted as a Tensor. ({message})"
            ) from None

    def _constant(self, x: Tensor) -> Any:
        """A tensor that was computed before the program turned out to build graphs."""
        from tensorflow_lamella.names import get

        with self.graph.as_default():
            return get("constant", 1)(x.numpy())

    # Variables

    def slot(self, variable: Any) -> Slot:
        """The array of a variable here."""
        found = self._slots.get(variable)
        if found is None:
            found = self._slots[variable] = variable.new_slot()
        return found

    def check_initialized(self, variable: Any) -> None:
        """FailedPreconditionError where the variable has no value here."""
        if not self.slot(variable).initialized:
            raise missing(variable)

    # Partial runs, callables

    def partial_run_setup(self, *args: Any, **kwargs: Any) -> Any:
        """An error: a run is compiled as a whole."""
        raise NotImplementedError(
            "Session.partial_run is not supported: a run is compiled as a whole; fetch everything "
            "in one sess.run, or feed the results of one run to the next"
        )

    partial_run = partial_run_setup

    def make_callable(self, fetches: Any, feed_list: Sequence[Any] = (),
                      accept_options: bool = False) -> Callable[..., Any]:  # fmt: skip
        """A function of the numbers for `feed_list` that runs `fetches`."""
        return lambda *values: self.run(fetches, dict(zip(feed_list, values)))

    def list_devices(self) -> list[Any]:
        """The processor."""
        return []

    # Life

    def close(self) -> None:
        """Give up the variables."""
        self._closed = True
        self._plans.clear()
        self._slots.clear()

    def __del__(self) -> None:
        self._plans = {}


@export("Session", version=1)
class Session(BaseSession):
    """Runs a graph; has its own values of the graph's variables.

    >>> with tf.Session() as sess: print(sess.run(tf.constant(2) + 3))
    5
    """

    def __enter__(self) -> Session:
        self._entered = self.as_default(), self.graph.as_default()
        for context in reversed(self._entered):
            context.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        for context in self._entered:
            context.__exit__(*error)
        self.close()

    def as_default(self) -> Any:
        """`with sess.as_default():` makes it the session of `.eval()` and `.run()`."""
        return _Default(self)

    @staticmethod
    def reset(*args: Any, **kwargs: Any) -> None:
        """Nothing: there are no servers."""


@export("InteractiveSession", version=1)
class InteractiveSession(BaseSession):
    """A Session that is the default one from its making on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _sessions.append(self)
        from tensorflow_lamella.v1.graph import _current

        if self.graph is not get_default_graph():
            _current.graphs.append(self.graph)

    def as_default(self) -> Any:
        """`with sess.as_default():` makes it the session of `.eval()` and `.run()`."""
        return _Default(self)

    def close(self) -> None:
        """Give up the variables; it is no longer the default."""
        super().close()
        if self in _sessions:
            _sessions.remove(self)


class _Default:
    def __init__(self, session: Any) -> None:
        self._session = session

    def __enter__(self) -> Any:
        _sessions.append(self._session)
        return self._session

    def __exit__(self, *error: Any) -> None:
        if self._session in _sessions:
            _sessions.remove(self._session)


_sessions: list[Any] = []


@export("get_default_session", version=1)
def get_default_session() -> Any:
    """The session of the innermost `with`, or an InteractiveSession; None without one."""
    return _sessions[-1] if _sessions else None


def forget_sessions() -> None:
    """No session is the default one any more."""
    _sessions.clear()


def default_session(given: Any, what: str) -> Any:
    """`given`, or the default session; ValueError where there is none."""
    found = given or get_default_session()
    if found is None:
        raise ValueError(
            f"Cannot {what} using `eval()`/`run()`: No default session is registered. Use `with "
            "sess.as_default()` or pass an explicit session to `eval(session=sess)`"
        )
    return found


def _flatten(fetches: Any) -> tuple[list[Any], Any]:
    """The leaves of `fetches` and their structure, None for a single one."""
    if isinstance(fetches, (Tensor, Operation, str)):
        return [fetches], None
    leaves, structure = optree.tree_flatten(fetches, none_is_leaf=True)
    for x in leaves:
        if x is None:
            raise TypeError("Fetch argument None has invalid type <class 'NoneType'>")
    return leaves, structure


def _flat_feeds(feeds: dict[Any, Any]) -> dict[Any, Any]:
    """`{state: numbers}` of a tuple of tensors as one entry for each of them."""
    flat: dict[Any, Any] = {}
    for key, value in feeds.items():
        if not isinstance(key, tuple):
            flat[key] = value
            continue
        if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != len(key):
            raise ValueError(f"a value for each of the {len(key)} tensors of {key!r} is expected, "
                             f"{value!r} was given")  # fmt: skip
        flat |= _flat_feeds(dict(zip(key, value)))
    return flat


def _key(x: Any) -> Hashable:
    """Plans are found by the identity of what is fetched and fed, which they keep alive."""
    return x if type(x) is str else id(x)


def _fed(t: GraphTensor, x: Any) -> np.ndarray:
    """A number for a tensor as an array of its dtype; ValueError where the shape does not fit."""
    dtype = t.feed_dtype
    if type(x) is not np.ndarray or x.dtype != dtype:
        x = _converted(t, x, dtype)
    if x.shape != t.feed_shape and not t.shape.is_compatible_with(x.shape):
        raise ValueError(
            f"Cannot feed value of shape {x.shape} for Tensor '{t.name}', which has shape "
            f"'{t.get_shape()}'"
        )
    return x


def _converted(t: GraphTensor, x: Any, dtype: np.dtype) -> np.ndarray:
    if isinstance(x, GraphTensor):
        raise TypeError(
            "The value of a feed cannot be a tf.Tensor object. Acceptable feed values include "
            f"Python scalars, strings, lists, numpy ndarrays: {x} was given for {t.name}"
        )
    if dtype.kind == "O":
        return to_array(x, dtype)
    array = np.asarray(x)
    if array.dtype == object or array.dtype.kind in "SU":
        raise ValueError(f"{x!r} was given for Tensor '{t.name}' of dtype {t.dtype.name}")
    if (
        array.dtype.kind == "f"
        and dtype.kind in "iu"
        and not np.array_equal(array, array.astype(dtype))
    ):
        raise TypeError(
            f"Type of feed value {x!r} is not compatible with Tensor type {t.dtype.name}. Try "
            "explicitly setting the type of the feed tensor to a larger type (e.g. float32)."
        )
    return array.astype(dtype)


def _result(x: Any) -> Any:
    """NumPy's scalar for an array without axes, as TensorFlow gives it; bytes for a string."""
    return x[()] if x.ndim == 0 else x


__all__ = ["BaseSession", "InteractiveSession", "Session", "Slot", "default_session",
           "get_default_session", "initial_array"]  # fmt: skip
