"""Gradients of what has been computed so far in the step that is being traced."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import optree

from keras_lamella.src.recording import Recording
from keras_lamella.src.step import batch_array
from keras_lamella.src.tensor import as_tensor
from keras_lamella.src.variable import Variable
from lamella import ops
from lamella.autodiff import differentiable, sweep, zeros
from lamella.frontend.eager import EagerTrace
from lamella.program import Value, is_building


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
    recording = _recording("gradients(loss, variables)")
    assert recording.scope is not None
    lift, read = recording.trace.lift, recording.scope.read
    loss = recording.value(loss)
    if loss.type.size != 1:
        raise ValueError(f"gradients: the loss must be a scalar, got {loss.type}; reduce it first")
    found = _derivatives(recording, [loss], variables)
    return [zeros(lift(read(v))) if g is None else g for v, g in zip(variables, found)]


class GradientTape:
    """`gradients` for code that thinks in tapes, inside `train_step` and in loops of one's own.

    Inside `train_step` it compiles with the step, which records whatever it computes anyway:
    tapes see variables and traced arrays without `watch`, may be asked more than once, and nest.

        with GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        grads = tape.gradient(loss, self.trainable_variables)

    Outside of steps the same lines compute operation by operation, and Python sees every number:
    for looking into a model, not for speed. There an array is recorded from where `watch` gave it
    back: `x = tape.watch(x)`.

    Args:
        persistent: accepted for code that says it; every tape is.
    """

    def __init__(self, persistent: bool = False) -> None:
        self._recording: Recording | None = None

    def __enter__(self) -> GradientTape:
        recording = _recording("GradientTape") if is_building() else Recording.eager()
        if recording is not self._recording:
            recording.tapes += 1
            weakref.finalize(self, recording.release)
            self._recording = recording
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(recording.entered())
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()

    def watch(self, arrays: Any) -> Any:
        """`arrays` as the tape sees them, in the same nesting; variables are seen by themselves.

        In `train_step` those are `arrays` themselves. TypeError for what no derivative can be
        taken of.
        """
        recording = _recording("GradientTape.watch")

        def watched(x: Any) -> Any:
            eager = isinstance(recording.trace, EagerTrace)
            if eager and isinstance(x, np.ndarray):
                x = recording.value(batch_array(x))
            _source(recording, x)
            return x

        return optree.tree_map(watched, arrays)

    def gradient(self, target: Any, sources: Any) -> Any:
        """The derivative of the sum of `target` with respect to `sources`.

        Args:
            target: arrays of any shape that were computed inside of `with`, nested.
            sources: variables and arrays, nested.

        Returns:
            Arrays in the structure of `sources`; None where `target` does not depend on one.

        Raises:
            RuntimeError: before the tape's `with`.
            TypeError: a source is neither a variable nor an array that the tape sees.
        """
        recording = self._recording
        if recording is None:
            raise RuntimeError("the tape has recorded nothing: enter it with `with` first")
        leaves, structure = optree.tree_flatten(sources)
        with recording.entered():
            targets = [recording.value(x) for x in optree.tree_leaves(target)]
            found = _derivatives(recording, [x for x in targets if differentiable(x)], leaves)
        if not is_building():
            found = [None if g is None else as_tensor(np.asarray(g)) for g in found]
        return optree.tree_unflatten(structure, found)


def _recording(what: str) -> Recording:
    """Of the step that is being traced, or of the tape that is entered."""
    recording = Recording.present()
    if recording is None or recording.scope is None:
        raise RuntimeError(
            f"{what} works inside train_step, which fit and train_on_batch trace, and inside of a "
            "GradientTape; for functions use lamella.value_and_grad"
        )
    return recording


def _derivatives(
    recording: Recording, targets: Sequence[Value], sources: Sequence[Any]
) -> list[Any]:
    """Of the sum of `targets`; None where they do not depend on a source."""
    seeds = [ops.full(shape=y.type.shape, dtype=y.type.dtype.name, value=1) for y in targets]
    lift = recording.trace.lift
    values = [[lift(v) for v in _source(recording, x)] for x in sources]
    found = sweep(0, targets, seeds, [seen[-1] for seen in values])
    missing = [i for i, seen in enumerate(values) if found[i] is None and len(seen) > 1]
    older = sweep(0, targets, seeds, [values[i][0] for i in missing]) if missing else []
    for i, g in zip(missing, older):
        found[i] = g
    return found


def _source(recording: Recording, x: Any) -> list[Value]:
    """What stands for a variable or an array in the recording; of a variable, older values too."""
    if isinstance(x, Variable):
        assert recording.scope is not None
        recording.scope.read(x)
        return recording.values_of(x)
    if not isinstance(x, Value):
        raise TypeError(
            "GradientTape: a source is a variable, or an array that is computed from the batch or "
            "from variables, or `x = tape.watch(x)` gave; this is a constant of type "
            f"{type(x).__name__}"
        )
    return [x]
