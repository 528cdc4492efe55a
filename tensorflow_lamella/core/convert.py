"""Anything that a program passes as a tensor, as an array of the engine: NumPy's or a Tracer.

Arrays of strings are object arrays of bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras.src.backend.common import KerasVariable

from lamella.frontend.tracer import Tracer
from tensorflow_lamella.core import state
from tensorflow_lamella.core.dtypes import as_dtype
from tensorflow_lamella.errors import DifferentDtypes

_INT32 = np.iinfo(np.int32)
_STRING = np.dtype(object)


def to_array(x: Any, dtype: np.dtype | None = None, hint: np.dtype | None = None) -> Any:
    """`x` as an array.

    Args:
        x: a tensor, variable, array, number, string, or nested lists of those.
        dtype: what it must be. Values without a dtype of their own (Python's, NumPy's) are cast.
        hint: what values without a dtype of their own become, where that loses no kind.

    Raises:
        ValueError: a tensor of another dtype than `dtype`, None, or lists of uneven lengths.
        TypeError: a number that `dtype` cannot hold, such as 0.5 as an integer.
    """
    if isinstance(x, np.ndarray | np.generic):
        return _from_numpy(np.asarray(x), dtype, hint)
    found = raw(x)
    if found is not None:
        if dtype is not None and found.dtype != dtype:
            raise ValueError(
                f"Tensor conversion requested dtype {as_dtype(dtype).name} for Tensor with dtype "
                f"{as_dtype(found.dtype).name}: {x!r}; use tf.cast"
            )
        return found
    if x is None:
        raise ValueError("Attempt to convert a value (None) with an unsupported type to a Tensor.")
    return _from_python(x, dtype, hint)


def raw(x: Any) -> Any:
    """The array inside of a tensor, a variable or a Tracer; None for other things."""
    if isinstance(x, Tracer):
        return state.current(x)
    if isinstance(x, KerasVariable):
        return state.current(x.value)
    if hasattr(x, "__lamella_array__"):
        return x.__lamella_array__()
    return None


def _from_numpy(x: np.ndarray, dtype: np.dtype | None, hint: np.dtype | None) -> np.ndarray:
    if x.dtype.kind in "SU":
        return _strings(x)
    if dtype is not None:
        return x if x.dtype == dtype else _cast(x, dtype)
    if hint is not None and x.dtype != hint and _fits(x.dtype, hint):
        return x.astype(hint)
    return x


def _fits(dtype: np.dtype, hint: np.dtype) -> bool:
    """Whether a value of this dtype may silently become `hint`: kinds only go up."""
    order = "biufVc"  # bfloat16 has kind V
    return dtype.kind != "b" and hint.kind in order and dtype.kind in order and (
        order.index(dtype.kind) <= order.index(hint.kind)
    )  # fmt: skip


def _from_python(x: Any, dtype: np.dtype | None, hint: np.dtype | None) -> Any:
    if isinstance(x, (list, tuple)) and any(map(_holds_tensor, x)):
        return _stack(x, dtype, hint)
    if hasattr(x, "__array__"):
        return _from_numpy(np.asarray(x), dtype, hint)
    array = _plain(x)
    if array.dtype == _STRING:
        return array
    if dtype is not None:
        return _cast(array, dtype)
    if hint is not None and _fits(array.dtype, hint):
        return array.astype(hint)
    return array.astype(_default(array)) if not _typed(x) else array


def _plain(x: Any) -> np.ndarray:
    text = isinstance(_first(x), (str, bytes))  # NumPy's own strings lose zeros at their ends
    try:
        array = np.asarray(x, object) if text else np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"Can't convert non-rectangular Python sequence to Tensor: {error}; tf.ragged is not "
            "supported, pad the rows to one length"
        ) from None
    if array.dtype.kind in "SU":
        return _strings(array)
    if array.dtype == object and not all(isinstance(s, (str, bytes)) for s in array.flat):
        raise ValueError(f"Attempt to convert a value ({x!r}) with an unsupported type "
                         f"({type(x)}) to a Tensor.")  # fmt: skip
    return _strings(array) if array.dtype == object else array


def _default(array: np.ndarray) -> np.dtype:
    """What Python numbers become: float32, int32 where they fit."""
    if array.dtype.kind == "f":
        return np.dtype(np.float32)
    if array.dtype.kind in "iu":
        small = array.size == 0 or (_INT32.min <= array.min() and array.max() <= _INT32.max)
        return np.dtype(np.int32 if small else np.int64)
    return array.dtype


def _first(x: Any) -> Any:
    """The first leaf of nested lists."""
    while isinstance(x, (list, tuple)) and x:
        x = x[0]
    return x


def _typed(x: Any) -> bool:
    """Whether the numbers in nested lists are NumPy's, with a dtype of their own."""
    return isinstance(_first(x), (np.generic, np.ndarray))


