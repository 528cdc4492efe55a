"""The elementary functions as scalar rules: range reduction and polynomials.

Written in the language of lamella.scalar, so that they vectorise in kernels and run on NumPy arrays
in tests. Errors are below 4 ulp over the whole range, about 1 for exp and log, 2.5 for tanh; rare
float64 functions are the C library's, lane by lane. tools/minimax.py makes the coefficients.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamella.scalar import (
    abs_,
    bits_,
    clamp_,
    convert_,
    copysign_,
    floats_,
    floor_,
    fma_,
    is_float64,
    libm_,
    power_of_two_,
    rare_,
    select_,
    sqrt_,
    times_power_of_two_,
)
from lamella.types import UNSIGNED, is_float

_LOG2E = math.log2(math.e)
_LN2 = math.log(2.0)
_FLOAT64 = np.dtype(np.float64)

_EXP32 = (0.5000000013469795, 0.16666666756472953, 0.04166646489870431, 0.008333286002999204,
          0.0013933652210496648, 0.00019907587212459482)  # fmt: skip
_EXP64 = (0.5, 0.1666666666666667, 0.041666666666666685, 0.008333333333326068,
          0.0013888888888872813, 0.0001984126987494553, 2.480158734956347e-05,
          2.7557255305285378e-06, 2.755725199603675e-07, 2.5105242110381327e-08,
          2.0921580659083257e-09)  # fmt: skip
_LOG32 = (0.3333333125683562, -0.24999981185847917, 0.20000688086299295, -0.16669151038172383,
          0.14251155691083614, -0.12396699702587288, 0.11634661135193902, -0.11659933805928328,
          0.07332538813207165)  # fmt: skip
_LOG64 = (0.666666666666667, 0.3999999999989788, 0.28571428626653783, 0.22222211031464678,
          0.18182896223708112, 0.15331497329529492, 0.1461910156434357)  # fmt: skip
_SIN32 = (-0.16666666663858606, 0.00833333187545916, -0.0001984008696476238, 2.724994039678036e-06)
_SIN64 = (-0.16666666666666666, 0.008333333333330948, -0.00019841269836757378,
          2.7557316101798427e-06, -2.5051131662809233e-08, 1.5918114642503124e-10)  # fmt: skip
_COS32 = (0.04166666666432331, -0.0013888887672448068, 2.4800600484812773e-05,
          -2.730096232882623e-07)  # fmt: skip
_COS64 = (0.041666666666666664, -0.0013888888888887395, 2.480158729876403e-05,
          -2.755731727075497e-07, 2.0876146047016353e-09, -1.1382615447968816e-11)  # fmt: skip
_ATAN32 = (-0.33333332138971117, 0.1999979007626282, -0.1427961642011271, 0.11042037547884227,
           -0.08689052757868947, 0.06318238195308289, -0.03667050234629088, 0.01399661939880238,
           -0.002508610623710938)  # fmt: skip
_ASIN32 = (0.16666666294795568, 0.0750010315828371, 0.04459662522116662, 0.03113191843531277,
           0.017005792367621793, 0.033921070801250904)  # fmt: skip


def polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    """sum of coefficients[k] * x**k, by Horner's rule."""
    total = fma_(x, coefficients[-1], coefficients[-2])
    for c in coefficients[-3::-1]:
        total = fma_(total, x, c)
    return total


# ------------------------------------------------------------------ exponential


def _nearest(x: Any) -> tuple[Any, Any]:
    """The whole number nearest to x (|x| < 2**22), as a float and as an integer of x's width."""
    magic = 1.5 * 2.0 ** (52 if is_float64(x) else 23)
    shifted = x + magic
    pattern = np.array(magic, np.float64 if is_float64(x) else np.float32)
    return shifted - magic, bits_(shifted) - int(pattern.view(f"int{8 * pattern.itemsize}"))


def _reduce(x: Any) -> tuple[Any, Any, Any]:
    """k, as a float and as an integer, and expm1(r) where x = k*ln(2) + r and |r| <= ln(2)/2."""
    k, n = _nearest(x * _LOG2E)
    high = 0.693147180369123816490 if is_float64(x) else 0.693359375  # few bits: k*high is exact
    low = 1.90821492927058770002e-10 if is_float64(x) else -2.12194440054690583e-4
    r = fma_(k, -low, fma_(k, -high, x))
    return k, n, _expm1_small(r)


