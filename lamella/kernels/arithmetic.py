"""The arithmetic of sums of products for each dtype.

float16 and bfloat16 are multiplied and summed as float32; integers wrap.
"""

from __future__ import annotations

import numpy as np

from lamella.kernels import half_floats
from lamella.kernels.half_floats import is_half
from lamella.kernels.text import Text, scalar_type, vector_type
from lamella.types import is_float


class Arithmetic:
    """Loads, multiply-adds and stores of one dtype, for one lane or for vectors.

    `element` is the LLVM type of operands in memory, `result` that of results, `sum` that of
    products and sums, `sum_dtype` its dtype; `products` are added by one multiply-add.
    """

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.sum_dtype = np.dtype(np.float32) if is_half(dtype) else dtype
        self.element = self.result = scalar_type(dtype)
        self.sum = scalar_type(self.sum_dtype)
        self.products = 1
        self.floating = is_float(dtype)

    def zero(self, lanes: int) -> str:
        if lanes > 1:
            return "zeroinitializer"
        return "0.0" if self.floating else "0"

    def load(self, text: Text, pointer: str, lanes: int = 1, mask: str | None = None) -> str:
        """Elements as `sum`s; lanes that `mask` leaves out are 0."""
        return self.widen(text, _load(text, pointer, self.element, lanes, mask), lanes)

    def widen(self, text: Text, x: str, lanes: int) -> str:
        """Elements converted to `sum`s."""
        if self.element == self.sum:
            return x
        return half_floats.loaded(text, self.dtype, x, lanes)

    def narrow(self, text: Text, x: str, lanes: int) -> str:
        """`sum`s rounded to results."""
        if self.result == self.sum:
            return x
        return half_floats.stored(text, self.dtype, x, lanes)

    def splat(self, text: Text, x: str, lanes: int) -> str:
        """The sum x in every lane."""
        if lanes == 1:
            return x
        t = vector_type(self.sum, lanes)
        one = text.let(f"insertelement {t} poison, {self.sum} {x}, i64 0")
        zeros = f"<{lanes} x i32> zeroinitializer"
        return text.let(f"shufflevector {t} {one}, {t} poison, {zeros}")

    def multiply_add(self, text: Text, x: str, y: str, z: str, lanes: int = 1) -> str:
        """x*y + z, fused where the processor does that."""
        t = vector_type(self.sum, lanes)
        if self.floating:
            suffix = f"f{8 * self.sum_dtype.itemsize}"
            name = f"llvm.fmuladd.{suffix if lanes == 1 else f'v{lanes}{suffix}'}"
            return text.call(t, name, (t, x), (t, y), (t, z))
        product = text.let(f"mul {t} {x}, {y}")
        return self.add(text, product, z, lanes)

    def add(self, text: Text, x: str, y: str, lanes: int = 1) -> str:
        operation = "fadd" if self.floating else "add"
        return text.let(f"{operation} {vector_type(self.sum, lanes)} {x}, {y}")

    def store(self, text: Text, pointer: str, x: str, lanes: int = 1,
              mask: str | None = None) -> None:  # fmt: skip
        """Sums, rounded to results."""
        _store(text, pointer, self.narrow(text, x, lanes), self.result, lanes, mask)

    def load_sum(self, text: Text, pointer: str, lanes: int = 1, mask: str | None = None) -> str:
        return _load(text, pointer, self.sum, lanes, mask)

    def store_sum(
        self, text: Text, pointer: str, x: str, lanes: int = 1, mask: str | None = None
    ) -> None:
        _store(text, pointer, x, self.sum, lanes, mask)


def mask_of(lanes: int, used: int) -> str | None:
    """The constant mask whose first `used` lanes are on; None when all are."""
    if used >= lanes:
        return None
    return "<" + ", ".join(f"i1 {int(i < used)}" for i in range(lanes)) + ">"


def bytes_of(scalar: str) -> int:
    """Of an element of an LLVM type."""
    return {"bfloat": 2, "float": 4, "double": 8}.get(scalar) or int(scalar[1:]) // 8


def _mangled(scalar: str, lanes: int) -> str:
    short = {"bfloat": "bf16", "float": "f32", "double": "f64"}.get(scalar, scalar)
    return f"v{lanes}{short}"


def _load(text: Text, pointer: str, scalar: str, lanes: int, mask: str | None) -> str:
    t, align = vector_type(scalar, lanes), bytes_of(scalar)
    if mask is None:
        return text.let(f"load {t}, ptr {pointer}, align {align}")
    name = f"llvm.masked.load.{_mangled(scalar, lanes)}.p0"
    text.declared[name] = f"declare {t} @{name}(ptr, i32, <{lanes} x i1>, {t})"
    return text.let(
        f"call {t} @{name}(ptr {pointer}, i32 {align}, <{lanes} x i1> {mask}, {t} zeroinitializer)"
    )


def _store(text: Text, pointer: str, x: str, scalar: str, lanes: int, mask: str | None) -> None:
    t, align = vector_type(scalar, lanes), bytes_of(scalar)
    if mask is not None and mask == mask_of(lanes, 1):
        # A scalar: of narrowed lanes LLVM would store one with its full width.
        t, x, mask = scalar, text.let(f"extractelement {t} {x}, i64 0"), None
    if mask is None:
        text.do(f"store {t} {x}, ptr {pointer}, align {align}")
        return
    name = f"llvm.masked.store.{_mangled(scalar, lanes)}.p0"
    text.declared[name] = f"declare void @{name}({t}, ptr, i32, <{lanes} x i1>)"
    text.do(f"call void @{name}({t} {x}, ptr {pointer}, i32 {align}, <{lanes} x i1> {mask})")
