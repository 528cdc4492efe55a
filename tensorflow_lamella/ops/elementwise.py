"""Functions of one or two tensors, element by element, and the operators of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import lamella
from lamella.frontend.tracer import Tracer
from tensorflow_lamella.core.dispatch import Array, T, op


def _unary(f: Callable[..., Any], *names: str, **kwargs: Any) -> None:
    def function(x: Array) -> Any:
        return f(x)

    op(*names, **kwargs)(function)


def _binary(f: Callable[..., Any], *names: str, **kwargs: Any) -> None:
    def function(x: T, y: T) -> Any:
        return f(x, y)

    op(*names, **kwargs)(function)


def _logical(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` on bools; TypeError for anything else."""

    def checked(*operands: Any) -> Any:
        for x in operands:
            if x.dtype != bool:
                raise TypeError(f"{f.__name__} wants bool tensors, got {x.dtype.name}")
        return f(*operands)

    return checked


_UNARY = {
    "abs math.abs": np.abs,
    "acos math.acos": np.arccos,
    "acosh math.acosh": np.arccosh,
    "asin math.asin": np.arcsin,
    "asinh math.asinh": np.arcsinh,
    "atan math.atan": np.arctan,
    "atanh math.atanh": np.arctanh,
    "math.angle": np.angle,
    "math.ceil": np.ceil,
    "math.conj": np.conj,
    "cos math.cos": np.cos,
    "cosh math.cosh": np.cosh,
    "math.digamma": lamella.digamma,
    "math.erf": lamella.erf,
    "math.erfc": lamella.erfc,
    "math.erfinv": lamella.erfinv,
    "math.erfcinv": lambda x: lamella.erfinv(1 - x),
    "math.ndtri": lambda x: lamella.erfinv(2 * x - 1) * x.dtype.type(np.sqrt(2.0)),
    "exp math.exp": np.exp,
    "math.expm1": np.expm1,
    "floor math.floor": np.floor,
    "math.imag": np.imag,
    "math.is_finite": np.isfinite,
    "math.is_inf": np.isinf,
    "math.is_nan": np.isnan,
    "math.lgamma": lamella.lgamma,
    "math.log": np.log,
    "math.log1p": np.log1p,
    "math.log_sigmoid": lambda x: -np.logaddexp(x.dtype.type(0), -x),
    "logical_not math.logical_not": _logical(np.logical_not),
    "negative math.negative": np.negative,
    "math.real": np.real,
    "math.reciprocal": np.reciprocal,
    "math.reciprocal_no_nan": lambda x: _no_nan(np.ones_like(x), x),
    "math.rint": np.rint,
    "round math.round": lambda x: x if x.dtype.kind in "iu" else np.rint(x),
    "math.rsqrt": lambda x: 1 / np.sqrt(x),
    "sigmoid math.sigmoid nn.sigmoid": lamella.sigmoid,
    "sign math.sign": np.sign,
    "sin math.sin": np.sin,
    "sinh math.sinh": np.sinh,
    "sqrt math.sqrt": np.sqrt,
    "square math.square": np.square,
    "tan math.tan": np.tan,
    "tanh math.tanh nn.tanh": np.tanh,
    "_invert": np.invert,
}


def _true_divide(x: Any, y: Any) -> Any:
    """Integers are divided as floats, of double precision from 32 bits on."""
    if x.dtype.kind in "iu":
        kind = np.float32 if x.dtype.itemsize < 4 else np.float64
        x, y = x.astype(kind), y.astype(kind)
    return np.divide(x, y)


def _no_nan(x: Any, y: Any) -> Any:
    """x / y, and 0 where y is 0: also for derivatives."""
    zero = y == 0
    return np.where(zero, np.zeros_like(x), x / np.where(zero, np.ones_like(y), y))


def _guarded(f: Callable[[Any], Any]) -> Callable[..., Any]:
    """`x * f(y)`, and 0 where x is 0, whatever y is."""

    def product(x: Any, y: Any) -> Any:
        zero = x == 0
        return np.where(zero, np.zeros_like(x), x * f(np.where(zero, np.ones_like(y), y)))

    return product


def _bitwise(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y: f(x, y)


def _pow(x: Any, y: Any) -> Any:
    """np.power; a known small exponent stays a constant, for exact derivatives at 0."""
    if isinstance(x, Tracer) and isinstance(y, np.ndarray) and y.ndim == 0 and y == int(y):
        return x ** int(y)
    return np.power(x, y)


_BINARY = {
    "add math.add": np.add,
    "atan2 math.atan2": np.arctan2,
    "divide math.divide realdiv": _true_divide,
    "truediv math.truediv": _true_divide,
    "math.divide_no_nan": _no_nan,
    "equal math.equal": np.equal,
    "math.floordiv": np.floor_divide,
    "math.floormod math.mod": np.mod,
    "greater math.greater": np.greater,
    "greater_equal math.greater_equal": np.greater_equal,
    "less math.less": np.less,
    "less_equal math.less_equal": np.less_equal,
    "logical_and math.logical_and": _logical(np.logical_and),
    "logical_or math.logical_or": _logical(np.logical_or),
    "math.logical_xor": _logical(np.logical_xor),
    "maximum math.maximum": np.maximum,
    "minimum math.minimum": np.minimum,
    "multiply math.multiply": np.multiply,
    "math.multiply_no_nan": lambda x, y: np.where(y == 0, np.zeros_like(x), x * y),
    "math.nextafter": np.nextafter,
    "not_equal math.not_equal": np.not_equal,
    "pow math.pow": _pow,
    "math.squared_difference": lambda x, y: np.square(x - y),
    "subtract math.subtract": np.subtract,
    "truncatediv": lambda x, y: np.trunc(x / y).astype(x.dtype),
    "truncatemod": np.fmod,
    "math.xdivy": lambda x, y: np.where(x == 0, np.zeros_like(x), x / np.where(x == 0, 1, y)),
    "math.xlogy": _guarded(np.log),
    "math.xlog1py": _guarded(np.log1p),
    "bitwise.bitwise_and": np.bitwise_and,
    "bitwise.bitwise_or": np.bitwise_or,
    "bitwise.bitwise_xor": np.bitwise_xor,
    "bitwise.left_shift": np.left_shift,
    "bitwise.right_shift": np.right_shift,
    "_and": _bitwise(np.bitwise_and),
    "_or": _bitwise(np.bitwise_or),
    "_xor": _bitwise(np.bitwise_xor),
}

for _names, _function in _UNARY.items():
    _unary(_function, *_names.split())
for _names, _function in _BINARY.items():
    _binary(_function, *_names.split())
_unary(np.invert, "bitwise.invert")


@op("_equals")
def _equals(x: T, y: T) -> Any:
    """`==` of tensors: False where the shapes do not go together."""
    try:
        return np.equal(x, y)
    except ValueError:
        return np.asarray(False)


@op("_differs")
def _differs(x: T, y: T) -> Any:
    try:
        return np.not_equal(x, y)
    except ValueError:
        return np.asarray(True)


@op("math.scalar_mul", "scalar_mul")
def scalar_mul(scalar: T, x: T) -> Any:
    return scalar * x


@op("complex", "dtypes.complex")
def complex_(real: T, imag: T) -> Any:
    kind = np.complex128 if real.dtype == np.float64 else np.complex64
    return real.astype(kind) + 1j * imag.astype(kind)


@op("clip_by_value")
def clip_by_value(t: Array, clip_value_min: Array, clip_value_max: Array) -> Any:
    low, high = (limit.astype(t.dtype) for limit in (clip_value_min, clip_value_max))
    return np.minimum(np.maximum(t, low), high)
