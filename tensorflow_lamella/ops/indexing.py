"""Taking parts of tensors, and putting values in their places."""

from __future__ import annotations

from typing import Any

import numpy as np

import lamella
from lamella.frontend.tracer import Tracer
from lamella.program import current_builder
from tensorflow_lamella.core import state
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dispatch import Array, T, op
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.errors import InvalidArgumentError
from tensorflow_lamella.names import put


@op("_getitem")
def getitem(x: Array, index: Any) -> Any:
    """`tensor[index]` with integers, slices, ..., tf.newaxis, and a mask alone."""
    parts = index if isinstance(index, tuple) else (index,)
    return x[tuple(p for part in parts for p in _parts(part))]


def _parts(part: Any) -> tuple[Any, ...]:
    """A part of an index as NumPy and the engine take it; a mask as the places where it is true."""
    if np.ndim(part) > 0 and getattr(part, "dtype", None) == np.dtype(bool):
        return places(part, "tensor[mask]")
    return (_part(part),)


def places(mask: Any, what: str) -> tuple[np.ndarray, ...]:
    """np.nonzero of a mask; InvalidArgumentError where its numbers are not known."""
    if state.is_traced_value(mask):
        raise InvalidArgumentError(f"{what} in a compiled function has a result of unknown size; "
                                   "use tf.where(mask, x, 0) or a weighted sum")  # fmt: skip
    return np.nonzero(np.asarray(mask))


def _part(part: Any) -> Any:
    if isinstance(part, slice):
        return slice(*(None if p is None else _integer(p)
                       for p in (part.start, part.stop, part.step)))  # fmt: skip
    if isinstance(part, np.ndarray) and part.ndim == 0:
        return part.item()
    return part


def _integer(x: Any) -> Any:
    return x if isinstance(x, Tracer) else int(x)


@op("gather")
def gather(params: Array, indices: Array, validate_indices: Any = None, axis: Any = None,
           batch_dims: int = 0) -> Any:  # fmt: skip
    """The slices of `params` at `indices` along `axis`."""
    axis = batch_dims if axis is None else int(axis)
    if isinstance(indices, Tracer):
        params = current_builder().lift(params)  # np.take looks at the type of its first argument
    if batch_dims:
        batch_dims = batch_dims % indices.ndim
        return _batched_gather(params, indices, axis % params.ndim, batch_dims)
    return np.take(params, indices, axis=axis)


def _batched_gather(params: Any, indices: Any, axis: int, batch_dims: int) -> Any:
    """The leading axes of both are the same rows; they are indexed along."""
    params = np.moveaxis(params, axis, batch_dims)
    grid = np.ogrid[tuple(slice(n) for n in params.shape[:batch_dims])]
    rest = indices.ndim - batch_dims
    rows = [np.reshape(g, (*g.shape, *(1,) * rest)) for g in grid]
    found = params[(*rows, indices)]  # batch..., indices..., then what was around the axis
    moved = axis - batch_dims
    order = list(range(found.ndim))
    inner, around = order[batch_dims : indices.ndim], order[indices.ndim :]
    return np.transpose(found, [*order[:batch_dims], *around[:moved], *inner, *around[moved:]])


@op("gather_nd")
def gather_nd(params: Array, indices: Array, batch_dims: int = 0) -> Any:
    """The slices at the multi-indices in the last axis of `indices`."""
    columns = [indices[..., k] for k in range(indices.shape[-1])]
    if batch_dims:
        grid = np.ogrid[tuple(slice(n) for n in params.shape[:batch_dims])]
        rest = indices.ndim - 1 - batch_dims
        columns = [*(np.reshape(g, (*g.shape, *(1,) * rest)) for g in grid), *columns]
    return params[tuple(columns)] if columns else params


def _scatter(start: Any, indices: Any, updates: Any, mode: str) -> Any:
    """`start` with `updates` set, added, ... at the multi-indices in the last axis."""
    columns = tuple(indices[..., k] for k in range(indices.shape[-1]))
    return lamella.update(start, columns, updates, mode)


@op("tensor_scatter_nd_update")
def tensor_scatter_nd_update(tensor: T, indices: Array, updates: T) -> Any:
    return _scatter(tensor, indices, updates, "set")


@op("tensor_scatter_nd_add")
def tensor_scatter_nd_add(tensor: T, indices: Array, updates: T) -> Any:
    return _scatter(tensor, indices, updates, "add")


@op("tensor_scatter_nd_sub")
def tensor_scatter_nd_sub(tensor: T, indices: Array, updates: T) -> Any:
    return _scatter(tensor, indices, -updates, "add")


@op("tensor_scatter_nd_max")
def tensor_scatter_nd_max(tensor: T, indices: Array, updates: T) -> Any:
    return _scatter(tensor, indices, updates, "max")


@op("tensor_scatter_nd_min")
def tensor_scatter_nd_min(tensor: T, indices: Array, updates: T) -> Any:
    return _scatter(tensor, indices, updates, "min")


@op("scatter_nd")
def scatter_nd(indices: Array, updates: Array, shape: Any) -> Any:
    return _scatter(np.zeros(tuple(int(d) for d in shape), updates.dtype), indices, updates, "add")


@op("boolean_mask")
def boolean_mask(tensor: Array, mask: Array, axis: Any = None) -> Any:
    """The parts where the mask is true; eagerly only, since their number is not known before."""
    return tensor[(slice(None),) * int(axis or 0) + places(mask, "tf.boolean_mask")]


@op("one_hot")
def one_hot(indices: Array, depth: Any, on_value: Any = 1, off_value: Any = 0, axis: int = -1,
            dtype: Any = None) -> Any:  # fmt: skip
    """`on_value` where the index is, `off_value` elsewhere; a new axis of size `depth`."""
    wanted = numpy_dtype(dtype)
    if wanted is None:
        given = [to_array(v).dtype for v in (on_value, off_value) if v is not None]
        wanted = np.dtype(np.float32) if (on_value, off_value) == (1, 0) else given[0]
    last = axis if axis >= 0 else indices.ndim + 1 + axis
    classes = np.arange(int(depth), dtype=indices.dtype)
    classes = np.reshape(classes, [-1 if i == last else 1 for i in range(indices.ndim + 1)])
    hit = np.expand_dims(indices, last) == classes
    on, off = (np.asarray(v, wanted) for v in (on_value, off_value))
    return hit.astype(wanted) if (on, off) == (1, 0) else np.where(hit, on, off)


put(None, "newaxis")