def _cast(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if array.dtype == _STRING or dtype == _STRING:
        if array.dtype == dtype:
            return array
        raise TypeError(f"Cannot convert {array.tolist()!r} to EagerTensor of dtype "
                        f"{as_dtype(dtype).name}")  # fmt: skip
    if array.dtype.kind in "fc" and dtype.kind in "iub" and array.size:
        raise TypeError(f"Cannot convert {array.tolist()!r} to EagerTensor of dtype "
                        f"{as_dtype(dtype).name}")  # fmt: skip
    return array.astype(dtype)


def _strings(array: np.ndarray) -> np.ndarray:
    out = np.empty(array.shape, object)
    for index, s in np.ndenumerate(array):
        out[index] = s.encode() if isinstance(s, str) else bytes(s)
    return out


def _holds_tensor(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return any(map(_holds_tensor, x))
    return isinstance(x, (Tracer, KerasVariable)) or hasattr(x, "__lamella_array__")


def _stack(x: Any, dtype: np.dtype | None, hint: np.dtype | None) -> Any:
    """Nested lists with tensors in them; the others take the dtype of the first tensor."""
    if dtype is None:
        dtype = _first_tensor(x).dtype

    def build(item: Any) -> Any:
        if isinstance(item, (list, tuple)) and any(map(_holds_tensor, item)):
            return np.stack([build(i) for i in item])
        return to_array(item, dtype)

    return build(x)


def _first_tensor(x: Any) -> Any:
    for item in x:
        found = _first_tensor(item) if isinstance(item, (list, tuple)) else raw(item)
        if found is not None:
            return found
    return None


def matching(values: list[Any], what: str) -> list[Any]:
    """Operands of one op that must have one dtype: the first tensor among them decides it.

    Raises TypeError where two tensors differ.
    """
    found = [raw(x) for x in values]
    typed = [x for x in found if x is not None]
    if not typed:
        return _matching_values(values)
    dtype = typed[0].dtype
    for x in typed:
        if x.dtype != dtype:
            raise DifferentDtypes(
                f"{what}: the tensors must have one dtype, got {as_dtype(dtype).name} and "
                f"{as_dtype(x.dtype).name}; use tf.cast"
            )
    return [to_array(x, dtype) if f is None else f for x, f in zip(values, found)]


def _matching_values(values: list[Any]) -> list[Any]:
    """Only values without tensors: arrays decide over Python's numbers, floats over integers."""
    arrays = [x for x in values if isinstance(x, (np.ndarray, np.generic))]
    if arrays:
        dtype = arrays[0].dtype
        return [to_array(x, hint=dtype) for x in values]
    plain = [to_array(x) for x in values]
    if len({x.dtype for x in plain}) == 1:
        return plain
    dtype = max((x.dtype for x in plain), key=lambda d: "biufVcO".index(d.kind))
    return [to_array(x, hint=dtype) for x in values]