def _expm1_small(r: Any) -> Any:
    p = polynomial(r, _EXP64 if is_float64(r) else _EXP32)
    return fma_(r * r, p, r)


def exp(x: Any) -> Any:
    low, high = (-746.0, 710.0) if is_float64(x) else (-104.0, 89.0)
    k, n, m = _reduce(clamp_(x, low, high))
    return times_power_of_two_(m + 1.0, k, n)


def exp2(x: Any) -> Any:
    low, high = (-1076.0, 1025.0) if is_float64(x) else (-151.0, 129.0)
    x = clamp_(x, low, high)
    k, n = _nearest(x)
    return times_power_of_two_(_expm1_small((x - k) * _LN2) + 1.0, k, n)


def expm1(x: Any) -> Any:
    low, high = (-40.0, 710.0) if is_float64(x) else (-19.0, 89.0)
    _, n, m = _reduce(clamp_(x, low, high))
    half = power_of_two_(n - 1, x.dtype)  # half of 2**n, which may overflow
    y = 2.0 * fma_(half, m, half - 0.5)
    return select_(abs_(x) < 1e-30, x, y)


def tanh(x: Any) -> Any:
    a = abs_(x)
    _, n, m = _reduce(2.0 * clamp_(a, 0.0, 20.0 if is_float64(x) else 10.0))
    scale = power_of_two_(n, x.dtype)
    e = fma_(scale, m, scale - 1.0)  # expm1(2a)
    return copysign_(e / (e + 2.0), x)


def sigmoid(x: Any) -> Any:
    e = exp(-abs_(x))
    return select_(x < 0, e, 1.0) / (1.0 + e)


def sinh(x: Any) -> Any:
    a = abs_(x)
    e = expm1(a)
    near = 0.5 * (e + e / (e + 1.0))
    half = exp(0.5 * a)
    far = (0.5 * half) * half
    return copysign_(select_(a < (700.0 if is_float64(x) else 80.0), near, far), x)


def cosh(x: Any) -> Any:
    a = abs_(x)
    e = exp(a)
    half = exp(0.5 * a)
    far = (0.5 * half) * half
    return select_(a < (700.0 if is_float64(x) else 80.0), 0.5 * e + 0.5 / e, far)


# -------------------------------------------------------------------- logarithm


def _split(x: Any) -> tuple[Any, Any]:
    """e (a float) and f with x = 2**e * (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), for x > 0."""
    wide = is_float64(x)
    mantissa, root = (52, 0x3FE6A09E667F3BCD) if wide else (23, 0x3F3504F3)
    least, up = (2.0**-1022, 54) if wide else (2.0**-126, 25)
    tiny = x < least
    i = bits_(select_(tiny, x * 2.0**up, x)) - root
    f = floats_((i & ((1 << mantissa) - 1)) + root) - 1.0
    e = convert_(convert_(i >> mantissa, np.dtype("int32")), x.dtype)
    return select_(tiny, e - float(up), e), f


def _log1p_parts(f: Any) -> tuple[Any, Any]:
    """(f, g) with log(1 + f) = f - g, for f of _split."""
    square = 0.5 * f * f
    if is_float64(f):
        s = f / (2.0 + f)
        z = s * s
        return f, square - s * fma_(z, polynomial(z, _LOG64), square)
    return f, square - f * (f * f) * polynomial(f, _LOG32)


def _log_range(x: Any, y: Any) -> Any:
    """y with the values of a logarithm at 0, inf, NaN and below 0."""
    y = select_(x < np.inf, y, x)
    y = select_(x == 0, -np.inf, y)
    return select_(x < 0, np.nan, y)


def log(x: Any) -> Any:
    e, f = _split(x)
    f, g = _log1p_parts(f)
    high = 0.693147180369123816490 if is_float64(x) else 0.693359375
    low = 1.90821492927058770002e-10 if is_float64(x) else -2.12194440054690583e-4
    return _log_range(x, fma_(e, high, f - fma_(e, -low, g)))


def log2(x: Any) -> Any:
    e, f = _split(x)
    f, g = _log1p_parts(f)
    return _log_range(x, fma_(f - g, _LOG2E, e))


