"""The optimizers of tf.train: in graphs, and on eager variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from tensorflow_lamella.core import state
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.errors import unsupported
from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1.control_flow import group
from tensorflow_lamella.v1.gradients import gradients
from tensorflow_lamella.v1.graph import GraphKeys, get_default_graph
from tensorflow_lamella.v1.tensor import as_graph_tensor
from tensorflow_lamella.v1.train import rules
from tensorflow_lamella.v1.variables import GraphVariable, trainable_variables, update


@export("train.Optimizer", version=1)
class Optimizer:
    """Minimises a loss: `minimize`, or `compute_gradients` and `apply_gradients`.

    A class of its own sets `rule` (see rules.py), `slots` (name -> initial value), and `hyper()`.
    """

    GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2
    slots: Mapping[str, float] = MappingProxyType({})

    def __init__(self, use_locking: bool = False, name: str = "Optimizer") -> None:
        if not name:
            raise ValueError("Must specify the optimizer name")
        self._name = name
        self._slots: dict[str, dict[Any, Any]] = {}

    @staticmethod
    def rule(*arrays: Any, **options: Any) -> Any:
        """The new variable and the new slots, on arrays."""
        raise unsupported(
            "an optimizer that defines _apply_dense",
            "define `rule(var, grad, *slots, *hyper)`, `slots` and `hyper()` as those of "
            "tensorflow_lamella.v1.train.optimizers do, or change the gradients between "
            "compute_gradients and apply_gradients",
        )

    def hyper(self) -> list[Any]:
        """The hyperparameters of `rule`, numbers or tensors."""
        return []

    def before(self, variables: Sequence[Any]) -> None:
        """Make what all variables share."""

    def after(self) -> list[Any]:
        """Operations after the updates of all variables."""
        return []

    def get_name(self) -> str:
        """The name."""
        return self._name

    def get_slot_names(self) -> list[str]:
        """The names of the slots."""
        return sorted(self._slots)

    def get_slot(self, var: Any, name: str) -> Any:
        """The variable that the optimizer keeps for `var` under this name, or None."""
        return self._slots.get(name, {}).get(var)

    def variables(self) -> list[Any]:
        """The variables that the optimizer made."""
        return [v for slots in self._slots.values() for v in slots.values()]

    def minimize(self, loss: Any, global_step: Any = None, var_list: Any = None,
                 gate_gradients: int = GATE_OP, aggregation_method: Any = None,
                 colocate_gradients_with_ops: bool = False, name: str | None = None,
                 grad_loss: Any = None) -> Any:  # fmt: skip
        """An operation that does one step, and adds one to `global_step`.

        ValueError where no variable has a gradient.
        """
        pairs = self.compute_gradients(loss, var_list, grad_loss=grad_loss)
        if all(g is None for g, _ in pairs):
            raise ValueError(
                "No gradients provided for any variable, check your graph for ops that do not "
                f"support gradients, between variables {[v.name for _, v in pairs]} and {loss}."
            )
        return self.apply_gradients(pairs, global_step, name)

    def compute_gradients(self, loss: Any, var_list: Any = None, gate_gradients: int = GATE_OP,
                          aggregation_method: Any = None, colocate_gradients_with_ops: bool = False,
                          grad_loss: Any = None) -> list[tuple[Any, Any]]:  # fmt: skip
        """Pairs of gradient (or None) and variable."""
        if state.graph() is None:
            return _eager_gradients(loss, var_list, grad_loss)
        if callable(loss):
            loss = loss()
        if var_list is None:
            var_list = trainable_variables() + get_default_graph().get_collection(
                "trainable_resource"
            )
        variables = [var_list] if isinstance(var_list, GraphVariable) else list(var_list)
        variables = [as_graph_tensor(v).op.fn for v in variables]
        if not variables:
            raise ValueError("No variables to optimize.")
        weights = None if grad_loss is None else [grad_loss]
        return list(zip(gradients([loss], variables, weights), variables))

    def apply_gradients(self, grads_and_vars: Any, global_step: Any = None,
                        name: str | None = None) -> Any:  # fmt: skip
        """An operation that changes the variables, and adds one to `global_step`."""
        pairs = [(g, v) for g, v in grads_and_vars if g is not None]
        if not pairs:
            raise ValueError("No gradients provided for any variable")
        if state.graph() is None:
            return self._apply_eagerly(pairs, global_step)
        graph = get_default_graph()
        with graph.outside(), graph.control_dependencies(None):
            self.before([v for _, v in pairs])
            slots = [[self._slot(v, n, first) for n, first in self.slots.items()] for _, v in pairs]
        with graph.name_scope(name or self._name) as scope:
            hyper = [get("convert_to_tensor", 1)(h, name="hyper") for h in self.hyper()]
            updates = [self._update(g, v, s, hyper) for (g, v), s in zip(pairs, slots)]
            with graph.control_dependencies(updates):
                after = self.after()
                if global_step is not None:
                    after.append(global_step.assign_add(1).op)
            train_op = group(*updates, *after, name=scope)
        graph.get_collection_ref(GraphKeys.TRAIN_OP).append(train_op)
        return train_op

    def _update(self, g: Any, v: Any, slots: Sequence[Any], hyper: Sequence[Any]) -> Any:
        rule, constraint = type(self).rule, v.constraint

        def step(var: Any, g: Any, *rest: Any) -> Any:
            n = len(slots)
            new = rule(var, g, *rest[:n], *(h.astype(var.dtype) for h in rest[n:]))
            if constraint is not None:
                new = (to_array(constraint(get("identity", 2)(new[0]))), *new[1:])
            return new

        kind = f"Apply{type(self).__name__.removesuffix('Optimizer')}"
        return update([v, *slots], step, [v, g, *slots, *hyper], f"update_{v.op.name}/{kind}", kind)

    def _slot(self, var: Any, name: str, first: float) -> Any:
        slots = self._slots.setdefault(name, {})
        if var not in slots:
            value = np.full(tuple(var.shape), first, var.dtype.dtype)
            full = f"{var.op.name}/{_slot_name(name, self._name)}"
            with get_default_graph().name_scope(None):
                slots[var] = get("Variable")(value, trainable=False, name=full)
        return slots[var]

    def _apply_eagerly(self, pairs: Sequence[Any], global_step: Any) -> None:
        self.before([v for _, v in pairs])
        for g, v in pairs:
            slots = self._eager_slots(v)
            arrays = [to_array(x) for x in (v, g, *slots)]
            dtype = arrays[0].dtype
            hyper = [np.asarray(to_array(h() if callable(h) else h)).astype(dtype)
                     for h in self.hyper()]  # fmt: skip
            for variable, new in zip([v, *slots], type(self).rule(*arrays, *hyper)):
                variable.assign(new)
        self.after()
        if global_step is not None:
            global_step.assign_add(1)

    def _eager_slots(self, v: Any) -> list[Any]:
        found = []
        for name, first in self.slots.items():
            slots = self._slots.setdefault(name, {})
            if id(v) not in slots:
                value = np.full(tuple(v.shape), first, to_array(v).dtype)
                slots[id(v)] = get("Variable")(value, trainable=False)
            found.append(slots[id(v)])
        return found


def _slot_name(name: str, optimizer: str) -> str:
    return optimizer if name in ("m", "momentum") else f"{optimizer}_{name}"


def _eager_gradients(loss: Any, var_list: Any, grad_loss: Any) -> list[tuple[Any, Any]]:
    if not callable(loss):
        raise RuntimeError("`loss` passed to Optimizer.compute_gradients should be a function when "
                           "eager execution is enabled.")  # fmt: skip
    with get("GradientTape", 2)() as tape:
        value = loss()
        if var_list is None:
            var_list = tape.watched_variables()
    return list(zip(tape.gradient(value, var_list, grad_loss), var_list))


@export("train.GradientDescentOptimizer", version=1)
class GradientDescentOptimizer(Optimizer):
    """Plain gradient descent."""

    rule = staticmethod(rules.gradient_descent)

    def __init__(self, learning_rate: Any, use_locking: bool = False,
                 name: str = "GradientDescent") -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate

    def hyper(self) -> list[Any]:
        return [self._learning_rate]


@export("train.MomentumOptimizer", version=1)
class MomentumOptimizer(Optimizer):
    """Gradient descent with momentum, Nesterov's if asked for."""

    slots: Mapping[str, float] = MappingProxyType({"momentum": 0.0})

    def __new__(cls, *args: Any, **kwargs: Any) -> MomentumOptimizer:
        ahead = kwargs.get("use_nesterov", args[4] if len(args) > 4 else False)
        return super().__new__(_Nesterov if ahead and cls is MomentumOptimizer else cls)

    rule = staticmethod(rules.momentum)

    def __init__(self, learning_rate: Any, momentum: Any, use_locking: bool = False,
                 name: str = "Momentum", use_nesterov: bool = False) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._learning_rate, self._momentum = learning_rate, momentum

    def hyper(self) -> list[Any]:
        return [self._learning_rate, self._momentum]


