"""Learning rates that follow the step, the global step, moving averages of variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorflow_lamella.core import state
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1.control_flow import group
from tensorflow_lamella.v1.graph import Graph, GraphKeys, get_default_graph
from tensorflow_lamella.v1.recorder import record_call
from tensorflow_lamella.v1.variable_scope import get_variable, variable_scope
from tensorflow_lamella.v1.variables import GraphVariable, _as_tensor, trainable_variables, update


def _schedule(f: Any, values: Sequence[Any], name: str) -> Any:
    """`f(step, *hyperparameters)` on float32 arrays: a tensor, or eagerly a function of nothing."""

    def compute(*arrays: Any) -> Any:
        return f(*(_float(a) for a in arrays))

    if state.graph() is None:
        return lambda: get("constant", 2)(compute(*(to_array(v) for v in values)))
    return record_call(compute, [_as_tensor(v) for v in values], {}, name, name)


def _float(x: Any) -> Any:
    return x if x.dtype.kind == "f" else x.astype(np.float32)


def _whole(x: Any, staircase: bool) -> Any:
    return np.floor(x) if staircase else x


@export("train.exponential_decay", version=1)
def exponential_decay(learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any,
                      staircase: bool = False, name: str | None = None) -> Any:  # fmt: skip
    """learning_rate * decay_rate ** (global_step / decay_steps)."""
    return _schedule(lambda step, lr, steps, rate: lr * rate ** _whole(step / steps, staircase),
                     [global_step, learning_rate, decay_steps, decay_rate],
                     name or "ExponentialDecay")  # fmt: skip


@export("train.natural_exp_decay", version=1)
def natural_exp_decay(learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any,
                      staircase: bool = False, name: str | None = None) -> Any:  # fmt: skip
    """learning_rate * exp(-decay_rate * global_step / decay_steps)."""
    return _schedule(
        lambda step, lr, steps, rate: lr * np.exp(-rate * _whole(step / steps, staircase)),
        [global_step, learning_rate, decay_steps, decay_rate],
        name or "NaturalExpDecay",
    )


@export("train.inverse_time_decay", version=1)
def inverse_time_decay(learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any,
                       staircase: bool = False, name: str | None = None) -> Any:  # fmt: skip
    """learning_rate / (1 + decay_rate * global_step / decay_steps)."""
    return _schedule(
        lambda step, lr, steps, rate: lr / (1 + rate * _whole(step / steps, staircase)),
        [global_step, learning_rate, decay_steps, decay_rate],
        name or "InverseTimeDecay",
    )


@export("train.polynomial_decay", version=1)
def polynomial_decay(learning_rate: Any, global_step: Any, decay_steps: Any,
                     end_learning_rate: Any = 0.0001, power: Any = 1.0, cycle: bool = False,
                     name: str | None = None) -> Any:  # fmt: skip
    """From learning_rate to end_learning_rate in decay_steps."""

    def rate(step: Any, lr: Any, steps: Any, end: Any, power: Any) -> Any:
        if cycle:
            steps = steps * np.maximum(np.ceil(step / steps), 1.0).astype(np.float32)
        else:
            step = np.minimum(step, steps)
        return (lr - end) * (1 - step / steps) ** power + end

    return _schedule(rate, [global_step, learning_rate, decay_steps, end_learning_rate, power],
                     name or "PolynomialDecay")  # fmt: skip


@export("train.cosine_decay", version=1)
def cosine_decay(learning_rate: Any, global_step: Any, decay_steps: Any, alpha: Any = 0.0,
                 name: str | None = None) -> Any:  # fmt: skip
    """Along half a cosine, down to alpha * learning_rate (Loshchilov and Hutter, 2016)."""

    def rate(step: Any, lr: Any, steps: Any, alpha: Any) -> Any:
        share = np.minimum(step, steps) / steps
        return lr * ((1 - alpha) * 0.5 * (1 + np.cos(np.float32(np.pi) * share)) + alpha)

    return _schedule(rate, [global_step, learning_rate, decay_steps, alpha], name or "CosineDecay")


@export("train.piecewise_constant", "train.piecewise_constant_decay", version=1)
def piecewise_constant(x: Any, boundaries: Sequence[Any], values: Sequence[Any],
                       name: str | None = None) -> Any:  # fmt: skip
    """values[i] from boundaries[i - 1] (not included) to boundaries[i]."""
    if len(values) != len(boundaries) + 1:
        raise ValueError("The length of boundaries should be 1 less than the length of values")

    def rate(step: Any) -> Any:
        out: Any = np.float32(values[0])
        for bound, value in zip(boundaries, values[1:]):
            out = np.where(step > np.float32(bound), np.float32(value), out)
        return out

    return _schedule(rate, [x], name or "PiecewiseConstant")


# The global step


@export("train.create_global_step", version=1)
def create_global_step(graph: Graph | None = None) -> Any:
    """A new global step; ValueError where there is one."""
    if get_global_step(graph) is not None:
        raise ValueError('"global_step" already exists.')
    keys = [GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP]
    with (
        (graph or get_default_graph()).as_default(),
        variable_scope("", auxiliary_name_scope=False),
    ):
        return get_variable("global_step", [], "int64", get("zeros_initializer", 1)(),
                            trainable=False, collections=keys)  # fmt: skip


@export("train.get_global_step", version=1)
def get_global_step(graph: Graph | None = None) -> Any:
    """The variable of the global step, or None."""
    graph = graph or get_default_graph()
    found = graph.get_collection(GraphKeys.GLOBAL_STEP)
    if found:
        return found[0]
    named = [
        v for v in graph.get_collection(GraphKeys.GLOBAL_VARIABLES) if v.op.name == "global_step"
    ]
    return named[0] if named else None


@export("train.get_or_create_global_step", version=1)
def get_or_create_global_step(graph: Graph | None = None) -> Any:
    """The variable of the global step, made if there is none."""
    if state.graph() is None:
        return _eager_step()
    found = get_global_step(graph)
    return create_global_step(graph) if found is None else found


def _eager_step() -> Any:
    if not _eager:
        _eager.append(get("Variable", 2)(np.int64(0), trainable=False, name="global_step"))
    return _eager[0]


_eager: list[Any] = []


@export("train.global_step", version=1)
def global_step(sess: Any, global_step_tensor: Any) -> int:
    """The number of the step in a session."""
    return int(sess.run(global_step_tensor))


@export("train.assert_global_step", version=1)
def assert_global_step(global_step_tensor: Any) -> None:
    """TypeError unless it is an integer without axes."""
    if not global_step_tensor.dtype.is_integer or global_step_tensor.shape.rank != 0:
        raise TypeError(f"the global step must be an integer scalar, got {global_step_tensor}")


# Moving averages


@export("train.ExponentialMovingAverage", version=1)
class ExponentialMovingAverage:
    """Keeps average = decay * average + (1 - decay) * value for variables and tensors."""

    def __init__(self, decay: Any, num_updates: Any = None, zero_debias: bool = False,
                 name: str = "ExponentialMovingAverage") -> None:  # fmt: skip
        self._decay, self._updates, self._debias, self._name = decay, num_updates, zero_debias, name
        self._averages: dict[Any, GraphVariable] = {}

    name = property(lambda self: self._name)

    def apply(self, var_list: Any = None) -> Any:
        """An operation that updates the averages; they are made if they do not exist."""
        targets = trainable_variables() if var_list is None else list(var_list)
        graph = get_default_graph()
        for x in targets:
            if x not in self._averages:
                self._averages[x] = self._make(x)
        with graph.name_scope(self._name):
            decay = _as_tensor(self._decay)
            if self._updates is not None:
                n = get("cast", 2)(self._updates, "float32")
                decay = get("minimum", 2)(decay, (1.0 + n) / (10.0 + n))
            return group(*(self._moved(x, decay) for x in targets))

    def _make(self, x: Any) -> GraphVariable:
        graph = get_default_graph()
        variable = isinstance(x, GraphVariable)
        if variable:
            graph.get_collection_ref(GraphKeys.MOVING_AVERAGE_VARIABLES).append(x)
        first = x.initial_value if variable else np.zeros(tuple(x.shape.as_list()), x.dtype.dtype)
        with graph.name_scope(None), graph.outside():
            return GraphVariable(first, trainable=False, name=f"{x.op.name}/{self._name}")

    def _moved(self, x: Any, decay: Any) -> Any:
        def rule(average: Any, x: Any, decay: Any) -> Any:
            return (average - (average - x) * (1 - decay).astype(average.dtype),)

        v = self._averages[x]
        return update([v], rule, [v, x, decay], "AssignMovingAvg", "AssignMovingAvg")

    def average(self, var: Any) -> GraphVariable | None:
        """The variable that holds the average of `var`."""
        return self._averages.get(var)

    def average_name(self, var: Any) -> str:
        """The name of that variable."""
        found = self._averages.get(var)
        return found.op.name if found is not None else f"{var.op.name}/{self._name}"

    def variables_to_restore(self, moving_avg_variables: Any = None) -> dict[str, Any]:
        """Names in a checkpoint -> variables: those with averages are restored from these."""
        graph = get_default_graph()
        averaged = list(moving_avg_variables or trainable_variables())
        found = {self.average_name(v): v for v in averaged}
        others = graph.get_collection(GraphKeys.GLOBAL_VARIABLES)
        return found | {
            v.op.name: v for v in others if v not in averaged and v.op.name not in found
        }
