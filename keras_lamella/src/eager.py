"""run_eagerly: a step whose traced arrays have their numbers at once.

The step is traced as always, but every equation is evaluated as it is recorded, so that user code can
print and branch on values; gradients come from the same recorded equations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optree
from keras.src import tree

from keras_lamella.src.step import Block
from keras_lamella.src.variable import Variable, VariableScope
from lamella.frontend.eager import EagerTrace
from lamella.program import building


class EagerStep:
    """`f(batch)` evaluated equation by equation; see StepFunction for the arguments."""

    def __init__(self, f: Callable[[Any], Any], concatenate: bool = False) -> None:
        self._f = f
        self._concatenate = concatenate

    def __call__(self, data: Any) -> Any:
        """The results on a Block, or on a list of batches."""
        results = [self._run(b) for b in (data.batches() if isinstance(data, Block) else data)]
        if not self._concatenate or len(results) == 1:
            return results[-1]
        return optree.tree_map(lambda *parts: np.concatenate(parts), *results)

    def _run(self, batch: Any) -> Any:
        trace = EagerTrace()
        scope = VariableScope(trace.concrete)
        with building(trace), scope:
            arrays = tree.map_structure(trace.concrete, batch, none_is_leaf=False)
            out = self._f(arrays)
            results = tree.map_structure(_numbers, out, none_is_leaf=False)
            assigned = [(v, np.asarray(scope.values[k])) for k, v in scope.assigned.items()]
        trace.closed = True
        for variable, value in assigned:
            variable.assign(value)
        return results


def _numbers(x: Any) -> np.ndarray:
    return np.asarray(x.value if isinstance(x, Variable) else x)
