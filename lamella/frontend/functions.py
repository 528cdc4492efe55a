"""Functions beside NumPy's, for arrays and Tracers alike: special functions, contractions, windows,
dynamic slices, scatter, top_k and counter-based random numbers.

On arrays they compute with NumPy; on Tracers they append to the Program being built.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamella import ops
from lamella.frontend.eager import compute
from lamella.frontend.numpy import promotion as p
from lamella.frontend.numpy.indexing import update as update
from lamella.frontend.tracer import Tracer
from lamella.primitive import Primitive
from lamella.types import dtype_of, is_float

Shape = Sequence[int]


def apply(primitive: Primitive, *operands: Any, **attrs: Any) -> Any:
    """The primitive on operands as they are: traced if one of them is, else computed at once."""
    if any(isinstance(x, Tracer) for x in operands):
        return primitive(*(p.value(x) for x in operands), **attrs)
    return compute(primitive, [np.asarray(x) for x in operands], attrs)


def _real(primitive: Primitive, x: Any) -> Any:
    """`primitive` of one floating point operand; integers are computed as float64, as in NumPy."""
    if p.is_weak(x) or not is_float(p.dtype_spec(x)):
        x = np.astype(x, np.float64) if hasattr(x, "dtype") else np.asarray(x, np.float64)
    return apply(primitive, x)


def erf(x: Any) -> Any:
    """The error function."""
    return _real(ops.erf, x)


def erfc(x: Any) -> Any:
    """1 - erf(x), accurate where erf(x) is near 1."""
    return _real(ops.erfc, x)


def erfinv(x: Any) -> Any:
    """The inverse of erf on [-1, 1]."""
    return _real(ops.erfinv, x)


def lgamma(x: Any) -> Any:
    """log |gamma(x)|."""
    return _real(ops.lgamma, x)


def digamma(x: Any) -> Any:
    """The derivative of lgamma."""
    return _real(ops.digamma, x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), without overflow."""
    return _real(ops.sigmoid, x)


def rsqrt(x: Any) -> Any:
    """1 / sqrt(x)."""
    return _real(ops.rsqrt, x)


def convert(x: Any, dtype: Any) -> Any:
    """`x` cast to `dtype`."""
    return np.astype(x if hasattr(x, "dtype") else np.asarray(x), dtype_of(dtype))


def bitcast(x: Any, dtype: Any) -> Any:
    """The bits of `x` read as another dtype of the same width."""
    return apply(ops.bitcast, x, dtype=dtype_of(dtype).name)


# Contractions and windows


def contract(a: Any, b: Any, spec: str, shape: Shape) -> Any:
    """Sums of products over index maps; see lamella.indexmap for `spec`.

    a, b: promoted to one dtype. shape: of the result.

    >>> contract(x, w, "n 2y+i-1 2x+j-1 c, i j c o -> n y x o", (n, 14, 14, 32))  # a convolution
    """
    dtype = p.result_type(a, b)
    a, b = (x if p.dtype_spec(x) == dtype else convert(x, dtype) for x in (a, b))
    return apply(ops.contract, a, b, spec=spec, shape=tuple(shape))


def window_max(x: Any, size: Shape, strides: Shape, low: Shape, high: Shape) -> Any:
    """The largest element of every window. All attributes have one entry per axis of `x` (size and
    stride 1 where nothing is pooled); low and high count padding, which never wins."""
    return apply(ops.window_max, x, **_window(size, strides, low, high))


def window_sum(x: Any, size: Shape, strides: Shape, low: Shape, high: Shape) -> Any:
    """The sum of every window; padding counts as zero. Attributes as in window_max."""
    return apply(ops.window_sum, x, **_window(size, strides, low, high))


def _window(size: Shape, strides: Shape, low: Shape, high: Shape) -> dict[str, Any]:
    return {"size": tuple(size), "strides": tuple(strides), "low": tuple(low), "high": tuple(high)}


# Addresses from data


def gather(x: Any, indices: Any, axis: int = 0) -> Any:
    """np.take along one axis; indices out of range are clipped, negative ones too."""
    return apply(ops.gather, x, indices, axis=p.normalize_axis(axis, np.ndim(x)))


