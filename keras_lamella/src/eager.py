"""run_eagerly: a step whose traced arrays have their numbers at once.

The step is traced as always, but every equation is evaluated as it is recorded, so that user code
can print and branch on values; gradients come from the same recorded equations.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import optree

from keras_lamella.src.step import Block, StepFunction, batch_array, join
from keras_lamella.src.variable import Variable, VariableScope, replace
from lamella.frontend.eager import EagerTrace
from lamella.frontend.tracer import ConcreteValueError
from lamella.program import building

log = logging.getLogger("lamella.keras")


class EagerStep:
    """`f(batch)` evaluated equation by equation; see StepFunction for the arguments."""

    def __init__(self, f: Callable[[Any], Any], concatenate: bool = False) -> None:
        self._f = f
        self._concatenate = concatenate

    def __call__(self, data: Iterable[Any]) -> Any:
        """The results on batches and Blocks."""
        batches = (b for x in data for b in (x.batches() if isinstance(x, Block) else [x]))
        results = [self._run(batch) for batch in batches]
        return join(results) if self._concatenate else results[-1]

    def _run(self, batch: Any) -> Any:
        trace = EagerTrace()
        scope = VariableScope(trace.concrete)
        with building(trace), scope:
            arrays = optree.tree_map(functools.partial(_part, trace), batch)
            results = optree.tree_map(_numbers, self._f(arrays))
            variables = [scope.variable(k) for k in scope.assigned]
            arrays = [np.asarray(x) for x in scope.assigned.values()]
        trace.closed = True
        replace(variables, arrays)
        return results


class CompiledOrEager:
    """For `jit_compile=False`, and layers that say they cannot be compiled (`supports_jit`).

    Most can be here. One that asks for the numbers of its input (a lookup of words in TensorFlow,
    say) fails while it is traced, before anything is computed: then steps run eagerly.
    """

    def __init__(self, f: Callable[[Any], Any], concatenate: bool = False) -> None:
        self._step: StepFunction | EagerStep = StepFunction(f, concatenate)
        self._eager = EagerStep(f, concatenate)
        self._concatenate = concatenate

    def __call__(self, data: Iterable[Any]) -> Any:
        """The results on batches and Blocks."""
        results = [self._run(x) for x in data]
        return join(results) if self._concatenate else results[-1]

    def _run(self, x: Any) -> Any:
        try:
            return self._step([x])
        except ConcreteValueError:
            if self._step is self._eager:
                raise
            log.info("steps run eagerly: a layer asks for the numbers of its input")
            self._step = self._eager
            return self._step([x])


def _part(trace: EagerTrace, x: Any) -> Any:
    """A part of a batch: words stay as they are."""
    array = np.asarray(x)
    return array if array.dtype.kind in "USO" else trace.concrete(batch_array(array))


def _numbers(x: Any) -> np.ndarray:
    return np.asarray(x.value if isinstance(x, Variable) else x)
