"""Keras's layers, models and losses on tensors of a graph.

A call is one node. The layer's variables become variables of the graph, with the layer's values as
initial ones: optimizers of tf.train train them, and each session has its own values. The layer's
own numbers stay as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import optree

from keras_lamella.src.variable import VariableScope
from tensorflow_lamella.core import state
from tensorflow_lamella.core.shape import known_sizes
from tensorflow_lamella.v1 import abstract, evaluate
from tensorflow_lamella.v1.graph import get_default_graph, make_operation
from tensorflow_lamella.v1.tensor import GraphTensor, give_outputs, is_graph_value
from tensorflow_lamella.v1.variables import GraphVariable


def holds(values: Any) -> bool:
    """Whether a tensor of a graph is among the arguments of a call."""
    return any(map(is_graph_value, optree.tree_leaves(values, none_is_leaf=True)))


def call(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A node for `f(*args, **kwargs)`, a method of a layer or a loss, the object first."""
    owner = args[0]
    variables: list[Any] = []
    if isinstance(owner, keras.layers.Layer):
        _build(f, args, kwargs)
        variables = list(owner.variables)
    stand_ins = [_variable(v) for v in variables]
    name = getattr(owner, "name", None) or type(owner).__name__
    op = make_operation(_computed(f, variables), (args, kwargs, stand_ins), name=name,
                        type=type(owner).__name__, kind="keras")  # fmt: skip
    op.attributes["variables"] = stand_ins
    give_outputs(op)
    return optree.tree_unflatten(op.structure, op.outputs)


def _build(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Let the layer make its variables, for symbolic tensors of the same shapes."""
    owner, *rest = args
    if owner.built:
        return

    def symbol(x: Any) -> Any:
        if not isinstance(x, GraphTensor):
            return x
        return keras.KerasTensor(known_sizes(x.shape), dtype=x.dtype.name)

    with state.recording(None):
        f(owner, *optree.tree_map(symbol, tuple(rest)), **kwargs)


def _variable(v: Any) -> GraphVariable:
    """The variable of the graph for one of a layer."""
    known = get_default_graph().keras_variables
    if id(v) not in known:
        made = GraphVariable(np.array(v), trainable=bool(v.trainable), name=v.path)
        known[id(v)] = v, made
    return known[id(v)][1]


def _computed(f: Callable[..., Any], variables: Sequence[Any]) -> Callable[..., Any]:
    def compute(args: Any, kwargs: Any, values: Sequence[Any]) -> Any:
        """(results, new values of the variables, None for those that are as they were)."""
        scope = VariableScope.current()
        if scope is None:
            with VariableScope():
                return compute(args, kwargs, values)
        given = dict(zip(map(id, variables), values))
        out, changed = scope.isolated(lambda: f(*args, **kwargs), given)
        compute.changed = [changed.get(id(v)) for v in variables]  # type: ignore[attr-defined]
        return out

    return compute


def _run(frame: Any, op: Any) -> Any:
    out = op([frame.value(t) for t in op.inputs])
    for variable, value in zip(op.attributes["variables"], op.fn.changed):
        if value is not None:
            frame.run.assign(variable, value)
    return out


evaluate.RULES["keras"] = _run
abstract.RULES["keras"] = abstract.RULES["call"]
