"""Gradients of what has been computed so far in the step that is being traced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optree

from keras_lamella.src.variable import Variable, VariableScope
from lamella import ops
from lamella.autodiff import differentiable, sweep, zeros
from lamella.program import Value, current_builder, is_building


def gradients(loss: Any, variables: Sequence[Variable]) -> list[Any]:
    """The derivative of a scalar traced `loss` with respect to each variable.

    For custom `train_step` methods: call it after the loss is computed, where other backends
    differentiate a function or record a tape. Of a variable that was assigned in this step, the
    derivative is with respect to its newest value that the loss was computed from.

    Args:
        loss: a traced scalar.
        variables: the variables, usually `self.trainable_variables`.

    Returns:
        One traced array per variable, of its shape; zeros where the loss does not depend on it.

    Raises:
        RuntimeError: outside a traced step.
        ValueError: `loss` is not a scalar.
    """
    scope = _scope("gradients(loss, variables)")
    loss = current_builder().lift(loss)
    if loss.type.size != 1:
        raise ValueError(f"gradients: the loss must be a scalar, got {loss.type}; reduce it first")
    found = _derivatives(scope, [loss], variables)
    lift = current_builder().lift
    return [zeros(lift(scope.read(v))) if g is None else g for v, g in zip(variables, found)]


class GradientTape:
    """`gradients` for code that thinks in tapes, inside `train_step`; it compiles with the step.

    Whatever a step computes is recorded anyway, so a tape sees variables and traced arrays without
    `watch`, may be asked more than once, and nests.

    Inside `train_step`:

        with GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        grads = tape.gradient(loss, self.trainable_variables)

    Args:
        persistent: accepted for code that says it; every tape is.
    """

    def __init__(self, persistent: bool = False) -> None:
        self._entered = False

    def __enter__(self) -> GradientTape:
        _scope("GradientTape")
        self._entered = True
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def watch(self, arrays: Any) -> None:
        """Nothing needs to be done; TypeError for what no derivative can be taken of."""
        scope = _scope("GradientTape.watch")
        for x in optree.tree_leaves(arrays):
            _source(scope, x)

    def gradient(self, target: Any, sources: Any) -> Any:
        """The derivative of the sum of `target` with respect to `sources`.

        Args:
            target: traced arrays of any shape, nested.
            sources: variables and traced arrays, nested.

        Returns:
            Traced arrays in the structure of `sources`; None where `target` does not depend on one.

        Raises:
            RuntimeError: outside a traced step, or before the tape's `with`.
            TypeError: a source is neither a variable nor a traced array.
        """
        scope = _scope("GradientTape.gradient")
        if not self._entered:
            raise RuntimeError("the tape has recorded nothing: enter it with `with` first")
        targets = [current_builder().lift(x) for x in optree.tree_leaves(target)]
        leaves, structure = optree.tree_flatten(sources)
        found = _derivatives(scope, [x for x in targets if differentiable(x)], leaves)
        return optree.tree_unflatten(structure, found)


def _scope(what: str) -> VariableScope:
    scope = VariableScope.current()
    if scope is None or not is_building():
        raise RuntimeError(
            f"{what} works inside train_step, which fit and train_on_batch trace; for functions "
            "use lamella.value_and_grad"
        )
    return scope


def _derivatives(
    scope: VariableScope, targets: Sequence[Value], sources: Sequence[Any]
) -> list[Value | None]:
    """Of the sum of `targets`; None where they do not depend on a source."""
    lift = current_builder().lift
    seeds = [ops.full(shape=y.type.shape, dtype=y.type.dtype.name, value=1) for y in targets]
    found = sweep(0, targets, seeds, [lift(_source(scope, x)) for x in sources])
    missing = {
        i: lift(scope.first(x))
        for i, x in enumerate(sources)
        if found[i] is None and id(x) in scope.assigned
    }
    older = sweep(0, targets, seeds, list(missing.values())) if missing else []
    for i, g in zip(missing, older):
        found[i] = g
    return found


def _source(scope: VariableScope, x: Any) -> Value:
    """What stands for a variable or a traced array in the Program."""
    value = scope.read(x) if isinstance(x, Variable) else x
    if not isinstance(value, Value):
        raise TypeError(
            "GradientTape: a source is a variable or an array that the step computes from its "
            f"batch or its variables, got a constant of type {type(x).__name__}"
        )
    return value
