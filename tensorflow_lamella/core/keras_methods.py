"""Methods of Keras's classes that work with tensors and tapes, and that Keras 3 no longer has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras.src.optimizers.base_optimizer import BaseOptimizer

from tensorflow_lamella.core.convert import raw
from tensorflow_lamella.core.tape import GradientTape


def minimize(self: Any, loss: Any, var_list: Any, grad_loss: Any = None, name: Any = None,
             tape: Any = None) -> Any:  # fmt: skip
    """`optimizer.minimize(loss, var_list)`: one step down a loss.

    loss: a function without arguments, or a tensor that `tape` recorded.
    """
    if not callable(loss) and tape is None:
        raise ValueError("optimizer.minimize: a loss that is a tensor needs its `tape`; or give a "
                         "function that computes the loss")  # fmt: skip
    if callable(loss):
        with GradientTape() as tape:
            loss = loss()
    variables = list(var_list() if callable(var_list) else var_list)
    self.apply_gradients(zip(tape.gradient(loss, variables, grad_loss), variables))
    return self.iterations


def compute_gradients(self: Any, loss: Any, var_list: Any, grad_loss: Any = None,
                      tape: Any = None) -> list[Any]:  # fmt: skip
    """Pairs of a gradient and its variable, for `apply_gradients`; see minimize."""
    if callable(loss):
        with GradientTape() as tape:
            loss = loss()
    variables = list(var_list() if callable(var_list) else var_list)
    return list(zip(tape.gradient(loss, variables, grad_loss), variables))


def _of_rows(plain: Callable[..., Any]) -> Callable[..., Any]:
    """`get_initial_state` that also takes the inputs in place of their number."""

    def get_initial_state(self: Any, batch_size: Any = None, inputs: Any = None,
                          dtype: Any = None) -> Any:  # fmt: skip
        rows = batch_size if inputs is None else inputs
        array = raw(rows)
        if array is not None or isinstance(rows, np.ndarray):
            array = rows if array is None else array
            rows = array.shape[0] if array.ndim else int(array)
        return plain(self, rows)

    get_initial_state.of_rows = True  # type: ignore[attr-defined]
    return get_initial_state


def connect() -> None:
    """Give them to Keras's classes. Calling it again is harmless."""
    BaseOptimizer.minimize = minimize
    BaseOptimizer.compute_gradients = compute_gradients
    for cls in (keras.layers.RNN, keras.layers.LSTMCell, keras.layers.GRUCell,
                keras.layers.SimpleRNNCell):  # fmt: skip
        plain = cls.get_initial_state
        if not hasattr(plain, "of_rows"):
            cls.get_initial_state = _of_rows(plain)
