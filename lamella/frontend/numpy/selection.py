"""Choosing elements: where, clip, take, diagonals, triangles; and rounding and tests by value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamella import ops
from lamella.frontend.numpy import promotion as p
from lamella.frontend.numpy.elementwise import truth
from lamella.frontend.numpy.indexing import gather, normalize
from lamella.frontend.numpy.registry import implements, refuse
from lamella.frontend.numpy.shaping import reshape_to
from lamella.frontend.tracer import Tracer
from lamella.types import BOOL, bfloat16, is_float


@implements(np.where)
def where(condition: Any, x: Any = None, y: Any = None) -> Tracer:
    if x is None or y is None:
        raise TypeError(
            "np.where(condition) with one argument: the result's shape would depend on the data; "
            "give np.where(condition, x, y)"
        )
    dtype = p.result_type(x, y)
    shape = p.broadcast_shape(condition, x, y)
    if not isinstance(condition, Tracer) and np.ndim(condition) == 0:
        return p.broadcast(x if condition else y, shape, dtype)
    mask = p.broadcast(truth(condition), shape, BOOL)
    return ops.select(mask, p.broadcast(x, shape, dtype), p.broadcast(y, shape, dtype))


@implements(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None,
         max: Any = None) -> Tracer:  # fmt: skip
    low, high = a_min if min is None else min, a_max if max is None else max
    a = p.value(a) if low is None and high is None else a
    dtype = p.result_type(a, *(x for x in (low, high) if x is not None))
    a = p.value(a, dtype)
    a = a if low is None else np.maximum(a, _limit(low, dtype))
    return a if high is None else np.minimum(a, _limit(high, dtype))


def _limit(x: Any, dtype: np.dtype) -> Any:
    """A Python bound outside an integer dtype's range limits nothing."""
    if p.is_weak(x) and dtype.kind in "iu":
        info = np.iinfo(dtype)
        return info.min if x < info.min else info.max if x > info.max else x
    return x


