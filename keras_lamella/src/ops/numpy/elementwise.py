"""Functions that work element by element."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable

import numpy as np
from keras.src.backend.common.backend_utils import vectorize_impl

from keras_lamella.src.ops.dtypes import (
    INT32,
    as_dtype,
    floatx,
    is_floating,
    is_scalar,
    promote,
    result_dtype,
    to_float,
    weak,
)
from keras_lamella.src.tensor import convert_to_tensor
from lamella.frontend.tracer import Tracer
from lamella.transforms import vmap


def _named(name: str, f: Callable) -> Callable:
    f.__name__ = f.__qualname__ = name
    return f


def _binary(name: str, ufunc: Callable, *also: object) -> Callable:
    """`ufunc` at the common dtype of the operands and `also`."""

    def f(x1, x2):
        return ufunc(*promote(x1, x2, also=also))

    return _named(name, f)


def _bitwise(name: str, ufunc: Callable) -> Callable:
    def f(x, y):
        return ufunc(*promote(x, y))

    return _named(name, f)


def _unary(name: str, ufunc: Callable) -> Callable:
    """`ufunc` at the dtype of the operand."""

    def f(x):
        return ufunc(convert_to_tensor(x))

    return _named(name, f)


def _floating(name: str, ufunc: Callable) -> Callable:
    """`ufunc` at a float dtype."""

    def f(x):
        return ufunc(to_float(x))

    return _named(name, f)


def _logical(name: str, ufunc: Callable) -> Callable:
    def f(x1, x2):
        return ufunc(convert_to_tensor(x1, "bool"), convert_to_tensor(x2, "bool"))

    return _named(name, f)


add = _binary("add", np.add)
subtract = _binary("subtract", np.subtract)
multiply = _binary("multiply", np.multiply)
divide = _binary("divide", np.divide, float)
true_divide = _binary("true_divide", np.divide, float)
floor_divide = _binary("floor_divide", np.floor_divide)
power = _binary("power", np.power)
maximum = _binary("maximum", np.maximum)
minimum = _binary("minimum", np.minimum)
fmax = _binary("fmax", np.fmax)
fmin = _binary("fmin", np.fmin)
arctan2 = _binary("arctan2", np.arctan2, float)
logaddexp = _binary("logaddexp", np.logaddexp, float)
logaddexp2 = _binary("logaddexp2", np.logaddexp2, float)
hypot = _binary("hypot", np.hypot, float)
heaviside = _binary("heaviside", np.heaviside, float)
nextafter = _binary("nextafter", np.nextafter, float)
gcd = _binary("gcd", np.gcd)
lcm = _binary("lcm", np.lcm)

equal = _binary("equal", np.equal)
not_equal = _binary("not_equal", np.not_equal)
greater = _binary("greater", np.greater)
greater_equal = _binary("greater_equal", np.greater_equal)
less = _binary("less", np.less)
less_equal = _binary("less_equal", np.less_equal)

logical_and = _logical("logical_and", np.logical_and)
logical_or = _logical("logical_or", np.logical_or)
logical_xor = _logical("logical_xor", np.logical_xor)

bitwise_and = _bitwise("bitwise_and", np.bitwise_and)
bitwise_or = _bitwise("bitwise_or", np.bitwise_or)
bitwise_xor = _bitwise("bitwise_xor", np.bitwise_xor)
bitwise_left_shift = _bitwise("bitwise_left_shift", np.left_shift)
bitwise_right_shift = _bitwise("bitwise_right_shift", np.right_shift)
left_shift = _bitwise("left_shift", np.left_shift)
right_shift = _bitwise("right_shift", np.right_shift)
bitwise_not = _unary("bitwise_not", np.bitwise_not)
bitwise_invert = _unary("bitwise_invert", np.bitwise_not)

absolute = _unary("absolute", np.absolute)
abs = _unary("abs", np.absolute)
negative = _unary("negative", np.negative)
sign = _unary("sign", np.sign)
signbit = _unary("signbit", np.signbit)
conjugate = _unary("conjugate", np.conjugate)
conj = _unary("conj", np.conjugate)
real = _unary("real", np.real)
imag = _unary("imag", np.imag)
isfinite = _unary("isfinite", np.isfinite)
isinf = _unary("isinf", np.isinf)
isnan = _unary("isnan", np.isnan)

exp = _floating("exp", np.exp)
exp2 = _floating("exp2", np.exp2)
expm1 = _floating("expm1", np.expm1)
log = _floating("log", np.log)
log10 = _floating("log10", np.log10)
log1p = _floating("log1p", np.log1p)
log2 = _floating("log2", np.log2)
sqrt = _floating("sqrt", np.sqrt)
cbrt = _floating("cbrt", np.cbrt)
sin = _floating("sin", np.sin)
cos = _floating("cos", np.cos)
tan = _floating("tan", np.tan)
sinh = _floating("sinh", np.sinh)
cosh = _floating("cosh", np.cosh)
tanh = _floating("tanh", np.tanh)
arcsin = _floating("arcsin", np.arcsin)
arccos = _floating("arccos", np.arccos)
arctan = _floating("arctan", np.arctan)
arcsinh = _floating("arcsinh", np.arcsinh)
arccosh = _floating("arccosh", np.arccosh)
arctanh = _floating("arctanh", np.arctanh)
ceil = _floating("ceil", np.ceil)
floor = _floating("floor", np.floor)
fabs = _floating("fabs", np.absolute)
deg2rad = _floating("deg2rad", np.deg2rad)
rad2deg = _floating("rad2deg", np.rad2deg)
angle = _floating("angle", np.angle)


def logical_not(x):
    return np.logical_not(convert_to_tensor(x, "bool"))


def square(x):
    x = convert_to_tensor(x)
    return np.square(as_dtype(x, INT32) if x.dtype == bool else x)


def reciprocal(x):
    x = convert_to_tensor(x)
    return np.reciprocal(x)


def trunc(x):
    x = convert_to_tensor(x)
    return np.trunc(x) if is_floating(x.dtype) else x


def round(x, decimals=0):
    x = convert_to_tensor(x)
    if x.dtype == bool:
        return as_dtype(x, floatx())
    if not is_floating(x.dtype):
        return x if decimals >= 0 else np.round(x, decimals=decimals)
    if decimals == 0:
        return np.rint(x)
    scale = weak(10.0 ** builtins.abs(decimals), x.dtype)
    return np.rint(x * scale) / scale if decimals > 0 else np.rint(x / scale) * scale


def mod(x1, x2):
    return np.mod(*_integer_if_bool(x1, x2))


def fmod(x1, x2):
    return np.fmod(*_integer_if_bool(x1, x2))


def _integer_if_bool(x1, x2):
    x1, x2 = promote(x1, x2)
    if not is_scalar(x1) and x1.dtype == bool:
        x1 = as_dtype(x1, INT32)
    if not is_scalar(x2) and x2.dtype == bool:
        x2 = as_dtype(x2, INT32)
    return x1, x2


def divide_no_nan(x1, x2):
    """`x1 / x2`, and 0 with gradient 0 where `x2` is 0."""
    x1, x2 = promote(x1, x2, also=(float,))
    if is_scalar(x2):
        return x1 / x2 if x2 else np.zeros_like(x1)
    is_zero = x2 == 0
    quotient = x1 / np.where(is_zero, np.ones((), x2.dtype), x2)
    return np.where(is_zero, np.zeros((), quotient.dtype), quotient)


def ldexp(x1, x2):
    x1, x2 = convert_to_tensor(x1), convert_to_tensor(x2)
    if x2.dtype.kind not in "iu":
        raise TypeError(f"ldexp exponent must be an integer type. Received: x2 dtype={x2.dtype}")
    dtype = result_dtype(x1.dtype, x2.dtype, float)
    return as_dtype(x1, dtype) * np.exp2(as_dtype(x2, dtype))


def clip(x, x_min, x_max):
    x = convert_to_tensor(x)
    dtype = INT32 if x.dtype == bool else x.dtype
    x, x_min, x_max = promote(x, x_min, x_max)
    return as_dtype(np.minimum(np.maximum(x, x_min), x_max), dtype)


def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    x1, x2 = promote(convert_to_tensor(x1), convert_to_tensor(x2), also=(float,))
    rtol, atol = weak(rtol, x1.dtype), weak(atol, x1.dtype)
    near = np.absolute(x1 - x2) <= atol + rtol * np.absolute(x2)
    close = (near & np.isfinite(x2)) | (x1 == x2)
    return close | (np.isnan(x1) & np.isnan(x2)) if equal_nan else close


def allclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    return np.all(isclose(x1, x2, rtol, atol, equal_nan))


def isneginf(x):
    x = convert_to_tensor(x)
    return np.isinf(x) & (x < 0)


def isposinf(x):
    x = convert_to_tensor(x)
    return np.isinf(x) & (x > 0)


def isreal(x):
    x = convert_to_tensor(x)
    return np.imag(x) == 0 if x.dtype.kind == "c" else np.ones(x.shape, bool)


def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    x = convert_to_tensor(x)
    if x.dtype.kind == "c":
        return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)
    if not is_floating(x.dtype):
        return x
    big = _largest(x.dtype)
    values = (nan, big if posinf is None else posinf, -big if neginf is None else neginf)
    nan, posinf, neginf = (as_dtype(np.asarray(v), x.dtype) for v in values)
    x = np.where(np.isnan(x), nan, x)
    return np.where(np.isinf(x), np.where(x > 0, posinf, neginf), x)


def _largest(dtype):
    import ml_dtypes

    return float(ml_dtypes.finfo(dtype).max)


def sinc(x):
    x = to_float(x)
    is_zero = x == 0
    y = weak(np.pi, x.dtype) * np.where(is_zero, np.ones((), x.dtype), x)
    return np.where(is_zero, np.ones((), x.dtype), np.sin(y) / y)


def i0(x):
    """The modified Bessel function of order 0 (Abramowitz and Stegun 9.8.1, 9.8.2)."""
    x = to_float(x)
    small = np.absolute(x) < 3.75
    magnitude = np.where(small, np.full((), 3.75, x.dtype), np.absolute(x))
    inner = _polynomial(_I0_SMALL, np.square(np.where(small, x, np.zeros_like(x)) / 3.75))
    outer = _polynomial(_I0_LARGE, 3.75 / magnitude)
    outer = np.exp(magnitude) / np.sqrt(magnitude) * outer
    return as_dtype(np.where(small, inner, outer), x.dtype)


_I0_SMALL = (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813)
_I0_LARGE = (
    0.39894228, 0.01328592, 0.00225319, -0.00157565, 0.00916281,
    -0.02057706, 0.02635537, -0.01647633, 0.00392377,
)  # fmt: skip


def _polynomial(coefficients, x):
    y = coefficients[-1]
    for c in coefficients[-2::-1]:
        y = y * x + c
    return y


def view(x, dtype=None):
    x = convert_to_tensor(x)
    return x if dtype is None else x.view(np.dtype(dtype))


def vectorize(pyfunc, *, excluded=None, signature=None):
    each = np.vectorize(pyfunc, excluded=excluded, signature=signature)
    at_once = vectorize_impl(pyfunc, vmap, excluded=excluded, signature=signature)

    @functools.wraps(pyfunc)
    def f(*args, **kwargs):
        traced = any(isinstance(x, Tracer) for x in (*args, *kwargs.values()))
        return (at_once if traced else each)(*args, **kwargs)

    return f


__all__ = [
    "abs", "absolute", "add", "allclose", "angle", "arccos", "arccosh", "arcsin", "arcsinh",
    "arctan", "arctan2", "arctanh", "bitwise_and", "bitwise_invert", "bitwise_left_shift",
    "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "cbrt", "ceil", "clip",
    "conj", "conjugate", "cos", "cosh", "deg2rad", "divide", "divide_no_nan", "equal", "exp",
    "exp2", "expm1", "fabs", "floor", "floor_divide", "fmax", "fmin", "fmod", "gcd", "greater",
    "greater_equal", "heaviside", "hypot", "i0", "imag", "isclose", "isfinite", "isinf",
    "isnan", "isneginf", "isposinf", "isreal", "lcm", "ldexp", "left_shift", "less",
    "less_equal", "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2", "logical_and",
    "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "mod", "multiply",
    "nan_to_num", "negative", "nextafter", "not_equal", "power", "rad2deg", "real",
    "reciprocal", "right_shift", "round", "sign", "signbit", "sin", "sinc", "sinh", "sqrt",
    "square", "subtract", "tan", "tanh", "true_divide", "trunc", "vectorize", "view",
]  # fmt: skip
