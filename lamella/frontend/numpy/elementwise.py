"""Ufuncs on Tracers: promotion and broadcasting, then one primitive of equal operand types.

A primitive whose record says `numpy=<ufunc>` is found from the record; the rest are compositions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from lamella import ops
from lamella.frontend.numpy import promotion as p
from lamella.frontend.numpy.registry import implementation, implements, name_of
from lamella.frontend.tracer import Tracer
from lamella.primitive import PRIMITIVES
from lamella.types import BOOL, FLOATS, bfloat16, is_float


@functools.cache
def primitive_of(ufunc: np.ufunc) -> Any:
    """The elementwise primitive whose meaning is `ufunc`, or None."""
    found = [q for q in PRIMITIVES.values() if q.family == "elementwise" and q.numpy is ufunc]
    return found[0] if found else None


def apply_ufunc(ufunc: np.ufunc, *operands: Any, dtype: Any = None) -> Tracer:
    """The primitive of `ufunc` on operands promoted and broadcast as NumPy does it."""
    primitive = primitive_of(ufunc)
    if primitive is None:
        raise TypeError(f"{name_of(ufunc)} has no traced form in Lamella; compose it of others")
    dtypes = operand_dtypes(ufunc, operands, dtype)
    shape = p.broadcast_shape(*operands)
    return primitive(*(p.broadcast(x, shape, d) for x, d in zip(operands, dtypes, strict=True)))


def operand_dtypes(ufunc: np.ufunc, operands: Any, dtype: Any = None) -> tuple[np.dtype, ...]:
    """The dtypes that NumPy casts the operands to."""
    specs = tuple(p.dtype_spec(x) for x in operands)
    out = None if dtype is None else p.dtype_of(dtype)
    return p.loop_dtypes(ufunc, specs, out)[: ufunc.nin]


def promoted(ufunc: np.ufunc, *operands: Any) -> list[Tracer]:
    """The operands as `ufunc` would see them: cast and broadcast."""
    shape = p.broadcast_shape(*operands)
    dtypes = operand_dtypes(ufunc, operands)
    return [p.broadcast(x, shape, d) for x, d in zip(operands, dtypes, strict=True)]


def call_ufunc(ufunc: np.ufunc, *operands: Any, **kwargs: Any) -> Any:
    """`ufunc(*operands, **kwargs)` where some operand is a Tracer."""
    if not kwargs and _ready(operands) and primitive_of(ufunc) is not None:
        return primitive_of(ufunc)(*operands)
    dtype = kwargs.pop("dtype", None)
    if _augments_number(operands[0], kwargs.get("out")):
        del kwargs["out"]
    _refuse_keywords(ufunc, kwargs)
    try:
        special = implementation(ufunc)
    except TypeError:
        return apply_ufunc(ufunc, *operands, dtype=dtype)
    if dtype is not None:
        operands = tuple(
            p.value(x, d) for x, d in zip(operands, operand_dtypes(ufunc, operands, dtype))
        )
    return special(*operands)


def _ready(operands: tuple[Any, ...]) -> bool:
    """Floating point Tracers of one type: nothing to promote or broadcast."""
    first = operands[0]
    return (
        isinstance(first, Tracer)
        and first.type.dtype in _FLOATS
        and all(isinstance(x, Tracer) and x.type == first.type for x in operands[1:])
    )


_FLOATS = frozenset(FLOATS)


def _augments_number(first: Any, out: Any) -> bool:
    """Is this `number += traced`? Python binds the result to the name; an array of no axes is not
    expected to change for others that hold it."""
    return isinstance(out, tuple) and out[0] is first and np.ndim(first) == 0


def _refuse_keywords(ufunc: np.ufunc, kwargs: dict[str, Any]) -> None:
    out = kwargs.pop("out", None)
    if any(x is not None for x in (out if isinstance(out, tuple) else (out,))):
        raise TypeError(
            f"{name_of(ufunc)}: a traced result cannot be written into an array (out= or an "
            "augmented assignment such as `array += traced`); write `x = x + traced`"
        )
    if kwargs.pop("where", True) is not True:
        raise TypeError(
            f"{name_of(ufunc)}: where= without out= leaves elements undefined; "
            "use np.where(mask, result, otherwise)"
        )
    for name in ("casting", "order", "subok", "signature"):
        kwargs.pop(name, None)
    if kwargs:
        raise TypeError(f"{name_of(ufunc)}: {', '.join(kwargs)}= is not supported on traced arrays")


def ufunc_method(ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """`ufunc.reduce`, `.accumulate` and `.outer` on Tracers; the other methods are errors."""
    if method == "outer":
        a, b = (p.value(x) if not p.is_weak(x) else x for x in inputs)
        tail = (1,) * len(p.shape_of(b))
        return ufunc(np.reshape(a, p.shape_of(a) + tail), b, **kwargs)
    folds = {"reduce": _REDUCE, "accumulate": _ACCUMULATE}.get(method, {})
    if ufunc not in folds:
        raise TypeError(f"{name_of(ufunc)}.{method} has no traced form in Lamella")
    kwargs.setdefault("axis", 0)
    return folds[ufunc](*inputs, **kwargs)


_REDUCE = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min,
    np.logical_and: np.all, np.logical_or: np.any,
}  # fmt: skip
_ACCUMULATE: dict[Any, Callable[..., Any]] = {
    np.add: np.cumsum,
    np.multiply: np.cumprod,
    np.maximum: lambda x, axis: ops.cummax(
        p.value(x), axis=p.normalize_axis(axis, x.ndim), reverse=False
    ),
    np.minimum: lambda x, axis: ops.cummin(
        p.value(x), axis=p.normalize_axis(axis, x.ndim), reverse=False
    ),
}


# Arithmetic on bool: NumPy's loops for bool are logical operations.


def _with_bool(ufunc: np.ufunc, on_bool: str) -> None:
    @implements(ufunc)
    def f(x1: Any, x2: Any) -> Tracer:
        if operand_dtypes(ufunc, (x1, x2))[0] != BOOL:
            return apply_ufunc(ufunc, x1, x2)
        return getattr(ops, on_bool)(*promoted(ufunc, x1, x2))


_with_bool(np.add, "bitwise_or")
_with_bool(np.multiply, "bitwise_and")
_with_bool(np.maximum, "bitwise_or")
_with_bool(np.minimum, "bitwise_and")


@implements(np.absolute)
def absolute(x: Any) -> Tracer:
    x = p.value(x)
    if x.dtype.kind == "c":
        return np.hypot(ops.real(x), ops.imag(x))
    return x if x.dtype == BOOL else ops.abs(x)


@implements(np.fabs)
def fabs(x: Any) -> Tracer:
    return ops.abs(promoted(np.fabs, x)[0])


@implements(np.positive)
def positive(x: Any) -> Tracer:
    return promoted(np.positive, x)[0]


@implements(np.conjugate)
def conjugate(x: Any) -> Tracer:
    x = p.value(x)
    return ops.complex(ops.real(x), -ops.imag(x)) if x.dtype.kind == "c" else x


def _rounding(ufunc: np.ufunc) -> None:
    @implements(ufunc)
    def f(x: Any) -> Tracer:
        (x,) = promoted(ufunc, x)
        return apply_ufunc(ufunc, x) if x.dtype.kind in "fcV" else x


for _ufunc in (np.floor, np.ceil, np.trunc):
    _rounding(_ufunc)


# Logic: truth is `!= 0`.


def truth(x: Any) -> Tracer:
    """`x != 0` as bool."""
    x = p.value(x)
    return x if x.dtype == BOOL else x != p.full((), x.dtype, 0)


def _logical(ufunc: np.ufunc, bitwise: str) -> None:
    @implements(ufunc)
    def f(*operands: Any) -> Tracer:
        shape = p.broadcast_shape(*operands)
        return getattr(ops, bitwise)(*(p.broadcast(truth(x), shape, BOOL) for x in operands))


for _ufunc in (np.logical_and, np.logical_or, np.logical_xor, np.logical_not):
    _logical(_ufunc, _ufunc.__name__.replace("logical", "bitwise"))


def _comparison(ufunc: np.ufunc) -> None:
    """Integers of any signedness and size compare by value."""

    @implements(ufunc)
    def f(x1: Any, x2: Any) -> Tracer:
        try:
            dtypes = operand_dtypes(ufunc, (x1, x2))
        except OverflowError:
            dtypes = (np.dtype("int64"),) * 2
        if dtypes[0] != dtypes[1]:
            return _compare_mixed(ufunc, x1, x2)
        shape = p.broadcast_shape(x1, x2)
        try:
            operands = [p.broadcast(x, shape, d) for x, d in zip((x1, x2), dtypes)]
        except OverflowError:  # uint8 tracer < 300
            operands = [p.broadcast(x, shape, np.dtype("int64")) for x in (x1, x2)]
        return primitive_of(ufunc)(*operands)


def _compare_mixed(ufunc: np.ufunc, x1: Any, x2: Any) -> Tracer:
    """int64 against uint64: a negative number is below every unsigned one."""
    x1, x2 = p.value(x1), p.value(x2)
    signed, unsigned = (x1, x2) if x1.dtype.kind == "i" else (x2, x1)
    as_unsigned = p.convert(signed, "uint64")
    operands = (as_unsigned, unsigned) if signed is x1 else (unsigned, as_unsigned)
    below = ufunc(-1, 0) if signed is x1 else ufunc(0, -1)
    return np.where(signed < 0, bool(below), ufunc(*operands))


for _ufunc in (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal):
    _comparison(_ufunc)


def _test(ufunc: np.ufunc, on_integers: bool) -> None:
    """isnan and the like: constant on integers."""

    @implements(ufunc)
    def f(x: Any) -> Tracer:
        (x,) = promoted(ufunc, x)
        return (
            apply_ufunc(ufunc, x) if x.dtype.kind in "fcV" else p.full(x.shape, BOOL, on_integers)
        )


_test(np.isnan, False)
_test(np.isinf, False)
_test(np.isfinite, True)


@implements(np.signbit)
def signbit(x: Any) -> Tracer:
    (x,) = promoted(np.signbit, x)
    return ops.signbit(x)


# Powers and quotients.


@implements(np.square)
def square(x: Any) -> Tracer:
    (x,) = promoted(np.square, x)
    return x * x


@implements(np.reciprocal)
def reciprocal(x: Any) -> Tracer:
    (x,) = promoted(np.reciprocal, x)
    one = p.full(x.shape, x.dtype, 1)
    return one / x if x.dtype.kind in "fcV" else np.where(np.abs(x) == 1, x, 0)


@implements(np.power)
def power(x1: Any, x2: Any) -> Tracer:
    """Small constant exponents are products; so their derivative holds at 0 and below."""
    exponent = _constant_scalar(x2)
    if exponent is not None and isinstance(x1, Tracer) and exponent in (0, 1, 2, 3, 4, 0.5, -1):
        base = p.convert(x1, p.loop_dtypes(np.power, (x1.dtype, p.dtype_spec(x2)), None)[0])
        if base.dtype.kind in "fcV" or exponent in (0, 1, 2, 3, 4):
            return _constant_power(base, exponent, p.broadcast_shape(x1, x2))
    return apply_ufunc(np.power, x1, x2)


def _constant_power(base: Tracer, exponent: float, shape: tuple[int, ...]) -> Tracer:
    if shape != base.shape:
        base = p.broadcast(base, shape, base.dtype)
    if exponent == 0:
        return p.full(shape, base.dtype, 1)
    if exponent == 0.5:
        return np.sqrt(base)
    if exponent == -1:
        return 1 / base
    result = base * base if exponent in (2, 3, 4) else base
    if exponent == 3:
        return result * base
    return result * result if exponent == 4 else result


def _constant_scalar(x: Any) -> Any:
    if p.is_weak(x):
        return x
    return x.item() if isinstance(x, (np.ndarray, np.generic)) and x.ndim == 0 else None


@implements(np.float_power)
def float_power(x1: Any, x2: Any) -> Tracer:
    return np.power(*promoted(np.float_power, x1, x2))


@implements(np.divmod)
def divmod_(x1: Any, x2: Any) -> tuple[Tracer, Tracer]:
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


# Floating point.


@implements(np.logaddexp)
def logaddexp(x1: Any, x2: Any) -> Tracer:
    x1, x2 = promoted(np.logaddexp, x1, x2)
    high, gap = np.maximum(x1, x2), x1 - x2
    both = np.log1p(np.exp(-np.abs(gap)))
    return np.where(np.isnan(gap) & (x1 == x2), x1, high + both)  # inf - inf


@implements(np.logaddexp2)
def logaddexp2(x1: Any, x2: Any) -> Tracer:
    x1, x2 = promoted(np.logaddexp2, x1, x2)
    high, gap = np.maximum(x1, x2), x1 - x2
    both = np.log1p(np.exp2(-np.abs(gap))) * (1 / np.log(2)).item()
    return np.where(np.isnan(gap) & (x1 == x2), x1, high + both)


@implements(np.hypot)
def hypot(x1: Any, x2: Any) -> Tracer:
    """Scaled by the larger side, so that squares neither overflow nor vanish."""
    x1, x2 = (np.abs(x) for x in promoted(np.hypot, x1, x2))
    high, low = np.fmax(x1, x2), np.fmin(x1, x2)
    safe = np.where(high == 0, 1, high)
    out = high * np.sqrt(1 + (low / safe) ** 2)
    return np.where(
        np.isinf(x1) | np.isinf(x2), np.inf, np.where(np.isnan(x1) | np.isnan(x2), np.nan, out)
    )


def _ignoring_nan(ufunc: np.ufunc, extremum: Any) -> None:
    @implements(ufunc)
    def f(x1: Any, x2: Any) -> Tracer:
        x1, x2 = promoted(ufunc, x1, x2)
        if not is_float(x1.dtype):
            return extremum(x1, x2)
        return np.where(np.isnan(x1), x2, np.where(np.isnan(x2), x1, extremum(x1, x2)))


_ignoring_nan(np.fmax, np.maximum)
_ignoring_nan(np.fmin, np.minimum)


@implements(np.heaviside)
def heaviside(x1: Any, x2: Any) -> Tracer:
    x1, x2 = promoted(np.heaviside, x1, x2)
    step = np.where(x1 < 0, p.full((), x1.dtype, 0), np.where(x1 == 0, x2, p.full((), x1.dtype, 1)))
    return np.where(np.isnan(x1), x1, step)


@implements(np.deg2rad, np.radians)
def deg2rad(x: Any) -> Tracer:
    return promoted(np.deg2rad, x)[0] * (np.pi / 180)


@implements(np.rad2deg, np.degrees)
def rad2deg(x: Any) -> Tracer:
    return promoted(np.rad2deg, x)[0] * (180 / np.pi)


@implements(np.modf)
def modf(x: Any) -> tuple[Tracer, Tracer]:
    (x,) = promoted(np.modf, x)
    whole = np.trunc(x)
    return np.copysign(np.where(np.isinf(x), 0, x - whole), x), whole


@implements(np.ldexp)
def ldexp(x1: Any, x2: Any) -> Tracer:
    """In two halves, so that 2**x2 itself does not overflow."""
    dtype = operand_dtypes(np.ldexp, (x1, x2))[0]
    half = np.floor_divide(x2, 2)
    rest = np.subtract(x2, half)
    x = p.value(x1, dtype)
    return x * np.exp2(p.value(half, dtype)) * np.exp2(p.value(rest, dtype))


@implements(np.frexp)
def frexp(x: Any) -> tuple[Tracer, Tracer]:
    (x,) = promoted(np.frexp, x)
    if x.dtype not in (np.float32, np.float64):
        mantissa, exponent = frexp(p.convert(x, np.float32))
        return p.convert(mantissa, promoted(np.frexp, x)[0].dtype), exponent
    integer, bits, bias = (np.int32, 23, 126) if x.dtype == np.float32 else (np.int64, 52, 1022)
    tiny = np.abs(x) < np.finfo(x.dtype).tiny
    scaled = np.where(tiny, x * 2.0**bits, x)
    word = ops.bitcast(scaled, dtype=np.dtype(integer).name)
    field = (word >> bits) & (2 * bias + 3)
    mantissa = ops.bitcast((word & ~((2 * bias + 3) << bits)) | (bias << bits), dtype=x.dtype.name)
    exponent = field - bias - np.where(tiny, bits, 0)
    plain = (x == 0) | ~np.isfinite(x)
    return np.where(plain, x, mantissa), p.convert(np.where(plain, 0, exponent), np.int32)


@implements(np.spacing)
def spacing(x: Any) -> Tracer:
    (x,) = promoted(np.spacing, x)
    outward = np.copysign(p.full((), x.dtype, np.inf), np.where(x == 0, 0, x))
    return np.nextafter(x, outward) - x


# Integers.


@implements(np.gcd)
def gcd(x1: Any, x2: Any) -> Tracer:
    """Euclid's algorithm, at most 92 steps for 64 bits (Fibonacci numbers are the worst case)."""
    from lamella.transforms import while_loop

    x1, x2 = (np.abs(x) for x in promoted(np.gcd, x1, x2))

    def step(pair: Any) -> Any:
        a, b = pair
        return np.where(b == 0, a, b), np.where(b == 0, 0, a % np.where(b == 0, 1, b))

    return while_loop(lambda pair: np.any(pair[1] != 0), step, (x1, x2))[0]