@implements(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Tracer:
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(f"np.select: {len(condlist)} conditions for {len(choicelist)} choices")
    dtype = p.result_type(*choicelist, default)
    shape = p.broadcast_shape(*condlist, *choicelist, default)
    out: Any = p.broadcast(default, shape, dtype)
    for condition, choice in zip(reversed(condlist), reversed(choicelist)):
        out = where(condition, p.value(choice, dtype), out)
    return out


@implements(np.choose)
def choose(a: Any, choices: Any, mode: str = "raise") -> Tracer:
    choices = list(choices)
    n = len(choices)
    a = np.clip(a, 0, n - 1) if mode != "wrap" else a % n
    dtype, shape = p.result_type(*choices), p.broadcast_shape(a, *choices)
    out: Any = p.broadcast(choices[-1], shape, dtype)
    for i in range(n - 2, -1, -1):
        out = where(np.equal(a, i), p.value(choices[i], dtype), out)
    return out


@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Tracer:
    """Traced indices out of range are clipped, except in mode "wrap"."""
    a = p.value(a)
    if axis is None:
        a, axis = reshape_to(a, (a.size,)), 0
    axis = p.normalize_axis(axis, a.ndim)
    if not isinstance(indices, Tracer):
        indices = p.value(indices) if isinstance(indices, (list, tuple)) else np.asarray(indices)
    if not isinstance(indices, Tracer):
        picked = np.take(np.arange(a.shape[axis]), indices, mode=mode)
        return gather(a, picked.astype(np.int32), axis)
    if mode == "wrap":
        return gather(a, indices % a.shape[axis], axis)
    return gather(a, indices if mode == "clip" else normalize(indices, a.shape[axis], axis), axis)


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Tracer:
    arr = p.value(arr)
    if axis is None:
        arr, axis = reshape_to(arr, (arr.size,)), 0
    axis = p.normalize_axis(axis, arr.ndim)
    if len(p.shape_of(indices)) != arr.ndim:
        raise ValueError(
            f"np.take_along_axis: indices of shape {p.shape_of(indices)} need the {arr.ndim} axes "
            f"of the array of shape {arr.shape}"
        )
    return arr[_along(arr.shape, p.shape_of(indices), indices, axis)]


def _along(shape: Any, counts: Any, indices: Any, axis: int) -> tuple[Any, ...]:
    """The index that pairs `indices` along `axis` with the same place on every other axis."""
    sizes = [n if m == 1 else m for n, m in zip(shape, counts)]
    rank = len(sizes)
    lines = [np.arange(n).reshape([-1 if i == j else 1 for j in range(rank)])
             for i, n in enumerate(sizes)]  # fmt: skip
    return tuple(indices if i == axis else (line if shape[i] > 1 else np.zeros_like(line))
                 for i, line in enumerate(lines))  # fmt: skip


@implements(np.extract, np.compress)
def compress(condition: Any, a: Any, axis: Any = None, arr: Any = None) -> Tracer:
    if isinstance(condition, Tracer):
        raise TypeError(
            "np.compress and np.extract: a traced condition would make the result's shape depend "
            "on the data; use np.where(condition, x, otherwise)"
        )
    return take(a, np.flatnonzero(condition), axis)


# Diagonals and triangles.


@implements(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tracer:
    """A strided slice of the two axes flattened: element (i, i + k) is number i * (m + 1) + k."""
    a = p.value(a)
    i, j = p.normalize_axis(axis1, a.ndim), p.normalize_axis(axis2, a.ndim)
    a = np.moveaxis(a, (i, j), (-2, -1))
    n, m = a.shape[-2:]
    count = max(0, min(n + min(offset, 0), m - max(offset, 0)))
    if count == 0:
        return p.full((*a.shape[:-2], 0), a.dtype, 0)
    first = offset if offset >= 0 else -offset * m
    flat = reshape_to(a, (*a.shape[:-2], n * m))
    return flat[..., first : first + (count - 1) * (m + 1) + 1 : m + 1]


@implements(np.diag)
def diag(v: Any, k: int = 0) -> Tracer:
    v = p.value(v)
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ValueError(f"np.diag: expected 1 or 2 axes, got shape {v.shape}")
    n = v.size + abs(k)
    if v.size == 0:
        return p.full((n, n), v.dtype, 0)
    rows = np.concatenate([v[:, None], p.full((v.size, n), v.dtype, 0)], 1)  # diagonal in a strip
    flat = reshape_to(rows, (v.size * (n + 1),))
    first = k if k >= 0 else -k * n
    flat = ops.pad(flat, low=(first,), high=(max(0, n * n - first - flat.size),), value=0)
    return reshape_to(flat[: n * n], (n, n))


@implements(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Tracer:
    return diag(np.ravel(v), k)


@implements(np.linalg.diagonal)
def linalg_diagonal(x: Any, offset: int = 0) -> Tracer:
    return diagonal(x, offset, -2, -1)


@implements(np.tril)
def tril(m: Any, k: int = 0) -> Tracer:
    m = p.value(m)
    rows, columns = (_grid(m, axis) for axis in (-2, -1))
    return where(columns <= rows + k, m, p.full((), m.dtype, 0))


@implements(np.triu)
def triu(m: Any, k: int = 0) -> Tracer:
    m = p.value(m)
    rows, columns = (_grid(m, axis) for axis in (-2, -1))
    return where(columns >= rows + k, m, p.full((), m.dtype, 0))


def _grid(m: Tracer, axis: int) -> Tracer:
    """The row (or column) number of every element of the last two axes."""
    if m.ndim < 2:
        shape = (m.size, m.size)
        return ops.iota(shape=shape, axis=axis + 2, dtype="int32")
    return ops.iota(shape=m.shape[-2:], axis=axis + 2, dtype="int32")


# Rounding, replacing, comparing.


@implements(np.round, np.around)
def round_(a: Any, decimals: int = 0, out: Any = None) -> Tracer:
    a = p.value(a)
    if a.dtype.kind in "biu":
        scale = 10 ** -min(decimals, 0)
        return a if scale == 1 else (np.rint(a / scale) * scale).astype(a.dtype)
    if decimals == 0:
        return np.rint(a)
    scale = 10.0 ** abs(decimals)
    return np.rint(a * scale) / scale if decimals > 0 else np.rint(a / scale) * scale


@implements(np.fix)
def fix(x: Any, out: Any = None) -> Tracer:
    return np.trunc(x)


@implements(np.nan_to_num)
def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Tracer:
    x = p.value(x)
    if not is_float(x.dtype):
        return x
    limit = 3.3895313892515355e38 if x.dtype == bfloat16 else float(np.finfo(x.dtype).max)
    x = where(np.isnan(x), p.value(nan, x.dtype), x)
    x = where(x == np.inf, p.value(limit if posinf is None else posinf, x.dtype), x)
    return where(x == -np.inf, p.value(-limit if neginf is None else neginf, x.dtype), x)


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Tracer:
    dtype = p.result_type(a, b, 1.0)
    a, b = p.value(a, dtype), p.value(b, dtype)
    near = (np.abs(a - b) <= atol + rtol * np.abs(b)) & np.isfinite(b) | (a == b)
    return near | (np.isnan(a) & np.isnan(b)) if equal_nan else near


@implements(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Tracer:
    return np.all(isclose(a, b, rtol, atol, equal_nan))


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    if p.shape_of(a1) != p.shape_of(a2):
        return False
    same = np.equal(a1, a2)
    return np.all(same | (np.isnan(a1) & np.isnan(a2)) if equal_nan else same)


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> Any:
    return np.all(np.equal(a1, a2))


@implements(np.isposinf)
def isposinf(x: Any, out: Any = None) -> Tracer:
    return np.equal(x, np.inf)


@implements(np.isneginf)
def isneginf(x: Any, out: Any = None) -> Tracer:
    return np.equal(x, -np.inf)


@implements(np.real)
def real(val: Any) -> Tracer:
    val = p.value(val)
    return ops.real(val) if val.dtype.kind == "c" else val


@implements(np.imag)
def imag(val: Any) -> Tracer:
    val = p.value(val)
    return ops.imag(val) if val.dtype.kind == "c" else p.full(val.shape, val.dtype, 0)


@implements(np.isreal)
def isreal(x: Any) -> Tracer:
    return np.equal(imag(x), 0)


@implements(np.iscomplex)
def iscomplex(x: Any) -> Tracer:
    return np.not_equal(imag(x), 0)


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Tracer:
    z = p.value(z)
    z = z if z.dtype.kind in "fcV" else p.convert(z, np.float64)
    out = np.arctan2(imag(z), real(z))
    return out * (180 / math.pi) if deg else out


@implements(np.sinc)
def sinc(x: Any) -> Tracer:
    x = p.value(x)
    x = np.pi * (x if is_float(x.dtype) else p.convert(x, np.float64))
    safe = where(x == 0, p.full((), x.dtype, 1), x)
    return where(x == 0, p.full((), x.dtype, 1), np.sin(safe) / safe)


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Tracer:
    steps = np.diff(p, axis=axis)
    half = period / 2
    wrapped = np.mod(steps + half, period) - half
    wrapped = np.where((wrapped == -half) & (steps > 0), half, wrapped)
    small = np.abs(steps) < (half if discont is None else max(discont, half))
    correction = np.cumsum(np.where(small, 0, wrapped - steps), axis)
    first = np.zeros_like(np.take(p, [0], axis))
    return p + np.concatenate([first, correction], axis)


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Tracer:
    """Every function is computed on all of `x`."""
    x = p.value(x)
    conditions = list(condlist) if isinstance(condlist, (list, tuple)) else [condlist]
    out: Any = p.full(x.shape, x.dtype, 0)
    if len(funclist) == len(conditions) + 1:
        *funclist, otherwise = funclist
        out = _piece(otherwise, x, args, kw)
    for condition, f in zip(conditions, funclist, strict=True):
        out = where(condition, _piece(f, x, args, kw), out)
    return out


def _piece(f: Any, x: Tracer, args: Any, kw: Any) -> Tracer:
    return np.broadcast_to(p.value(f(x, *args, **kw) if callable(f) else f, x.dtype), x.shape)


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Tracer:
    from lamella.transforms import vmap

    arr = p.value(arr)
    axis = p.normalize_axis(axis, arr.ndim)

    def f(row):
        return func1d(row, *args, **kwargs)

    for _ in range(arr.ndim - 1):
        f = vmap(f)
    out = f(np.moveaxis(arr, axis, -1))
    extra = out.ndim - (arr.ndim - 1)
    return np.moveaxis(out, range(-extra, 0), range(axis, axis + extra)) if extra else out


@implements(np.ix_)
def ix_(*args: Any) -> tuple[Any, ...]:
    rank = len(args)
    return tuple(
        np.reshape(x, [-1 if i == j else 1 for j in range(rank)]) for i, x in enumerate(args)
    )


@implements(np.diag_indices_from)
def diag_indices_from(arr: Any) -> Any:
    return np.diag_indices(p.shape_of(arr)[0], len(p.shape_of(arr)))


@implements(np.tril_indices_from)
def tril_indices_from(arr: Any, k: int = 0) -> Any:
    return np.tril_indices(p.shape_of(arr)[0], k, p.shape_of(arr)[1])


@implements(np.triu_indices_from)
def triu_indices_from(arr: Any, k: int = 0) -> Any:
    return np.triu_indices(p.shape_of(arr)[0], k, p.shape_of(arr)[1])


@implements(np.array_repr, np.array_str)
def array_repr(arr: Any, *args: Any, **kwargs: Any) -> str:
    return repr(arr)


for _function in (np.copyto, np.put, np.putmask, np.place, np.put_along_axis, np.fill_diagonal):
    refuse(
        _function,
        "it writes into its argument, and traced arrays are immutable; use np.where or "
        "lamella.update(x, index, values), which return a new array",
    )
