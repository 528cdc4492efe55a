"""Tensors: `numpy.ndarray` outside a trace, `Tracer` inside."""

from __future__ import annotations

import functools
import inspect

import ml_dtypes
import numpy as np
from keras.src import tree
from keras.src.backend import config
from keras.src.backend.common import KerasVariable, dtypes, standardize_dtype
from keras.src.backend.common.masking import get_keras_mask, set_keras_mask

from keras_lamella.src.float8 import FLOAT8, round_to_float8
from keras_lamella.src.words.traced import Words
from lamella.frontend.eager import ConcreteTracer
from lamella.frontend.tracer import Tracer
from lamella.program import is_building

_WIDE = frozenset(np.dtype(name) for name in ("int64", "uint64", "float64", "complex128"))
DTYPES = {name: np.dtype(name) for name in dtypes.ALLOWED_DTYPES if name != "string"}
assert ml_dtypes  # registers bfloat16 and the float8 types with NumPy


class Tensor(np.ndarray):
    """An array with the operators of Keras's tensors.

    Augmented assignments make a new array: tensors never change, and Keras's layers, and those of
    users, write `x += y` for arrays that others hold as well. Python's numbers have no dtype:
    bfloat16 stays bfloat16.
    """

    __iand__, __ior__, __ixor__ = np.ndarray.__and__, np.ndarray.__or__, np.ndarray.__xor__
    __ilshift__, __irshift__ = np.ndarray.__lshift__, np.ndarray.__rshift__

    def __repr__(self):
        return repr(np.asarray(self))

    def __reduce__(self):
        return np.asarray(self).__reduce__()


def _keeping_bfloat16(f):
    @functools.wraps(f)
    def operator(self, other):
        if self.dtype != DTYPES["bfloat16"]:
            return f(self, other)
        if type(other) in (int, float):
            other = ml_dtypes.bfloat16(other)
        out = f(self, other)
        half = getattr(other, "dtype", None) == self.dtype
        return out.astype(self.dtype) if half and isinstance(out, np.ndarray) else out

    return operator


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    for _side in ("", "r"):
        _plain = getattr(np.ndarray, f"__{_side}{_name}__")
        setattr(Tensor, f"__{_side}{_name}__", _keeping_bfloat16(_plain))
    setattr(Tensor, f"__i{_name}__", getattr(Tensor, f"__{_name}__"))


def as_tensor(x):
    """`x`; an array as a Tensor."""
    return x.view(Tensor) if type(x) is np.ndarray else x


def as_tensors(x):
    """Arrays in nested lists, tuples and dicts as Tensors, with their masks."""
    if type(x) is np.ndarray:
        mask, x = get_keras_mask(x), x.view(Tensor)
        if mask is not None:
            set_keras_mask(x, mask)
        return x
    if type(x) in (list, tuple):
        return type(x)(map(as_tensors, x))
    return {k: as_tensors(v) for k, v in x.items()} if type(x) is dict else x


def return_tensors(module):
    """Let the functions of an op module, given as its `globals()`, return Tensors."""
    for name in module["__all__"]:
        if inspect.isfunction(module[name]):
            module[name] = _returning_tensors(module[name])


def _returning_tensors(f):
    @functools.wraps(f)
    def g(*args, **kwargs):
        out = f(*args, **kwargs)
        if type(out) is np.ndarray:
            return out.view(Tensor)
        return type(out)(map(as_tensor, out)) if type(out) in (list, tuple) else out

    return g


def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """`x` as a tensor; without `dtype`, 64-bit dtypes become 32-bit ones (Keras's rule)."""
    return as_tensor(_convert(x, dtype, sparse, ragged))


def _convert(x, dtype, sparse, ragged):
    if sparse or ragged:
        kind = "sparse" if sparse else "ragged"
        raise ValueError(f"`{kind}=True` is not supported with the lamella backend")
    if isinstance(x, Words) and dtype in (None, "string"):
        return x
    if dtype is not None and not isinstance(dtype, np.dtype):
        if dtype == "string":
            return x if isinstance(x, np.ndarray) else np.asarray(x)
        dtype = DTYPES[standardize_dtype(dtype)]
    if isinstance(x, KerasVariable):
        x = x.value
    if isinstance(x, ConcreteTracer) and not is_building():
        x = x.array
    if isinstance(x, (np.ndarray, np.generic, Tracer)):
        if dtype is None:
            if x.dtype not in _WIDE or x.dtype.name == config.floatx():
                return x
            dtype = DTYPES[dtypes.BIT64_TO_BIT32_DTYPE[x.dtype.name]]
        if dtype in FLOAT8 and isinstance(x, Tracer):
            return round_to_float8(x, dtype)
        return x if x.dtype == dtype else x.astype(dtype)
    return _from_python(x, dtype)


def _from_python(x, dtype):
    """Numbers, nested lists, and the arrays of other libraries."""
    if hasattr(x, "__lamella_array__"):
        return convert_to_tensor(x.__lamella_array__(), dtype)
    if hasattr(x, "__array__"):
        return convert_to_tensor(np.asarray(x), dtype)
    leaves = tree.flatten(x)
    if any(leaf is None for leaf in leaves):
        raise ValueError(f"a tensor is wanted, {x!r} is given: were the targets of fit left out?")
    if dtype is None:
        kinds = (getattr(leaf, "dtype", type(leaf)) for leaf in leaves)
        dtype = DTYPES[dtypes.result_type(*kinds)]
    if any(isinstance(leaf, Tracer) or hasattr(leaf, "__lamella_array__") for leaf in leaves):
        return _stack(x, dtype)
    if dtype.kind == "V" or dtype == DTYPES["bfloat16"]:
        return np.asarray(x).astype(dtype)
    return np.array(x, dtype=dtype)


def _stack(x, dtype):
    """A nested list with traced leaves as one tensor."""
    if isinstance(x, (list, tuple)):
        return np.stack([_stack(item, dtype) for item in x])
    return convert_to_tensor(x, dtype)


def convert_to_numpy(x):
    """A copy of `x`."""
    return np.array(x.value if isinstance(x, KerasVariable) else x)


def is_tensor(x):
    return isinstance(x, (np.ndarray, np.generic, Tracer, Words))


def shape(x):
    return x.shape


def cast(x, dtype):
    return convert_to_tensor(x, dtype=dtype)
