"""Types of the IR: a static shape and a NumPy dtype."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

bfloat16 = np.dtype(ml_dtypes.bfloat16)

FLOATS = (np.dtype("float16"), bfloat16, np.dtype("float32"), np.dtype("float64"))
SIGNED = tuple(np.dtype(f"int{n}") for n in (8, 16, 32, 64))
UNSIGNED = tuple(np.dtype(f"uint{n}") for n in (8, 16, 32, 64))
COMPLEX = (np.dtype("complex64"), np.dtype("complex128"))
BOOL = np.dtype(bool)
DTYPES = {d.name: d for d in (BOOL, *SIGNED, *UNSIGNED, *FLOATS, *COMPLEX)}


def dtype_of(spec: Any) -> np.dtype:
    """The supported NumPy dtype that `spec` (a name, a type or a dtype) stands for.

    Raises TypeError for dtypes that the engine has no meaning for (strings, objects, dates).
    """
    found = DTYPES.get(spec) if isinstance(spec, str) else None
    if found is None:
        found = np.dtype(spec).newbyteorder("=")
        if found.name not in DTYPES:
            raise TypeError(f"dtype {found} is not supported; expected one of {', '.join(DTYPES)}")
    return found


def is_float(dtype: np.dtype) -> bool:
    """True for float16, bfloat16, float32 and float64."""
    return dtype in FLOATS


def is_integer(dtype: np.dtype) -> bool:
    """True for the signed and unsigned integers; bool is not one."""
    return dtype in SIGNED or dtype in UNSIGNED


@dataclass(frozen=True, slots=True)
class Type:
    """Shape and dtype of a Value; prints as `float32[32,784]`."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{self.dtype.name}[{','.join(map(str, self.shape))}]"


def type_of(x: Any) -> Type:
    """The Type of an array, a scalar or anything with `.type`."""
    if hasattr(x, "type") and isinstance(x.type, Type):
        return x.type
    array = np.asarray(x)
    return Type(array.shape, dtype_of(array.dtype))
