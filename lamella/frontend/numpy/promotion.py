"""Operands as Values of the Program: constants, NumPy's promotion, casts and broadcasts."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from lamella import ops
from lamella.frontend.tracer import Tracer
from lamella.program import current_builder
from lamella.types import BOOL, bfloat16
from lamella.types import dtype_of as parse_dtype

#: Python scalars: NumPy lets them take the dtype of the arrays they meet (NEP 50).
WEAK = (int, float, complex)


@functools.cache
def dtype_of(spec: Any) -> np.dtype:
    """lamella.types.dtype_of, remembered."""
    return parse_dtype(spec)


@functools.cache
def name_of(dtype: np.dtype) -> str:
    """The name of a dtype, remembered: NumPy computes it anew each time."""
    return dtype.name


def is_weak(x: Any) -> bool:
    """True for Python numbers; bool is not one, it is np.bool as in NumPy."""
    return isinstance(x, WEAK) and not isinstance(x, (bool, np.generic))


def value(x: Any, dtype: Any = None) -> Tracer:
    """`x` as a Tracer of the Program being built, cast to `dtype` where given.

    x: a Tracer, an array or array-like, or an object whose `__lamella_array__()` is one.
    """
    if not isinstance(x, Tracer):
        x = _lift(x, dtype)
    return x if dtype is None else convert(x, dtype)


def _lift(x: Any, dtype: Any) -> Tracer:
    if hasattr(x, "__lamella_array__"):
        return value(x.__lamella_array__())
    if isinstance(x, (list, tuple)) and any(_holds_tracer(item) for item in x):
        return np.stack([value(item) for item in x])
    if dtype is not None and is_weak(x):
        return full((), dtype, x)
    array = np.asarray(x)
    dtype_of(array.dtype)
    if _is_uniform(array):
        return full(array.shape, array.dtype, array.reshape(-1)[0])
    tracer: Any = current_builder().lift(array)
    return tracer


def _is_uniform(array: np.ndarray) -> bool:
    """Whether all elements have the same bits; most arrays are refused after a few of them."""
    if array.size < 2:
        return array.size == 1
    flat = array.reshape(-1)
    first = flat[0].tobytes()
    return flat[:8].tobytes() == first * min(8, flat.size) and flat.tobytes() == first * flat.size


def _holds_tracer(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return any(map(_holds_tracer, x))
    return isinstance(x, Tracer) or hasattr(x, "__lamella_array__")


def full(shape: tuple[int, ...], dtype: Any, fill: Any) -> Tracer:
    """A constant array made inside the Program; `fill` must be representable in `dtype`."""
    dtype = dtype_of(dtype)
    return ops.full(shape=tuple(shape), dtype=name_of(dtype), value=python_scalar(fill, dtype))


def python_scalar(fill: Any, dtype: np.dtype) -> Any:
    """`fill` as the Python number that stands for it in `dtype`; OverflowError as in NumPy."""
    if isinstance(fill, (np.generic, np.ndarray)):
        fill = np.asarray(fill).astype(dtype).item()
    if dtype == BOOL:
        return bool(fill)
    if dtype.kind in "iu":
        return int(dtype.type(int(fill) if isinstance(fill, (bool, float)) else fill))
    return complex(fill) if dtype.kind == "c" else float(np.asarray(fill, dtype))


def convert(x: Tracer, dtype: Any) -> Tracer:
    """`x` cast to `dtype`; itself where it has it."""
    dtype = dtype_of(dtype)
    return x if x.type.dtype == dtype else ops.convert(x, dtype=name_of(dtype))


def dtype_spec(x: Any) -> Any:
    """What promotion sees of `x`: a dtype, or the Python type of a weak scalar."""
    if isinstance(x, Tracer):
        return x.type.dtype
    if is_weak(x):
        return complex if isinstance(x, complex) else float if isinstance(x, float) else int
    if hasattr(x, "__lamella_array__"):
        return dtype_spec(x.__lamella_array__())
    if isinstance(x, (list, tuple)):
        return result_type(*x) if any(map(_holds_tracer, x)) else np.asarray(x).dtype
    return np.asarray(x).dtype if not hasattr(x, "dtype") else np.dtype(x.dtype)


def result_type(*operands: Any) -> np.dtype:
    """np.result_type of operands (Tracers, arrays, Python scalars) and dtypes."""
    return _result_type(tuple(x if isinstance(x, np.dtype) else dtype_spec(x) for x in operands))


@functools.cache
def _result_type(specs: tuple[Any, ...]) -> np.dtype:
    specs = _settle_bfloat16(specs)
    return np.result_type(*(spec(0) if isinstance(spec, type) else spec for spec in specs))


@functools.cache
def loop_dtypes(ufunc: np.ufunc, specs: tuple[Any, ...], out: np.dtype | None) -> tuple[Any, ...]:
    """The dtypes of operands and results of the loop that `ufunc` runs on `specs`."""
    specs = _settle_bfloat16(specs) + (None,) * ufunc.nout
    if out is None:
        return ufunc.resolve_dtypes(specs)
    signature = (None,) * ufunc.nin + (out,) * ufunc.nout
    return ufunc.resolve_dtypes(specs, signature=signature, casting="unsafe")


def _settle_bfloat16(specs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Python reals beside bfloat16 are bfloat16, as beside every other float dtype.

    NumPy itself gives float32 here, since bfloat16 is not among its own dtypes.
    """
    strong = {spec for spec in specs if isinstance(spec, np.dtype)}
    if bfloat16 in strong:
        return tuple(bfloat16 if spec in (int, float) else spec for spec in specs)
    return specs


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an operand of any kind."""
    if isinstance(x, Tracer):
        return x.type.shape
    if hasattr(x, "__lamella_array__"):
        return shape_of(x.__lamella_array__())
    if isinstance(x, (list, tuple)) and any(map(_holds_tracer, x)):
        return (len(x), *np.broadcast_shapes(*map(shape_of, x)))
    return np.shape(x)


def broadcast_shape(*operands: Any) -> tuple[int, ...]:
    """The common shape; ValueError naming the shapes where there is none."""
    shapes = [shape_of(x) for x in operands]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"shapes {', '.join(map(str, shapes))} cannot be broadcast together: sizes of an axis, "
            "counted from the right, must be equal or 1"
        ) from None


def broadcast(x: Any, shape: tuple[int, ...], dtype: Any) -> Tracer:
    """`x` cast to `dtype` and broadcast to `shape`; scalars become `full` constants."""
    if not isinstance(x, Tracer) and (is_weak(x) or np.ndim(x) == 0) and not _holds_tracer(x):
        return full(shape, dtype, x)
    x = value(x, dtype)
    if x.type.shape == shape:
        return x
    axes = tuple(range(len(shape) - x.type.ndim, len(shape)))
    return ops.broadcast(x, shape=shape, axes=axes)


def normalize_axis(axis: int, ndim: int) -> int:
    """A non-negative axis; AxisError outside [-ndim, ndim)."""
    axis = int(axis)
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim


def normalize_axes(axes: Any, ndim: int) -> tuple[int, ...]:
    """Sorted non-negative axes: all of them for None, one for an integer."""
    if axes is None:
        return tuple(range(ndim))
    axes = axes if isinstance(axes, (tuple, list)) else (axes,)
    out = tuple(sorted(normalize_axis(a, ndim) for a in axes))
    if len(set(out)) != len(out):
        raise ValueError(f"duplicate axis in {axes}")
    return out


def static_size(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    """The number of elements along `axes`."""
    return math.prod(shape[a] for a in axes)
