"""What a model computes beside its outputs: `add_loss` and `add_metric` of tensors.

Symbolic tensors pass beside the first output of the model, through a layer that takes them there.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import KerasTensor, ops, tree
from keras.src.layers.layer import Layer
from keras.src.models.functional import Functional
from keras.src.trainers.trainer import Trainer


@keras.saving.register_keras_serializable("lamella")
class LossBeside(Layer):
    """Gives the first of its inputs; the means of the others are losses of the model."""

    def call(self, inputs: Sequence[Any]) -> Any:
        for loss in inputs[1:]:
            self.add_loss(ops.mean(loss))
        return inputs[0]


@keras.saving.register_keras_serializable("lamella")
class MetricBeside(Layer):
    """Gives the first of its two inputs; the mean of the other is a metric of the model."""

    def __init__(self, metric: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.metric = metric

    def call(self, inputs: Sequence[Any]) -> Any:
        add_metric(self, inputs[1], self.metric)
        return inputs[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "metric": self.metric}


class KeptBeside(Layer):
    """Gives the first of its two inputs; keeps the other for a loss function of the same step."""

    kept: Any = None

    def call(self, inputs: Sequence[Any]) -> Any:
        object.__setattr__(self, "kept", inputs[1])
        return inputs[0]


def add_loss(self: Any, losses: Any, **_: Any) -> None:
    """`add_loss` of a functional model on symbolic tensors, as variational encoders call it."""
    given = [x() if callable(x) else x for x in tree.flatten(losses)]
    if all(isinstance(x, KerasTensor) for x in given):
        _attach(self, LossBeside(), given)
    else:
        Layer.add_loss(self, given)


def add_metric(self: Any, value: Any, name: str | None = None, aggregation: str | None = None,
               **_: Any) -> None:  # fmt: skip
    """`model.add_metric(tensor, name=...)`, and `self.add_metric` in the `call` of a layer.

    An epoch shows the mean of the values; ValueError for another `aggregation`.
    """
    if aggregation not in (None, "mean"):
        raise ValueError(f"add_metric: aggregation={aggregation!r}; there is 'mean'")
    if isinstance(value, KerasTensor):
        _attach(self, MetricBeside(name or value.name), [value])
        return
    _mean(self, name or f"{self.name}_metric").update_state(value)


def _mean(layer: Any, name: str) -> Any:
    """The metric of a layer with this name, new at the first call."""
    for metric in layer._metrics:
        if metric.name == name:
            return metric
    metric = keras.metrics.Mean(name=name)
    layer._tracker.unlock()
    layer._metrics.append(metric)
    layer._tracker.lock()
    return metric


def _attach(model: Any, beside: Layer, tensors: Sequence[Any]) -> None:
    """Let the graph of a functional model compute `tensors`, through `beside`."""
    first, *others = tree.flatten(model._outputs_struct)
    outputs = [beside([first, *tensors]), *others]
    structure = tree.pack_sequence_as(model._outputs_struct, outputs)
    graph = keras.Function(model._inputs_struct, structure)
    known = set(map(id, model._operations))
    for name in ("_outputs_struct", "_outputs", "_nodes", "_nodes_by_depth", "_operations",
                 "_operations_by_depth"):  # fmt: skip
        object.__setattr__(model, name, getattr(graph, name))
    model._tracker.unlock()
    for layer in model.layers:
        if id(layer) not in known:
            model._tracker.track(layer)
    model._tracker.lock()


def _compiles(compile: Callable[..., Any]) -> Callable[..., Any]:
    """`compile` with losses such as `partial(penalty, averaged_samples=layer_output)`.

    Gradient penalties are written so: the loss is a part of the graph, of which the labels are not
    used. It is computed beside the outputs. Outputs of one model that is called several times get
    names of their own: Keras 3 would report their losses as one.
    """

    @functools.wraps(compile)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self, Functional):
            self.output_names = _unique(self.output_names)
        loss = kwargs.get("loss")
        if isinstance(loss, (list, tuple)):
            kwargs["loss"] = [_beside(self, f, i) for i, f in enumerate(loss)]
        elif loss is not None:
            kwargs["loss"] = _beside(self, loss, 0)
        return compile(self, *args, **kwargs)

    return wrapper


def _unique(names: Sequence[str]) -> list[str]:
    """`["critic", "critic"]` as `["critic", "critic_1"]`."""
    counts: Counter[str] = Counter()
    found = []
    for name in names:
        found.append(f"{name}_{counts[name]}" if counts[name] else name)
        counts[name] += 1
    return found


def _beside(model: Any, loss: Any, index: int) -> Any:
    """`loss` as a function of labels and predictions alone."""
    given = getattr(loss, "keywords", None)
    if not given or not any(isinstance(x, KerasTensor) for x in tree.flatten(given)):
        return loss
    output = model.outputs[index]
    value = loss(ops.zeros_like(output), output)
    keeper = KeptBeside()
    _attach(model, keeper, [value])

    def kept(y_true: Any, y_pred: Any) -> Any:
        now = keeper.kept
        object.__setattr__(keeper, "kept", None)
        return ops.reshape(now, (-1,))

    kept.__name__ = getattr(loss, "__name__", "loss")
    return kept


def install() -> None:
    """Give these methods to Keras's layers and models."""
    Functional.add_loss = add_loss
    keras.Layer.add_metric = add_metric
    Trainer.compile = _compiles(Trainer.compile)