def gather_nd(x: Any, indices: Any) -> Any:
    """x[indices[..., 0], indices[..., 1], ...]: the last axis of `indices` holds coordinates of the
    first axes of `x`; out of range they are clipped."""
    return apply(ops.gather_nd, x, indices)


def scatter_nd(x: Any, indices: Any, updates: Any, mode: str = "add") -> Any:
    """`x` with updates added (or mode set, max, min, mul) at coordinates as in gather_nd.

    Updates out of range are dropped.
    """
    updates = convert(updates, p.dtype_spec(x))
    return apply(ops.scatter_nd, x, indices, updates, mode=mode)


def dynamic_slice(x: Any, starts: Any, shape: Shape) -> Any:
    """The block of `x` of static `shape` that begins at `starts` (integers, may be traced).

    Starts are moved so that the block lies inside, as in JAX.
    """
    return apply(ops.dynamic_slice, x, *_starts(starts, np.ndim(x)), shape=tuple(shape))


def dynamic_update_slice(x: Any, update: Any, starts: Any) -> Any:
    """`x` with the block that begins at `starts` replaced by `update`."""
    update = convert(update, p.dtype_spec(x))
    return apply(ops.dynamic_update_slice, x, update, *_starts(starts, np.ndim(x)))


def _starts(starts: Any, ndim: int) -> list[Any]:
    parts = [starts[i] for i in range(len(starts))]
    if len(parts) != ndim:
        raise ValueError(f"expected one start per axis ({ndim}), got {len(parts)}")
    return [np.astype(s, np.int32) if isinstance(s, Tracer) else np.int32(s) for s in parts]


def top_k(x: Any, k: int) -> tuple[Any, Any]:
    """The k largest elements along the last axis, in order, and their positions (int32)."""
    return apply(ops.top_k, x, k=int(k))


# Random numbers: the same key and position give the same bits, eager or traced, on any threads.


def random_bits(key: Any, shape: Shape) -> Any:
    """uint32 of `shape`, uniform, from `key` (two uint32) by the counter-based Philox generator.

    J. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, 2011.
    """
    shape = tuple(int(n) for n in shape)
    count = math.prod(shape)
    if isinstance(key, Tracer):
        key = np.astype(key, np.uint32)
        counter: Any = ops.iota(shape=(count,), axis=0, dtype="uint32")
    else:
        key = np.asarray(key).astype(np.uint32)
        counter = np.arange(count, dtype=np.uint32)
    keys = [np.broadcast_to(key[i], (count,)) for i in range(2)]
    return np.reshape(np.astype(apply(ops.philox, counter, *keys), np.uint32), shape)


def uniform(key: Any, shape: Shape, dtype: Any = np.float32) -> Any:
    """Uniform in [0, 1): multiples of 2**-24, of 2**-53 in float64, of 2**-8 or 2**-11 in bfloat16
    and float16."""
    dtype = dtype_of(dtype)
    if dtype == np.float64:
        high, low = random_bits(key, (2, *shape))
        high, low = np.astype(high >> np.uint32(5), dtype), np.astype(low >> np.uint32(6), dtype)
        return (high * 2.0**26 + low) * 2.0**-53
    digits = {2: 11 if dtype == np.float16 else 8}.get(dtype.itemsize, 24)
    bits = random_bits(key, shape) >> np.uint32(32 - digits)
    steps = np.astype(bitcast(bits, np.int32), np.float32)
    return convert(steps * np.float32(2.0**-digits), dtype)


def normal(key: Any, shape: Shape, dtype: Any = np.float32) -> Any:
    """Standard normal, by the inverse of the distribution function."""
    dtype = dtype_of(dtype)
    inner = np.dtype(np.float64 if dtype == np.float64 else np.float32)
    bits = random_bits(key, shape) >> np.uint32(8)
    steps = np.astype(bitcast(bits, np.int32), inner)
    centred = (steps + inner.type(0.5)) * inner.type(2.0**-23) - inner.type(1)  # in (-1, 1)
    return convert(erfinv(centred) * inner.type(math.sqrt(2)), dtype)
