"""Values that are computed at once: single primitives on arrays, and traces with real numbers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from lamella import indexmap
from lamella.frontend.trace import Trace
from lamella.frontend.tracer import Tracer
from lamella.primitive import Primitive
from lamella.program import Value, is_building, program_of
from lamella.types import Type, type_of

#: Points from which on a contraction or window is compiled: NumPy takes milliseconds for so many,
#: and minutes for a large convolution. Shapes decide, so that the same call gives the same bits.
COMPILED_FROM = 1 << 20
#: Machine code is kept for so many calls of different shapes.
KEPT = 256


def compute(primitive: Primitive, arrays: Sequence[np.ndarray], attrs: dict[str, Any]) -> Any:
    """The primitive on arrays: an array, or a tuple where it has several results.

    Raises what the typing of the primitive raises.
    """
    types = tuple(type_of(x) for x in arrays)
    if _points(primitive, types, attrs) >= COMPILED_FROM:
        (out,) = _compiled(primitive, types, tuple(attrs.items()))(*arrays)
        return out
    result = primitive.typing(*types, **attrs)
    with np.errstate(all="ignore"):
        out = primitive.numpy(*arrays, **attrs)
    if isinstance(result, tuple):
        return tuple(_typed(x, t) for x, t in zip(out, result, strict=True))
    return _typed(out, result)


def _typed(x: Any, type: Type) -> np.ndarray:
    return np.asarray(x, dtype=type.dtype).reshape(type.shape)


def _points(primitive: Primitive, types: Sequence[Type], attrs: dict[str, Any]) -> int:
    """How often a contraction multiplies, or how many elements windows hold; else 0."""
    if primitive.family == "contraction":
        a, b = (t.shape for t in types)
        extents = indexmap.parse(attrs["spec"]).extents(a, b, tuple(attrs["shape"]))
        return math.prod(extents.values())
    if primitive.family == "window":
        return types[0].size * math.prod(attrs["size"])
    return 0


@functools.lru_cache(maxsize=KEPT)
def _compiled(
    primitive: Primitive, types: tuple[Type, ...], attrs: tuple[tuple[str, Any], ...]
) -> Callable[..., tuple[np.ndarray, ...]]:
    from lamella.compile import compile_program

    return compile_program(program_of(lambda *x: [primitive(*x, **dict(attrs))], *types))


class ConcreteTracer(Tracer):
    """A Tracer that knows its numbers; where no Program is being built it is as good as them."""

    __slots__ = ("array",)
    array: np.ndarray

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if is_building():
            return super().__array_ufunc__(ufunc, method, *inputs, **kwargs)
        return getattr(ufunc, method)(*_numbers(inputs), **_numbers(kwargs))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if is_building():
            return super().__array_function__(function, types, args, kwargs)
        return function(*_numbers(args), **_numbers(kwargs))

    def __getattr__(self, name: str) -> NoReturn:
        if name == "numpy":
            raise AttributeError("arrays of NumPy have no numpy(); write np.asarray(x)")
        super().__getattr__(name)

    def __getitem__(self, index: Any) -> Any:
        return super().__getitem__(index) if is_building() else self.array[_numbers(index)]

    def view(self, dtype: Any) -> Any:
        """The same bits as another dtype of the same width."""
        return super().view(dtype) if is_building() else self.array.view(dtype)

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


def _numbers(x: Any) -> Any:
    """The arrays of ConcreteTracers in nested lists, tuples and dicts."""
    if isinstance(x, ConcreteTracer):
        return x.array
    if type(x) in (list, tuple):
        return type(x)(map(_numbers, x))
    return {key: _numbers(item) for key, item in x.items()} if type(x) is dict else x


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

    def extend(self, eq: Any, attrs: dict[str, Any], types: Sequence[Type]) -> tuple[Value, ...]:
        more: Any = super().extend(eq, attrs, types)
        out = compute(eq.primitive, [v.array for v in eq.operands], attrs)
        for value, x in zip(more, out[len(out) - len(more) :], strict=True):
            value.array = x
        return more

    def emit(self, primitive: Any, operands: Sequence[Any], attrs: dict[str, Any]) -> Any:
        results = super().emit(primitive, operands, attrs)
        eq: Any = self.equations[-1]  # over ConcreteTracers
        out = compute(primitive, [v.array for v in eq.operands], attrs)
        for value, x in zip(eq.results, out if isinstance(out, tuple) else (out,), strict=True):
            value.array = x
        return results
