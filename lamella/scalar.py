"""The language of scalar rules: operators, and these helpers, on one lane.

A rule is written once and runs twice: on NumPy arrays, where its accuracy is tested, and on the
Lanes of a kernel, where every call appends LLVM instructions. Lanes answer the operators
+ - * / & | ^ ~ << >> and comparisons, take Python numbers as the other operand, have `.dtype`, and
implement every helper below as a method of its name (`sqrt_(x)` is `x.sqrt_()`).

Integers wrap around. float16 and bfloat16 lanes are computed as float32 and rounded when stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamella.types import UNSIGNED, is_float

FLOAT64 = np.dtype("float64")


def _is_lanes(x: Any) -> bool:
    return hasattr(x, "lanes")


def _helper(name: str, numpy: Callable[..., Any], doc: str) -> Callable[..., Any]:
    def helper(x: Any, *args: Any) -> Any:
        return getattr(x, name)(*args) if _is_lanes(x) else numpy(x, *args)

    helper.__name__ = name
    helper.__doc__ = doc
    return helper


def _numpy_bits(x: Any) -> Any:
    return np.asarray(x).view(f"int{8 * x.dtype.itemsize}")


def _numpy_fma(x: Any, y: Any, z: Any) -> Any:
    """One rounding: exact for float32, whose products fit a float64; long double for float64."""
    wide = np.longdouble if x.dtype == FLOAT64 else FLOAT64
    return (np.asarray(x, wide) * np.asarray(y, wide) + np.asarray(z, wide)).astype(x.dtype)


def _numpy_exponent_scale(n: Any, dtype: np.dtype) -> Any:
    if dtype == FLOAT64:
        return ((n.astype(np.int64) + 1023) << 52).view(np.float64)
    return ((n.astype(np.int32) + 127) << 23).view(np.float32)


sqrt_ = _helper("sqrt_", np.sqrt, "The square root, correctly rounded.")
floor_ = _helper("floor_", np.floor, "The largest whole number that is not greater.")
ceil_ = _helper("ceil_", np.ceil, "The smallest whole number that is not less.")
trunc_ = _helper("trunc_", np.trunc, "Rounded towards zero.")
rint_ = _helper("rint_", np.rint, "Rounded to the nearest whole number, ties to even.")
abs_ = _helper("abs_", np.abs, "The magnitude.")
copysign_ = _helper("copysign_", np.copysign, "The magnitude of x with the sign of y.")
fma_ = _helper("fma_", _numpy_fma, "x*y + z, rounded once; y and z may be Python numbers.")
minimum_ = _helper("minimum_", np.minimum, "The smaller; NaN where either is NaN.")
maximum_ = _helper("maximum_", np.maximum, "The larger; NaN where either is NaN.")
bits_ = _helper("bits_", _numpy_bits, "The bits of a float32 or float64 as a signed integer.")
floats_ = _helper(
    "floats_", lambda x: x.view(f"float{8 * x.dtype.itemsize}"), "The inverse of bits_."
)
bitcast_ = _helper("bitcast_", lambda x, dtype: x.view(dtype), "The same bits as another dtype.")
convert_ = _helper(
    "convert_", lambda x, dtype: np.asarray(x).astype(dtype), "Converted as by astype(dtype)."
)
power_of_two_ = _helper(
    "power_of_two_", _numpy_exponent_scale,
    "2**n as dtype, n an integer lane whose power is a normal number.",
)  # fmt: skip
select_ = _helper("select_", np.where, "y where the bool lane x is true, else z.")


def libm_(name: str, numpy: Callable[..., Any]) -> Callable[..., Any]:
    """A rule that calls the C library's function lane by lane: for rare float64 functions.

    `name` is the function for float64; narrower floats are converted and rounded.
    """

    def rule(x: Any, *args: Any) -> Any:
        return x.libm_(name, *args) if _is_lanes(x) else numpy(x, *args)

    return rule


def is_float64(x: Any) -> bool:
    """Whether x is computed in float64; the other floats are computed in float32."""
    return x.dtype == FLOAT64


def times_power_of_two_(y: Any, k: Any, n: Any) -> Any:
    """y * 2**n, which may be beyond the range of exponents by as much again; k is n as a float."""
    if _is_lanes(y) and y.scales:
        return y.scaled_(k)
    half = n >> 1
    return y * power_of_two_(half, y.dtype) * power_of_two_(n - half, y.dtype)


def clamp_(x: Any, low: float, high: float) -> Any:
    """x within [low, high]; NaN stays."""
    x = select_(x < low, low, x)
    return select_(x > high, high, x)


def rare_(condition: Any, usual: Any, otherwise: Callable[[], Any]) -> Any:
    """`usual`, but otherwise() where the condition holds: kernels branch around it."""
    if _is_lanes(condition):
        return condition.rare_(usual, otherwise)
    return np.where(condition, otherwise(), usual)


def signbit_(x: Any) -> Any:
    """Whether the sign bit is set."""
    return bits_(x) < 0


def sign_(x: Any) -> Any:
    """-1, 0 or 1; NaN stays."""
    sign = convert_(x > 0, x.dtype) - convert_(x < 0, x.dtype)
    return select_(x != x, x, sign) if is_float(x.dtype) else sign


def _quotient(x: Any, y: Any) -> tuple[Any, Any]:
    """Integers x / y rounded towards zero, and the rest; never traps, 0 and x where y is 0."""
    safe = select_(y == 0, 1, y)
    if x.dtype in UNSIGNED:
        q = select_(y == 0, 0, divide_(x, safe))
    else:
        minus = y == -1  # -x wraps where the processor's division traps
        q = select_(minus, -x, divide_(x, select_(minus, 1, safe)))
        q = select_(y == 0, 0, q)
    return q, x - q * y


divide_ = _helper(
    "divide_", lambda x, y: (np.sign(x) * np.sign(y) * (np.abs(x) // np.abs(y))).astype(x.dtype),
    "Integers x / y rounded towards zero; y must not be 0, nor -1 for the least x.",
)  # fmt: skip
fmod_float_ = _helper("fmod_float_", np.fmod, "The C library's exact remainder of floats.")


def floor_divide_(x: Any, y: Any) -> Any:
    """np.floor_divide: rounded down; integers by 0 give 0."""
    if is_float(x.dtype):
        return _floor_divide_float(x, y)
    q, r = _quotient(x, y)
    if x.dtype in UNSIGNED:
        return q
    down = (r != 0) & ((r ^ y) < 0) & (y != 0)
    return q - convert_(down, x.dtype)


def _floor_divide_float(x: Any, y: Any) -> Any:
    r = fmod_float_(x, y)
    q = (x - r) / y
    q = select_((r != 0) & ((r < 0) != (y < 0)), q - 1, q)
    whole = floor_(q)
    whole = select_(q - whole > 0.5, whole + 1, whole)
    whole = select_(q == 0, copysign_(q * 0, x / y), whole)
    return select_(y == 0, x / y, whole)


def remainder_(x: Any, y: Any) -> Any:
    """np.remainder: the sign of y; integers by 0 give 0."""
    if is_float(x.dtype):
        r = fmod_float_(x, y)
        moved = select_((r < 0) != (y < 0), r + y, r)
        return select_(r == 0, copysign_(r, y), moved)
    r = _quotient(x, y)[1]
    if x.dtype not in UNSIGNED:
        r = select_((r != 0) & ((r ^ y) < 0), r + y, r)
    return select_(y == 0, 0, r)


def fmod_(x: Any, y: Any) -> Any:
    """np.fmod: the sign of x; integers by 0 give 0."""
    if is_float(x.dtype):
        return fmod_float_(x, y)
    return select_(y == 0, 0, _quotient(x, y)[1])


def nextafter_(x: Any, y: Any) -> Any:
    """The neighbour of x towards y, in x's own dtype."""
    integer = np.dtype(f"int{8 * x.dtype.itemsize}")
    i, j = bitcast_(x, integer), bitcast_(y, integer)
    least = np.iinfo(integer).min
    away = (y > x) == (i >= 0)
    step = select_(away, i + 1, i - 1)
    step = select_((i & ~least) == 0, (j & least) | 1, step)
    step = select_(x == y, j, step)
    step = select_(x != x, i, select_(y != y, j, step))
    return bitcast_(step, x.dtype)


def shift_left_(x: Any, y: Any) -> Any:
    """x << y; 0 where y is not below the width."""
    outside = (y < 0) | (y >= 8 * x.dtype.itemsize)
    return select_(outside, 0, x << select_(outside, 0, y))


def shift_right_(x: Any, y: Any) -> Any:
    """x >> y, arithmetic for signed integers; where y is not below the width, all sign bits."""
    width = 8 * x.dtype.itemsize
    outside = (y < 0) | (y >= width)
    shifted = x >> select_(outside, width - 1, y)
    return select_(outside, 0, shifted) if x.dtype in UNSIGNED else shifted
