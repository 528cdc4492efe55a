"""keras.ops.core: flags, devices, shape inference; control flow is in `control`."""

from __future__ import annotations

import contextlib

from keras.src import tree
from keras.src.backend.common import standardize_dtype
from keras.src.backend.common.keras_tensor import KerasTensor
from keras.src.backend.common.name_scope import name_scope
from keras.src.backend.common.stateless_scope import StatelessScope
from keras.src.backend.common.symbolic_scope import SymbolicScope

from keras_lamella.src.ops import control
from keras_lamella.src.ops.control import *  # noqa: F403
from keras_lamella.src.tensor import (
    DTYPES,
    cast,
    convert_to_numpy,
    convert_to_tensor,
    is_tensor,
    shape,
)
from keras_lamella.src.variable import Variable
from lamella.frontend.trace import Trace
from lamella.program import building
from lamella.types import Type

SUPPORTS_SPARSE_TENSORS = False
SUPPORTS_RAGGED_TENSORS = False
SUPPORTS_COMPLEX_DTYPES = True
IS_THREAD_SAFE = False


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
        return trace.make_tracer(Type(shape, DTYPES[x.dtype]))

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
