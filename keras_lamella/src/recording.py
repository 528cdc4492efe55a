"""What gradient tapes share: equations as they are recorded, and variables as they are read.

Outside of compiled functions a recording is an EagerTrace: every equation is computed as it is
recorded, whoever asks for it - our ops, Keras's layers, NumPy functions of watched tensors. Inside,
it is the Program that is being traced. A gradient is a sweep over its equations.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_lamella.src.variable import VariableScope, replace
from lamella.frontend.eager import EagerTrace
from lamella.frontend.trace import Trace
from lamella.program import Value, building, current_builder, is_building, is_entered


class Recording:
    """The equations that tapes share, and the variables as they were read and assigned."""

    def __init__(self, trace: Trace, scope: VariableScope | None) -> None:
        self.trace = trace
        self.scope = scope
        self.tapes = 0
        self._last: dict[int, Any] = {}  # what variables were assigned, after that has ended

    @staticmethod
    def present() -> Recording | None:
        """The one that is under way: of a compiled function, or of an enclosing tape."""
        if not is_building():
            return None
        builder: Any = current_builder()
        if not hasattr(builder, "recording"):
            builder.recording = Recording(builder, VariableScope.current())
        return builder.recording

    @staticmethod
    def eager() -> Recording:
        """A new one, outside of compiled functions."""
        trace = EagerTrace()
        recording = Recording(trace, VariableScope(trace.concrete))
        trace.recording = recording  # type: ignore[attr-defined]
        return recording

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Equations are recorded here; variables that are assigned keep their values afterwards."""
        if is_entered(self.trace):
            yield
            return
        assert self.scope is not None
        with building(self.trace), self.scope:
            yield
        self._last |= self.scope.assigned
        keys = list(self.scope.assigned)
        values = [np.asarray(self.scope.assigned.pop(key)) for key in keys]
        replace([self.scope.variable(key) for key in keys], values)

    @property
    def is_over(self) -> bool:
        """Whether it was eager, of one tape, and is left: nothing more is differentiated."""
        eager = isinstance(self.trace, EagerTrace)
        return eager and self.tapes == 1 and not is_entered(self.trace)

    def release(self) -> None:
        """One tape less; without tapes the equations, and all that they hold, are dropped."""
        self.tapes -= 1
        if self.tapes == 0 and not is_entered(self.trace):
            self.trace.equations.clear()
            self.trace.constants.clear()
            self.trace.captures.clear()

    def value(self, array: Any) -> Value:
        """`array` as a value of the recording."""
        if isinstance(array, Value):
            return self.trace.lift(array)
        if isinstance(self.trace, EagerTrace):
            return self.trace.concrete(array)
        return self.trace.lift(array)

    def values_of(self, variable: Any) -> list[Value]:
        """The values that a variable has had: as it was read first, and as it is now."""
        if self.scope is None:
            return []
        first = self.scope._inputs.get(id(variable))
        if first is None:
            return []
        last = self._last.get(id(variable), first[1])
        seen = [first[1], self.scope.assigned.get(id(variable), last)]
        return list(dict.fromkeys(v for v in seen if isinstance(v, Value)))
