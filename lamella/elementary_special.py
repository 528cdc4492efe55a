"""The special functions as scalar rules; see lamella/elementary.py.

float32 by polynomials; float64 by the C library, or by the series of lamella/special.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamella import special
from lamella.elementary import exp, log, polynomial, tan
from lamella.scalar import (
    abs_,
    clamp_,
    convert_,
    copysign_,
    fma_,
    is_float64,
    libm_,
    rint_,
    select_,
    sqrt_,
)

_FLOAT64 = np.dtype(np.float64)

_ERF32 = (1.1283791504356484, -0.3761254847818497, 0.11282969260468309, -0.026837172367574488,
          0.005172832037038697, -0.0008046159375247716, 9.205019846696469e-05,
          -5.665303490806837e-06)  # fmt: skip
_ERFC32 = (0.00013430523800051592, -0.0007697767806669585, 0.0020801429565035306,
           -0.0034876529818507434, 0.004001495099105312, -0.003275495716740676,
           0.0019189628518402695, -0.0007000295748967795, 1.2456476459150609e-05,
           0.00012826135557555076, -4.2525089366271866e-05)  # fmt: skip
_ERFCX32 = (1.2769783826152987, -0.0927638202850257, -0.16603051528043092, 0.16405102376629374,
            -0.05421793485099945, -0.008030728780354346, 0.008709772707526141,
            0.0012524008911998863, -0.0014226353764692364, -0.00040103190795713454,
            0.00017119150679739315, 8.041878115357664e-05)  # fmt: skip
_ERFINV32 = (1.5014093677918843, 0.24664074875106415, -0.004177430026580955,
             -0.0012537364615463826, 0.0002183788966054942, -4.3875223308322245e-06,
             -3.4715038750644744e-06, 3.428807654256363e-07, 2.3935393226450415e-08)  # fmt: skip
_ERFINV32_TAIL = (
    2.832977033601466, 1.001674731194592, 0.009433993395585798, -0.007632252355657149,
    0.005772452084271345, -0.003638845884646004, 0.0012756281785726283, 6.771683462849303e-05,
    -0.00014651296568814502,
)  # fmt: skip

_libm_erf = libm_("erf", special.erf)
_libm_erfc = libm_("erfc", special.erfc)
lgamma = libm_("lgamma", special.lgamma)


def erf(x: Any) -> Any:
    """x times a polynomial in x^2 up to 1.5; 1 - erfc(|x|), a polynomial, beyond."""
    if is_float64(x):
        return _libm_erf(x)
    a = clamp_(abs_(x), 0.0, 3.92)  # from here on 1 in float32
    near = x * polynomial(a * a, _ERF32)
    far = 1.0 - polynomial(a - 2.7, _ERFC32)
    return select_(a < 1.5, near, copysign_(far, x))


def erfc(x: Any) -> Any:
    """exp(-x^2) times a polynomial in (x - 2)/(x + 2)."""
    if is_float64(x):
        return _libm_erfc(x)
    a = clamp_(abs_(x), 0.0, 10.5)
    square = a * a
    lost = fma_(a, a, -square)
    scaled = polynomial((a - 2.0) / (a + 2.0), _ERFCX32) / fma_(a, 2.0, 1.0)
    y = exp(-square) * (scaled * (1.0 - lost))
    return select_(x < 0, 2.0 - y, y)


def erfinv(x: Any) -> Any:
    """Polynomials in w = -log(1 - x^2), then for float64 Halley's steps."""
    w = -log((1.0 - x) * (1.0 + x))
    near = polynomial(w - 2.5, _ERFINV32)
    far = polynomial(sqrt_(w) - 3.0, _ERFINV32_TAIL)
    y = x * select_(w < 5.0, near, far)
    if is_float64(x):
        y = _refined_erfinv(x, y)
    return select_(abs_(x) == 1.0, x * np.inf, y)


def _refined_erfinv(x: Any, z: Any) -> Any:
    a = abs_(x)
    for _ in range(2):
        rest = (1.0 - a) - erfc(abs_(z))
        tail = select_(x < 0, -rest, rest)
        error = select_(a > 0.5, tail, erf(z) - x)
        step = error * (math.sqrt(math.pi) / 2) * exp(z * z)
        z = z - step / fma_(z, step, 1.0)
    return select_(a < 1e-8, x * (math.sqrt(math.pi) / 2), z)


def _raised(x: Any, term: Any) -> tuple[Any, Any]:
    """z >= 16 above x by whole steps, and the sum of term(x), term(x + 1), ... below z."""
    total = x * 0.0
    for _ in range(int(special.ASYMPTOTIC)):
        below = x < special.ASYMPTOTIC
        total = total + select_(below, term(x), 0.0)
        x = select_(below, x + 1.0, x)
    return x, total


def digamma(x: Any) -> Any:
    """The recurrence up to 16, then the asymptotic series; reflection below 0. In float64."""
    if not is_float64(x):
        return convert_(digamma(convert_(x, _FLOAT64)), x.dtype)
    reflect = x < 0
    z, passed = _raised(select_(reflect, 1.0 - x, x), lambda v: 1.0 / v)
    inverse = 1.0 / (z * z)
    series = tuple(b / (2 * k) for k, b in enumerate(special.BERNOULLI, 1))
    y = log(z) - 0.5 / z - inverse * polynomial(inverse, series) - passed
    fraction = x - rint_(x)
    reflected = y - math.pi / tan(math.pi * fraction)
    y = select_(x == np.inf, x, y)
    return select_(reflect, select_(fraction == 0, np.nan, reflected), y)


def polygamma(x: Any, *, order: int) -> Any:
    """As digamma, differentiated `order` times; NaN for x < 0."""
    if not is_float64(x):
        return convert_(polygamma(convert_(x, _FLOAT64), order=order), x.dtype)
    f = math.factorial

    def reciprocal_power(v: Any, n: int) -> Any:
        y = 1.0 / v
        total = y
        for _ in range(n - 1):
            total = total * y
        return total

    z, passed = _raised(x, lambda v: f(order) * reciprocal_power(v, order + 1))
    inverse = 1.0 / (z * z)
    series = (float(f(order - 1)), *(
        b * f(2 * k + order - 1) / f(2 * k) for k, b in enumerate(special.BERNOULLI, 1)
    ))  # fmt: skip
    near = reciprocal_power(z, order)
    total = passed + near * (polynomial(inverse, series) + 0.5 * f(order) / z)
    total = select_(x < 0, np.nan, select_(x == np.inf, 0.0, total))
    return total if order % 2 else -total
