"""Shapes and axes: reshape, transpose, broadcast_to, flip, roll, repeat, tile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamella import ops
from lamella.frontend.numpy import promotion as p
from lamella.frontend.numpy.registry import implements
from lamella.frontend.tracer import Tracer


@implements(np.shape)
def shape(a: Any) -> tuple[int, ...]:
    return p.shape_of(a)


@implements(np.ndim)
def ndim(a: Any) -> int:
    return len(p.shape_of(a))


@implements(np.size)
def size(a: Any, axis: Any = None) -> int:
    a_shape = p.shape_of(a)
    return p.static_size(a_shape, p.normalize_axes(axis, len(a_shape)))


def reshape_to(x: Tracer, shape: tuple[int, ...]) -> Tracer:
    """`x` with exactly this shape; no equation where it has it."""
    return x if x.shape == shape else ops.reshape(x, shape=shape)


@implements(np.reshape)
def reshape(a: Any, shape: Any, order: str = "C", copy: Any = None) -> Tracer:
    a = p.value(a)
    target = _resolve_shape(a.shape, (shape,) if np.ndim(shape) == 0 else tuple(shape))
    if order in ("C", "K") or (order == "A"):
        return reshape_to(a, target)
    return np.transpose(reshape_to(np.transpose(a), target[::-1]))


def _resolve_shape(old: tuple[int, ...], new: tuple[Any, ...]) -> tuple[int, ...]:
    new = tuple(int(n) for n in new)
    if new.count(-1) > 1:
        raise ValueError(f"reshape to {new}: only one size may be -1")
    known = math.prod(n for n in new if n != -1)
    total = math.prod(old)
    if -1 in new and known and total % known == 0:
        new = tuple(total // known if n == -1 else n for n in new)
    if -1 in new or math.prod(new) != total or min(new, default=0) < 0:
        raise ValueError(f"cannot reshape an array of shape {old} ({total} elements) into {new}")
    return new


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Tracer:
    return reshape(a, -1, order)


@implements(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Tracer:
    a = p.value(a)
    order = tuple(range(a.ndim))[::-1] if axes is None else _permutation(axes, a.ndim)
    return a if order == tuple(range(a.ndim)) else ops.transpose(a, axes=order)


def _permutation(axes: Any, ndim: int) -> tuple[int, ...]:
    axes = (axes,) if np.ndim(axes) == 0 else axes
    order = tuple(p.normalize_axis(i, ndim) for i in axes)
    if sorted(order) != list(range(ndim)):
        raise ValueError(f"axes {tuple(axes)} are not a permutation of the {ndim} axes")
    return order


@implements(np.matrix_transpose)
def matrix_transpose(x: Any) -> Tracer:
    if p.value(x).ndim < 2:
        raise ValueError(f"matrix_transpose: expected at least 2 axes, got shape {p.shape_of(x)}")
    return swapaxes(x, -1, -2)


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Tracer:
    a = p.value(a)
    order = list(range(a.ndim))
    i, j = p.normalize_axis(axis1, a.ndim), p.normalize_axis(axis2, a.ndim)
    order[i], order[j] = order[j], order[i]
    return transpose(a, order)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Tracer:
    a = p.value(a)
    sources, targets = ([p.normalize_axis(i, a.ndim) for i in np.atleast_1d(x)]
                        for x in (source, destination))  # fmt: skip
    if len(sources) != len(targets) or len(set(sources)) < len(sources):
        raise ValueError(f"moveaxis: source {source} and destination {destination} do not match")
    order = [i for i in range(a.ndim) if i not in sources]
    for target, src in sorted(zip(targets, sources)):
        order.insert(target, src)
    return transpose(a, order)


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Tracer:
    a = p.value(a)
    axis = p.normalize_axis(axis, a.ndim)
    start = start + a.ndim if start < 0 else start
    return moveaxis(a, axis, start - (start > axis))


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Tracer:
    a = p.value(a)
    new = tuple(np.atleast_1d(axis).tolist())
    total = a.ndim + len(new)
    new = p.normalize_axes(new, total)
    sizes = iter(a.shape)
    return reshape_to(a, tuple(1 if i in new else next(sizes) for i in range(total)))


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Tracer:
    a = p.value(a)
    drop = [i for i, n in enumerate(a.shape) if n == 1]
    if axis is not None:
        drop = list(p.normalize_axes(axis, a.ndim))
        if any(a.shape[i] != 1 for i in drop):
            raise ValueError(f"squeeze: axis {axis} of shape {a.shape} has a size other than 1")
    return reshape_to(a, tuple(n for i, n in enumerate(a.shape) if i not in drop))


@implements(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    return _each(arys, lambda x: x if x.ndim else reshape_to(x, (1,)))


@implements(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    return _each(arys, lambda x: x if x.ndim > 1 else reshape_to(x, (1, x.size)))


@implements(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    def grow(x: Tracer) -> Tracer:
        if x.ndim < 2:
            return reshape_to(x, (1, x.size, 1))
        return x if x.ndim > 2 else reshape_to(x, (*x.shape, 1))

    return _each(arys, grow)


def _each(arrays: Sequence[Any], f: Any) -> Any:
    out = tuple(f(p.value(x)) for x in arrays)
    return out[0] if len(out) == 1 else out


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any) -> Tracer:
    array = p.value(array)
    target = tuple(int(n) for n in ((shape,) if np.ndim(shape) == 0 else shape))
    if p.broadcast_shape(array, np.broadcast_to(0, target)) != target:
        raise ValueError(f"an array of shape {array.shape} cannot be broadcast to {target}")
    return p.broadcast(array, target, array.dtype)


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any) -> tuple[Tracer, ...]:
    common = p.broadcast_shape(*args)
    return tuple(broadcast_to(x, common) for x in args)


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Tracer:
    m = p.value(m)
    axes = p.normalize_axes(axis, m.ndim)
    return ops.flip(m, axes=axes) if axes else m


@implements(np.fliplr)
def fliplr(m: Any) -> Tracer:
    return flip(m, 1)


@implements(np.flipud)
def flipud(m: Any) -> Tracer:
    return flip(m, 0)


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tracer:
    a, b = axes
    if k % 4 == 0:
        return p.value(m)
    if k % 4 == 2:
        return flip(m, axes)
    return swapaxes(flip(m, b), a, b) if k % 4 == 1 else flip(swapaxes(m, a, b), b)


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Tracer:
    """A traced shift gathers; a static one is two slices, joined."""
    a = p.value(a)
    if axis is None:
        return reshape_to(roll(reshape_to(a, (a.size,)), shift, 0), a.shape)
    if isinstance(shift, Tracer) and shift.ndim == 0:
        shift = [shift]
    shifts = list(shift) if not np.isscalar(shift) and np.ndim(shift) else [shift]
    axes = list(np.atleast_1d(axis))
    if len(shifts) != len(axes):
        shifts, axes = (shifts * len(axes) if len(shifts) == 1 else shifts,
                        axes * len(shifts) if len(axes) == 1 else axes)  # fmt: skip
    for s, i in zip(shifts, axes, strict=True):
        a = _roll_one(a, s, p.normalize_axis(i, a.ndim))
    return a


def _roll_one(a: Tracer, shift: Any, axis: int) -> Tracer:
    n = a.shape[axis]
    if n == 0:
        return a
    if isinstance(shift, Tracer):
        return np.take(a, (np.arange(n) - shift) % n, axis=axis)
    cut = -int(shift) % n
    if cut == 0:
        return a
    head, tail = (slice(None),) * axis, a.shape
    return np.concatenate([a[(*head, slice(cut, tail[axis]))], a[(*head, slice(0, cut))]], axis)


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Tracer:
    a = p.value(a)
    if isinstance(repeats, Tracer):
        raise TypeError(
            "np.repeat: traced `repeats` would make the result's shape depend on the data; "
            "give a Python integer or an array of integers"
        )
    if axis is None:
        return repeat(reshape_to(a, (a.size,)), repeats, 0)
    axis = p.normalize_axis(axis, a.ndim)
    counts = np.atleast_1d(np.asarray(repeats))
    if counts.size > 1:
        return np.take(a, np.repeat(np.arange(a.shape[axis]), counts), axis=axis)
    n = int(counts[0])
    spread = (*a.shape[: axis + 1], n, *a.shape[axis + 1 :])
    axes = tuple(i + (i > axis) for i in range(a.ndim))
    merged = (*a.shape[:axis], a.shape[axis] * n, *a.shape[axis + 1 :])
    return ops.reshape(ops.broadcast(a, shape=spread, axes=axes), shape=merged)


@implements(np.tile)
def tile(A: Any, reps: Any) -> Tracer:
    a = p.value(A)
    counts = tuple(int(r) for r in np.atleast_1d(reps))
    rank = max(a.ndim, len(counts))
    counts = (1,) * (rank - len(counts)) + counts
    sizes = (1,) * (rank - a.ndim) + a.shape
    spread = tuple(n for pair in zip(counts, sizes) for n in pair)
    a = ops.broadcast(reshape_to(a, sizes), shape=spread, axes=tuple(range(1, 2 * rank, 2)))
    return reshape_to(a, tuple(c * n for c, n in zip(counts, sizes)))


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Tracer:
    a = p.value(a)
    target = tuple(np.atleast_1d(new_shape).tolist())
    total = math.prod(target)
    flat = reshape_to(a, (a.size,))
    return reshape_to(np.take(flat, np.arange(total) % max(a.size, 1)), target)


@implements(np.astype)
def astype(x: Any, dtype: Any) -> Tracer:
    x = p.value(x)
    dtype = p.dtype_of(dtype)
    return np.real(x).astype(dtype) if x.dtype.kind == "c" != dtype.kind else p.convert(x, dtype)
