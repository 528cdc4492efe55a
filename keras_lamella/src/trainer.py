"""The training loop: fit, evaluate, predict over compiled steps."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from keras.src import backend, optimizers, tree
from keras.src import callbacks as callbacks_module
from keras.src.backend import config, standardize_dtype
from keras.src.backend.common.keras_tensor import KerasTensor
from keras.src.trainers import trainer as base_trainer
from keras.src.trainers.data_adapters import array_slicing, data_adapter_utils
from keras.src.trainers.epoch_iterator import EpochIterator
from keras.src.utils import traceback_utils
from keras.src.utils.python_utils import pythonify_logs

from keras_lamella.src.calls import UNKNOWN, Calls
from keras_lamella.src.data import BlockIterator
from keras_lamella.src.eager import CompiledOrEager, EagerStep
from keras_lamella.src.gradients import gradients
from keras_lamella.src.step import StepFunction, join


class Trainer(base_trainer.Trainer):
    """Keras's Trainer; `train_step`, `test_step` and `predict_step` of one batch are traced."""

    def __init__(self) -> None:
        super().__init__()
        self.train_function: Any = None
        self.test_function: Any = None
        self.predict_function: Any = None
        self._eval_epoch_iterator: Any = None
        self._calls = Calls(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Keras's call, or compiled code that does the same."""
        calls = self.__dict__.get("_calls")
        out = UNKNOWN if calls is None else calls(args, kwargs)
        return super().__call__(*args, **kwargs) if out is UNKNOWN else out

    # ---- one step ------------------------------------------------------------------------------

    def train_step(self, data: Any) -> dict[str, Any]:
        """Forward, backward, optimizer and metrics of one batch; returns the logs."""
        x, y, sample_weight = data_adapter_utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=True) if self._call_has_training_arg else self(x)
        loss = self._compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True
        )
        self._loss_tracker.update_state(loss, sample_weight=_rows(x))
        if self.optimizer is not None:
            loss = self.optimizer.scale_loss(loss)
        weights = self.trainable_weights
        if weights:
            self.optimizer.apply(gradients(loss, weights), weights)
        else:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Forward and metrics of one batch; returns the logs."""
        x, y, sample_weight = data_adapter_utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False) if self._call_has_training_arg else self(x)
        loss = self._compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False
        )
        self._loss_tracker.update_state(loss, sample_weight=_rows(x))
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data: Any) -> Any:
        """The outputs for one batch."""
        x, _, _ = data_adapter_utils.unpack_x_y_sample_weight(data)
        return self(x, training=False) if self._call_has_training_arg else self(x)

    def _compiled_step(self, step: Callable[[Any], Any], concatenate: bool = False) -> Any:
        if self.run_eagerly:
            return EagerStep(step, concatenate)
        kind = StepFunction if self._is_surely_compiled() else CompiledOrEager
        return kind(step, concatenate)

    def _is_surely_compiled(self) -> bool:
        return bool(self.jit_compile and base_trainer.model_supports_jit(self))

    def make_train_function(self, force: bool = False) -> Any:
        """`train_function(data)`, which trains on a list of batches and Blocks."""
        if self.train_function is None or force:
            self.train_function = self._compiled_step(self.train_step)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Any:
        """`test_function(data)`."""
        if self.test_function is None or force:
            self.test_function = self._compiled_step(self.test_step)
        return self.test_function

    def make_predict_function(self, force: bool = False) -> Any:
        """`predict_function(data)`."""
        if self.predict_function is None or force:
            self.predict_function = self._compiled_step(self.predict_step, concatenate=True)
        return self.predict_function

    # ---- loops ---------------------------------------------------------------------------------

    @traceback_utils.filter_traceback
    def fit(
        self, x=None, y=None, batch_size=None, epochs=1, verbose="auto", callbacks=None,
        validation_split=0.0, validation_data=None, shuffle=True, class_weight=None,
        sample_weight=None, initial_epoch=0, steps_per_epoch=None, validation_steps=None,
        validation_batch_size=None, validation_freq=1,
    ):  # fmt: skip
        """Train; see `keras.Model.fit`."""
        self._assert_compile_called("fit")
        if config.max_epochs() and config.max_epochs() < epochs:
            warnings.warn(f"Limiting epochs to {config.max_epochs()}", stacklevel=2)
            epochs = config.max_epochs()
        self._eval_epoch_iterator = None
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = array_slicing.train_validation_split(
                (x, y, sample_weight), validation_split=validation_split
            )
        iterator = BlockIterator(
            x=x, y=y, sample_weight=sample_weight, batch_size=batch_size,
            steps_per_epoch=steps_per_epoch, shuffle=shuffle, class_weight=class_weight,
            steps_per_execution=self.steps_per_execution,
        )  # fmt: skip
        self._build_from(iterator)
        callbacks = self._callback_list(callbacks, verbose, iterator, epochs, add_history=True)
        self.stop_training = False
        self.make_train_function()
        callbacks.on_train_begin()
        logs: dict[str, Any] = {}
        for epoch in range(self._initial_epoch or initial_epoch, epochs):
            logs = self._fit_epoch(epoch, iterator, callbacks)
            if validation_data is not None and self._should_eval(epoch, validation_freq):
                size = validation_batch_size or batch_size
                logs |= self._validate(validation_data, size, validation_steps, callbacks)
            callbacks.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        if isinstance(self.optimizer, optimizers.Optimizer) and epochs > 0:
            self.optimizer.finalize_variable_values(self.trainable_weights)
        self._eval_epoch_iterator = None
        callbacks.on_train_end(logs=logs)
        return self.history

    def _fit_epoch(self, epoch: int, iterator: BlockIterator, callbacks: Any) -> dict[str, Any]:
        self.reset_metrics()
        callbacks.on_epoch_begin(epoch)
        iterator.every_batch = _watches_batches(callbacks, "train")
        logs: dict[str, Any] = {}
        for begin, end, data in iterator:
            callbacks.on_train_batch_begin(begin)
            logs = self.train_function(data)
            callbacks.on_train_batch_end(end, logs)
            if self.stop_training:
                break
        return dict(pythonify_logs(self._get_metrics_result_or_logs(logs)))

    def _validate(self, data: Any, batch_size: Any, steps: Any, callbacks: Any) -> dict[str, Any]:
        x, y, sample_weight = data_adapter_utils.unpack_x_y_sample_weight(data)
        if self._eval_epoch_iterator is None:
            self._eval_epoch_iterator = BlockIterator(
                x=x, y=y, sample_weight=sample_weight, batch_size=batch_size,
                steps_per_epoch=steps, shuffle=False, steps_per_execution=self.steps_per_execution,
            )  # fmt: skip
        logs = self.evaluate(
            x=x, y=y, sample_weight=sample_weight, batch_size=batch_size, steps=steps,
            callbacks=callbacks, return_dict=True, _use_cached_eval_dataset=True,
        )  # fmt: skip
        return {f"val_{name}": value for name, value in logs.items()}

    @traceback_utils.filter_traceback
    def evaluate(
        self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, steps=None,
        callbacks=None, return_dict=False, **kwargs,
    ):  # fmt: skip
        """Loss and metrics on data; see `keras.Model.evaluate`."""
        self._assert_compile_called("evaluate")
        use_cached = kwargs.pop("_use_cached_eval_dataset", False)
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        iterator = self._eval_epoch_iterator if use_cached else BlockIterator(
            x=x, y=y, sample_weight=sample_weight, batch_size=batch_size, steps_per_epoch=steps,
            shuffle=False, steps_per_execution=self.steps_per_execution,
        )  # fmt: skip
        self._build_from(iterator)
        callbacks = self._callback_list(callbacks, verbose, iterator)
        self.make_test_function()
        self.stop_evaluating = False
        callbacks.on_test_begin()
        self.reset_metrics()
        iterator.every_batch = _watches_batches(callbacks, "test")
        logs: dict[str, Any] = {}
        for begin, end, data in iterator:
            callbacks.on_test_batch_begin(begin)
            logs = self.test_function(data)
            callbacks.on_test_batch_end(end, logs)
            if self.stop_evaluating:
                break
        logs = pythonify_logs(self._get_metrics_result_or_logs(logs))
        callbacks.on_test_end(logs)
        return logs if return_dict else self._flatten_metrics_in_order(logs)

    @traceback_utils.filter_traceback
    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """The outputs for all rows of `x`; see `keras.Model.predict`."""
        iterator = BlockIterator(
            x=x, batch_size=batch_size, steps_per_epoch=steps, shuffle=False,
            steps_per_execution=self.steps_per_execution,
        )  # fmt: skip
        callbacks = self._callback_list(callbacks, verbose, iterator)
        self.make_predict_function()
        self.stop_predicting = False
        callbacks.on_predict_begin()
        iterator.every_batch = _watches_batches(callbacks, "predict")
        parts = []
        for begin, end, data in iterator:
            callbacks.on_predict_batch_begin(begin)
            parts.append(self.predict_function(data))
            callbacks.on_predict_batch_end(end, {"outputs": parts[-1]})
            if self.stop_predicting:
                break
        callbacks.on_predict_end()
        if not parts:
            raise ValueError("predict got no batches: the data is empty, or an exhausted generator")
        return join(parts)

    # ---- single batches ------------------------------------------------------------------------

    @traceback_utils.filter_traceback
    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One step on one batch; see `keras.Model.train_on_batch`."""
        self._assert_compile_called("train_on_batch")
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError(
                    "Arguments `sample_weight` and `class_weight` cannot be specified at the same "
                    f"time. Received: sample_weight={sample_weight}, class_weight={class_weight}"
                )
            sample_weight = data_adapter_utils.class_weight_to_sample_weights(y, class_weight)
        return self._on_batch("train", (x, y, sample_weight), return_dict)

    @traceback_utils.filter_traceback
    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Loss and metrics of one batch; see `keras.Model.test_on_batch`."""
        self._assert_compile_called("test_on_batch")
        return self._on_batch("test", (x, y, sample_weight), return_dict)

    def _on_batch(self, kind: str, data: Any, return_dict: bool) -> Any:
        self._symbolic_build(data_batch=data)
        function = getattr(self, f"make_{kind}_function")()
        self.reset_metrics()
        logs = pythonify_logs(function([data]))
        return logs if return_dict else self._flatten_metrics_in_order(logs)

    @traceback_utils.filter_traceback
    def predict_on_batch(self, x):
        """The outputs for one batch; see `keras.Model.predict_on_batch`."""
        return self.make_predict_function()([(x,)])

    # ---- building ------------------------------------------------------------------------------

    def _callback_list(self, callbacks: Any, verbose: Any, iterator: BlockIterator,
                       epochs: int = 1, add_history: bool = False) -> Any:  # fmt: skip
        if isinstance(callbacks, callbacks_module.CallbackList):
            return callbacks
        return callbacks_module.CallbackList(
            callbacks, add_history=add_history, add_progbar=verbose != 0, verbose=verbose,
            epochs=epochs, steps=iterator.num_batches, model=self,
        )  # fmt: skip

    def _build_from(self, iterator: BlockIterator) -> None:
        """Create all variables, from the shapes of the first batch."""
        if not self._needs_build():
            return
        batches = EpochIterator.__iter__(iterator)  # single batches, also of array data
        _, _, data = next(batches)
        self._symbolic_build(data_batch=data[0])
        iterator.reset()

    def _needs_build(self) -> bool:
        if self.optimizer is not None and not self.optimizer.built:
            return True
        if not self._has_call():
            self.built = True
            return False
        return not (
            all(layer.built for layer in self._flatten_layers())
            and (self._compile_metrics is None or self._compile_metrics.built)
            and (self._compile_loss is None or self._compile_loss.built)
        )

    def _has_call(self) -> bool:
        """Not where a train_step of its own calls the layers, the loss and the metrics."""
        from keras.src.models.model import Model

        return type(self).call is not Model.call

    def _has_own_step(self) -> bool:
        """It may call the model on other things than batches: it builds what it calls."""
        steps = ("train_step", "test_step")
        return any(getattr(type(self), step) is not getattr(Trainer, step) for step in steps)

    def _symbolic_build(self, data_batch: Any) -> None:
        """Build model, metrics and loss by shape inference on one batch."""
        if not self._has_call():
            self._build_optimizer()
        elif self._needs_build():
            try:
                super()._symbolic_build(data_batch=tree.map_structure(_symbolic, data_batch))
            except RuntimeError:
                if not self._has_own_step():
                    if self._is_surely_compiled():
                        raise
                    self._build_by_calling(data_batch)
        self._post_build()

    def _build_by_calling(self, data_batch: Any) -> None:
        """The same for models that look at numbers or words: they are called."""
        x, y, weight = data_adapter_utils.unpack_x_y_sample_weight(data_batch)
        out = self(x, training=False) if self._call_has_training_arg else self(x)
        y, out, weight = tree.map_structure(_symbolic, (y, out, weight))
        if self._compile_metrics is not None and not self._compile_metrics.built:
            backend.compute_output_spec(self.compute_metrics, None, y, out, sample_weight=weight)
        if self._compile_loss is not None and not self._compile_loss.built:
            backend.compute_output_spec(
                self._compute_loss, None, y, out, sample_weight=weight, training=False
            )
        self._build_optimizer()

    def _build_optimizer(self) -> None:
        if self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)


def _symbolic(x: Any) -> Any:
    if x is None or isinstance(x, KerasTensor):
        return x
    array = backend.convert_to_tensor(x)
    return KerasTensor(array.shape, standardize_dtype(array.dtype))


def _rows(x: Any) -> int:
    return next(leaf for leaf in tree.flatten(x) if leaf is not None).shape[0]


def _watches_batches(callbacks: Any, kind: str) -> bool:
    """Does any callback beside the progress bar define a hook for batches?"""
    hooks = [f"on_{kind}_batch_begin", f"on_{kind}_batch_end"]
    if kind == "train":
        hooks += ["on_batch_begin", "on_batch_end"]
    base, bar = callbacks_module.Callback, callbacks_module.ProgbarLogger
    return any(
        getattr(type(c), hook) is not getattr(base, hook) or hook in vars(c)
        for c in callbacks.callbacks if type(c) is not bar
        for hook in hooks
    )  # fmt: skip