def log10(x: Any) -> Any:
    e, f = _split(x)
    f, g = _log1p_parts(f)
    high, low = 0.301025390625, 4.605038981195213738e-06  # log10(2)
    return _log_range(x, fma_(e, high, fma_(f - g, math.log10(math.e), e * low)))


def log1p(x: Any) -> Any:
    u = 1.0 + x
    lost = (x - (u - 1.0)) / u  # what rounding u dropped
    y = log(u) + select_(abs_(lost) < 1.0, lost, 0.0)
    return select_(u == 1.0, x, y)


def arcsinh(x: Any) -> Any:
    a = abs_(x)
    near = log1p(a + a * a / (1.0 + sqrt_(fma_(a, a, 1.0))))
    far = log(a) + _LN2
    return copysign_(select_(a < 1e9, near, far), x)


def arccosh(x: Any) -> Any:
    t = x - 1.0
    near = log1p(t + sqrt_(fma_(t, t, 2.0 * t)))
    y = select_(x < 1e9, near, log(x) + _LN2)
    return select_(x < 1.0, np.nan, y)


def arctanh(x: Any) -> Any:
    a = abs_(x)
    return copysign_(0.5 * log1p(2.0 * a / (1.0 - a)), x)


# ----------------------------------------------------------------- trigonometry

_HALF_PI_64 = (1.57079632673412561417, 6.07710050630396597660e-11, 2.02226624879595063154e-21)
_HALF_PI_32 = (1.5703125, 0.0004837512969970703, 7.549533620476723e-08, 2.5633440682570896e-12)


def _quadrant(x: Any) -> tuple[Any, Any]:
    """n integer and r with x = n*pi/2 + r and |r| <= pi/4, for x that are not huge."""
    k, n = _nearest(x * (2.0 / math.pi))
    r = x
    for part in _HALF_PI_64 if is_float64(x) else _HALF_PI_32:
        r = fma_(k, -part, r)
    return n, r


def _sin_cos(r: Any) -> tuple[Any, Any]:
    z = r * r
    wide = is_float64(r)
    sine = fma_(r * z, polynomial(z, _SIN64 if wide else _SIN32), r)
    cosine = fma_(z * z, polynomial(z, _COS64 if wide else _COS32), fma_(z, -0.5, 1.0))
    return sine, cosine


def _is_huge(x: Any) -> Any:
    """Where _quadrant loses accuracy."""
    return ~(abs_(x) < (1e6 if is_float64(x) else 1e4))


def _turned(x: Any, quarter_turns: int) -> Any:
    n, r = _quadrant(x)
    n = n + quarter_turns
    sine, cosine = _sin_cos(r)
    y = select_((n & 1) == 0, sine, cosine)
    return select_((n & 2) == 0, y, -y)


_libm_sin, _libm_cos, _libm_tan = libm_("sin", np.sin), libm_("cos", np.cos), libm_("tan", np.tan)


def sin(x: Any) -> Any:
    return rare_(_is_huge(x), _turned(x, 0), lambda: _libm_sin(x))


def cos(x: Any) -> Any:
    return rare_(_is_huge(x), _turned(x, 1), lambda: _libm_cos(x))


def tan(x: Any) -> Any:
    n, r = _quadrant(x)
    sine, cosine = _sin_cos(r)
    even = (n & 1) == 0
    y = select_(even, sine, -cosine) / select_(even, cosine, sine)
    return rare_(_is_huge(x), y, lambda: _libm_tan(x))


_libm_arcsin = libm_("asin", np.arcsin)
_libm_arccos = libm_("acos", np.arccos)
_libm_arctan = libm_("atan", np.arctan)
_libm_arctan2 = libm_("atan2", np.arctan2)


def _arcsin_half(a: Any) -> tuple[Any, Any]:
    """For 0 <= a <= 1: whether a > 1/2, and arcsin of a, or of sqrt((1-a)/2) there."""
    large = a > 0.5
    z = select_(large, 0.5 * (1.0 - a), a * a)
    t = select_(large, sqrt_(z), a)
    return large, fma_(t * z, polynomial(z, _ASIN32), t)


