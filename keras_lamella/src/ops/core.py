"""Tensors: plain `numpy.ndarray` outside a trace, `Tracer` inside."""

from __future__ import annotations

import contextlib

import ml_dtypes
import numpy as np
from keras.src import tree
from keras.src.backend.common import KerasVariable, dtypes, standardize_dtype
from keras.src.backend.common.keras_tensor import KerasTensor
from keras.src.backend.common.name_scope import name_scope
from keras.src.backend.common.stateless_scope import StatelessScope
from keras.src.backend.common.symbolic_scope import SymbolicScope

from keras_lamella.src.ops import control
from keras_lamella.src.ops.control import *
from keras_lamella.src.variable import Variable
from lamella.frontend.trace import Trace
from lamella.frontend.tracer import Tracer
from lamella.program import building
from lamella.types import Type

SUPPORTS_SPARSE_TENSORS = False
SUPPORTS_RAGGED_TENSORS = False
SUPPORTS_COMPLEX_DTYPES = True
IS_THREAD_SAFE = False

_WIDE = frozenset(np.dtype(name) for name in ("int64", "uint64", "float64", "complex128"))
_DTYPES = {name: np.dtype(name) for name in dtypes.ALLOWED_DTYPES if name != "string"}
assert ml_dtypes  # registers bfloat16 and the float8 types with NumPy


def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """`x` as a tensor; without `dtype`, 64-bit dtypes become 32-bit ones (Keras's rule)."""
    if sparse or ragged:
        kind = "sparse" if sparse else "ragged"
        raise ValueError(f"`{kind}=True` is not supported with the lamella backend")
    if dtype is not None and not isinstance(dtype, np.dtype):
        dtype = _DTYPES[standardize_dtype(dtype)]
    if isinstance(x, KerasVariable):
        x = x.value
    if isinstance(x, (np.ndarray, np.generic, Tracer)):
        if dtype is None:
            if x.dtype not in _WIDE:
                return x
            dtype = _DTYPES[dtypes.BIT64_TO_BIT32_DTYPE[x.dtype.name]]
        return x if x.dtype == dtype else x.astype(dtype)
    return _from_python(x, dtype)


def _from_python(x, dtype):
    leaves = tree.flatten(x)
    if dtype is None:
        kinds = (getattr(leaf, "dtype", type(leaf)) for leaf in leaves)
        dtype = _DTYPES[dtypes.result_type(*kinds)]
    if any(isinstance(leaf, Tracer) for leaf in leaves):
        return _stack(x, dtype)
    if dtype.kind == "V" or dtype == _DTYPES["bfloat16"]:
        return np.asarray(x).astype(dtype)
    return np.array(x, dtype=dtype)


def _stack(x, dtype):
    """A nested list with traced leaves as one tensor."""
    if isinstance(x, (list, tuple)):
        return np.stack([_stack(item, dtype) for item in x])
    return convert_to_tensor(x, dtype)


def convert_to_numpy(x):
    return np.array(x.value if isinstance(x, KerasVariable) else x)


def is_tensor(x):
    return isinstance(x, (np.ndarray, np.generic, Tracer))


def shape(x):
    return x.shape


def cast(x, dtype):
    return convert_to_tensor(x, dtype=dtype)


def random_seed_dtype():
    return "uint32"


@contextlib.contextmanager
def device_scope(device_name):
    yield


# Two sizes that stand for an unknown dimension: what differs between them is unknown too.
_UNKNOWN = (83, 89)


def compute_output_spec(fn, *args, **kwargs):
    """The KerasTensors that `fn` would return: traced, not computed."""
    with StatelessScope(), SymbolicScope():
        first = _trace_with(_UNKNOWN[0], fn, args, kwargs)
        leaves = tree.flatten((args, kwargs))
        if not any(isinstance(x, KerasTensor) and None in x.shape for x in leaves):
            return tree.map_structure(_spec, first, first)
        return tree.map_structure(_spec, first, _trace_with(_UNKNOWN[1], fn, args, kwargs))


def _trace_with(unknown, fn, args, kwargs):
    trace = Trace()

    def tracer(x):
        if not isinstance(x, KerasTensor):
            return x
        shape = tuple(unknown if d is None else d for d in x.shape)
        return trace.make_tracer(Type(shape, _DTYPES[x.dtype]))

    with building(trace):
        args, kwargs = tree.map_structure(tracer, (args, kwargs))
        return fn(*args, **kwargs)


def _spec(x, y):
    if not is_tensor(x):
        return x
    shape = (a if a == b else None for a, b in zip(x.shape, y.shape, strict=True))
    return KerasTensor(tuple(shape), standardize_dtype(x.dtype))


__all__ = [
    *control.__all__,
    "IS_THREAD_SAFE", "SUPPORTS_COMPLEX_DTYPES", "SUPPORTS_RAGGED_TENSORS",
    "SUPPORTS_SPARSE_TENSORS", "Variable", "cast", "compute_output_spec", "convert_to_numpy",
    "convert_to_tensor", "device_scope", "is_tensor", "name_scope", "random_seed_dtype", "shape",
]  # fmt: skip
