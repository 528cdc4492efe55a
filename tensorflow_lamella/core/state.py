"""What is going on: is a graph being built, a Program traced, an eager tape recording?

Everything that decides between computing now, tracing and recording asks here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

from keras_lamella.src.variable import outside_of_steps
from lamella.frontend.eager import ConcreteTracer, EagerTrace
from lamella.frontend.tracer import Tracer
from lamella.program import current_builder, is_building, is_entered


class Graph(Protocol):
    """What TensorFlow 1 puts in place of computing, while a graph is being built."""

    def record(self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A node for `op(*args, **kwargs)`; returns its graph tensors in the op's structure."""

    def variable(self, *args: Any, **kwargs: Any) -> Any:
        """What `tf.Variable(*args, **kwargs)` gives."""

    def keras(self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A node for a method of a Keras object; NotImplemented if no graph tensor is given."""


_graph: Graph | None = None


def graph() -> Graph | None:
    """The graph being built; None while computing, and inside of what the engine traces."""
    return None if _graph is None or is_building() else _graph


@contextlib.contextmanager
def recording(to: Graph | None) -> Iterator[None]:
    """Ops inside are recorded by `to`; with None they compute."""
    previous = _graph
    set_graph(to)
    try:
        yield
    finally:
        set_graph(previous)


def set_graph(to: Graph | None) -> None:
    """Ops are recorded by `to` from now on; with None they compute."""
    global _graph
    _graph = to


def is_traced() -> bool:
    """Whether numbers are unknown here: inside tf.function, fit, Session.run."""
    return is_building() and not isinstance(current_builder(), EagerTrace)


def current(array: Any) -> Any:
    """`array` as it may be used here: a value of a tape that has ended is its numbers."""
    if isinstance(array, ConcreteTracer) and not is_entered(array.owner):
        return array.array
    return array


def is_traced_value(array: Any) -> bool:
    """Whether `array` is one whose numbers are unknown."""
    return isinstance(array, Tracer) and not isinstance(array, ConcreteTracer)


@contextlib.contextmanager
def outside() -> Iterator[None]:
    """`tf.init_scope`: what is inside is computed now, outside of every trace, tape and graph."""
    with recording(None), outside_of_steps():
        yield