class _Nesterov(MomentumOptimizer):
    rule = staticmethod(rules.nesterov)


@export("train.AdamOptimizer", version=1)
class AdamOptimizer(Optimizer):
    """Adam (Kingma and Ba, 2015)."""

    rule = staticmethod(rules.adam)
    slots: Mapping[str, float] = MappingProxyType({"m": 0.0, "v": 0.0})

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-08,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate, self._betas, self._epsilon = learning_rate, (beta1, beta2), epsilon
        self._powers: list[Any] = []

    def before(self, variables: Sequence[Any]) -> None:
        if not self._powers:
            self._powers = [
                get("Variable")(beta, trainable=False, name=f"beta{i + 1}_power", dtype="float32")
                for i, beta in enumerate(self._betas)
            ]

    def hyper(self) -> list[Any]:
        return [self._learning_rate, *self._betas, self._epsilon, *self._powers]

    def after(self) -> list[Any]:
        done = [power.assign(power * beta) for power, beta in zip(self._powers, self._betas)]
        return [x.op for x in done] if state.graph() is not None else []

    def variables(self) -> list[Any]:
        return [*super().variables(), *self._powers]


@export("train.AdagradOptimizer", version=1)
class AdagradOptimizer(Optimizer):
    """Adagrad (Duchi, Hazan and Singer, 2011)."""

    rule = staticmethod(rules.adagrad)

    def __init__(self, learning_rate: Any, initial_accumulator_value: float = 0.1,
                 use_locking: bool = False, name: str = "Adagrad") -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self.slots = {"accumulator": initial_accumulator_value}

    def hyper(self) -> list[Any]:
        return [self._learning_rate]


