"""tf.DType: the name of an element type, over a NumPy dtype."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from tensorflow_lamella.names import put


class DType:
    """An element type: `tf.float32` and its like. Equal to its name and to its NumPy dtype.

    >>> tf.float32 == "float32" == np.float32(1).dtype.name
    True
    """

    def __init__(self, name: str, dtype: Any) -> None:
        self.name = name
        self.dtype = np.dtype(dtype)  # NumPy reads it: np.zeros(3, dtype=tf.float32)

    @property
    def as_numpy_dtype(self) -> Any:
        """The NumPy scalar type."""
        return np.object_ if self.name == "string" else self.dtype.type

    @property
    def base_dtype(self) -> DType:
        """Itself: the reference types of TensorFlow 1 are not kept apart."""
        return self

    real_dtype = property(lambda self: as_dtype(_REAL.get(self.name, self.name)))
    is_floating = property(lambda self: self.name in FLOATS)
    is_complex = property(lambda self: self.dtype.kind == "c")
    is_integer = property(lambda self: self.dtype.kind in "iu")
    is_bool = property(lambda self: self.name == "bool")
    is_unsigned = property(lambda self: self.dtype.kind == "u")
    is_numpy_compatible = property(lambda self: True)
    size = property(lambda self: self.dtype.itemsize)

    @property
    def min(self) -> Any:
        """The smallest finite value."""
        return self._limits().min

    @property
    def max(self) -> Any:
        """The largest finite value."""
        return self._limits().max

    @property
    def limits(self) -> tuple[Any, Any]:
        """(min, max)."""
        return self.min, self.max

    def _limits(self) -> Any:
        if self.is_floating:
            return ml_dtypes.finfo(self.dtype)
        if self.is_integer:
            return np.iinfo(self.dtype)
        raise TypeError(f"{self!r} has no smallest and largest value")

    def is_compatible_with(self, other: Any) -> bool:
        """Whether both are the same type."""
        return self == other

    def __eq__(self, other: Any) -> bool:
        if other is None:
            return False
        try:
            return self.name == as_dtype(other).name
        except TypeError:
            return False

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: '{self.name}'>"

    def __reduce__(self) -> Any:
        return as_dtype, (self.name,)


FLOATS = ("float16", "bfloat16", "float32", "float64")
_REAL = {"complex64": "float32", "complex128": "float64"}
_ALIASES = {"half": "float16", "float": "float32", "double": "float64", "int": "int32"}

_dtypes = {name: DType(name, name) for name in (
    "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16",
    "uint32", "uint64", "bool", "complex64", "complex128",
)}  # fmt: skip
_dtypes["bfloat16"] = DType("bfloat16", ml_dtypes.bfloat16)
_dtypes["string"] = DType("string", object)
_by_numpy = {d.dtype: d for d in _dtypes.values()}
_by_python = {float: "float32", int: "int32", bool: "bool", complex: "complex128",
              str: "string", bytes: "string"}  # fmt: skip
_NUMBERS = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string",
    8: "complex64", 9: "int64", 10: "bool", 14: "bfloat16", 17: "uint16", 18: "complex128",
    19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip
"""The numbers of TensorFlow's dtypes: `tf.zeros(3, 1)` is of float32."""


def as_dtype(spec: Any) -> DType:
    """The DType of a DType, a name, a number, a NumPy dtype or a Python type; else a TypeError."""
    if isinstance(spec, DType):
        return spec
    if type(spec) is int and spec in _NUMBERS:
        return _dtypes[_NUMBERS[spec]]
    if isinstance(spec, type) and spec in _by_python:
        spec = _by_python[spec]
    if isinstance(spec, str):
        name = _ALIASES.get(spec, spec)
        if name in _dtypes:
            return _dtypes[name]
    try:
        dtype = np.dtype(spec)
    except TypeError:
        dtype = None
    if dtype is not None and dtype.kind in "SU":
        return _dtypes["string"]
    if dtype not in _by_numpy:
        raise TypeError(f"{spec!r} is not the dtype of a tensor; expected one of {list(_dtypes)}")
    return _by_numpy[dtype]


def numpy_dtype(spec: Any) -> Any:
    """The NumPy dtype of whatever `as_dtype` takes; None stays None."""
    return None if spec is None else as_dtype(spec).dtype


put(DType, "DType", "dtypes.DType")
put(as_dtype, "as_dtype", "dtypes.as_dtype")
for _name, _dtype in _dtypes.items():
    put(_dtype, _name, f"dtypes.{_name}")
put(_dtypes["float64"], "double", "dtypes.double")
put(_dtypes["float16"], "half", "dtypes.half")
