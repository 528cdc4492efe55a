"""Lanes: the value of one scalar rule in a kernel, an SSA scalar or a vector of lanes.

They implement the language of lamella.scalar: every operation appends LLVM instructions.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np

from lamella.kernels import half_floats
from lamella.kernels.emit_code import Code
from lamella.kernels.half_floats import is_half
from lamella.types import BOOL, UNSIGNED, is_float

FLOAT16, FLOAT32, FLOAT64 = (np.dtype(f"float{n}") for n in (16, 32, 64))
INT32, INT64, UINT16 = np.dtype("int32"), np.dtype("int64"), np.dtype("uint16")
#: Never nnan or ninf (NaN must survive), never reassoc (bits must not depend on the compiler),
#: never arcp (LLVM would divide by approximate reciprocals, and 1/inf would be NaN).
FLAGS = "nsz contract "


@cache
def register_type(dtype: np.dtype) -> str:
    """The LLVM type of a lane in a register: half floats are float, bool is i1."""
    if dtype == BOOL:
        return "i1"
    if is_float(dtype):
        return "double" if dtype == FLOAT64 else "float"
    return f"i{8 * dtype.itemsize}"


@cache
def _lanes_type(dtype: np.dtype, width: int) -> str:
    scalar = register_type(dtype)
    return scalar if width == 1 else f"<{width} x {scalar}>"


def literal(value: Any, dtype: np.dtype) -> str:
    """A Python number as an LLVM constant of a lane's type."""
    if dtype == BOOL:
        return "true" if value else "false"
    if is_float(dtype):
        number = np.float64(value) if dtype == FLOAT64 else np.float64(np.float32(value))
        return f"0x{struct.unpack('<Q', struct.pack('<d', float(number)))[0]:016X}"
    bits = 8 * dtype.itemsize
    wrapped = int(value) & ((1 << bits) - 1)
    return str(wrapped - (1 << bits) if wrapped >> (bits - 1) else wrapped)


