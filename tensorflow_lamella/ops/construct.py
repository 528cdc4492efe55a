"""Making tensors: constants, ranges, casts, and the shape of what there is."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dispatch import Array, T, op
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.core.shape import sizes
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.names import export


@op("constant")
def constant(value: Any, dtype: Any = None, shape: Any = None) -> Any:
    """A tensor of `value`, which Python lists may nest; one number fills the whole `shape`."""
    array = to_array(value, numpy_dtype(dtype))
    if shape is None:
        return array
    wanted = sizes(shape)
    return np.broadcast_to(array, wanted) if array.size == 1 else np.reshape(array, wanted)


@op("convert_to_tensor")
def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None) -> Any:
    return to_array(value, numpy_dtype(dtype), numpy_dtype(dtype_hint))


@op("cast", "dtypes.cast")
def cast(x: Array, dtype: Any) -> Any:
    """`x` with another dtype; a complex number loses its imaginary part."""
    wanted = numpy_dtype(dtype)
    if x.dtype == wanted:
        return x
    if x.dtype.kind == "c" and wanted.kind != "c":
        x = np.real(x)
    return x.astype(wanted)


@op("dtypes.saturate_cast", "saturate_cast")
def saturate_cast(value: Array, dtype: Any) -> Any:
    limits = np.iinfo(numpy_dtype(dtype)) if numpy_dtype(dtype).kind in "iu" else None
    if limits is not None:
        value = np.clip(value, limits.min, limits.max)
    return value.astype(numpy_dtype(dtype))


@op("identity")
def identity(input: Array) -> Any:
    return input


@op("zeros")
def zeros(shape: Any, dtype: Any = "float32", layout: Any = None) -> Any:
    return _filled(sizes(shape), numpy_dtype(dtype), 0)


@op("ones")
def ones(shape: Any, dtype: Any = "float32", layout: Any = None) -> Any:
    return _filled(sizes(shape), numpy_dtype(dtype), 1)


@op("fill")
def fill(dims: Any, value: Array, layout: Any = None) -> Any:
    return np.broadcast_to(value, sizes(dims))


@op("zeros_like")
def zeros_like(input: Array, dtype: Any = None, layout: Any = None) -> Any:
    return _filled(input.shape, numpy_dtype(dtype) or input.dtype, 0)


@op("ones_like")
def ones_like(input: Array, dtype: Any = None, layout: Any = None) -> Any:
    return _filled(input.shape, numpy_dtype(dtype) or input.dtype, 1)


def _filled(shape: tuple[int, ...], dtype: Any, value: int) -> np.ndarray:
    if dtype == np.dtype(object):
        value = b"" if value == 0 else b"1"  # type: ignore[assignment]
    return np.full(shape, value, dtype)


@op("eye", "linalg.eye")
def eye(num_rows: Any, num_columns: Any = None, batch_shape: Any = None,
        dtype: Any = "float32") -> Any:  # fmt: skip
    rows, columns = int(num_rows), None if num_columns is None else int(num_columns)
    one = np.eye(rows, columns, dtype=numpy_dtype(dtype))
    return one if batch_shape is None else np.broadcast_to(one, (*sizes(batch_shape), *one.shape))


@op("range")
def range_(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None) -> Any:
    """start, start + delta, ... below limit; with one argument from 0. The bounds are numbers."""
    if limit is None:
        start, limit = 0, start
    numbers = [to_array(x) for x in (start, limit, delta)]
    if dtype is None:
        kinds = [x.dtype for x in numbers]
        order = [np.dtype(k) for k in (np.int32, np.int64, np.float32, np.float64)]
        dtype = max(kinds, key=lambda k: order.index(k) if k in order else -1)
    first, last, step = (x.item() for x in numbers)
    return np.arange(first, last, step).astype(numpy_dtype(dtype))


@op("linspace", "linalg.linspace", "lin_space")
def linspace(start: T, stop: T, num: Any, axis: int = 0) -> Any:
    if start.dtype.kind in "iu":
        start, stop = start.astype(np.float64), stop.astype(np.float64)
    return np.linspace(start, stop, int(num), axis=axis).astype(start.dtype)


@op("shape")
def shape(input: Array, out_type: Any = "int32") -> Any:
    """The sizes; known while a function is traced, so that they can be sizes of others."""
    return np.array(np.shape(input), numpy_dtype(out_type))


@op("shape_n")
def shape_n(input: Any, out_type: Any = "int32") -> Any:
    return [np.array(np.shape(x), numpy_dtype(out_type)) for x in input]


@op("size")
def size(input: Array, out_type: Any = "int32") -> Any:
    return np.array(np.size(input), numpy_dtype(out_type))


@op("rank")
def rank(input: Array) -> Any:
    return np.array(np.ndim(input), np.int32)


@export("is_tensor")
def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor or a variable."""
    return isinstance(x, Tensor) or hasattr(x, "__lamella_array__")


@export("get_static_value")
def get_static_value(tensor: Any, partial: bool = False) -> Any:
    """The numbers of a tensor where they are known, None while they are being traced."""
    try:
        return np.asarray(tensor)
    except (NotImplementedError, TypeError):
        return None
