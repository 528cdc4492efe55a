"""Writing at addresses from data: scatter_add, scatter_nd, dynamic_update_slice.

Updates whose index is out of range are dropped. Repeated indices are applied in order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamella import ops
from lamella.batching import with_batch_axis
from lamella.ops import checks
from lamella.ops.indexing import (
    check_nd,
    check_starts,
    clip_nd,
    constant,
    expand,
    flat_rows,
    in_range,
    in_range_nd,
    signed,
    window,
    window_indices,
    with_batch_coordinate,
    zero_start,
)
from lamella.ops.layout import move_axis
from lamella.ops.lowering import OwnKernel
from lamella.ops.reduction import wide
from lamella.primitive import Primitive
from lamella.types import Type

Shape = tuple[int, ...]

# ---------------------------------------------------------------- scatter_add


def _scatter_add_typing(x: Type, indices: Type, updates: Type, *, axis: int) -> Type:
    checks.numeric("scatter_add", x)
    checks.axis_in("scatter_add", axis, x)
    checks.indices("scatter_add", indices)
    expected = Type((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)
    if updates != expected:
        raise ValueError(f"scatter_add: expected updates of type {expected}, got {updates}")
    return x


def _scatter_add_numpy(
    x: np.ndarray, indices: np.ndarray, updates: np.ndarray, *, axis: int
) -> np.ndarray:
    flat = signed(indices).ravel()
    valid = (flat >= 0) & (flat < x.shape[axis])
    rest = x.shape[axis + 1 :]
    out = np.moveaxis(x.astype(wide(x.dtype)), axis, 0).copy()
    rows = np.moveaxis(updates.reshape(*x.shape[:axis], len(flat), *rest), axis, 0)
    np.add.at(out, flat[valid], rows[valid].astype(out.dtype))
    return np.moveaxis(out, 0, axis).astype(x.dtype)


def _scatter_add_vjp(
    g: Any, y: Any, x: Any, indices: Any, updates: Any, *, axis: int
) -> tuple[Any, None, Any]:
    if updates.type.size == 0:
        return g, None, constant(0, updates)
    taken = ops.gather(g, indices, axis=axis)
    valid = expand(in_range(indices, x.type.shape[axis]), updates.type.shape, axis)
    return g, None, ops.select(valid, taken, constant(0, updates))


def _scatter_add_batch(
    size: int, batched: tuple[bool, ...], x: Any, indices: Any, updates: Any, *, axis: int
) -> Any:
    x, updates = with_batch_axis(x, size, batched[0]), with_batch_axis(updates, size, batched[2])
    if not batched[1]:
        return ops.scatter_add(x, indices, updates, axis=axis + 1)
    k = indices.type.ndim - 1
    moved = move_axis(x, axis + 1, 1)  # [B, n, rest...]
    b, n, *rest = moved.type.shape
    middle = tuple(range(1 + axis, 1 + axis + k))
    others = tuple(i for i in range(1, updates.type.ndim) if i not in middle)
    rows = ops.transpose(updates, axes=(0, *middle, *others))  # [B, i..., rest...]
    flat = ops.scatter_add(
        ops.reshape(moved, shape=(b * n, *rest)), flat_rows(indices, n, valid=True), rows, axis=0
    )
    return move_axis(ops.reshape(flat, shape=moved.type.shape), 1, axis + 1)


scatter_add = Primitive(
    name="scatter_add",
    family="indexing",
    typing=_scatter_add_typing,
    numpy=_scatter_add_numpy,
    vjp=_scatter_add_vjp,
    batch=_scatter_add_batch,
    lower=OwnKernel("scatter", "lower_scatter_add"),
    samples=lambda rng: [
        (
            (rng.normal(size=(5, 3)), rng.integers(-1, 7, (2, 4)), rng.normal(size=(2, 4, 3))),
            {"axis": 0},
        ),
        (
            (rng.normal(size=(2, 4)), np.array([3, 3, 0], "int32"), rng.normal(size=(2, 3))),
            {"axis": 1},
        ),
        ((rng.normal(size=(4,)), np.array(2, "uint8"), rng.normal(size=())), {"axis": 0}),
        ((rng.normal(size=(4,)), np.zeros(0, "int32"), rng.normal(size=(0,))), {"axis": 0}),
    ],
)

# ----------------------------------------------------------------- scatter_nd

MODES = {
    "add": np.add,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "set": None,
}


def _scatter_nd_typing(x: Type, indices: Type, updates: Type, *, mode: str) -> Type:
    if mode not in MODES:
        raise ValueError(f"scatter_nd: mode {mode!r} is not one of {', '.join(MODES)}")
    k = check_nd("scatter_nd", x, indices)
    expected = Type((*indices.shape[:-1], *x.shape[k:]), x.dtype)
    if updates != expected:
        raise ValueError(f"scatter_nd: expected updates of type {expected}, got {updates}")
    if mode in ("add", "mul"):
        checks.numeric("scatter_nd", x)
    return x


def _scatter_nd_numpy(
    x: np.ndarray, indices: np.ndarray, updates: np.ndarray, *, mode: str
) -> np.ndarray:
    k = indices.shape[-1]
    lead, rest = x.shape[:k], x.shape[k:]
    where = signed(indices).reshape(-1 if k else int(np.prod(indices.shape[:-1])), k)
    valid = ((where >= 0) & (where < np.array(lead, np.intp))).all(-1)
    out = x.astype(wide(x.dtype)).reshape(-1, *rest) if 0 not in lead else x.copy()
    rows = updates.reshape(len(where), *rest)[valid].astype(out.dtype)
    if valid.any():
        flat = np.ravel_multi_index(tuple(where[valid].T), lead) if k else np.zeros(len(rows), int)
        if mode == "set":
            for i, row in zip(flat, rows):
                out[i] = row
        else:
            MODES[mode].at(out, flat, rows)
    return out.reshape(x.shape).astype(x.dtype)


def _scatter_nd_vjp(
    g: Any, y: Any, x: Any, indices: Any, updates: Any, *, mode: str
) -> tuple[Any, None, Any]:
    if updates.type.size == 0 or x.type.size == 0:
        return g, None, constant(0, updates)
    where = clip_nd(indices, x.type.shape)
    valid = expand(in_range_nd(indices, x.type.shape), updates.type.shape)
    g_x, g_updates = _SCATTER_RULES[mode](g, y, x, indices, where, updates)
    return g_x, None, ops.select(valid, g_updates, constant(0, updates))


def _set_rule(g: Any, y: Any, x: Any, indices: Any, where: Any, updates: Any) -> tuple[Any, Any]:
    """Of several updates of one place the last counts, found by scattering their numbers."""
    g_x = ops.scatter_nd(g, indices, constant(0, updates), mode="set")
    k = indices.type.shape[-1]
    lead = indices.type.shape[:-1]
    n = int(np.prod(lead))
    numbers = ops.reshape(ops.iota(shape=(n,), axis=0, dtype="int64"), shape=lead)
    places = ops.full(shape=x.type.shape[:k], dtype="int64", value=-1)
    last = ops.gather_nd(ops.scatter_nd(places, indices, numbers, mode="set"), where)
    counts = expand(ops.equal(last, numbers), updates.type.shape)
    return g_x, ops.select(counts, ops.gather_nd(g, where), constant(0, updates))


def _extremum_rule(
    g: Any, y: Any, x: Any, indices: Any, where: Any, updates: Any
) -> tuple[Any, Any]:
    """Whatever ties for the extremum shares the cotangent equally."""
    name = x.type.dtype.name
    won_x = ops.convert(ops.equal(x, y), dtype=name)
    won = ops.convert(ops.equal(updates, ops.gather_nd(y, where)), dtype=name)
    share = ops.div(g, ops.scatter_nd(won_x, indices, won, mode="add"))
    # A place where nothing is equal holds NaN; its share is NaN by 0/0, as it should be.
    return ops.mul(share, won_x), ops.mul(ops.gather_nd(share, where), won)


def _mul_rule(g: Any, y: Any, x: Any, indices: Any, where: Any, updates: Any) -> tuple[Any, Any]:
    """The product of the other factors: y / update, or x where the only update is zero."""
    factors = ops.scatter_nd(constant(1, x), indices, updates, mode="mul")
    zero = ops.equal(updates, constant(0, updates))
    safe = ops.select(zero, constant(1, updates), updates)
    others = ops.select(zero, ops.gather_nd(x, where), ops.div(ops.gather_nd(y, where), safe))
    return ops.mul(g, factors), ops.mul(ops.gather_nd(g, where), others)


_SCATTER_RULES = {
    "add": lambda g, y, x, indices, where, updates: (g, ops.gather_nd(g, where)),
    "set": _set_rule,
    "max": _extremum_rule,
    "min": _extremum_rule,
    "mul": _mul_rule,
}


def _scatter_nd_batch(
    size: int, batched: tuple[bool, ...], x: Any, indices: Any, updates: Any, *, mode: str
) -> Any:
    x, indices, updates = (
        with_batch_axis(v, size, b) for v, b in zip((x, indices, updates), batched)
    )
    return ops.scatter_nd(x, with_batch_coordinate(indices, size), updates, mode=mode)


def _scatter_nd_samples(rng: np.random.Generator) -> list[Any]:
    cases = []
    for mode in MODES:
        x, u = rng.uniform(0.5, 2, (4, 3)), rng.uniform(0.5, 2, (5, 3))
        cases.append(((x, rng.integers(-1, 5, (5, 1)), u), {"mode": mode}))
    one = (rng.normal(size=(2, 3)), np.array([[1, 2], [0, 0]], "int32"), rng.normal(size=2))
    nothing = (rng.normal(size=(2, 3)), np.zeros((0, 2), "int32"), rng.normal(size=0))
    return [*cases, (one, {"mode": "set"}), (nothing, {"mode": "add"})]


scatter_nd = Primitive(
    name="scatter_nd",
    family="indexing",
    typing=_scatter_nd_typing,
    numpy=_scatter_nd_numpy,
    vjp=_scatter_nd_vjp,
    batch=_scatter_nd_batch,
    lower=OwnKernel("scatter", "lower_scatter_nd"),
    samples=_scatter_nd_samples,
)

# ------------------------------------------------------- dynamic_update_slice


def _update_typing(x: Type, update: Type, *starts: Type) -> Type:
    checks.equal_dtypes("dynamic_update_slice", x, update)
    check_starts("dynamic_update_slice", x, starts, update.shape)
    return x


def _update_numpy(x: np.ndarray, update: np.ndarray, *starts: np.ndarray) -> np.ndarray:
    out = x.copy()
    out[window(x, starts, update.shape)] = update
    return out


def _update_vjp(g: Any, y: Any, x: Any, update: Any, *starts: Any) -> tuple[Any, ...]:
    g_x = ops.dynamic_update_slice(g, constant(0, update), *starts)
    g_update = ops.dynamic_slice(g, *starts, shape=update.type.shape)
    return g_x, g_update, *(None for _ in starts)


def _update_batch(size: int, batched: tuple[bool, ...], x: Any, update: Any, *starts: Any) -> Any:
    x, update = with_batch_axis(x, size, batched[0]), with_batch_axis(update, size, batched[1])
    if not any(batched[2:]):
        return ops.dynamic_update_slice(x, update, zero_start(), *starts)
    inside, shape = x.type.shape[1:], update.type.shape[1:]
    indices = window_indices(size, batched[2:], starts, inside, shape)
    return ops.scatter_nd(x, with_batch_coordinate(indices, size), update, mode="set")


dynamic_update_slice = Primitive(
    name="dynamic_update_slice",
    family="indexing",
    typing=_update_typing,
    numpy=_update_numpy,
    vjp=_update_vjp,
    batch=_update_batch,
    lower=OwnKernel("update", "lower_update"),
    samples=lambda rng: [
        ((rng.normal(size=(5, 4)), rng.normal(size=(2, 2)), np.int32(1), np.int32(3)), {}),
        ((rng.normal(size=(5,)), rng.normal(size=(3,)), np.int32(-2)), {}),
    ],
)
