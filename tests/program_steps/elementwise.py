"""Arithmetic, comparisons, selection, conversion."""

import numpy as np

from lamella import ops
from lamella.types import bfloat16, dtype_of, is_float, is_integer

UNARY = (
    "sqrt rsqrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh "
    "tanh arcsinh arccosh arctanh erf erfc sigmoid cbrt"
).split()
COMMON = "exp tanh sigmoid log sqrt sin".split()
ROUNDING = "sign floor ceil trunc rint".split()
TESTS = "isnan isinf isfinite".split()
COMPARISONS = "equal not_equal less less_equal greater greater_equal".split()
DTYPES = (
    "float32 float64 float16 bfloat16 int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()
)


def _call(name, *operands, **attrs):
    return getattr(ops, name)(*operands, **attrs)


def unary(s):
    x = s.floating()
    return _call(s.choices.among(COMMON if s.choices.once_in(2) else UNARY), x)


def signed(s):
    x = s.any(lambda v: v.type.dtype != bool and v.type.dtype.kind != "u")
    if x.type.dtype == bool:
        return ops.bitwise_not(x)
    return _call(s.choices.among(["neg", "abs"]), x)


def rounded(s):
    x = s.value(lambda v: is_float(v.type.dtype) and v in s.exact)
    return None if x is None else _call(s.choices.among([*ROUNDING, *TESTS]), x)


def arithmetic(s):
    x = s.any(lambda v: v.type.dtype != bool)
    if x.type.dtype == bool:
        return None
    name = s.choices.among(["add", "add", "sub", "mul", "mul", "maximum", "minimum"])
    y = s.like(x.type)
    return _call(name, x, y) if s.choices.once_in(2) else _call(name, y, x)


def divided(s):
    """Over something that is not zero, or over anything exact."""
    x = s.floating()
    if s.choices.once_in(2):
        return ops.div(x, s.like(x.type, exact=True))
    one = ops.full(shape=x.type.shape, dtype=x.type.dtype.name, value=0.5)
    return ops.div(x, ops.add(ops.abs(s.like(x.type)), one))


def whole_division(s):
    x = s.value(lambda v: v.type.dtype != bool and v in s.exact and v.type.dtype != bfloat16)
    if x is None:
        return None
    name = s.choices.among(["remainder", "fmod", "floor_divide"])
    return _call(name, x, s.like(x.type, exact=True))


def power(s):
    x = s.floating()
    if s.choices.once_in(2):
        value = s.choices.among([2.0, 3.0, -1.0, 0.5, 0.0, 1.0])
        y = ops.full(shape=x.type.shape, dtype=x.type.dtype.name, value=value)
        return ops.power(x, y)
    return ops.power(ops.sigmoid(x), s.like(x.type))


def compared(s):
    x = s.value(lambda v: v in s.exact)
    return None if x is None else _call(s.choices.among(COMPARISONS), x, s.like(x.type, exact=True))


def selected(s):
    x = s.any()
    condition = s.like(_as(x.type, "bool"))
    y = s.like(x.type)
    return ops.select(condition, x, y)


def bits(s):
    x = s.value(lambda v: not is_float(v.type.dtype))
    if x is None:
        return None
    if is_integer(x.type.dtype) and s.choices.once_in(3):
        return _call(s.choices.among(["shift_left", "shift_right"]), x, _small(s, x))
    name = s.choices.among(["bitwise_and", "bitwise_or", "bitwise_xor"])
    return _call(name, x, s.like(x.type))


def _small(s, x):
    """Between 0 and 7: a shift of any integer."""
    seven = ops.full(shape=x.type.shape, dtype=x.type.dtype.name, value=7)
    return ops.bitwise_and(s.like(x.type), seven)


def converted(s):
    x = s.any()
    target = s.choices.among(DTYPES)
    if is_float(x.type.dtype) and is_integer(dtype_of(target)):
        if x not in s.exact:
            return None
        x = s.clipped(x, 0.0 if target[0] == "u" else -100.0, 100.0)
    return ops.convert(x, dtype=target)


def to_bool(s):
    x = s.value(lambda v: v in s.exact)
    return None if x is None else ops.convert(x, dtype="bool")


def random_bits(s):
    """A uniform number of a counter, as dropout has it."""
    shape = s.any().type.shape
    counter = ops.reshape(
        ops.iota(shape=(int(np.prod(shape)),), axis=0, dtype="uint32"), shape=shape
    )
    keys = [s.like(counter.type) for _ in range(2)]
    word = ops.convert(ops.philox(counter, *keys), dtype="uint32")
    eight = ops.full(shape=shape, dtype="uint32", value=8)
    return ops.convert(ops.shift_right(word, eight), dtype="float32")


def _as(t, dtype):
    from lamella.types import Type

    return Type(t.shape, dtype_of(dtype))


STEPS = [unary, unary, signed, rounded, arithmetic, arithmetic, arithmetic, divided, whole_division,
         power, compared, selected, bits, converted, to_bool, random_bits]  # fmt: skip
