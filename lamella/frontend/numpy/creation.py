"""Arrays like another, ranges, windows of a matrix, and what is known before running."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamella.frontend.numpy import promotion as p
from lamella.frontend.numpy.registry import implements
from lamella.frontend.tracer import Tracer


def _like(prototype: Any, fill: Any, dtype: Any, shape: Any) -> Tracer:
    dtype = p.dtype_of(dtype if dtype is not None else p.dtype_spec(p.value(prototype)))
    target = p.shape_of(prototype) if shape is None else shape
    target = (target,) if np.ndim(target) == 0 else tuple(target)
    if isinstance(fill, Tracer) or np.ndim(fill):
        return p.broadcast(p.value(fill, dtype), target, dtype)
    return p.full(target, dtype, fill)


@implements(np.zeros_like, np.empty_like)
def zeros_like(
    a: Any = None, dtype: Any = None, shape: Any = None, prototype: Any = None
) -> Tracer:
    return _like(a if prototype is None else prototype, 0, dtype, shape)


@implements(np.ones_like)
def ones_like(a: Any, dtype: Any = None, shape: Any = None) -> Tracer:
    return _like(a, 1, dtype, shape)


@implements(np.full_like)
def full_like(a: Any, fill_value: Any, dtype: Any = None, shape: Any = None) -> Tracer:
    return _like(a, fill_value, dtype, shape)


@implements(np.copy)
def copy(a: Any) -> Tracer:
    return p.value(a)


@implements(np.linspace)
def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False,
             dtype: Any = None, axis: int = 0) -> Any:  # fmt: skip
    kind = p.result_type(start, stop, float(num))
    start, stop = (p.value(x, kind) for x in (start, stop))
    shape = p.broadcast_shape(start, stop)
    steps = num - 1 if endpoint else num
    step = (stop - start) / steps if steps > 0 else p.full(shape, kind, np.nan)
    index = np.arange(num).reshape((num,) + (1,) * len(shape)).astype(kind)
    out = start + index * step if steps > 0 else start + index * (stop - start)
    if endpoint and num > 1:
        out = np.concatenate([out[:-1], np.broadcast_to(stop, shape)[None]])
    if dtype is not None:
        out = (np.floor(out) if np.dtype(dtype).kind in "iu" else out).astype(dtype)
    out = np.moveaxis(out, 0, axis) if axis else out
    return (out, step) if retstep else out


@implements(np.logspace)
def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0,
             dtype: Any = None, axis: int = 0) -> Tracer:  # fmt: skip
    exponents = np.linspace(start, stop, num, endpoint, axis=axis)
    out = np.power(base, exponents)
    return out if dtype is None else out.astype(dtype)


@implements(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None,
              axis: int = 0) -> Tracer:  # fmt: skip
    """Of one sign, as the logarithms need."""
    sign = np.sign(start)
    out = np.logspace(np.log10(sign * start), np.log10(sign * stop), num, endpoint, axis=axis)
    out = sign * out
    return out if dtype is None else out.astype(dtype)


@implements(np.meshgrid)
def meshgrid(
    *xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> tuple[Any, ...]:
    rank = len(xi)
    order = [1, 0, *range(2, rank)] if indexing == "xy" and rank > 1 else list(range(rank))
    out = [
        np.reshape(x, [-1 if i == axis else 1 for i in range(rank)]) for x, axis in zip(xi, order)
    ]
    return tuple(out) if sparse else tuple(np.broadcast_arrays(*map(p.value, out)))


@implements(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Tracer:
    x = p.value(x)
    dtype = p.result_type(x, np.dtype(int))
    powers = np.arange(x.size if N is None else N)
    powers = powers if increasing else powers[::-1]
    columns = [p.convert(x, dtype) ** int(k) for k in powers]
    return np.stack(columns, axis=1) if columns else p.full((x.size, 0), dtype, 0)


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    return p.result_type(
        *(np.dtype(x) if isinstance(x, (str, type)) else x for x in arrays_and_dtypes)
    )


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: str = "safe") -> bool:
    return np.can_cast(p.dtype_spec(from_) if isinstance(from_, Tracer) else from_, to, casting)


@implements(np.min_scalar_type)
def min_scalar_type(a: Any) -> np.dtype:
    return p.value(a).dtype


@implements(np.common_type)
def common_type(*arrays: Any) -> type:
    return np.common_type(*(np.empty(0, p.dtype_spec(x)) for x in arrays))


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    return p.value(x).dtype.kind == "c"


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    return not iscomplexobj(x)
