"""Methods that models had: generators, classes, evaluation by old names."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tensorflow_lamella.keras.era import until_2019
from tensorflow_lamella.keras.logs import metric_names


def fit_generator(
    self: Any, generator: Iterable[Any], steps_per_epoch: int | None = None, epochs: int = 1,
    verbose: Any = 1, callbacks: Any = None, validation_data: Any = None,
    validation_steps: int | None = None, samples_per_epoch: int | None = None, **options: Any,
) -> Any:  # fmt: skip
    """`fit` on a generator of batches (Keras 1, 2.0 to 2.3, TensorFlow to 2.3).

    Keras 1 counted rows (`samples_per_epoch`, and `nb_val_samples` for the validation).
    """
    if samples_per_epoch is not None:
        generator, rows = _rows_of(generator)
        steps_per_epoch = -(-samples_per_epoch // rows)
        if validation_steps is not None and hasattr(validation_data, "__next__"):
            validation_data, rows = _rows_of(validation_data)
            validation_steps = -(-validation_steps // rows)
    return self.fit(
        generator, steps_per_epoch=steps_per_epoch, epochs=epochs, verbose=verbose,
        callbacks=callbacks, validation_data=validation_data, validation_steps=validation_steps,
        **options,
    )  # fmt: skip


def _rows_of(generator: Any) -> tuple[Any, int]:
    """A generator like this one, and how many rows its batches have."""
    if hasattr(generator, "batch_size"):
        return generator, generator.batch_size
    first = next(generator)
    x = first[0][0] if isinstance(first[0], (list, tuple)) else first[0]
    return _from(first, generator), len(x)


def _from(first: Any, generator: Iterable[Any]) -> Iterator[Any]:
    yield first
    yield from generator


def evaluate_generator(
    self: Any, generator: Any, steps: int | None = None, callbacks: Any = None, verbose: Any = 0
) -> Any:
    """`evaluate` on a generator of batches."""
    return self.evaluate(generator, steps=steps, callbacks=callbacks, verbose=verbose)


def predict_generator(
    self: Any, generator: Any, steps: int | None = None, callbacks: Any = None, verbose: Any = 0
) -> Any:
    """`predict` on a generator of batches."""
    return self.predict(generator, steps=steps, callbacks=callbacks, verbose=verbose)


def predict_classes(self: Any, x: Any, batch_size: int | None = 32, verbose: Any = 0) -> np.ndarray:
    """The most probable class of each row; for a single sigmoid 0 or 1 (Sequential, to 2.5)."""
    probabilities = np.asarray(self.predict(x, batch_size=batch_size, verbose=verbose))
    if probabilities.shape[-1] > 1:
        return probabilities.argmax(axis=-1)
    return (probabilities > 0.5).astype("int32")


def predict_proba(self: Any, x: Any, batch_size: int | None = 32, verbose: Any = 0) -> Any:
    """`predict` (Sequential, to 2.5)."""
    return self.predict(x, batch_size=batch_size, verbose=verbose)


def takes_other_ranks(functional: type) -> None:
    """Let a model be called on symbolic tensors of other ranks than its input, as until 2.3.

    The layers decide: a generator on (rows, 1, 100), which ends in a Reshape, is one.
    """
    methods: Any = functional
    check, adjust = methods._assert_input_compatibility, methods._adjust_input_rank

    def _assert_input_compatibility(self: Any, arg_0: Any) -> None:
        try:
            check(self, arg_0)
        except ValueError:
            if not _any_rank(self, arg_0):
                raise

    def _adjust_input_rank(self: Any, flat_inputs: list[Any]) -> list[Any]:
        try:
            return adjust(self, flat_inputs)
        except ValueError:
            if not _any_rank(self, flat_inputs):
                raise
            return flat_inputs

    methods._assert_input_compatibility = _assert_input_compatibility
    methods._adjust_input_rank = _adjust_input_rank


def _any_rank(model: Any, inputs: Any) -> bool:
    from keras import KerasTensor, tree

    if until_2019() and all(isinstance(x, KerasTensor) for x in tree.flatten(inputs)):
        object.__setattr__(model, "_lamella_any_rank", True)
    return getattr(model, "_lamella_any_rank", False)


def as_compiled(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that trains: what was trainable when the model was compiled is trained.

    A GAN compiles the discriminator, sets `discriminator.trainable = False`, builds the combined
    model, and goes on training both.
    """

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        state = getattr(self, "_compiled_trainable_state", None) or {}
        now = {layer: layer.trainable for layer in state}
        if now == state:
            return method(self, *args, **kwargs)
        _set_trainable(state)
        try:
            return method(self, *args, **kwargs)
        finally:
            _set_trainable(now)

    return wrapper


