"""float16 and bfloat16: 16 bits in memory, float32 in registers."""

from __future__ import annotations

import numpy as np

from lamella.kernels.text import Text, vector_type
from lamella.types import FLOATS, bfloat16


def is_half(dtype: np.dtype) -> bool:
    """Whether this is float16 or bfloat16."""
    return dtype in FLOATS and dtype.itemsize == 2


def loaded(text: Text, dtype: np.dtype, bits: str, lanes: int) -> str:
    """Half floats, given by their bits, as float32."""
    shorts, words, floats = (vector_type(t, lanes) for t in ("i16", "i32", "float"))
    if dtype != bfloat16:
        half = vector_type("half", lanes)
        narrow = text.let(f"bitcast {shorts} {bits} to {half}")
        return text.let(f"fpext {half} {narrow} to {floats}")
    wide = text.let(f"zext {shorts} {bits} to {words}")
    shifted = text.let(f"shl {words} {wide}, {_word(16, lanes)}")
    return text.let(f"bitcast {words} {shifted} to {floats}")


def stored(text: Text, dtype: np.dtype, x: str, lanes: int) -> str:
    """The bits of float32 numbers rounded to half floats."""
    shorts, floats = vector_type("i16", lanes), vector_type("float", lanes)
    if dtype != bfloat16:
        half = vector_type("half", lanes)
        narrow = text.let(f"fptrunc {floats} {x} to {half}")
        return text.let(f"bitcast {half} {narrow} to {shorts}")
    return _stored_bfloat16(text, x, lanes)


def _stored_bfloat16(text: Text, x: str, lanes: int) -> str:
    """In integers: most processors cannot, and LLVM would call a function that no library has."""
    shorts, words, floats = (vector_type(t, lanes) for t in ("i16", "i32", "float"))
    bits = text.let(f"bitcast {floats} {x} to {words}")
    high = text.let(f"lshr {words} {bits}, {_word(16, lanes)}")
    odd = text.let(f"and {words} {high}, {_word(1, lanes)}")
    below_half = text.let(f"add {words} {bits}, {_word(0x7FFF, lanes)}")
    carried = text.let(f"add {words} {below_half}, {odd}")
    rounded = text.let(f"lshr {words} {carried}, {_word(16, lanes)}")
    quiet = text.let(f"or {words} {high}, {_word(0x40, lanes)}")
    nan = text.let(f"fcmp uno {floats} {x}, {x}")
    result = text.let(
        f"select {vector_type('i1', lanes)} {nan}, {words} {quiet}, {words} {rounded}"
    )
    return text.let(f"trunc {words} {result} to {shorts}")


def _word(value: int, lanes: int) -> str:
    return str(value) if lanes == 1 else f"splat (i32 {value})"
