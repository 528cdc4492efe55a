"""Gradients of what has been computed so far in the step that is being traced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_lamella.src.variable import Variable, VariableScope
from lamella import ops
from lamella.autodiff import backward
from lamella.program import current_builder, is_building


def gradients(loss: Any, variables: Sequence[Variable]) -> list[Any]:
    """The derivative of a scalar traced `loss` with respect to each variable's present value.

    For custom `train_step` methods: call it after the loss is computed, where other backends
    differentiate a function or record a tape.

    Args:
        loss: a traced scalar.
        variables: the variables, usually `self.trainable_variables`.

    Returns:
        One traced array per variable, of its shape; zeros where the loss does not depend on it.

    Raises:
        RuntimeError: outside a traced step.
        ValueError: `loss` is not a scalar.
    """
    scope = VariableScope.current()
    if scope is None or not is_building():
        raise RuntimeError(
            "gradients(loss, variables) works inside train_step, which fit and train_on_batch "
            "trace; for functions use lamella.value_and_grad"
        )
    builder = current_builder()
    loss = builder.lift(loss)
    if loss.type.size != 1:
        raise ValueError(f"gradients: the loss must be a scalar, got {loss.type}; reduce it first")
    seed = ops.full(shape=loss.type.shape, dtype=loss.type.dtype.name, value=1.0)
    return backward(0, [loss], [seed], [builder.lift(scope.read(v)) for v in variables])