@export("train.AdadeltaOptimizer", version=1)
class AdadeltaOptimizer(Optimizer):
    """Adadelta (Zeiler, 2012)."""

    rule = staticmethod(rules.adadelta)
    slots: Mapping[str, float] = MappingProxyType({"accum": 0.0, "accum_update": 0.0})

    def __init__(self, learning_rate: Any = 0.001, rho: Any = 0.95, epsilon: Any = 1e-08,
                 use_locking: bool = False, name: str = "Adadelta") -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._hyper = [learning_rate, rho, epsilon]

    def hyper(self) -> list[Any]:
        return self._hyper


@export("train.RMSPropOptimizer", version=1)
class RMSPropOptimizer(Optimizer):
    """RMSProp, with momentum, centered if asked for."""

    slots: Mapping[str, float] = MappingProxyType({"rms": 1.0, "momentum": 0.0})
    rule: Callable[..., Any] = staticmethod(rules.rmsprop)

    def __new__(cls, *args: Any, **kwargs: Any) -> RMSPropOptimizer:
        centered = kwargs.get("centered", args[5] if len(args) > 5 else False)
        return super().__new__(_CenteredRMSProp if centered and cls is RMSPropOptimizer else cls)

    def __init__(self, learning_rate: Any, decay: Any = 0.9, momentum: Any = 0.0,
                 epsilon: Any = 1e-10, use_locking: bool = False, centered: bool = False,
                 name: str = "RMSProp") -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._hyper = [learning_rate, decay, momentum, epsilon]

    def hyper(self) -> list[Any]:
        return self._hyper


class _CenteredRMSProp(RMSPropOptimizer):
    slots: Mapping[str, float] = MappingProxyType({"rms": 1.0, "momentum": 0.0, "mg": 0.0})
    rule = staticmethod(rules.rmsprop_centered)


@export("train.FtrlOptimizer", version=1)
class FtrlOptimizer(Optimizer):
    """Follow the regularised leader (McMahan et al., 2013)."""

    rule = staticmethod(rules.ftrl)

    def __init__(self, learning_rate: Any, learning_rate_power: float = -0.5,
                 initial_accumulator_value: float = 0.1, l1_regularization_strength: float = 0.0,
                 l2_regularization_strength: float = 0.0, use_locking: bool = False,
                 name: str = "Ftrl", accum_name: Any = None, linear_name: Any = None,
                 l2_shrinkage_regularization_strength: float = 0.0) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self.slots = {"accum": initial_accumulator_value, "linear": 0.0}
        self._hyper = [
            learning_rate,
            learning_rate_power,
            l1_regularization_strength,
            l2_regularization_strength,
            l2_shrinkage_regularization_strength,
        ]

    def hyper(self) -> list[Any]:
        return self._hyper


@export("train.ProximalGradientDescentOptimizer", version=1)
class ProximalGradientDescentOptimizer(Optimizer):
    """Gradient descent with shrinking towards zero."""

    rule = staticmethod(rules.proximal_descent)

    def __init__(self, learning_rate: Any, l1_regularization_strength: float = 0.0,
                 l2_regularization_strength: float = 0.0, use_locking: bool = False,
                 name: str = "ProximalGradientDescent") -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._hyper = [learning_rate, l1_regularization_strength, l2_regularization_strength]

    def hyper(self) -> list[Any]:
        return self._hyper


@export("train.ProximalAdagradOptimizer", version=1)
class ProximalAdagradOptimizer(Optimizer):
    """Adagrad with shrinking towards zero."""

    rule = staticmethod(rules.proximal_adagrad)

    def __init__(self, learning_rate: Any, initial_accumulator_value: float = 0.1,
                 l1_regularization_strength: float = 0.0, l2_regularization_strength: float = 0.0,
                 use_locking: bool = False, name: str = "ProximalAdagrad") -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self.slots = {"accumulator": initial_accumulator_value}
        self._hyper = [learning_rate, l1_regularization_strength, l2_regularization_strength]

    def hyper(self) -> list[Any]:
        return self._hyper
