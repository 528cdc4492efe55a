"""Keras's symbolic tensors where a program of TensorFlow 1 has tensors of its graph.

`tf.gradients(model.output, model.input)` and `sess.run(layer.output, {model.input: x})`: what Keras
builds stays Keras's, with the values that its variables have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import KerasTensor

from tensorflow_lamella.core.dtypes import as_dtype
from tensorflow_lamella.core.shape import TensorShape
from tensorflow_lamella.keras.symbolic import function, gradients, holds_symbols


class Symbol:
    """What a session asks of a fed tensor, for a symbolic tensor of Keras or its learning phase."""

    feed_shape = None

    def __init__(self, x: Any) -> None:
        phase = not isinstance(x, KerasTensor)
        self.name = "learning_phase" if phase else x.name
        self.dtype = as_dtype("int64" if phase else x.dtype)
        self.feed_dtype = self.dtype.dtype
        self.shape = TensorShape(() if phase else x.shape)

    def get_shape(self) -> TensorShape:
        """Its shape."""
        return self.shape


class SymbolicPlan:
    """Computes symbolic tensors of Keras: what a session keeps for these fetches and feeds."""

    def __init__(self, fetches: Sequence[Any], feeds: Sequence[Any]) -> None:
        self.function = function(list(feeds), list(fetches))

    def run(self, fed: Sequence[Any]) -> list[np.ndarray]:
        """The numbers of the fetches."""
        return [np.asarray(x) for x in self.function(list(fed))]


def prepare(fetches: Sequence[Any], feeds: Sequence[Any]) -> tuple[Any, list[Any], list[int]]:
    """A plan, its fed tensors, and the place of each fetch in what it computes.

    Raises TypeError where symbolic tensors and tensors of a graph are mixed.
    """
    for x in (*fetches, *(f for f in feeds if not isinstance(f, int))):
        if not isinstance(x, KerasTensor):
            raise TypeError(
                f"{x!r} is fetched or fed together with a symbolic tensor of Keras; run the two "
                "in calls of their own, or build the Keras model on a tensor of the graph: "
                "model(tf.placeholder(...))"
            )
    return SymbolicPlan(fetches, feeds), list(map(Symbol, feeds)), list(range(len(fetches)))


__all__ = ["gradients", "holds_symbols", "prepare"]
