"""Joining and splitting arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamella import ops
from lamella.frontend.numpy import promotion as p
from lamella.frontend.numpy.registry import implements
from lamella.frontend.tracer import Tracer


@implements(np.concatenate, np.concat)
def concatenate(arrays: Any, axis: Any = 0, dtype: Any = None) -> Tracer:
    arrays = list(arrays)
    dtype = p.result_type(*arrays) if dtype is None else p.dtype_of(dtype)
    values = [p.value(x, dtype) for x in arrays]
    if axis is None:
        values, axis = [np.ravel(x) for x in values], 0
    _check_shapes([x.shape for x in values], p.normalize_axis(axis, values[0].ndim))
    axis = p.normalize_axis(axis, values[0].ndim)
    return values[0] if len(values) == 1 else ops.concatenate(*values, axis=axis)


def _check_shapes(shapes: Sequence[tuple[int, ...]], axis: int) -> None:
    rest = {s[:axis] + s[axis + 1 :] for s in shapes}
    if len(rest) > 1 or len({len(s) for s in shapes}) > 1:
        raise ValueError(
            f"np.concatenate along axis {axis}: shapes {', '.join(map(str, shapes))} must be equal "
            "except along that axis"
        )


@implements(np.stack)
def stack(arrays: Any, axis: int = 0, dtype: Any = None) -> Tracer:
    arrays = list(arrays)
    shapes = {p.shape_of(x) for x in arrays}
    if len(shapes) != 1:
        raise ValueError(f"np.stack: all arrays must have the same shape, got {sorted(shapes)}")
    return concatenate([np.expand_dims(p.value(x), axis) for x in arrays], axis, dtype)


@implements(np.vstack)
def vstack(tup: Any, dtype: Any = None) -> Tracer:
    return concatenate([np.atleast_2d(p.value(x)) for x in tup], 0, dtype)


@implements(np.hstack)
def hstack(tup: Any, dtype: Any = None) -> Tracer:
    arrays = [np.atleast_1d(p.value(x)) for x in tup]
    return concatenate(arrays, 0 if arrays[0].ndim == 1 else 1, dtype)


@implements(np.dstack)
def dstack(tup: Any) -> Tracer:
    return concatenate([np.atleast_3d(p.value(x)) for x in tup], 2)


@implements(np.column_stack)
def column_stack(tup: Any) -> Tracer:
    arrays = [p.value(x) for x in tup]
    return concatenate([x if x.ndim > 1 else np.reshape(x, (-1, 1)) for x in arrays], 1)


@implements(np.block)
def block(arrays: Any) -> Tracer:
    def depth(x: Any) -> int:
        return 1 + depth(x[0]) if isinstance(x, list) else 0

    levels = depth(arrays)
    rank = max(levels, _max_rank(arrays))

    def join(x: Any, level: int) -> Any:
        if isinstance(x, list):
            return concatenate([join(item, level - 1) for item in x], axis=-level)
        x = p.value(x)
        return np.reshape(x, (1,) * (rank - x.ndim) + x.shape)

    return join(arrays, levels)


def _max_rank(x: Any) -> int:
    return max(map(_max_rank, x)) if isinstance(x, list) else len(p.shape_of(x))


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Tracer:
    return concatenate([p.value(arr), p.value(values)], axis)


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Tracer]:
    ary = p.value(ary)
    axis = p.normalize_axis(axis, ary.ndim)
    n = ary.shape[axis]
    if np.ndim(indices_or_sections):
        cuts = [0, *map(int, indices_or_sections), n]
    else:
        sections = int(indices_or_sections)
        sizes = [n // sections + (i < n % sections) for i in range(sections)]
        cuts = [0, *np.cumsum(sizes).tolist()]
    head = (slice(None),) * axis
    return [ary[(*head, slice(a, b))] for a, b in zip(cuts, cuts[1:])]


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Tracer]:
    n = p.shape_of(ary)[axis]
    if not np.ndim(indices_or_sections) and n % indices_or_sections:
        raise ValueError(
            f"np.split: size {n} of axis {axis} is no multiple of {indices_or_sections}"
        )
    return array_split(ary, indices_or_sections, axis)


@implements(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Tracer]:
    return split(ary, indices_or_sections, 1 if len(p.shape_of(ary)) > 1 else 0)


@implements(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Tracer]:
    return split(ary, indices_or_sections, 0)


@implements(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Tracer]:
    return split(ary, indices_or_sections, 2)


@implements(np.unstack)
def unstack(x: Any, axis: int = 0) -> tuple[Tracer, ...]:
    return tuple(np.moveaxis(x, axis, 0))


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Tracer:
    """At one static position, as NumPy does for an integer `obj`."""
    arr = p.value(arr)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = p.normalize_axis(axis, arr.ndim)
    at = int(obj) + (arr.shape[axis] if int(obj) < 0 else 0)
    values = p.value(values, arr.dtype)
    if values.ndim:
        values = np.moveaxis(np.expand_dims(values, tuple(range(arr.ndim - values.ndim))), 0, axis)
    rows = values.shape[axis] if values.ndim else 1
    target = (*arr.shape[:axis], rows, *arr.shape[axis + 1 :])
    head, tail = array_split(arr, [at], axis)
    return concatenate([head, np.broadcast_to(values, target), tail], axis)


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Tracer:
    arr = p.value(arr)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    keep = np.delete(np.arange(arr.shape[axis]), obj)
    return np.take(arr, keep, axis=axis)