def _set_trainable(state: Mapping[Any, bool]) -> None:
    for layer, trainable in state.items():  # outer layers come first: setting one sets its inner
        layer.trainable = trainable


class shape_of:
    """`layer.output_shape`, where a layer was called once; a layer may set its own."""

    def __init__(self, tensor: str) -> None:
        self.tensor = tensor

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        if layer is None:
            return self
        value = getattr(layer, self.tensor)
        shapes = [tuple(x.shape) for x in value] if isinstance(value, list) else tuple(value.shape)
        return shapes


def _of_graph(name: str) -> property:
    """`model.input` of a Sequential that knows its input, called or not."""

    def get(self: Any) -> Any:
        if self._functional is None:
            raise AttributeError(
                f"the Sequential model {self.name!r} has no {name} yet: give its first layer an "
                "input_shape, or call the model"
            )
        return getattr(self._functional, name)

    return property(get)


def reset_states(self: Any) -> None:
    """Forget the states of all recurrent layers."""
    for layer in self._flatten_layers(include_self=False):
        if hasattr(layer, "reset_state"):
            layer.reset_state()


def same_rank(update_state: Callable[..., Any]) -> Callable[..., Any]:
    """A metric of a function takes labels (rows,) for predictions (rows, 1), as a loss does."""

    @functools.wraps(update_state)
    def method(self: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        from keras import ops
        from keras.src.losses.loss import squeeze_or_expand_to_same_rank

        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        return update_state(self, y_true, y_pred, sample_weight=sample_weight)

    return method


METHODS: dict[str, dict[str, Any]] = {
    "Metric": {"reset_states": lambda self: self.reset_state()},
    "Sequential": {"input": _of_graph("input"), "output": _of_graph("output")},
    "Model": {
        "fit_generator": fit_generator,
        "evaluate_generator": evaluate_generator,
        "predict_generator": predict_generator,
        "predict_classes": predict_classes,
        "predict_proba": predict_proba,
        "metrics_names": property(metric_names),
        "reset_states": reset_states,
    },
    "Layer": {
        "output_shape": shape_of("output"),
        "input_shape": shape_of("input"),
        "updates": property(lambda self: []),
        "get_input_at": lambda self, index: self._inbound_nodes[index].input_tensors[0],
        "get_output_at": lambda self, index: self._inbound_nodes[index].output_tensors[0],
    },
}
"""Methods and attributes that are given back, by class."""


def keeps_batch_shape(plain: Callable[..., Any]) -> Callable[..., Any]:
    """A layer's `batch_input_shape=(rows, ...)`: the size of the batch is fixed."""

    @functools.wraps(plain)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        shape = kwargs.pop("batch_input_shape", None)
        rows = kwargs.pop("batch_size", None)
        if shape is None and rows is not None and kwargs.get("input_shape") is not None:
            shape = (rows, *kwargs["input_shape"])
        if shape is not None:
            kwargs["input_shape"] = tuple(shape[1:])
        plain(self, *args, **kwargs)
        if shape is not None:
            object.__setattr__(self, "_batch_input_shape_arg", tuple(shape))

    __init__.__signature__ = inspect.signature(plain)  # type: ignore[attr-defined]
    return __init__


def with_batch_shape(plain: Callable[..., Any]) -> Callable[..., Any]:
    """`Sequential.add` that gives the model the batch size of its first layer."""

    @functools.wraps(plain)
    def add(self: Any, layer: Any, *args: Any, **kwargs: Any) -> None:
        from keras.layers import InputLayer

        shape = getattr(layer, "_batch_input_shape_arg", None)
        if shape is not None and shape[0] is not None and not self._layers:
            plain(self, InputLayer(batch_shape=shape))
        plain(self, layer, *args, **kwargs)

    return add


def by_name(plain: Callable[..., Any]) -> Callable[..., Any]:
    """`layer(x, True)`: what comes behind the tensors and is none is given by name to Keras 3."""

    @functools.wraps(plain)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        values = (i for i, x in enumerate(args) if i and isinstance(x, (bool, int, float, str)))
        first = next(values, None)
        if first is not None:
            names = list(self._call_signature.parameters)[first:]
            kwargs |= dict(zip(names, args[first:]))
            args = args[:first]
        return plain(self, *args, **kwargs)

    return __call__
