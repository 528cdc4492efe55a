"""Sorting along an axis; NaN sorts last, equal elements keep their order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lamella import ops
from lamella.ops import checks
from lamella.ops.indexing import flat_rows
from lamella.ops.layout import move_axis
from lamella.primitive import Primitive, no_gradient
from lamella.types import Type, bfloat16

INT32, INT64 = np.dtype("int32"), np.dtype("int64")


def _sortable(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float32) if x.dtype == bfloat16 else x


def _along_axis(name: str, result: np.dtype | None) -> Callable[..., Type]:
    def typing(x: Type, *, axis: int) -> Type:
        checks.axis_in(name, axis, x)
        checks.ordered(name, x)
        return Type(x.shape, result or x.dtype)

    return typing


def _samples(rng: np.random.Generator) -> list[Any]:
    distinct = rng.permutation(24).reshape(2, 4, 3).astype(float)
    return [
        ((distinct,), {"axis": 1}),
        ((rng.permutation(5) * 1.5,), {"axis": 0}),
        ((np.zeros((0, 3)),), {"axis": 0}),
        ((rng.integers(0, 3, (3, 7)),), {"axis": 1}),
    ]


def _sort_vjp(g: Any, y: Any, x: Any, *, axis: int) -> Any:
    """The cotangents, put back to where the elements came from."""
    last = x.type.ndim - 1
    order = ops.argsort(move_axis(x, axis, last), axis=last)
    return move_axis(
        put_along_last(move_axis(g, axis, last), order, x.type.shape[axis]), last, axis
    )


def put_along_last(g: Any, indices: Any, n: int) -> Any:
    """Zeros [..., n] with g [..., k] added at the places `indices` [..., k] of the last axis."""
    *lead, k = g.type.shape
    rows = math.prod(lead)
    where = flat_rows(ops.reshape(indices, shape=(rows, k)), n)
    zero = ops.full(shape=(rows * n,), dtype=g.type.dtype.name, value=0)
    flat = ops.scatter_add(zero, where, ops.reshape(g, shape=(rows, k)), axis=0)
    return ops.reshape(flat, shape=(*lead, n))


sort = Primitive(
    name="sort",
    family="sort",
    typing=_along_axis("sort", None),
    numpy=lambda x, *, axis: np.sort(_sortable(x), axis, kind="stable").astype(x.dtype),
    vjp=_sort_vjp,
    batch=lambda size, batched, x, *, axis: ops.sort(x, axis=axis + 1),
    lower=None,
    samples=_samples,
)

argsort = Primitive(
    name="argsort",
    family="sort",
    typing=_along_axis("argsort", INT64),
    numpy=lambda x, *, axis: np.argsort(_sortable(x), axis, kind="stable"),
    vjp=no_gradient,
    batch=lambda size, batched, x, *, axis: ops.argsort(x, axis=axis + 1),
    lower=None,
    samples=_samples,
)


def _top_k_typing(x: Type, *, k: int) -> tuple[Type, Type]:
    checks.ordered("top_k", x)
    if x.ndim == 0 or not 0 <= k <= x.shape[-1]:
        raise ValueError(f"top_k: k={k} must lie between 0 and the length of the last axis of {x}")
    shape = (*x.shape[:-1], k)
    return Type(shape, x.dtype), Type(shape, INT32)


def _top_k_numpy(x: np.ndarray, *, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Largest first; of equal elements the first one; NaN counts as largest."""
    n = x.shape[-1]
    ascending = np.argsort(_sortable(x)[..., ::-1], -1, kind="stable")
    indices = (n - 1 - ascending[..., ::-1])[..., :k]
    return np.take_along_axis(x, indices, -1), indices.astype(INT32)


def _top_k_vjp(gs: tuple[Any, Any], ys: tuple[Any, Any], x: Any, *, k: int) -> Any:
    return None if gs[0] is None else put_along_last(gs[0], ys[1], x.type.shape[-1])


top_k = Primitive(
    name="top_k",
    family="sort",
    typing=_top_k_typing,
    numpy=_top_k_numpy,
    vjp=_top_k_vjp,
    batch=lambda size, batched, x, *, k: ops.top_k(x, k=k),
    lower=None,
    samples=lambda rng: [
        ((rng.permutation(24).reshape(2, 3, 4).astype(float),), {"k": 2}),
        ((rng.permutation(5).astype(float),), {"k": 5}),
        ((rng.integers(0, 3, (3, 7)),), {"k": 3}),
    ],
)
