"""Elementwise arithmetic, comparisons, bit operations, selection and conversion.

VJP conventions are JAX's: a tie of maximum or minimum gives half to each side, abs has slope 0 at
0, and x**y has a finite slope wherever the mathematical one is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamella import elementary, ops
from lamella import scalar as s
from lamella.ops.families import comparison, elementwise, like, reals
from lamella.primitive import no_gradient
from lamella.types import BOOL, COMPLEX, DTYPES, FLOATS, SIGNED, UNSIGNED, Type, dtype_of, is_float

INTEGERS = (*SIGNED, *UNSIGNED)
REALS = (*INTEGERS, *FLOATS)
NUMBERS = (*REALS, *COMPLEX)
BITS = (BOOL, *INTEGERS)


def integers(low: int, high: int, n: int = 1) -> Any:
    """Samples: `n` int32 operands of shape (3, 4), uniform in [low, high)."""
    return lambda rng: [(tuple(rng.integers(low, high, (3, 4), "int32") for _ in range(n)), {})]


def away_from_integers(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-5, 5, (3, 4)) + rng.uniform(0.1, 0.9, (3, 4))


def apart(rng: np.random.Generator) -> list:
    """Two operands nowhere closer than 0.1, so that their order is locally constant."""
    x = rng.uniform(-2, 2, (3, 4))
    return [((x, x + rng.choice([-1, 1], (3, 4)) * rng.uniform(0.1, 1, (3, 4))), {})]


def _divide_vjp(g: Any, q: Any, x: Any, y: Any) -> tuple:
    t = g / y
    return t, -(t * q)


def _extremum_vjp(g: Any, m: Any, x: Any, y: Any) -> tuple:
    if not is_float(g.type.dtype):
        return None, None
    half = g * 0.5
    tie = ops.equal(x, y)
    zero = like(g, 0)
    from_x = ops.select(tie, half, ops.select(ops.equal(m, x), g, zero))
    return from_x, ops.select(tie, half, ops.select(ops.equal(m, y), g, zero))


def _power_vjp(g: Any, p: Any, x: Any, y: Any) -> tuple:
    zero, one = like(x, 0), like(x, 1)
    flat = ops.equal(y, zero)
    from_x = g * y * ops.power(x, ops.select(flat, one, y - one))
    from_y = g * p * ops.log(ops.select(ops.equal(x, zero), one, x))
    return ops.select(flat, zero, from_x), from_y


def _copysign_vjp(g: Any, z: Any, x: Any, y: Any) -> tuple:
    same = ops.equal(ops.signbit(x), ops.signbit(y))
    return ops.select(same, g, -g), None


add = elementwise(
    "add", numpy=np.add, vjp=lambda g, z, x, y: (g, g), scalar=lambda x, y: x + y,
    dtypes=NUMBERS, samples=reals(-2, 2, 2), traits=("cheap", "commutative", "associative"),
)  # fmt: skip
sub = elementwise(
    "sub", numpy=np.subtract, vjp=lambda g, z, x, y: (g, -g), scalar=lambda x, y: x - y,
    dtypes=NUMBERS, samples=reals(-2, 2, 2),
    traits=("cheap",),
)  # fmt: skip
mul = elementwise(
    "mul", numpy=np.multiply, vjp=lambda g, z, x, y: (g * y, g * x), scalar=lambda x, y: x * y,
    dtypes=NUMBERS, samples=reals(-2, 2, 2), traits=("cheap", "commutative", "associative"),
)  # fmt: skip
div = elementwise(
    "div", numpy=np.true_divide, vjp=_divide_vjp, scalar=lambda x, y: x / y,
    dtypes=(*FLOATS, *COMPLEX), samples=reals(0.5, 2, 2),
)  # fmt: skip
floor_divide = elementwise(
    "floor_divide", numpy=np.floor_divide, vjp=no_gradient, scalar=s.floor_divide_,
    dtypes=REALS, samples=lambda rng: [((away_from_integers(rng), np.ones((3, 4))), {})],
)  # fmt: skip
remainder = elementwise(
    "remainder", numpy=np.remainder, vjp=lambda g, z, x, y: (g, -g * ops.floor_divide(x, y)),
    scalar=s.remainder_, dtypes=REALS,
    samples=lambda rng: [((away_from_integers(rng), np.ones((3, 4))), {})],
)  # fmt: skip
fmod = elementwise(
    "fmod", numpy=np.fmod, vjp=lambda g, z, x, y: (g, -g * ops.trunc(x / y)),
    scalar=s.fmod_, dtypes=REALS,
    samples=lambda rng: [((away_from_integers(rng), np.ones((3, 4))), {})],
)  # fmt: skip
neg = elementwise(
    "neg", numpy=np.negative, vjp=lambda g, z, x: -g, scalar=lambda x: -x,
    dtypes=NUMBERS, samples=reals(-2, 2),
    traits=("cheap",),
)  # fmt: skip
abs = elementwise(
    "abs", numpy=np.abs, vjp=lambda g, z, x: g * ops.sign(x), scalar=s.abs_,
    dtypes=REALS, samples=reals(0.1, 2),
    traits=("cheap",),
)  # fmt: skip
sign = elementwise(
    "sign", numpy=np.sign, vjp=no_gradient, scalar=s.sign_, dtypes=REALS, samples=reals(0.1, 2),
)  # fmt: skip
maximum = elementwise(
    "maximum", numpy=np.maximum, vjp=_extremum_vjp, scalar=s.maximum_, dtypes=(BOOL, *REALS),
    samples=apart, traits=("cheap", "commutative", "associative", "idempotent", "chooses"),
)  # fmt: skip
minimum = elementwise(
    "minimum", numpy=np.minimum, vjp=_extremum_vjp, scalar=s.minimum_, dtypes=(BOOL, *REALS),
    samples=apart, traits=("cheap", "commutative", "associative", "idempotent", "chooses"),
)  # fmt: skip
floor = elementwise(
    "floor", numpy=np.floor, vjp=no_gradient, scalar=s.floor_,
    samples=lambda rng: [((away_from_integers(rng),), {})],
)  # fmt: skip
ceil = elementwise(
    "ceil", numpy=np.ceil, vjp=no_gradient, scalar=s.ceil_,
    samples=lambda rng: [((away_from_integers(rng),), {})],
)  # fmt: skip
trunc = elementwise(
    "trunc", numpy=np.trunc, vjp=no_gradient, scalar=s.trunc_,
    samples=lambda rng: [((away_from_integers(rng),), {})],
)  # fmt: skip
rint = elementwise(
    "rint", numpy=np.rint, vjp=no_gradient, scalar=s.rint_,
    samples=lambda rng: [((rng.integers(-5, 5, (3, 4)) + rng.uniform(-0.4, 0.4, (3, 4)),), {})],
)  # fmt: skip
power = elementwise(
    "power", numpy=np.power, vjp=_power_vjp, scalar=elementary.power, dtypes=REALS,
    samples=reals(0.5, 2, 2),
)  # fmt: skip
copysign = elementwise(
    "copysign", numpy=np.copysign, vjp=_copysign_vjp, scalar=s.copysign_, samples=reals(0.1, 2, 2),
)  # fmt: skip
nextafter = elementwise(
    "nextafter", numpy=np.nextafter, vjp=no_gradient, scalar=s.nextafter_,
    samples=lambda rng: [((rng.uniform(-2, 2, (3, 4)).astype("float32"),
                           rng.uniform(-2, 2, (3, 4)).astype("float32")), {})],
)  # fmt: skip

equal = comparison("equal", numpy=np.equal, scalar=lambda x, y: x == y,
                   dtypes=(BOOL, *NUMBERS), samples=apart)  # fmt: skip
not_equal = comparison("not_equal", numpy=np.not_equal, scalar=lambda x, y: x != y,
                       dtypes=(BOOL, *NUMBERS), samples=apart)  # fmt: skip
less = comparison("less", numpy=np.less, scalar=lambda x, y: x < y,
                  dtypes=(BOOL, *REALS), samples=apart)  # fmt: skip
less_equal = comparison("less_equal", numpy=np.less_equal, scalar=lambda x, y: x <= y,
                        dtypes=(BOOL, *REALS), samples=apart)  # fmt: skip
greater = comparison("greater", numpy=np.greater, scalar=lambda x, y: x > y,
                     dtypes=(BOOL, *REALS), samples=apart)  # fmt: skip
greater_equal = comparison("greater_equal", numpy=np.greater_equal, scalar=lambda x, y: x >= y,
                           dtypes=(BOOL, *REALS), samples=apart)  # fmt: skip

isnan = comparison("isnan", numpy=np.isnan, scalar=lambda x: x != x,
                   dtypes=FLOATS, samples=reals(-2, 2))  # fmt: skip
isinf = comparison("isinf", numpy=np.isinf, scalar=lambda x: s.abs_(x) == np.inf,
                   dtypes=FLOATS, samples=reals(-2, 2))  # fmt: skip
isfinite = comparison("isfinite", numpy=np.isfinite, scalar=lambda x: s.abs_(x) < np.inf,
                      dtypes=FLOATS, samples=reals(-2, 2))  # fmt: skip
signbit = comparison("signbit", numpy=np.signbit, scalar=s.signbit_,
                     dtypes=FLOATS, samples=reals(0.1, 2))  # fmt: skip

bitwise_and = elementwise(
    "bitwise_and", numpy=np.bitwise_and, vjp=no_gradient, scalar=lambda x, y: x & y, dtypes=BITS,
    samples=integers(-9, 9, 2), traits=("cheap", "commutative", "associative", "idempotent"),
)  # fmt: skip
bitwise_or = elementwise(
    "bitwise_or", numpy=np.bitwise_or, vjp=no_gradient, scalar=lambda x, y: x | y, dtypes=BITS,
    samples=integers(-9, 9, 2), traits=("cheap", "commutative", "associative", "idempotent"),
)  # fmt: skip
bitwise_xor = elementwise(
    "bitwise_xor", numpy=np.bitwise_xor, vjp=no_gradient, scalar=lambda x, y: x ^ y, dtypes=BITS,
    samples=integers(-9, 9, 2), traits=("cheap", "commutative", "associative"),
)  # fmt: skip
bitwise_not = elementwise(
    "bitwise_not", numpy=np.bitwise_not, vjp=no_gradient, scalar=lambda x: ~x, dtypes=BITS,
    samples=integers(-9, 9),
    traits=("cheap",),
)  # fmt: skip
shift_left = elementwise(
    "shift_left", numpy=np.left_shift, vjp=no_gradient, scalar=s.shift_left_, dtypes=INTEGERS,
    samples=integers(0, 9, 2),
)  # fmt: skip
shift_right = elementwise(
    "shift_right", numpy=np.right_shift, vjp=no_gradient, scalar=s.shift_right_, dtypes=INTEGERS,
    samples=integers(0, 9, 2),
)  # fmt: skip


def _select_typing(condition: Type, x: Type, y: Type) -> Type:
    if condition.dtype != BOOL or condition.shape != x.shape or x != y:
        raise TypeError(
            "select: expected a bool condition and two values of one type, all of one shape; "
            f"got {condition}, {x}, {y}"
        )
    return x


select = elementwise(
    "select",
    typing=_select_typing,
    numpy=np.where,
    vjp=lambda g, z, c, x, y: (
        None, ops.select(c, g, like(g, 0)), ops.select(c, like(g, 0), g),
    ),
    scalar=s.select_,
    samples=lambda rng: [((rng.random((3, 4)) < 0.5, rng.random((3, 4)), rng.random((3, 4))), {})],
    traits=("cheap", "chooses"),
)  # fmt: skip


def _convert_vjp(g: Any, y: Any, x: Any, *, dtype: str) -> Any:
    return ops.convert(g, dtype=x.type.dtype.name)


convert = elementwise(
    "convert",
    typing=lambda t, *, dtype: Type(t.shape, dtype_of(dtype)),
    numpy=lambda x, *, dtype: x.astype(DTYPES[dtype]),
    vjp=_convert_vjp,
    scalar=lambda x, *, dtype: s.convert_(x, DTYPES[dtype]),
    samples=lambda rng: [((rng.uniform(-9, 9, (3, 4)),), {"dtype": "float64"}),
                         ((rng.integers(-9, 9, (3, 4)),), {"dtype": "float32"})],
    traits=("cheap", "rounds"),
)  # fmt: skip


def _bitcast_typing(t: Type, *, dtype: str) -> Type:
    if dtype_of(dtype).itemsize != t.dtype.itemsize or BOOL in (t.dtype, dtype_of(dtype)):
        raise TypeError(f"bitcast: {t.dtype.name} and {dtype} must be numbers of one width")
    return Type(t.shape, dtype_of(dtype))


bitcast = elementwise(
    "bitcast",
    typing=_bitcast_typing,
    numpy=lambda x, *, dtype: x.view(DTYPES[dtype]),
    vjp=no_gradient,
    scalar=lambda x, *, dtype: s.bitcast_(x, DTYPES[dtype]),
    samples=lambda rng: [((rng.random((3, 4)).astype("float32"),), {"dtype": "uint32"})],
)  # fmt: skip
