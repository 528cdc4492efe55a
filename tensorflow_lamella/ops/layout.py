"""The same elements in another arrangement: reshape, join, split, pad, sort, search."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
from keras.src import backend

from lamella.frontend.tracer import Tracer
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dispatch import Array, Arrays, T, Ts, op
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.core.shape import sizes
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.errors import InvalidArgumentError
from tensorflow_lamella.names import export
from tensorflow_lamella.ops.reduce import axes_of

TopK = namedtuple("TopK", "values indices")
Unique = namedtuple("Unique", "y idx")
UniqueWithCounts = namedtuple("UniqueWithCounts", "y idx count")


@op("reshape")
def reshape(tensor: Array, shape: Any) -> Any:
    return np.reshape(tensor, sizes(shape))


@op("squeeze")
def squeeze(input: Array, axis: Any = None) -> Any:
    axis = axes_of(axis)
    return np.squeeze(input, axis=None if axis == () else axis)


@op("expand_dims")
def expand_dims(input: Array, axis: Any) -> Any:
    return np.expand_dims(input, int(np.reshape(axis, ())))


@op("transpose")
def transpose(a: Array, perm: Any = None, conjugate: bool = False) -> Any:
    turned = np.transpose(a, None if perm is None else [int(p) for p in perm])
    return np.conj(turned) if conjugate else turned


@op("concat")
def concat(values: Ts, axis: Any) -> Any:
    return np.concatenate(values, axis=int(axis))


@op("stack", "parallel_stack")
def stack(values: Ts, axis: int = 0) -> Any:
    return np.stack(values, axis=int(axis))


@op("unstack")
def unstack(value: Array, num: Any = None, axis: int = 0) -> Any:
    moved = np.moveaxis(value, int(axis), 0)
    return [moved[i] for i in range(moved.shape[0])]


@op("split")
def split(value: Array, num_or_size_splits: Any, axis: Any = 0, num: Any = None) -> Any:
    """Equal parts, or parts of the given sizes, of which one may be -1: what is left."""
    axis = int(axis)
    if np.ndim(num_or_size_splits) == 0:
        n = int(num_or_size_splits)
        if value.shape[axis] % n:
            raise InvalidArgumentError(f"tf.split: {n} equal parts of an axis of size "
                                       f"{value.shape[axis]}")  # fmt: skip
        return list(np.split(value, n, axis=axis))
    parts = [int(n) for n in num_or_size_splits]
    rest = value.shape[axis] - sum(n for n in parts if n >= 0)
    ends = np.cumsum([rest if n < 0 else n for n in parts])
    return list(np.split(value, ends[:-1].tolist(), axis=axis))


@op("tile")
def tile(input: Array, multiples: Any) -> Any:
    return np.tile(input, sizes(multiples))


@op("repeat")
def repeat(input: Array, repeats: Any, axis: Any = None) -> Any:
    count = int(repeats) if np.ndim(repeats) == 0 else [int(n) for n in repeats]
    return np.repeat(input, count, axis=None if axis is None else int(axis))


@op("broadcast_to")
def broadcast_to(input: Array, shape: Any) -> Any:
    return np.broadcast_to(input, sizes(shape))


@op("broadcast_dynamic_shape")
def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Any:
    return np.array(np.broadcast_shapes(sizes(shape_x), sizes(shape_y)), np.int32)


@op("reverse")
def reverse(tensor: Array, axis: Any) -> Any:
    return np.flip(tensor, axes_of(axis))


@op("reverse_sequence")
def reverse_sequence(input: Array, seq_lengths: Array, seq_axis: Any = None,
                     batch_axis: Any = None) -> Any:  # fmt: skip
    """The first `seq_lengths[b]` steps of row b in reverse order."""
    rows = np.moveaxis(input, (int(batch_axis or 0), int(seq_axis)), (0, 1))
    steps = np.arange(rows.shape[1], dtype=seq_lengths.dtype)
    lengths = seq_lengths[:, None]
    places = np.where(steps < lengths, lengths - 1 - steps, steps)
    places = np.reshape(places, (*places.shape, *(1,) * (rows.ndim - 2)))
    turned = np.take_along_axis(rows, np.broadcast_to(places, rows.shape), axis=1)
    return np.moveaxis(turned, (0, 1), (int(batch_axis or 0), int(seq_axis)))


@op("roll")
def roll(input: Array, shift: Any, axis: Any) -> Any:
    return np.roll(input, axes_of(shift), axes_of(axis))


@op("slice")
def slice_(input_: Array, begin: Any, size: Any) -> Any:
    """The block of `size` (-1: to the end) that starts at `begin`, which may be traced."""
    counts = [int(n) for n in size]
    starts = list(begin)
    if any(isinstance(s, Tracer) for s in starts):
        counts = [d if n < 0 else n for n, d in zip(counts, input_.shape)]
        return backend.core.slice(input_, begin, counts)
    ends = [None if n < 0 else int(s) + n for s, n in zip(starts, counts)]
    return input_[tuple(slice(int(s), e) for s, e in zip(starts, ends))]


@op("strided_slice")
def strided_slice(input_: Array, begin: Any, end: Any, strides: Any = None, begin_mask: int = 0,
                  end_mask: int = 0, ellipsis_mask: int = 0, new_axis_mask: int = 0,
                  shrink_axis_mask: int = 0) -> Any:  # fmt: skip
    """input_[begin:end:strides]; bit i of a mask speaks about part i."""
    steps = [1] * len(begin) if strides is None else strides
    index: list[Any] = []
    for i, (b, e, s) in enumerate(zip(begin, end, steps)):
        bit = 1 << i
        if ellipsis_mask & bit:
            index.append(...)
        elif new_axis_mask & bit:
            index.append(None)
        elif shrink_axis_mask & bit:
            index.append(int(b))
        else:
            index.append(slice(None if begin_mask & bit else int(b),
                               None if end_mask & bit else int(e), int(s)))  # fmt: skip
    return input_[tuple(index)]


_PAD_MODES = {"CONSTANT": "constant", "REFLECT": "reflect", "SYMMETRIC": "symmetric"}


@op("pad")
def pad(tensor: Array, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> Any:
    widths = [(int(before), int(after)) for before, after in paddings]
    kind = _PAD_MODES[mode.upper()]
    if kind == "constant":
        return np.pad(tensor, widths, kind, constant_values=constant_values).astype(tensor.dtype)
    return np.pad(tensor, widths, kind)


@export("meshgrid")
def meshgrid(*args: Any, indexing: str = "xy", name: Any = None) -> Any:
    """Coordinates of a grid: one tensor for each argument."""
    return _meshgrid(list(args), indexing)


@op("_meshgrid")
def _meshgrid(axes: Arrays, indexing: str) -> Any:
    return list(np.meshgrid(*axes, indexing=indexing))


@op("where")
def where(condition: Array, x: Any = None, y: Any = None) -> Any:
    """`x` where true, else `y`; with the condition alone the places where it is true (eagerly)."""
    if x is None and y is None:
        if isinstance(condition, Tracer):
            raise InvalidArgumentError(
                "tf.where(condition) in a compiled function has a result of unknown size; give x "
                "and y, or use a mask"
            )
        return np.argwhere(condition)
    from tensorflow_lamella.core.convert import matching

    x, y = matching([x, y], "where")
    if condition.dtype != bool:
        raise InvalidArgumentError(f"tf.where wants a bool condition, got {condition.dtype.name}")
    return np.where(condition, x, y)


@op("sort")
def sort(values: Array, axis: int = -1, direction: str = "ASCENDING") -> Any:
    ordered = np.sort(values, axis=int(axis))
    return np.flip(ordered, int(axis)) if direction.upper() == "DESCENDING" else ordered


@op("argsort")
def argsort(values: Array, axis: int = -1, direction: str = "ASCENDING",
            stable: bool = False) -> Any:  # fmt: skip
    if direction.upper() == "DESCENDING":
        values = np.invert(values) if values.dtype.kind in "iu" else -values
    return np.argsort(values, axis=int(axis), kind="stable").astype(np.int32)


@op("searchsorted")
def searchsorted(sorted_sequence: T, values: T, side: str = "left", out_type: Any = "int32") -> Any:
    if sorted_sequence.ndim == 1:
        return np.searchsorted(sorted_sequence, values, side=side).astype(numpy_dtype(out_type))
    rows, wanted = sorted_sequence[..., None, :], values[..., :, None]
    below = rows < wanted if side == "left" else rows <= wanted
    return np.sum(below, axis=-1, dtype=numpy_dtype(out_type))


@op("math.top_k", "nn.top_k")
def top_k(input: Array, k: Any = 1, sorted: bool = True, index_type: Any = "int32") -> Any:
    values, indices = backend.math.top_k(input, int(k))
    return TopK(values, indices.astype(numpy_dtype(index_type)))


@op("math.in_top_k", "nn.in_top_k")
def in_top_k(targets: Array, predictions: Array, k: Any) -> Any:
    return backend.math.in_top_k(targets, predictions, int(k))


def _eager(x: Any, name: str) -> np.ndarray:
    if isinstance(x, Tracer) and not hasattr(x, "array"):
        raise InvalidArgumentError(f"tf.{name} in a compiled function: a result of unknown size; "
                                   "call it outside of tf.function")  # fmt: skip
    return np.asarray(x)


@op("unique")
def unique(x: Array, out_idx: Any = "int32") -> Any:
    """The distinct elements in order of appearance, and where each element is among them."""
    values, index, _ = _unique(_eager(x, "unique"), out_idx)
    return Unique(values, index)


@op("unique_with_counts")
def unique_with_counts(x: Array, out_idx: Any = "int32") -> Any:
    return UniqueWithCounts(*_unique(_eager(x, "unique_with_counts"), out_idx))


def _unique(x: np.ndarray, out_idx: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values, first, index, counts = np.unique(x, True, True, True)
    order = np.argsort(first, kind="stable")
    rank = np.argsort(order, kind="stable")
    kind = numpy_dtype(out_idx)
    return values[order], rank[index].astype(kind), counts[order].astype(kind)


@op("sequence_mask")
def sequence_mask(lengths: Array, maxlen: Any = None, dtype: Any = "bool") -> Any:
    """Row b: `lengths[b]` times true, then false."""
    if maxlen is None:
        maxlen = int(_eager(lengths, "sequence_mask without maxlen").max(initial=0))
    steps = np.arange(int(maxlen), dtype=lengths.dtype)
    return (steps < lengths[..., None]).astype(numpy_dtype(dtype))


@op("unravel_index")
def unravel_index(indices: Array, dims: Any) -> Any:
    return np.stack(np.unravel_index(indices, sizes(dims))).astype(indices.dtype)


@op("ensure_shape")
def ensure_shape(x: Array, shape: Any) -> Any:
    from tensorflow_lamella.core.shape import TensorShape

    if not TensorShape(shape).is_compatible_with(x.shape):
        raise InvalidArgumentError(f"Shape of tensor {x.shape} is not compatible with expected "
                                   f"shape {TensorShape(shape)}")  # fmt: skip
    return x


@op("stop_gradient")
def stop_gradient(input: Array) -> Any:
    from lamella import stop_gradient

    return stop_gradient(input)


@op("identity_n")
def identity_n(input: Arrays) -> Any:
    return input


@op("bitcast")
def bitcast(input: Array, type: Any) -> Any:
    return input.view(numpy_dtype(type))


@export("broadcast_static_shape")
def broadcast_static_shape(shape_x: Any, shape_y: Any) -> Any:
    """The shape that both have after broadcasting."""
    from tensorflow_lamella.core.shape import TensorShape

    return TensorShape(np.broadcast_shapes(tuple(shape_x), tuple(shape_y)))


def _blocks(x: Any, block: list[int], widths: list[tuple[int, int]]) -> Any:
    """Space to batch: the elements of each block become rows."""
    x = np.pad(x, [(0, 0), *widths, *[(0, 0)] * (x.ndim - 1 - len(widths))])
    n, m = x.shape[0], len(block)
    inner = [(d // b, b) for d, b in zip(x.shape[1:], block)]
    rest = x.shape[1 + m :]
    x = np.reshape(x, (n, *(s for pair in inner for s in pair), *rest))
    order = [*range(2, 2 * m + 1, 2), 0, *range(1, 2 * m, 2), *range(2 * m + 1, x.ndim)]
    return np.reshape(np.transpose(x, order), (-1, *(d for d, _ in inner), *rest))


@op("space_to_batch", "nn.space_to_batch", "space_to_batch_nd")
def space_to_batch(input: Array, block_shape: Any, paddings: Any) -> Any:
    widths = [(int(a), int(b)) for a, b in paddings]
    block = [int(block_shape)] * len(widths) if np.ndim(block_shape) == 0 else sizes(block_shape)
    return _blocks(input, list(block), widths)


@op("batch_to_space")
def batch_to_space(input: Array, block_shape: Any, crops: Any) -> Any:
    cut = [(int(a), int(b)) for a, b in crops]
    block = [int(block_shape)] * len(cut) if np.ndim(block_shape) == 0 else list(sizes(block_shape))
    m, rest = len(block), input.shape[1 + len(block) :]
    n = input.shape[0] // int(np.prod(block))
    x = np.reshape(input, (*block, n, *input.shape[1:]))
    order = [m, *(i for k in range(m) for i in (m + 1 + k, k)), *range(2 * m + 1, x.ndim)]
    whole = [d * b for d, b in zip(input.shape[1:], block)]
    x = np.reshape(np.transpose(x, order), (n, *whole, *rest))
    return x[(slice(None), *(slice(a, d - b) for d, (a, b) in zip(whole, cut)))]


@export("tuple")
def tuple_(tensors: Any, control_inputs: Any = None, name: Any = None) -> list[Any]:
    """The tensors themselves: what is computed is computed in order."""
    return [None if x is None else Tensor(to_array(x)) for x in tensors]
