"""tf.GradientTape: a mark in a Recording, from which the engine's backward sweep goes back.

The gradient is a sweep over the equations since the tape was entered, and since its equations are
recorded as well, tapes nest.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import optree
from keras.src.backend.common import KerasVariable

from keras_lamella.src.recording import Recording
from keras_lamella.src.sweeps import often_swept, ones
from lamella.autodiff import differentiable, sweep
from lamella.program import Value, not_building
from tensorflow_lamella.core import state
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dispatch import wrap
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.names import export


@export("GradientTape")
class GradientTape:
    """Records what is computed inside, for `gradient`; see TensorFlow's own documentation.

    >>> x = tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> tape.gradient(y, x).numpy()
    6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent = persistent
        self._accessed = watch_accessed_variables
        self._watched: list[Any] = []
        self._recording: Recording | None = None
        self._stack: contextlib.ExitStack | None = None

    def __enter__(self) -> GradientTape:
        recording = Recording.present() or Recording.eager()
        if recording is not self._recording:
            recording.tapes += 1
            self._start = len(recording.trace.equations)
            self._recording = recording
            self._release = weakref.finalize(self, recording.release)
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(recording.entered())
        return self

    def __exit__(self, *error: Any) -> None:
        assert self._stack is not None
        self._stack.__exit__(*error)
        self._stack = None

    def watch(self, tensor: Any) -> None:
        """Record what is computed from these tensors or variables (also in nested structures)."""
        recording = self._entered("watch")
        for x in optree.tree_leaves(tensor):
            self._watched.append(x)
            if isinstance(x, Tensor) and not isinstance(x.__lamella_array__(), Value):
                x._array = recording.value(x._array)

    def watched_variables(self) -> tuple[Any, ...]:
        """The variables that were read inside."""
        recording = self._recording
        if recording is None or recording.scope is None:
            return ()
        read = [variable for variable, _ in recording.scope._inputs.values()]
        return tuple(v for v in read if v.trainable)

    @contextlib.contextmanager
    def stop_recording(self) -> Iterator[None]:
        """What is computed inside is a constant for this tape."""
        if state.is_traced():
            raise NotImplementedError(
                "GradientTape.stop_recording inside of a compiled function: use tf.stop_gradient"
            )
        with not_building():
            yield

    def reset(self) -> None:
        """Forget what was recorded."""
        self._start = len(self._entered("reset").trace.equations)

    def gradient(self, target: Any, sources: Any, output_gradients: Any = None,
                 unconnected_gradients: Any = "none") -> Any:  # fmt: skip
        """The derivative of the sum of `target` with respect to `sources`.

        Returns the structure of `sources`; None (or zeros, as `unconnected_gradients` says) where
        `target` does not depend on a source. RuntimeError if the tape is not persistent and was
        asked before, or has recorded nothing.
        """
        recording = self._asked()
        targets = [x for x in optree.tree_leaves(target) if x is not None]
        seeds = [None] * len(targets)
        if output_gradients is not None:
            seeds = optree.tree_leaves(output_gradients, none_is_leaf=True)
        leaves, structure = optree.tree_flatten(sources, none_is_leaf=True)
        compiled = not self._persistent and recording.is_over
        with recording.entered():
            found = self._sweep(recording, targets, seeds, leaves, compiled)
            if getattr(unconnected_gradients, "value", unconnected_gradients) == "zero":
                found = [np.zeros(tuple(x.shape), to_array(x).dtype) if g is None else g
                         for x, g in zip(leaves, found)]  # fmt: skip
        self._finish()
        return optree.tree_unflatten(structure, [wrap(g) for g in found])

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: Any = "none",
        parallel_iterations: Any = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The derivatives of every element of `target`: shape of target, then shape of source."""
        recording = self._asked()
        leaves, structure = optree.tree_flatten(sources)
        with recording.entered():
            size = int(np.prod(target.shape))
            eye = np.eye(size, dtype=to_array(target).dtype).reshape(size, *target.shape)
            rows = [self._sweep(recording, [target], [seed], leaves) for seed in eye]
            found = [_stacked([row[i] for row in rows], target.shape) for i in range(len(leaves))]
        self._finish()
        return optree.tree_unflatten(structure, [wrap(g) for g in found])

    def batch_jacobian(self, target: Any, source: Any, unconnected_gradients: Any = "none",
                       parallel_iterations: Any = None,
                       experimental_use_pfor: bool = True) -> Any:  # fmt: skip
        """`jacobian` for each row by itself: (rows, target..., source...)."""
        recording = self._asked()
        inner = tuple(target.shape)[1:]
        with recording.entered():
            size = int(np.prod(inner))
            eye = np.eye(size, dtype=to_array(target).dtype).reshape(size, 1, *inner)
            seeds = [np.broadcast_to(seed, target.shape) for seed in eye]
            rows = [self._sweep(recording, [target], [s], [source])[0] for s in seeds]
            found = None if rows[0] is None else np.moveaxis(np.stack(rows), 0, 1)
            if found is not None:
                found = np.reshape(found, (target.shape[0], *inner, *found.shape[2:]))
        self._finish()
        return wrap(found)

    def _sweep(self, recording: Recording, targets: Sequence[Any], seeds: Sequence[Any],
               sources: Sequence[Any], compiled: bool = False) -> list[Any]:  # fmt: skip
        """The cotangents of `sources`, None where nothing depends on them.

        Where they may be `compiled` nobody asks for derivatives of them.
        """
        outputs, cotangents = [], []
        for x, seed in zip(targets, seeds):
            y = to_array(x)
            if isinstance(y, Value) and differentiable(y):
                y = recording.trace.lift(y)
                outputs.append(y)
                cotangents.append(None if seed is None else to_array(seed, y.type.dtype))
        wrt = [self._values(recording, x) for x in sources]
        flat = [v for values in wrt for v in values]
        if not compiled:
            cotangents = [ones(y) if g is None else g for y, g in zip(outputs, cotangents)]
        made = (often_swept if compiled else sweep)(self._start, outputs, cotangents, flat)
        grads = iter(made)
        return [_sum([next(grads) for _ in values]) for values in wrt]

    def _values(self, recording: Recording, source: Any) -> list[Value]:
        by_itself = self._accessed and getattr(source, "trainable", True)
        if not by_itself and not any(source is x for x in self._watched):
            return []
        if isinstance(source, KerasVariable):
            values = recording.values_of(source)
        else:
            array = getattr(source, "_array", source)
            values = [array] if isinstance(array, Value) else []
        return [recording.trace.lift(v) for v in values if differentiable(v)]

    def _entered(self, what: str) -> Recording:
        if self._stack is None or self._recording is None:
            raise RuntimeError(f"GradientTape.{what} belongs inside of the tape's `with` block")
        return self._recording

    def _asked(self) -> Recording:
        if self._recording is None:
            raise RuntimeError("the tape has recorded nothing: enter it with `with` first")
        if not self._persistent and not self._release.alive:
            raise RuntimeError(
                "A non-persistent GradientTape can only be used to compute one set of gradients "
                "(or jacobians); use tf.GradientTape(persistent=True)"
            )
        return self._recording

    def _finish(self) -> None:
        if not self._persistent and self._stack is None:
            self._release()


def _sum(grads: list[Any]) -> Any:
    found = [g for g in grads if g is not None]
    return sum(found[1:], found[0]) if found else None


def _stacked(rows: list[Any], shape: Any) -> Any:
    if any(row is None for row in rows):
        return None
    return np.reshape(np.stack(rows), (*shape, *rows[0].shape))


@export("UnconnectedGradients")
class UnconnectedGradients:
    """What `gradient` gives where nothing depends on a source."""

    NONE = "none"
    ZERO = "zero"