def arcsin(x: Any) -> Any:
    if is_float64(x):
        return _libm_arcsin(x)
    large, y = _arcsin_half(abs_(x))
    return copysign_(select_(large, math.pi / 2 - 2.0 * y, y), x)


def arccos(x: Any) -> Any:
    if is_float64(x):
        return _libm_arccos(x)
    large, y = _arcsin_half(abs_(x))
    near = math.pi / 2 - copysign_(y, x)
    far = select_(x > 0, 2.0 * y, math.pi - 2.0 * y)
    return select_(large, far, near)


def _arctan_unit(t: Any) -> Any:
    z = t * t
    return fma_(t * z, polynomial(z, _ATAN32), t)


def arctan(x: Any) -> Any:
    if is_float64(x):
        return _libm_arctan(x)
    a = abs_(x)
    large = a > 1.0
    y = _arctan_unit(select_(large, 1.0 / a, a))
    return copysign_(select_(large, math.pi / 2 - y, y), x)


def arctan2(y: Any, x: Any) -> Any:
    if is_float64(x):
        return _libm_arctan2(y, x)
    a, b = abs_(y), abs_(x)
    steep = a > b
    small, large = select_(steep, b, a), select_(steep, a, b)
    ratio = select_(large == 0, 0.0, select_(small == np.inf, 1.0, small / large))
    angle = _arctan_unit(ratio)
    angle = select_(steep, math.pi / 2 - angle, angle)
    angle = select_(bits_(x) < 0, math.pi - angle, angle)
    return select_((x != x) | (y != y), x + y, copysign_(angle, y))


# ------------------------------------------------------------- roots and powers


def cbrt(x: Any) -> Any:
    wide = is_float64(x)
    least, up = (2.0**-1022, 54) if wide else (2.0**-126, 24)
    a = abs_(x)
    tiny = a < least
    scaled = select_(tiny, a * 2.0**up, a)
    y = floats_(divide_by_3(bits_(scaled)) + (0x2A9F7893782DA1CE if wide else 0x2A5119F2))
    for _ in range(3 if wide else 2):  # Halley: each step triples the digits of the first 5 bits
        ratio = y / scaled * y * y
        y = y * (ratio + 2.0) / (2.0 * ratio + 1.0)
    y = select_(tiny, y * 2.0 ** -(up // 3), y)
    return select_((x == 0) | ~(a < np.inf), x, copysign_(y, x))


def divide_by_3(i: Any) -> Any:
    """About i / 3 for non-negative integer lanes, by shifts: 1/3 = 1/4 + 1/16 + 1/64 + ..."""
    total = i >> 2
    total = total + (total >> 2)
    total = total + (total >> 4)
    return total + (total >> 8)


_libm_pow = libm_("pow", np.power)


def power(x: Any, y: Any) -> Any:
    """x**y as np.power; a negative exponent of integers gives nothing of use."""
    if not is_float(x.dtype):
        return _integer_power(x, y)
    if is_float64(x):
        return _libm_pow(x, y)
    return _power32(x, y)


def _integer_power(x: Any, y: Any) -> Any:
    """Square and multiply, wrapping."""
    total = select_(x == x, 1, x)
    bits = 8 * x.dtype.itemsize - (0 if x.dtype in UNSIGNED else 1)
    for k in range(bits):
        total = select_(((y >> k) & 1) == 1, total * x, total)
        x = x * x
    return total


def _power32(x: Any, y: Any) -> Any:
    """exp(y log |x|) in float64, then the signs and special cases of IEEE 754."""
    a = abs_(x)
    magnitude = convert_(exp(convert_(y, _FLOAT64) * log(convert_(a, _FLOAT64))), x.dtype)
    magnitude = select_(a == 1.0, 1.0, magnitude)
    half = 0.5 * y
    whole = _is_whole(y)
    odd = whole & ~_is_whole(half)
    signed = select_(odd & (bits_(x) < 0), -magnitude, magnitude)
    undefined = (x < 0) & (a < np.inf) & ~whole
    result = select_(undefined, np.nan, signed)
    result = select_((x != x) | (y != y), x + y, result)
    return select_((y == 0) | (x == 1.0), 1.0, result)


def _is_whole(x: Any) -> Any:
    """Whether x is a whole number; infinities are."""
    return floor_(x) == x