class Lanes:
    """`width` lanes of `dtype` (1: a scalar); `ref` is an SSA name or a constant."""

    __slots__ = ("code", "constant", "dtype", "level", "ref", "width", "_splats")
    lanes = True
    __array_ufunc__ = None

    def __init__(self, code: Code, dtype: np.dtype, width: int, ref: str, constant: bool = False):
        self.code, self.dtype, self.width, self.ref = code, dtype, width, ref
        self.level = 0 if constant else code.depth
        self.constant = constant
        self._splats: dict[int, str] = {}

    # ------------------------------------------------------------------------ construction

    @staticmethod
    def of(code: Code, value: Any, dtype: np.dtype) -> Lanes:
        """The scalar constant `value`."""
        return Lanes(code, dtype, 1, literal(value, dtype), constant=True)

    @property
    def type(self) -> str:
        """The LLVM type, a vector's where width > 1."""
        return _lanes_type(self.dtype, self.width)

    def new(
        self, instruction: str, dtype: np.dtype | None = None, width: int | None = None
    ) -> Lanes:
        ref = self.code.let(instruction)
        return Lanes(self.code, dtype or self.dtype, width or self.width, ref)

    def widened(self, width: int) -> Lanes:
        """The same scalar in `width` lanes; itself where it has them."""
        if self.width == width:
            return self
        assert self.width == 1, f"{self.width} lanes cannot become {width}"
        if width not in self._splats:
            self._splats[width] = self._splat(width)
        return Lanes(self.code, self.dtype, width, self._splats[width], self.constant)

    def _splat(self, width: int) -> str:
        scalar = register_type(self.dtype)
        if self.constant:
            return f"splat ({scalar} {self.ref})"
        t = f"<{width} x {scalar}>"
        with self.code.hoisted(self.level):
            one = self.code.let(f"insertelement {t} poison, {scalar} {self.ref}, i64 0")
            zeros = f"<{width} x i32> zeroinitializer"
            return self.code.let(f"shufflevector {t} {one}, {t} poison, {zeros}")

    def constant_like(self, value: Any) -> Lanes:
        return Lanes.of(self.code, value, self.dtype)

    def _coerce(self, other: Any) -> Lanes:
        return other if isinstance(other, Lanes) else self.constant_like(other)

    def with_dtype(self, dtype: np.dtype) -> Lanes:
        """The same register under another dtype of the same register type."""
        other = Lanes(self.code, dtype, self.width, self.ref, self.constant)
        other.level = self.level
        return other

    # --------------------------------------------------------------------------- operators

    def _binary(self, other: Any, on_float: str, on_integer: str, swap: bool = False) -> Lanes:
        x, y = together(self, self._coerce(other))
        x, y = (y, x) if swap else (x, y)
        name = f"{on_float} {FLAGS}" if is_float(x.dtype) else f"{on_integer} "
        return x.new(f"{name}{x.type} {x.ref}, {y.ref}")

    def __add__(self, other: Any) -> Lanes:
        return self._binary(other, "fadd", "add" if self.dtype != BOOL else "or")

    __radd__ = __add__

    def __sub__(self, other: Any) -> Lanes:
        return self._binary(other, "fsub", "sub")

    def __rsub__(self, other: Any) -> Lanes:
        return self._binary(other, "fsub", "sub", swap=True)

    def __mul__(self, other: Any) -> Lanes:
        return self._binary(other, "fmul", "mul" if self.dtype != BOOL else "and")

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Lanes:
        return self._binary(other, "fdiv", "")

    def __rtruediv__(self, other: Any) -> Lanes:
        return self._binary(other, "fdiv", "", swap=True)

    def __and__(self, other: Any) -> Lanes:
        return self._binary(other, "", "and")

    __rand__ = __and__

    def __or__(self, other: Any) -> Lanes:
        return self._binary(other, "", "or")

    __ror__ = __or__

    def __xor__(self, other: Any) -> Lanes:
        return self._binary(other, "", "xor")

    __rxor__ = __xor__

    def __lshift__(self, other: Any) -> Lanes:
        return self._binary(other, "", "shl")

    def __rshift__(self, other: Any) -> Lanes:
        return self._binary(other, "", "lshr" if self.dtype in UNSIGNED else "ashr")

    def __invert__(self) -> Lanes:
        return self ^ (True if self.dtype == BOOL else -1)

    def __neg__(self) -> Lanes:
        if is_float(self.dtype):
            return self.new(f"fneg {self.type} {self.ref}")
        return 0 - self

    def _compare(self, other: Any, on_float: str, on_integer: str) -> Lanes:
        x, y = together(self, self._coerce(other))
        if is_float(x.dtype):
            return x.new(f"fcmp {on_float} {x.type} {x.ref}, {y.ref}", BOOL)
        unsigned = x.dtype in UNSIGNED or x.dtype == BOOL
        sign = "" if on_integer in ("eq", "ne") else "u" if unsigned else "s"
        return x.new(f"icmp {sign}{on_integer} {x.type} {x.ref}, {y.ref}", BOOL)

    def __eq__(self, other: Any) -> Any:
        return self._compare(other, "oeq", "eq")

    def __ne__(self, other: Any) -> Any:
        return self._compare(other, "une", "ne")

    __hash__ = object.__hash__

    def __lt__(self, other: Any) -> Lanes:
        return self._compare(other, "olt", "lt")

    def __le__(self, other: Any) -> Lanes:
        return self._compare(other, "ole", "le")

    def __gt__(self, other: Any) -> Lanes:
        return self._compare(other, "ogt", "gt")

    def __ge__(self, other: Any) -> Lanes:
        return self._compare(other, "oge", "ge")

    # ------------------------------------------------------- the helpers of lamella.scalar

    def intrinsic(self, name: str, *others: Any, flags: str = "") -> Lanes:
        """A call of llvm.<name> for this type, on self and others of the same dtype."""
        xs = together(self, *(self._coerce(y) for y in others))
        result = self.code.call(
            xs[0].type, f"llvm.{name}.{mangled(xs[0].dtype, xs[0].width)}",
            *((x.type, x.ref) for x in xs), flags=flags,
        )  # fmt: skip
        return Lanes(self.code, self.dtype, xs[0].width, result)

    def sqrt_(self) -> Lanes:
        return self.intrinsic("sqrt")

    def floor_(self) -> Lanes:
        return self.intrinsic("floor")

    def ceil_(self) -> Lanes:
        return self.intrinsic("ceil")

    def trunc_(self) -> Lanes:
        return self.intrinsic("trunc")

    def rint_(self) -> Lanes:
        return self.intrinsic("roundeven")

    def abs_(self) -> Lanes:
        if is_float(self.dtype):
            return self.intrinsic("fabs")
        if self.dtype in UNSIGNED or self.dtype == BOOL:
            return self
        return (self < 0).select_(-self, self)

    def copysign_(self, sign: Any) -> Lanes:
        return self.intrinsic("copysign", sign)

    def fma_(self, y: Any, z: Any) -> Lanes:
        return self.intrinsic("fmuladd", y, z, flags=FLAGS)

    def minimum_(self, other: Any) -> Lanes:
        return self._extremum(other, lambda x, y: x < y, lambda x, y: x & y)

    def maximum_(self, other: Any) -> Lanes:
        return self._extremum(other, lambda x, y: x > y, lambda x, y: x | y)

    def _extremum(self, other: Any, wins: Callable[..., Any], on_bool: Callable[..., Any]) -> Lanes:
        """x if x wins or is NaN, else y: which is NaN where y is."""
        x, y = together(self, self._coerce(other))
        if x.dtype == BOOL:
            return on_bool(x, y)
        if not is_float(x.dtype):
            return wins(x, y).select_(x, y)
        return (x != x).select_(x, wins(x, y).select_(x, y))

    def bits_(self) -> Lanes:
        integer = INT64 if self.dtype == FLOAT64 else INT32
        return self._cast("bitcast", integer)

    def floats_(self) -> Lanes:
        return self._cast("bitcast", FLOAT64 if self.dtype == INT64 else FLOAT32)

    def bitcast_(self, dtype: np.dtype) -> Lanes:
        x = self.stored_() if is_half(self.dtype) else self
        if is_half(dtype):
            return loaded(x, dtype)
        if is_float(x.dtype) == is_float(dtype):
            return x.with_dtype(dtype)
        return x._cast("bitcast", dtype)

    def stored_(self) -> Lanes:
        """The bits that a half float has in memory, as uint16 lanes."""
        bits = half_floats.stored(self.code, self.dtype, self.ref, self.width)
        return Lanes(self.code, UINT16, self.width, bits)

    def rounded_(self) -> Lanes:
        """A half float's register rounded to the values that its dtype has."""
        return loaded(self.stored_(), self.dtype)

    def _cast(self, name: str, dtype: np.dtype) -> Lanes:
        source = self.type
        target = Lanes(self.code, dtype, self.width, "")
        return self.new(f"{name} {source} {self.ref} to {target.type}", dtype)

    def convert_(self, dtype: np.dtype) -> Lanes:
        if dtype == self.dtype:
            return self
        if dtype == BOOL:
            return self != 0
        if is_float(dtype):
            return self._to_float(dtype)
        if is_float(self.dtype):
            return self._float_to_integer(dtype)
        if self.dtype == BOOL or dtype.itemsize > self.dtype.itemsize:
            signed = self.dtype != BOOL and self.dtype not in UNSIGNED
            return self._cast("sext" if signed else "zext", dtype)
        if dtype.itemsize == self.dtype.itemsize:
            return self.with_dtype(dtype)
        return self._cast("trunc", dtype)

    def _to_float(self, dtype: np.dtype) -> Lanes:
        if not is_float(self.dtype):
            signed = self.dtype != BOOL and self.dtype not in UNSIGNED
            register = FLOAT64 if dtype == FLOAT64 else FLOAT32
            x = self._cast("sitofp" if signed else "uitofp", register)
        elif self.dtype == FLOAT64:
            x = self._to_register(dtype)
        else:
            x = self._cast("fpext", FLOAT64) if dtype == FLOAT64 else self
        x = x.with_dtype(dtype)
        return x.rounded_() if is_half(dtype) else x

    def _float_to_integer(self, dtype: np.dtype) -> Lanes:
        """Through int32 or int64 as NumPy does, so that narrow and unsigned targets wrap."""
        if dtype.itemsize < 4 or dtype == INT32:
            return self._cast("fptosi", INT32).convert_(dtype)
        if dtype == np.dtype("uint64"):
            return self._cast("fptoui", dtype)
        return self._cast("fptosi", INT64).convert_(dtype)

    def power_of_two_(self, dtype: np.dtype) -> Lanes:
        if dtype == FLOAT64:
            return ((self.convert_(INT64) + 1023) << 52).floats_()
        return ((self.convert_(INT32) + 127) << 23).floats_().with_dtype(dtype)

    @property
    def scales(self) -> bool:
        """Whether the processor multiplies such vectors by powers of two."""
        return self.code.scales and self.type in ("<16 x float>", "<8 x double>")

    def scaled_(self, k: Lanes) -> Lanes:
        """self * 2**floor(k)."""
        kind, mask = ("pd", "i8") if self.dtype == FLOAT64 else ("ps", "i16")
        current = "4"  # rounding as the thread has it
        ref = self.code.call(
            self.type, f"llvm.x86.avx512.mask.scalef.{kind}.512", (self.type, self.ref),
            (k.type, k.ref), (self.type, "zeroinitializer"), (mask, "-1"), ("i32", current),
        )  # fmt: skip
        return Lanes(self.code, self.dtype, self.width, ref)

    def select_(self, x: Any, y: Any) -> Lanes:
        """x where this bool is true, else y; a Python number takes the other's dtype."""
        if not isinstance(x, Lanes):
            x = y.constant_like(x)
        y = x._coerce(y)
        if self.width == 1 and max(x.width, y.width) > 1:
            x, y = together(x, y)
            return x.new(f"select i1 {self.ref}, {x.type} {x.ref}, {y.type} {y.ref}")
        c, x, y = together(self, x, y)
        return x.new(f"select {c.type} {c.ref}, {x.type} {x.ref}, {y.type} {y.ref}")

    def divide_(self, other: Any) -> Lanes:
        return self._binary(other, "", "udiv" if self.dtype in UNSIGNED else "sdiv")

    def fmod_float_(self, other: Any) -> Lanes:
        return self.libm_("fmod", other)

    def any_(self) -> str:
        """An i1: whether the bool is true in any lane."""
        if self.width == 1:
            return self.ref
        bits = self.code.let(f"bitcast {self.type} {self.ref} to i{self.width}")
        return self.code.let(f"icmp ne i{self.width} {bits}, 0")

    def rare_(self, usual: Lanes, otherwise: Callable[[], Lanes]) -> Lanes:
        def body() -> list[str]:
            slow = self.select_(otherwise(), usual)
            return [slow.ref]

        c, usual = together(self, usual)
        (ref,) = self.code.when(c.any_(), body, [(usual.type, usual.ref)])
        return Lanes(self.code, usual.dtype, usual.width, ref)

    def libm_(self, name: str, *others: Any) -> Lanes:
        """The C library's function for float64, one lane after the other."""
        xs = together(self, *(self._coerce(y) for y in others))
        wide = [x.convert_(FLOAT64) for x in xs]
        function = name if xs[0].width == 1 else self._each_lane(name, len(xs), xs[0].width)
        result = self.code.call(wide[0].type, function, *((x.type, x.ref) for x in wide))
        return Lanes(self.code, FLOAT64, wide[0].width, result)._to_register(self.dtype)

    def _to_register(self, dtype: np.dtype) -> Lanes:
        """float64 lanes in the register of another float's lanes."""
        if dtype == FLOAT64:
            return self
        x = self._cast("fptrunc", FLOAT32)
        return (self._made_odd(x) if dtype == FLOAT16 else x).with_dtype(dtype)

    def _made_odd(self, x: Lanes) -> Lanes:
        """x, these float64 lanes as float32, rounded to odd: cut off, the last bit set where that
        loses anything. Then rounding to float16 is as if it were the only one (Boldo and Melquiond
        2008). LLVM joins two plain roundings into one for which it has no code."""
        back = x._cast("fpext", FLOAT64)
        cut = x.bits_() - (back.abs_() > self.abs_()).convert_(INT32)
        return (cut | (back != self).convert_(INT32)).floats_()

    def _each_lane(self, name: str, n: int, width: int) -> str:
        """A function of the module that calls `name` for every lane."""
        function, v = f"each_{name}_{width}", f"<{width} x double>"
        places = [*(f"%p{k}" for k in range(n)), "%r"]
        lines = [f"{p} = alloca {v}" for p in places]
        lines += [f"store {v} %a{k}, ptr %p{k}" for k in range(n)]
        lines += ["br label %each", "each:", "%i = phi i64 [0, %entry], [%next, %each]"]
        lines += [f"{p}.i = getelementptr double, ptr {p}, i64 %i" for p in places]
        lines += [f"%x{k} = load double, ptr %p{k}.i" for k in range(n)]
        scalars = ", ".join(f"double %x{k}" for k in range(n))
        lines += [f"%y = call double @{name}({scalars})", "store double %y, ptr %r.i",
                  "%next = add i64 %i, 1", f"%more = icmp ult i64 %next, {width}",
                  "br i1 %more, label %each, label %done", "done:",
                  f"%last = load {v}, ptr %r"]  # fmt: skip
        parameters = ", ".join(f"{v} %a{k}" for k in range(n))
        self.code.declared[name] = f"declare double @{name}({', '.join(['double'] * n)})"
        self.code.definitions[function] = "\n".join([
            f"define internal {v} @{function}({parameters}) noinline {{",
            "entry:", *lines, f"ret {v} %last", "}",
        ])  # fmt: skip
        return function

    # ------------------------------------------------------------------------------ shuffles

    def shuffled(self, other: Lanes, order: Sequence[int]) -> Lanes:
        """Lanes by number, of self and then of `other`."""
        mask = ", ".join(f"i32 {i}" for i in order)
        return self.new(
            f"shufflevector {self.type} {self.ref}, {other.type} {other.ref}, "
            f"<{len(order)} x i32> <{mask}>",
            width=len(order),
        )

    def halves(self) -> tuple[Lanes, Lanes]:
        """The lower and the upper half of the lanes."""
        half = self.width // 2
        if half == 1:
            return self.first(), self.first(1)
        return self.shuffled(self, range(half)), self.shuffled(self, range(half, self.width))

    def first(self, number: int = 0) -> Lanes:
        """One lane."""
        if self.width == 1:
            return self
        return self.new(f"extractelement {self.type} {self.ref}, i64 {number}", width=1)

    def reversed_(self) -> Lanes:
        return self.shuffled(self, range(self.width)[::-1])


def mangled(dtype: np.dtype, width: int) -> str:
    """How intrinsics name a lane's type."""
    t = {"float": "f32", "double": "f64"}.get(register_type(dtype), register_type(dtype))
    return t if width == 1 else f"v{width}{t}"


def together(*xs: Lanes) -> tuple[Lanes, ...]:
    """All with as many lanes as the widest."""
    widths = {x.width for x in xs}
    return xs if len(widths) == 1 else tuple(x.widened(max(widths)) for x in xs)


def loaded(bits: Lanes, dtype: np.dtype) -> Lanes:
    """The float32 register of a half float given by its uint16 bits."""
    register = half_floats.loaded(bits.code, dtype, bits.ref, bits.width)
    return Lanes(bits.code, dtype, bits.width, register)


def iota(code: Code, width: int, dtype: np.dtype, step: int = 1) -> Lanes:
    """0, step, 2*step, ... in the lanes."""
    return Lanes(code, dtype, width, _iota(width, dtype, step), constant=True)


@lru_cache(1024)
def _iota(width: int, dtype: np.dtype, step: int) -> str:
    t = register_type(dtype)
    values = ", ".join(f"{t} {literal(step * i, dtype)}" for i in range(width))
    return f"<{values}>" if width > 1 else "0"
