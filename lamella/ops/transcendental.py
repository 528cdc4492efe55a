"""Roots, exponentials, logarithms, trigonometric, hyperbolic and special functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamella import elementary as e
from lamella import elementary_special as f
from lamella import ops, special
from lamella import scalar as s
from lamella.ops.families import elementwise, reals

_LN2 = math.log(2.0)
_LN10 = math.log(10.0)


sqrt = elementwise(
    "sqrt", numpy=np.sqrt, vjp=lambda g, y, x: g * 0.5 / y, scalar=s.sqrt_, samples=reals(0.5, 4),
)  # fmt: skip
rsqrt = elementwise(
    "rsqrt", numpy=special.rsqrt, vjp=lambda g, y, x: g * -0.5 * y / x,
    scalar=lambda x: 1.0 / s.sqrt_(x), samples=reals(0.5, 4),
)  # fmt: skip
cbrt = elementwise(
    "cbrt", numpy=np.cbrt, vjp=lambda g, y, x: g / (3.0 * y * y), scalar=e.cbrt,
    samples=reals(0.5, 4),
)  # fmt: skip

exp = elementwise(
    "exp", numpy=np.exp, vjp=lambda g, y, x: g * y, scalar=e.exp, samples=reals(-2, 2),
)  # fmt: skip
exp2 = elementwise(
    "exp2", numpy=np.exp2, vjp=lambda g, y, x: g * y * _LN2, scalar=e.exp2, samples=reals(-2, 2),
)  # fmt: skip
expm1 = elementwise(
    "expm1", numpy=np.expm1, vjp=lambda g, y, x: g * (y + 1.0), scalar=e.expm1,
    samples=reals(-2, 2),
)  # fmt: skip
log = elementwise(
    "log", numpy=np.log, vjp=lambda g, y, x: g / x, scalar=e.log, samples=reals(0.5, 4),
)  # fmt: skip
log2 = elementwise(
    "log2", numpy=np.log2, vjp=lambda g, y, x: g / (x * _LN2), scalar=e.log2,
    samples=reals(0.5, 4),
)  # fmt: skip
log10 = elementwise(
    "log10", numpy=np.log10, vjp=lambda g, y, x: g / (x * _LN10), scalar=e.log10,
    samples=reals(0.5, 4),
)  # fmt: skip
log1p = elementwise(
    "log1p", numpy=np.log1p, vjp=lambda g, y, x: g / (1.0 + x), scalar=e.log1p,
    samples=reals(-0.5, 4),
)  # fmt: skip

sin = elementwise(
    "sin", numpy=np.sin, vjp=lambda g, y, x: g * ops.cos(x), scalar=e.sin, samples=reals(-4, 4),
)  # fmt: skip
cos = elementwise(
    "cos", numpy=np.cos, vjp=lambda g, y, x: -g * ops.sin(x), scalar=e.cos, samples=reals(-4, 4),
)  # fmt: skip
tan = elementwise(
    "tan", numpy=np.tan, vjp=lambda g, y, x: g * (1.0 + y * y), scalar=e.tan, samples=reals(-1, 1),
)  # fmt: skip
arcsin = elementwise(
    "arcsin", numpy=np.arcsin, vjp=lambda g, y, x: g * ops.rsqrt(1.0 - x * x), scalar=e.arcsin,
    samples=reals(-0.8, 0.8),
)  # fmt: skip
arccos = elementwise(
    "arccos", numpy=np.arccos, vjp=lambda g, y, x: -g * ops.rsqrt(1.0 - x * x), scalar=e.arccos,
    samples=reals(-0.8, 0.8),
)  # fmt: skip
arctan = elementwise(
    "arctan", numpy=np.arctan, vjp=lambda g, y, x: g / (1.0 + x * x), scalar=e.arctan,
    samples=reals(-3, 3),
)  # fmt: skip


def _arctan2_vjp(g: Any, z: Any, y: Any, x: Any) -> tuple:
    t = g / (x * x + y * y)
    return t * x, -(t * y)


arctan2 = elementwise(
    "arctan2", numpy=np.arctan2, vjp=_arctan2_vjp, scalar=e.arctan2, samples=reals(0.5, 2, 2),
)  # fmt: skip
sinh = elementwise(
    "sinh", numpy=np.sinh, vjp=lambda g, y, x: g * ops.cosh(x), scalar=e.sinh, samples=reals(-2, 2),
)  # fmt: skip
cosh = elementwise(
    "cosh", numpy=np.cosh, vjp=lambda g, y, x: g * ops.sinh(x), scalar=e.cosh, samples=reals(-2, 2),
)  # fmt: skip
tanh = elementwise(
    "tanh", numpy=np.tanh, vjp=lambda g, y, x: g * (1.0 - y * y), scalar=e.tanh,
    samples=reals(-2, 2),
)  # fmt: skip
arcsinh = elementwise(
    "arcsinh", numpy=np.arcsinh, vjp=lambda g, y, x: g * ops.rsqrt(x * x + 1.0), scalar=e.arcsinh,
    samples=reals(-3, 3),
)  # fmt: skip
arccosh = elementwise(
    "arccosh", numpy=np.arccosh, vjp=lambda g, y, x: g * ops.rsqrt((x - 1.0) * (x + 1.0)),
    scalar=e.arccosh, samples=reals(1.5, 4),
)  # fmt: skip
arctanh = elementwise(
    "arctanh", numpy=np.arctanh, vjp=lambda g, y, x: g / (1.0 - x * x), scalar=e.arctanh,
    samples=reals(-0.8, 0.8),
)  # fmt: skip
sigmoid = elementwise(
    "sigmoid", numpy=special.sigmoid, vjp=lambda g, y, x: g * y * (1.0 - y), scalar=e.sigmoid,
    samples=reals(-3, 3),
)  # fmt: skip

erf = elementwise(
    "erf", numpy=special.erf, scalar=f.erf, samples=reals(-2, 2),
    vjp=lambda g, y, x: g * ops.exp(-(x * x)) * (2 / math.sqrt(math.pi)),
)  # fmt: skip
erfc = elementwise(
    "erfc", numpy=special.erfc, scalar=f.erfc, samples=reals(-2, 2),
    vjp=lambda g, y, x: g * ops.exp(-(x * x)) * (-2 / math.sqrt(math.pi)),
)  # fmt: skip
erfinv = elementwise(
    "erfinv", numpy=special.erfinv, scalar=f.erfinv, samples=reals(-0.8, 0.8),
    vjp=lambda g, y, x: g * ops.exp(y * y) * (math.sqrt(math.pi) / 2),
)  # fmt: skip
lgamma = elementwise(
    "lgamma", numpy=special.lgamma, vjp=lambda g, y, x: g * ops.digamma(x), scalar=f.lgamma,
    samples=reals(0.5, 5),
)  # fmt: skip
digamma = elementwise(
    "digamma", numpy=special.digamma, vjp=lambda g, y, x: g * ops.polygamma(x, order=1),
    scalar=f.digamma, samples=reals(0.5, 5),
)  # fmt: skip
polygamma = elementwise(
    "polygamma", numpy=special.polygamma,
    typing=lambda t, *, order: ops.digamma.typing(t),
    vjp=lambda g, y, x, *, order: g * ops.polygamma(x, order=order + 1),
    scalar=f.polygamma, samples=lambda rng: [((rng.uniform(0.5, 5, (3, 4)),), {"order": 1}),
                                             ((rng.uniform(0.5, 5, (3, 4)),), {"order": 3})],
)  # fmt: skip
