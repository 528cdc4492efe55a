"""The backend's part of Optimizer: an update that comes often is compiled.

In a loop of one's own that is not compiled, Keras computes an update variable by variable and
operation by operation: a millisecond of Python for a small network. The update of Keras's own
optimizers that comes again and again for the same variables is compiled as a whole.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from keras.src.optimizers import base_optimizer

from lamella.program import is_building

log = logging.getLogger("lamella.keras")

#: How often an update must come to be compiled.
OFTEN = 8
#: Settings, which are constants of the code.
_PLAIN = (bool, int, float, str, type(None))


class BackendOptimizer(base_optimizer.BaseOptimizer):
    """Keras's BaseOptimizer; `cond` carries out what its branches assign."""

    def _backend_apply_gradients(self, grads: Sequence[Any], trainable_variables: Any) -> None:
        arrays = [] if is_building() else [_numbers(g) for g in grads]
        update = self._often(arrays, trainable_variables)
        if update is None:
            super()._backend_apply_gradients(grads, trainable_variables)
        else:
            update(arrays)

    def _often(self, grads: Sequence[Any], variables: Any) -> Callable[..., Any] | None:
        """The update as compiled code once it has come often; None where Keras must make it."""
        if not grads or any(g is None for g in grads) or not _is_keras(self):
            return None
        counts, compiled = self.__dict__.setdefault("_updates", ({}, {}))
        key = self._update_key(grads, variables)
        if key not in compiled:
            counts[key] = counts.get(key, 0) + 1
            if counts[key] == OFTEN:
                compiled[key] = self._compiled_update(grads, variables)
        return compiled.get(key)

    def _update_key(self, grads: Sequence[Any], variables: Any) -> Hashable:
        settings = tuple((k, v) for k, v in vars(self).items() if isinstance(v, _PLAIN))
        types = tuple((g.shape, g.dtype) for g in grads)
        return settings, id(self._learning_rate), tuple(map(id, variables)), types

    def _compiled_update(self, grads: Sequence[Any], variables: Any) -> Callable[..., Any] | None:
        from keras_lamella.src.step import StepFunction

        def update(grads: list[Any]) -> tuple[()]:
            super(BackendOptimizer, self)._backend_apply_gradients(grads, variables)
            return ()

        try:
            return StepFunction(update).compiled(list(grads))
        except Exception as error:  # Keras raises it again, or computes what cannot be traced
            log.debug("updates stay with Keras: %s", error)
            return None


def _numbers(gradient: Any) -> np.ndarray | None:
    """A gradient as an array; None for what is none."""
    if hasattr(gradient, "__lamella_array__"):
        gradient = gradient.__lamella_array__()
    array = getattr(gradient, "array", gradient)  # of a value whose numbers are known
    return array if isinstance(array, np.ndarray) else None


def _is_keras(optimizer: Any) -> bool:
    """Are the optimizer and its learning rate Keras's own?"""
    parts = (optimizer, optimizer._learning_rate)
    return all(type(x).__module__.startswith(("keras.src.", "keras_lamella.")) for x in parts)