@implements(np.lcm)
def lcm(x1: Any, x2: Any) -> Tracer:
    x1, x2 = promoted(np.lcm, x1, x2)
    divisor = np.gcd(x1, x2)
    return np.abs(x1 // np.where(divisor == 0, 1, divisor) * x2)


@implements(np.bitwise_count)
def bitwise_count(x: Any) -> Tracer:
    """The number of one bits of |x|, by adding neighbours in ever wider fields."""
    x = np.abs(p.value(x))
    x = p.convert(p.convert(x, f"uint{8 * x.dtype.itemsize}"), np.uint64)
    for width, mask in ((1, 0x5555555555555555), (2, 0x3333333333333333), (4, 0x0F0F0F0F0F0F0F0F)):
        mask = np.uint64(mask)
        x = (x & mask) + ((x >> np.uint64(width)) & mask)
    return p.convert((x * np.uint64(0x0101010101010101)) >> np.uint64(56), np.uint8)


# Products of the last axes that NumPy made ufuncs.


@implements(np.matmul)
def matmul(x1: Any, x2: Any) -> Tracer:
    from lamella.frontend.numpy.products import matmul as product

    return product(x1, x2)


@implements(np.vecdot)
def vecdot(x1: Any, x2: Any) -> Tracer:
    return np.einsum("...i,...i->...", np.conj(x1), x2)


@implements(np.matvec)
def matvec(x1: Any, x2: Any) -> Tracer:
    return np.einsum("...ij,...j->...i", x1, x2)


@implements(np.vecmat)
def vecmat(x1: Any, x2: Any) -> Tracer:
    return np.einsum("...i,...ij->...j", np.conj(x1), x2)


def is_half(dtype: np.dtype) -> bool:
    """float16 and bfloat16: sums are kept in float32 and rounded once."""
    return dtype == np.float16 or dtype == bfloat16
