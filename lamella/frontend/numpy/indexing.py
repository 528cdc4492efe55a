"""x[index] and its functional counterpart `update`.

An index is brought to one entry per axis: a slice, or an array of integers (concrete or traced).
Slices become `slice` and `flip`; one array becomes `gather`, several become `gather_nd`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamella import ops
from lamella.frontend.numpy import promotion as p
from lamella.frontend.numpy.moving import moving_slices
from lamella.frontend.numpy.shaping import reshape_to
from lamella.frontend.tracer import Tracer
from lamella.types import BOOL, is_integer


@dataclass(frozen=True)
class Plan:
    """An index in normal form: x is reshaped to `shape`, then `entries` has one per axis.

    drop: axes that the result lacks, since their entry was a plain integer.
    front: several arrays with something between them, so that their axes come first (NumPy's rule).
    """

    shape: tuple[int, ...]
    entries: tuple[Any, ...]
    drop: tuple[int, ...]
    front: bool


def getitem(x: Tracer, index: Any) -> Tracer:
    """`x[index]` with NumPy's rules; traced integers out of range are clipped."""
    x, index = moving_slices(x, index)
    plan = make_plan(x.shape, index)
    x = _slices(reshape_to(x, plan.shape), plan)
    arrays = {i: e for i, e in enumerate(plan.entries) if not isinstance(e, slice)}
    arrays = {i - sum(d < i for d in plan.drop): e for i, e in arrays.items()}
    if not arrays:
        return x
    if len(arrays) == 1:
        ((axis, indices),) = arrays.items()
        return gather(x, indices, axis)
    return _gather_several(x, arrays, plan.front)


def make_plan(shape: tuple[int, ...], index: Any) -> Plan:
    """The normal form of `index` for an array of `shape`; IndexError where it does not fit."""
    items = _expand_ellipsis(_items(index), len(shape))
    sizes, entries, advanced = [], [], []
    axis = 0
    for position, item in enumerate(items):
        if item is None:
            sizes.append(1)
            entries.append(slice(0, 1, 1))
            continue
        if isinstance(item, bool):
            sizes.append(1)
            item = np.zeros(int(item), np.int64)
        else:
            sizes.append(shape[axis])
            axis += 1
        if isinstance(item, slice):
            entries.append(_checked_slice(item, sizes[-1]))
        else:
            entries.append(normalize(item, sizes[-1], axis - 1))
            advanced.append((position, item))
    return Plan(tuple(sizes), *_settle_integers(entries, advanced))


def _settle_integers(entries: list[Any], advanced: list[Any]) -> tuple[Any, Any, bool]:
    """Integers beside arrays are arrays of no axes; without arrays they are one-element slices."""
    drop = []
    if all(isinstance(item, int) for _, item in advanced):
        for i, entry in enumerate(entries):
            if isinstance(entry, int):
                entries[i] = slice(entry, entry + 1, 1)
                drop.append(i)
    positions = [position for position, _ in advanced]
    front = bool(positions) and positions[-1] - positions[0] + 1 != len(positions)
    return tuple(entries), tuple(drop), front


def _items(index: Any) -> list[Any]:
    """The items of an index: slices, None, Ellipsis, ints, integer arrays; masks are looked up."""
    out: list[Any] = []
    for item in index if isinstance(index, tuple) else (index,):
        if item is None or item is Ellipsis or isinstance(item, (slice, bool)):
            out.append(item)
        elif isinstance(item, Tracer):
            out.append(_checked_traced(item))
        elif isinstance(item, (int, np.integer)):
            out.append(int(item))
        else:
            out.extend(_concrete(item))
    return out


def _checked_traced(item: Tracer) -> Tracer:
    if item.dtype == BOOL:
        raise TypeError(
            f"a traced bool mask {item.type} as an index: the result's shape would depend on the "
            "data; use np.where(mask, x, otherwise), or where= in a reduction"
        )
    if not is_integer(item.dtype):
        raise IndexError(f"an index must be an integer or an array of integers, got {item.type}")
    return item


def _concrete(item: Any) -> list[Any]:
    if isinstance(item, (list, tuple)) and any(isinstance(x, Tracer) for x in item):
        return [np.stack([p.value(x) for x in item])]
    array = np.asarray(item.__lamella_array__() if hasattr(item, "__lamella_array__") else item)
    if array.size == 0 and not isinstance(item, np.ndarray):
        array = array.astype(np.int64)
    if array.dtype == BOOL:
        return list(array.nonzero()) if array.ndim else [bool(array)]
    if array.dtype.kind not in "iu":
        raise IndexError(
            f"an index must be an integer, slice, None, Ellipsis or an array of integers or bools; "
            f"got {item!r}"
        )
    return [array if array.ndim else int(array)]


def _expand_ellipsis(items: list[Any], ndim: int) -> list[Any]:
    used = sum(1 for x in items if not (x is None or x is Ellipsis or isinstance(x, bool)))
    if used > ndim:
        raise IndexError(f"too many indices: the array has {ndim} axes, {used} were indexed")
    dots = [i for i, x in enumerate(items) if x is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    at = dots[0] if dots else len(items)
    return [*items[:at], *[slice(None)] * (ndim - used), *items[at + 1 :]]


def _checked_slice(item: slice, size: int) -> slice:
    """start, stop and step as integers; with a negative step, stop is the last element's index."""
    for bound in (item.start, item.stop, item.step):
        if isinstance(bound, Tracer):
            raise TypeError(
                "a traced value as a bound of a slice would make the result's shape depend on the "
                "data; x[i : i + n] with a number n has n elements, and so has "
                "lamella.dynamic_slice(x, starts, shape)"
            )
    start, stop, step = item.indices(size)
    count = len(range(start, stop, step))
    if step > 0:
        return slice(start, max(start, stop), step) if count else slice(0, 0, 1)
    return slice(start, start + (count - 1) * step, step) if count else slice(0, 0, 1)


def _slices(x: Tracer, plan: Plan) -> Tracer:
    """`x` cut along every axis that has a slice, integers' axes dropped."""
    cuts = [e if isinstance(e, slice) else slice(0, n, 1) for e, n in zip(plan.entries, x.shape)]
    flipped = tuple(i for i, c in enumerate(cuts) if c.step < 0)
    cuts = [slice(c.stop, c.start + 1, -c.step) if c.step < 0 else c for c in cuts]
    start, stop, step = (tuple(v) for v in zip(*((c.start, c.stop, c.step) for c in cuts))) \
        if cuts else ((), (), ())  # fmt: skip
    if any(c != slice(0, n, 1) for c, n in zip(cuts, x.shape)):
        x = ops.slice(x, start=start, stop=stop, step=step)
    if flipped and x.size:
        x = ops.flip(x, axes=flipped)
    return reshape_to(x, tuple(n for i, n in enumerate(x.shape) if i not in plan.drop))


def normalize(indices: Any, size: int, axis: int) -> Any:
    """Indices with negative ones counted from the end; IndexError where a known one is outside."""
    if isinstance(indices, Tracer):
        if indices.dtype.kind == "u":
            return indices
        if indices.dtype.itemsize < 4:  # adding the size must not overflow
            indices = p.convert(indices, np.int32)
        return np.where(indices < 0, indices + size, indices)
    outside = [i for i in np.atleast_1d(indices).ravel().tolist() if not -size <= i < size]
    if outside:
        raise IndexError(f"index {outside[0]} is out of bounds for axis {axis} with size {size}")
    if isinstance(indices, int):
        return indices % size
    return np.where(indices < 0, indices + size, indices).astype(
        np.int32 if size < 2**31 else np.int64
    )


def gather(x: Tracer, indices: Any, axis: int) -> Tracer:
    """`x` at non-negative `indices` along `axis`."""
    if x.shape[axis] == 0:
        shape = (*x.shape[:axis], *np.shape(indices), *x.shape[axis + 1 :])
        return p.full(shape, x.dtype, 0)
    return ops.gather(
        x, p.value(np.asarray(indices) if isinstance(indices, int) else indices), axis=axis
    )


def _gather_several(x: Tracer, arrays: dict[int, Any], front: bool) -> Tracer:
    axes = tuple(arrays)
    rest = tuple(i for i in range(x.ndim) if i not in arrays)
    points = joined(list(arrays.values()))
    shape = points.shape[:-1]
    moved = np.transpose(x, (*axes, *rest))
    if moved.size == 0:
        out = p.full((*shape, *(x.shape[i] for i in rest)), x.dtype, 0)
    else:
        out = ops.gather_nd(moved, points)
    first = 0 if front else sum(i < axes[0] for i in rest)
    return np.moveaxis(out, range(len(shape)), range(first, first + len(shape)))


def joined(arrays: list[Any]) -> Tracer:
    """Index arrays broadcast together and stacked along a new last axis."""
    if not any(isinstance(a, Tracer) for a in arrays):
        return p.value(np.stack(np.broadcast_arrays(*arrays), -1).astype(np.int32))
    shape = p.broadcast_shape(*arrays)
    wide = any(a.dtype in _WIDE for a in arrays if isinstance(a, Tracer))
    dtype = np.dtype(np.int64 if wide else np.int32)
    return np.stack([p.broadcast(a, shape, dtype) for a in arrays], -1)


_WIDE = (np.dtype(np.int64), np.dtype(np.uint64), np.dtype(np.uint32))


# Updates


def update(x: Any, index: Any, values: Any, mode: str = "set") -> Any:
    """A copy of `x` with `x[index] = values`, or another `mode`: add, mul, max, min.

    Repeated positions accumulate in every mode but "set". Traced indices that are out of range
    change nothing. Works on arrays and on Tracers.

    >>> lamella.update(np.zeros(3), 1, 5.0)
    array([0., 5., 0.])
    """
    if mode not in _IN_PLACE:
        raise ValueError(f"update: mode must be one of {', '.join(_IN_PLACE)}, got {mode!r}")
    items = index if isinstance(index, tuple) else (index,)
    if not any(isinstance(a, Tracer) for a in (x, values, *items)):
        out = np.array(x)
        _IN_PLACE[mode](out, index, np.asarray(values).astype(out.dtype))
        return out
    x = p.value(x)
    plan = make_plan(x.shape, index)
    values = p.value(values, x.dtype)
    if all(isinstance(e, slice) and e.step == 1 for e in plan.entries) and mode == "set":
        return _overwrite(x, plan, values)
    return _scatter(x, plan, values, mode)


def _assign(out: np.ndarray, index: Any, values: Any) -> None:
    out[index] = values


_IN_PLACE = {
    "set": _assign,
    "add": np.add.at,
    "mul": np.multiply.at,
    "max": np.maximum.at,
    "min": np.minimum.at,
}


def _overwrite(x: Tracer, plan: Plan, values: Tracer) -> Tracer:
    """A block: dynamic_update_slice at constant starts."""
    block = tuple(e.stop - e.start for e in plan.entries)
    shown = tuple(n for i, n in enumerate(block) if i not in plan.drop)
    values = reshape_to(np.broadcast_to(values, shown), block)
    if block == plan.shape:
        return reshape_to(values, x.shape)
    if math.prod(block) == 0:
        return x
    starts = [p.full((), np.int32, e.start) for e in plan.entries]
    out = ops.dynamic_update_slice(reshape_to(x, plan.shape), values, *starts)
    return reshape_to(out, x.shape)


def _scatter(x: Tracer, plan: Plan, values: Tracer, mode: str) -> Tracer:
    arrays = [e for e in plan.entries if not isinstance(e, slice)]
    n = len(arrays)
    tail = plan.shape[n:]
    whole = tuple(slice(0, size, 1) for size in tail)
    rest = plan.entries[n:]
    if arrays and all(isinstance(e, slice) for e in rest) and rest == whole:  # rows of leading axes
        points = joined(arrays)
        values = np.broadcast_to(values, (*points.shape[:-1], *tail))
        out = ops.scatter_nd(reshape_to(x, plan.shape), points, values, mode=mode)
        return reshape_to(out, x.shape)
    positions = _positions(plan)
    values = np.broadcast_to(values, positions.shape)
    flat, points = reshape_to(x, (x.size,)), np.reshape(positions, (-1, 1))
    out = ops.scatter_nd(flat, p.value(points), reshape_to(values, (values.size,)), mode=mode)
    return reshape_to(out, x.shape)


def _positions(plan: Plan) -> Any:
    """Where the indexed elements lie in the flattened array; its size where outside of it."""
    size = math.prod(plan.shape)
    dtype = np.dtype(np.int32 if size < 2**31 else np.int64)
    positions: Any = np.zeros((), dtype)
    inside: Any = True
    stride = size
    for entry, n, place in zip(plan.entries, plan.shape, _places(plan), strict=True):
        stride //= max(n, 1)
        line = np.arange(n)[_as_slice(entry)] if isinstance(entry, slice) else entry
        line = np.reshape(line, place)
        if isinstance(entry, Tracer):
            inside = inside & (line >= 0) & (line < n)
        positions = positions + line.astype(dtype) * dtype.type(stride)
    return positions if inside is True else np.where(inside, positions, dtype.type(size))


def _as_slice(entry: slice) -> slice:
    """An entry as a Python slice: with a negative step its stop is inclusive."""
    if entry.step > 0:
        return entry
    return slice(entry.start, entry.stop - 1 if entry.stop else None, entry.step)


def _places(plan: Plan) -> list[tuple[int, ...]]:
    """For each entry, the shape that puts it at its axes of the indexed result."""
    arrays = [e for e in plan.entries if not isinstance(e, slice)]
    common = p.broadcast_shape(*arrays) if arrays else ()
    kept = [i for i, e in enumerate(plan.entries) if isinstance(e, slice) and i not in plan.drop]
    firsts = [i for i, e in enumerate(plan.entries) if not isinstance(e, slice)]
    first = 0 if plan.front or not arrays else sum(i < firsts[0] for i in kept)
    places = []
    for i, entry in enumerate(plan.entries):
        shape = [1] * (len(kept) + len(common))
        if isinstance(entry, slice):
            if i in kept:
                at = kept.index(i)
                shape[at if at < first else at + len(common)] = -1
        else:
            own = p.shape_of(entry)
            shape[first + len(common) - len(own) : first + len(common)] = own
        places.append(tuple(shape))
    return places
