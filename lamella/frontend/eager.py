"""A trace whose values are computed as they are recorded: for debugging with real numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamella.frontend.trace import Trace
from lamella.frontend.tracer import Tracer
from lamella.program import Value
from lamella.types import Type, type_of


class ConcreteTracer(Tracer):
    """A Tracer that knows its numbers."""

    __slots__ = ("array",)
    array: np.ndarray

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.array, dtype=dtype)

    def __bool__(self) -> bool:
        return bool(self.array)

    def __int__(self) -> int:
        return int(self.array)

    def __float__(self) -> float:
        return float(self.array)

    def __complex__(self) -> complex:
        return complex(self.array)

    def __index__(self) -> int:
        return self.array.__index__()

    def __repr__(self) -> str:
        return repr(self.array)

    def __format__(self, spec: str) -> str:
        return format(self.array[()] if self.array.ndim == 0 else self.array, spec)

    def item(self, *args: int) -> Any:
        return self.array.item(*args)

    def tolist(self) -> Any:
        return self.array.tolist()


class EagerTrace(Trace):
    """Records equations like a Trace and evaluates each of them with NumPy at once."""

    def make_tracer(self, type: Type) -> ConcreteTracer:
        return ConcreteTracer(type, self)

    def concrete(self, x: Any) -> ConcreteTracer:
        """An input whose numbers are `x`."""
        tracer = self.make_tracer(type_of(x))
        tracer.array = np.asarray(x)
        return tracer

    def lift(self, x: Any) -> Value:
        value = super().lift(x)
        if isinstance(value, ConcreteTracer) and not hasattr(value, "array"):
            value.array = x.array if isinstance(x, ConcreteTracer) else self.constants[value]
        return value

    def emit(self, primitive: Any, operands: Sequence[Any], attrs: dict[str, Any]) -> Any:
        results = super().emit(primitive, operands, attrs)
        eq: Any = self.equations[-1]  # over ConcreteTracers
        with np.errstate(all="ignore"):
            out = primitive.numpy(*(v.array for v in eq.operands), **attrs)
        for value, x in zip(eq.results, out if isinstance(out, tuple) else (out,), strict=True):
            value.array = np.asarray(x, dtype=value.type.dtype).reshape(value.type.shape)
        return results
