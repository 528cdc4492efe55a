"""Addresses from data: gather and dynamic slices, and what scatters back (lamella.ops.scatter).

Indices are never negative in meaning: the frontend has added the length to negative ones. What is
still out of range is clipped when reading and dropped when scattering.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamella import ops
from lamella.ops import checks
from lamella.ops.layout import move_axis
from lamella.primitive import Primitive
from lamella.types import Type

Shape = tuple[int, ...]


def constant(value: Any, like: Any) -> Any:
    """`value` repeated to the type of `like`."""
    return ops.full(shape=like.type.shape, dtype=like.type.dtype.name, value=value)


def largest_index(size: int, dtype: np.dtype) -> int:
    """The last index of an axis of `size`, or the largest that `dtype` can hold."""
    return max(0, min(size - 1, int(np.iinfo(dtype).max)))


def clip(indices: Any, size: int) -> Any:
    """`indices` moved into 0 .. size-1."""
    dtype = indices.type.dtype
    top = constant(largest_index(size, dtype), indices)
    low = indices if dtype.kind == "u" else ops.maximum(indices, constant(0, indices))
    return ops.minimum(low, top)


def in_range(indices: Any, size: int) -> Any:
    """Where 0 <= index < size."""
    return ops.equal(indices, clip(indices, size)) if size else constant_false(indices)


def constant_false(like: Any) -> Any:
    return ops.full(shape=like.type.shape, dtype="bool", value=False)


def expand(x: Any, shape: Shape, first: int = 0) -> Any:
    """`x` broadcast to `shape` with its axes at first, first+1, ..."""
    axes = tuple(range(first, first + x.type.ndim))
    return x if x.type.shape == tuple(shape) else ops.broadcast(x, shape=tuple(shape), axes=axes)


def offset_dtype(size: int) -> str:
    """The dtype for indices into `size` elements."""
    return "int32" if size <= np.iinfo(np.int32).max else "int64"


def _some(axis: int) -> tuple[slice, ...]:
    return (slice(None),) * axis


# --------------------------------------------------------------------- gather


def _gather_typing(x: Type, indices: Type, *, axis: int) -> Type:
    checks.axis_in("gather", axis, x)
    checks.indices("gather", indices)
    if x.shape[axis] == 0 and indices.size:
        raise ValueError(
            f"gather: cannot take {indices.size} elements from the empty axis {axis} of {x}"
        )
    return Type((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)


def _gather_numpy(x: np.ndarray, indices: np.ndarray, *, axis: int) -> np.ndarray:
    if indices.size == 0:
        return np.zeros((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)
    return np.take(x, signed(indices), axis, mode="clip")


def signed(indices: np.ndarray) -> np.ndarray:
    """`indices` as intp, with unsigned values beyond its range kept out of range."""
    if indices.dtype == np.uint64:
        indices = np.minimum(indices, np.uint64(np.iinfo(np.int64).max))
    return indices.astype(np.intp)


def _gather_vjp(g: Any, y: Any, x: Any, indices: Any, *, axis: int) -> tuple[Any, None]:
    where = clip(indices, x.type.shape[axis])
    return ops.scatter_add(constant(0, x), where, g, axis=axis), None


def flat_rows(indices: Any, size: int, valid: bool = False) -> Any:
    """indices [B, ...] into axis 1 of [B, size, ...] as indices into the flattened B*size rows.

    Clipped, or with valid=True moved past the end where out of range.
    """
    batch = indices.type.shape[0]
    wide = offset_dtype(batch * size + 1)
    inside = ops.convert(clip(indices, size), dtype=wide)
    row = ops.iota(shape=indices.type.shape, axis=0, dtype=wide)
    flat = ops.add(inside, ops.mul(row, constant(size, row)))
    if not valid:
        return flat
    return ops.select(in_range(indices, size), flat, constant(batch * size, flat))


def _gather_batch(size: int, batched: tuple[bool, ...], x: Any, indices: Any, *, axis: int) -> Any:
    if not batched[1]:
        return ops.gather(x, indices, axis=axis + 1)
    if not batched[0]:
        return move_axis(ops.gather(x, indices, axis=axis), axis, 0)
    return _gather_rows(x, indices, axis)


def _gather_rows(x: Any, indices: Any, axis: int) -> Any:
    """x [B, ...], indices [B, i...]: gather along axis + 1 of x, row by row."""
    moved = move_axis(x, axis + 1, 1)  # [B, n, rest...]
    b, n, *rest = moved.type.shape
    flat = ops.reshape(moved, shape=(b * n, *rest))
    taken = ops.gather(flat, flat_rows(indices, n), axis=0)  # [B, i..., rest...]
    k = indices.type.ndim - 1
    before = tuple(range(1 + k, 1 + k + axis))
    after = tuple(range(1 + k + axis, taken.type.ndim))
    return ops.transpose(taken, axes=(0, *before, *range(1, 1 + k), *after))


def _gather_lower(index: Any, read: Any, x: Type, indices: Type, *, axis: int) -> tuple[Any, ...]:
    rest = axis + indices.ndim
    return (*index[:axis], read(1, index[axis:rest], x.shape[axis]), *index[rest:])


gather = Primitive(
    name="gather",
    family="indexing",
    traits=frozenset({"gather"}),
    typing=_gather_typing,
    numpy=_gather_numpy,
    vjp=_gather_vjp,
    batch=_gather_batch,
    lower=_gather_lower,
    samples=lambda rng: [
        ((rng.normal(size=(5, 3)), rng.integers(0, 5, (2, 4))), {"axis": 0}),
        ((rng.normal(size=(2, 4, 3)), rng.integers(-1, 6, (3,)).astype("int32")), {"axis": 1}),
        ((rng.normal(size=(4,)), np.array(2, "uint8")), {"axis": 0}),
        ((rng.normal(size=(3, 4)), np.zeros((0,), "int32")), {"axis": 1}),
    ],
)

# ------------------------------------------------------------------ gather_nd


def check_nd(name: str, x: Type, indices: Type) -> int:
    """How many leading axes of `x` the vectors in `indices` [..., k] address."""
    checks.indices(name, indices)
    if indices.ndim == 0 or indices.shape[-1] > x.ndim:
        raise ValueError(
            f"{name}: the last axis of indices {indices} must hold at most {x.ndim} coordinates "
            f"of {x}"
        )
    return indices.shape[-1]


def _gather_nd_typing(x: Type, indices: Type) -> Type:
    k = check_nd("gather_nd", x, indices)
    if 0 in x.shape[:k] and 0 not in indices.shape[:-1]:
        raise ValueError(f"gather_nd: cannot take elements from the empty {x}")
    return Type((*indices.shape[:-1], *x.shape[k:]), x.dtype)


def _gather_nd_numpy(x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    k = indices.shape[-1]
    if 0 in x.shape[:k]:
        return np.zeros((*indices.shape[:-1], *x.shape[k:]), x.dtype)
    where = np.moveaxis(signed(indices), -1, 0)
    if k == 0:
        return np.broadcast_to(x, (*indices.shape[:-1], *x.shape))
    return x[tuple(np.clip(i, 0, n - 1) for i, n in zip(where, x.shape))]


def coordinate(indices: Any, i: int) -> Any:
    """indices[..., i]."""
    ndim, shape = indices.type.ndim, indices.type.shape
    start = (0,) * (ndim - 1) + (i,)
    one = ops.slice(indices, start=start, stop=(*shape[:-1], i + 1), step=(1,) * ndim)
    return ops.reshape(one, shape=shape[:-1])


def stack_last(columns: list[Any]) -> Any:
    """np.stack(columns, -1)."""
    return ops.concatenate(
        *(ops.reshape(c, shape=(*c.type.shape, 1)) for c in columns),
        axis=columns[0].type.ndim,
    )


def clip_nd(indices: Any, shape: Shape) -> Any:
    """Every coordinate of `indices` moved into the range of its axis."""
    k = indices.type.shape[-1]
    if k == 0:
        return indices
    return stack_last([clip(coordinate(indices, i), shape[i]) for i in range(k)])


def in_range_nd(indices: Any, shape: Shape) -> Any:
    """Where every coordinate of `indices` is in the range of its axis."""
    k = indices.type.shape[-1]
    valid = ops.full(shape=indices.type.shape[:-1], dtype="bool", value=True)
    for i in range(k):
        valid = ops.bitwise_and(valid, in_range(coordinate(indices, i), shape[i]))
    return valid


def _gather_nd_vjp(g: Any, y: Any, x: Any, indices: Any) -> tuple[Any, None]:
    where = clip_nd(indices, x.type.shape)
    return ops.scatter_nd(constant(0, x), where, g, mode="add"), None


def with_batch_coordinate(indices: Any, size: int) -> Any:
    """indices [B, ..., k] with the number of the batch element as a first coordinate."""
    dtype = offset_dtype(size)
    if indices.type.dtype.itemsize > np.dtype(dtype).itemsize:
        dtype = "int64"
    row = ops.iota(shape=(*indices.type.shape[:-1], 1), axis=0, dtype=dtype)
    return ops.concatenate(row, safe_convert(indices, dtype), axis=indices.type.ndim - 1)


def safe_convert(indices: Any, dtype: str) -> Any:
    """Indices as signed `dtype`; unsigned ones too large for it stay out of range."""
    if indices.type.dtype.kind == "u" and indices.type.dtype.itemsize >= np.dtype(dtype).itemsize:
        limit = constant(int(np.iinfo(dtype).max), indices)
        indices = ops.minimum(indices, limit)
    return ops.convert(indices, dtype=dtype)


def _gather_nd_batch(size: int, batched: tuple[bool, ...], x: Any, indices: Any) -> Any:
    if not batched[0]:
        return ops.gather_nd(x, indices)
    if not batched[1]:
        indices = expand(indices, (size, *indices.type.shape), 1)
    return ops.gather_nd(x, with_batch_coordinate(indices, size))


def _gather_nd_lower(index: Any, read: Any, x: Type, indices: Type) -> tuple[Any, ...]:
    at = index[: indices.ndim - 1]
    first = (read(1, (*at, i), n) for i, n in zip(range(indices.shape[-1]), x.shape))
    return (*first, *index[indices.ndim - 1 :])


gather_nd = Primitive(
    name="gather_nd",
    family="indexing",
    traits=frozenset({"gather"}),
    typing=_gather_nd_typing,
    numpy=_gather_nd_numpy,
    vjp=_gather_nd_vjp,
    batch=_gather_nd_batch,
    lower=_gather_nd_lower,
    samples=lambda rng: [
        ((rng.normal(size=(3, 4, 2)), rng.integers(0, 3, (5, 2))), {}),
        ((rng.normal(size=(3, 4)), rng.integers(-2, 6, (2, 3, 2)).astype("int32")), {}),
        ((rng.normal(size=(4, 2)), np.array([2])), {}),
        ((rng.normal(size=(2,)), np.zeros((3, 0), "int32")), {}),
    ],
)

# -------------------------------------------------------------- dynamic slices


def check_starts(name: str, x: Type, starts: tuple[Type, ...], shape: Shape) -> None:
    """Errors unless a window of `shape` at int32 scalars `starts` makes sense in `x`."""
    checks.same_length(name, x, starts=[0] * len(starts), shape=shape)
    if any(t != Type((), np.dtype("int32")) for t in starts):
        raise TypeError(f"{name}: starts must be int32 scalars, got {', '.join(map(str, starts))}")
    if any(not 0 <= n <= size for n, size in zip(shape, x.shape)):
        raise ValueError(f"{name}: a window of shape {tuple(shape)} does not fit in {x}")


def window(x: np.ndarray, starts: tuple[np.ndarray, ...], shape: Shape) -> tuple[slice, ...]:
    """The basic index of the window, moved so that it lies within `x`."""
    sizes = zip(starts, x.shape, shape)
    low = [int(np.clip(s, 0, size - n)) for s, size, n in sizes]
    return tuple(slice(a, a + n) for a, n in zip(low, shape))


def _dynamic_slice_typing(x: Type, *starts: Type, shape: Shape) -> Type:
    check_starts("dynamic_slice", x, starts, shape)
    return Type(tuple(shape), x.dtype)


def _dynamic_slice_vjp(g: Any, y: Any, x: Any, *starts: Any, shape: Shape) -> tuple[Any, ...]:
    return ops.dynamic_update_slice(constant(0, x), g, *starts), *(None for _ in starts)


def window_indices(
    size: int, batched: Any, starts: tuple[Any, ...], inside: Shape, shape: Shape
) -> Any:
    """[B, *shape, k]: the coordinates of every element of B windows of `shape` within `inside`."""
    full_shape = (size, *shape)
    columns = []
    for axis, (start, b) in enumerate(zip(starts, batched)):
        if not b:
            start = expand(start, (size,))
        start = clip(start, inside[axis] - shape[axis] + 1)
        within = ops.iota(shape=full_shape, axis=axis + 1, dtype="int32")
        columns.append(ops.add(expand(start, full_shape), within))
    return stack_last(columns)


def zero_start() -> Any:
    return ops.full(shape=(), dtype="int32", value=0)


def _dynamic_slice_batch(
    size: int, batched: tuple[bool, ...], x: Any, *starts: Any, shape: Shape
) -> Any:
    if not any(batched[1:]):
        return ops.dynamic_slice(x, zero_start(), *starts, shape=(size, *shape))
    inside = x.type.shape[1:] if batched[0] else x.type.shape
    indices = window_indices(size, batched[1:], starts, inside, shape)
    return _gather_nd_batch(size, (batched[0], True), x, indices)


def _dynamic_slice_lower(
    index: Any, read: Any, x: Type, *starts: Type, shape: Shape
) -> tuple[Any, ...]:
    sizes = enumerate(zip(index, x.shape, shape), 1)
    return tuple(read(k, (), size - n + 1) + i for k, (i, size, n) in sizes)


dynamic_slice = Primitive(
    name="dynamic_slice",
    family="indexing",
    traits=frozenset({"gather"}),
    typing=_dynamic_slice_typing,
    numpy=lambda x, *starts, shape: x[window(x, starts, shape)],
    vjp=_dynamic_slice_vjp,
    batch=_dynamic_slice_batch,
    lower=_dynamic_slice_lower,
    samples=lambda rng: [
        ((rng.normal(size=(5, 4)), np.int32(1), np.int32(3)), {"shape": (2, 2)}),
        ((rng.normal(size=(5,)), np.int32(-2)), {"shape": (3,)}),
    ],
)
