"""tf.RaggedTensor and tf.ragged: rows of different lengths, in what comes before models.

The values of all rows are one tensor; `row_splits` says where each row begins. Functions of
elements work on the values; reductions and joins work row by row. Models take `rt.to_tensor()`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dispatch import Op, add_handler, wrap
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.core.shape import TensorShape
from tensorflow_lamella.core.tensor import Operators
from tensorflow_lamella.errors import InvalidArgumentError, unsupported
from tensorflow_lamella.names import export, get


@export("RaggedTensor")
class RaggedTensor(Operators):
    """Rows of different lengths: `tf.ragged.constant([[1, 2], [3]])`.

    Attributes:
        values: the rows one after the other, a Tensor or, for further ragged axes, ragged.
        row_splits: where each row begins in `values`, and the end; int64 (rows + 1,).
    """

    def __init__(self, values: Any, row_splits: Any) -> None:
        self.values = values if isinstance(values, RaggedTensor) else wrap(to_array(values))
        self._splits = np.asarray(to_array(row_splits), np.int64)

    @classmethod
    def from_row_splits(cls, values: Any, row_splits: Any, name: Any = None,
                        validate: bool = True) -> RaggedTensor:  # fmt: skip
        """Rows that begin at `row_splits`."""
        return cls(values, row_splits)

    @classmethod
    def from_row_lengths(cls, values: Any, row_lengths: Any, name: Any = None,
                         validate: bool = True) -> RaggedTensor:  # fmt: skip
        """Rows of these lengths; InvalidArgumentError where they are not all of the values."""
        lengths = np.asarray(to_array(row_lengths), np.int64)
        made = cls(values, np.concatenate([[0], np.cumsum(lengths)]))
        if made._splits[-1] != _count(made.values):
            raise InvalidArgumentError(f"row_lengths add up to {made._splits[-1]}, there are "
                                       f"{_count(made.values)} values")  # fmt: skip
        return made

    @classmethod
    def from_value_rowids(cls, values: Any, value_rowids: Any, nrows: Any = None, name: Any = None,
                          validate: bool = True) -> RaggedTensor:  # fmt: skip
        """Each value with the number of its row, ascending."""
        rows = np.asarray(to_array(value_rowids), np.int64)
        count = int(nrows) if nrows is not None else int(rows[-1]) + 1 if len(rows) else 0
        return cls.from_row_lengths(values, np.bincount(rows, minlength=count))

    @classmethod
    def from_row_starts(cls, values: Any, row_starts: Any, name: Any = None,
                        validate: bool = True) -> RaggedTensor:  # fmt: skip
        """Rows that begin at `row_starts`."""
        made = cls(values, [0])
        made._splits = np.append(np.asarray(to_array(row_starts), np.int64), _count(made.values))
        return made

    @classmethod
    def from_tensor(cls, tensor: Any, lengths: Any = None, padding: Any = None,
                    ragged_rank: int = 1, **_: Any) -> RaggedTensor:  # fmt: skip
        """The rows of a dense tensor, cut to `lengths`, or without `padding` at their ends."""
        array = np.asarray(to_array(tensor))
        if padding is not None:
            filled = array != np.asarray(to_array(padding)).item()
            lengths = [int(row.nonzero()[0].max(initial=-1)) + 1 for row in filled]
        ends = [array.shape[1]] * len(array) if lengths is None else np.asarray(lengths).tolist()
        rows = [row[:n] for row, n in zip(array, ends)]
        flat = np.concatenate(rows) if rows else array.reshape(0, *array.shape[2:])
        return cls.from_row_lengths(flat, ends)

    row_splits = property(lambda self: wrap(self._splits))
    dtype = property(lambda self: self.values.dtype)
    flat_values = property(lambda self: _flat(self.values))

    @property
    def ragged_rank(self) -> int:
        """How many axes are ragged."""
        return 1 + (self.values.ragged_rank if isinstance(self.values, RaggedTensor) else 0)

    @property
    def shape(self) -> TensorShape:
        """The sizes, None where rows differ."""
        return TensorShape([len(self), None, *self.values.shape.as_list()[1:]])

    def get_shape(self) -> TensorShape:
        """As `shape`."""
        return self.shape

    def with_values(self, new_values: Any) -> RaggedTensor:
        """Other values in rows of the same lengths."""
        return RaggedTensor(new_values, self._splits)

    def with_flat_values(self, new_values: Any) -> RaggedTensor:
        """Other innermost values in rows of the same lengths."""
        inner = self.values
        deep = isinstance(inner, RaggedTensor)
        return self.with_values(inner.with_flat_values(new_values) if deep else new_values)

    def row_lengths(self, axis: int = 1, name: Any = None) -> Any:
        """The lengths of the rows."""
        return wrap(np.diff(self._splits))

    def row_starts(self, name: Any = None) -> Any:
        """Where rows begin in `values`."""
        return wrap(self._splits[:-1])

    def value_rowids(self, name: Any = None) -> Any:
        """The number of the row of each value."""
        return wrap(np.repeat(np.arange(len(self)), np.diff(self._splits)))

    def nrows(self, out_type: Any = None, name: Any = None) -> Any:
        """How many rows there are."""
        return wrap(np.int64(len(self)))

    def bounding_shape(self, axis: Any = None, name: Any = None, out_type: Any = None) -> Any:
        """The smallest shape that holds all rows."""
        shape = np.array(_bounds(self), np.int64)
        return wrap(shape if axis is None else shape[axis])

    def to_list(self) -> list[Any]:
        """The rows as nested lists of numbers or bytes."""
        return [
            row.to_list() if isinstance(row, RaggedTensor) else row.numpy().tolist() for row in self
        ]

    def numpy(self) -> np.ndarray:
        """An array of the rows' arrays; of numbers where all have one length."""
        rows = [row.numpy() for row in self]
        if len({np.shape(row) for row in rows}) == 1:
            return np.stack(rows)
        out = np.empty(len(rows), object)
        out[:] = rows
        return out

    def to_tensor(self, default_value: Any = None, name: Any = None, shape: Any = None) -> Any:
        """The rows filled up to one length, or `shape`, with `default_value` (0, or empty)."""
        sizes = list(_bounds(self))
        for i, n in enumerate(TensorShape(shape).as_list() if shape is not None else ()):
            sizes[i] = sizes[i] if n is None else int(n)
        kind = numpy_dtype(self.dtype)
        empty = (b"" if kind.kind == "O" else 0) if default_value is None else default_value
        out = np.empty(sizes, kind)
        out[...] = np.asarray(to_array(empty)).item()
        _fill(out, self)
        return wrap(out)

    def to_sparse(self, name: Any = None) -> Any:
        """The values with their places."""
        dense = self.to_tensor().numpy()
        places = np.concatenate([np.stack([np.full(n, i), np.arange(n)], 1)
                                 for i, n in enumerate(np.diff(self._splits))] or [[]])  # fmt: skip
        return get("SparseTensor")(places.reshape(-1, 2), self.flat_values, dense.shape)

    def __len__(self) -> int:
        return len(self._splits) - 1

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        first, *rest = index if isinstance(index, tuple) else (index,)
        if not isinstance(first, slice):
            i = range(len(self))[int(first)]
            row = self.values[int(self._splits[i]) : int(self._splits[i + 1])]
            return row[rest[0] if len(rest) == 1 else tuple(rest)] if rest else row
        rows = [self[i] for i in range(len(self))[first]]
        if not rest:
            return stack(rows) if rows else self.with_values(self.values[:0])[:0]
        inner = [row[rest[0] if len(rest) == 1 else tuple(rest)] for row in rows]
        whole = isinstance(rest[0], slice)
        return stack(inner) if whole else get("stack")(inner)

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<tf.RaggedTensor {self.to_list()}>"


def _flat(values: Any) -> Any:
    return values.flat_values if isinstance(values, RaggedTensor) else values


def _count(values: Any) -> int:
    return len(values) if isinstance(values, RaggedTensor) else int(values.shape[0] or 0)


def _bounds(x: Any) -> tuple[int, ...]:
    """The smallest shape that holds a tensor, ragged or not."""
    if not isinstance(x, RaggedTensor):
        return tuple(x.shape.as_list())
    longest = int(np.diff(x._splits).max(initial=0))
    return (len(x), longest, *_bounds(x.values)[1:])


def _fill(out: np.ndarray, x: Any) -> None:
    for i, row in enumerate(x):
        if isinstance(row, RaggedTensor):
            _fill(out[i], row)
        else:
            values = np.asarray(to_array(row))[: out.shape[1]]
            out[(i, slice(len(values)), *map(slice, values.shape[1:]))] = values


@export("ragged.constant")
def constant(
    pylist: Any, dtype: Any = None, ragged_rank: int | None = None, inner_shape: Any = None,
    name: Any = None, row_splits_dtype: Any = None,
) -> Any:  # fmt: skip
    """Nested lists of different lengths as a ragged tensor."""
    depth = _depth(pylist) - 1 if ragged_rank is None else ragged_rank
    return _nested(pylist, depth, numpy_dtype(dtype))


def _depth(x: Any) -> int:
    if not isinstance(x, (list, tuple, np.ndarray)):
        return 0
    return 1 + max(map(_depth, x), default=0)


def _nested(rows: Any, depth: int, dtype: Any) -> Any:
    if depth <= 0:
        return wrap(to_array(rows if len(rows) or dtype is None else np.zeros(0, dtype), dtype))
    inner = [item for row in rows for item in row]
    return RaggedTensor.from_row_lengths(_nested(inner, depth - 1, dtype), [len(r) for r in rows])


@export("ragged.stack")
def stack(values: Sequence[Any], axis: int = 0, name: Any = None) -> Any:
    """Tensors of different lengths as the rows of one."""
    if axis != 0:
        raise unsupported(f"tf.ragged.stack(axis={axis})", "stack along axis 0")
    return RaggedTensor.from_row_lengths(_joined(values), [_count(x) for x in values])


def _joined(values: Sequence[Any]) -> Any:
    """Tensors one after the other."""
    if not any(isinstance(x, RaggedTensor) for x in values):
        return get("concat")(list(values), axis=0)
    rows = [row for x in values for row in x]
    return stack(rows)


@export("ragged.range")
def range_(starts: Any, limits: Any = None, deltas: Any = 1, dtype: Any = None,
           name: Any = None, row_splits_dtype: Any = None) -> RaggedTensor:  # fmt: skip
    """A row of numbers from each start to each limit."""
    first, last = (np.zeros_like(starts), starts) if limits is None else (starts, limits)
    triples = np.broadcast_arrays(*(np.atleast_1d(np.asarray(to_array(x)))
                                    for x in (first, last, deltas)))  # fmt: skip
    rows = [np.arange(*map(int, triple), dtype=numpy_dtype(dtype) or np.int32)
            for triple in zip(*triples)]  # fmt: skip
    return RaggedTensor.from_row_lengths(np.concatenate(rows), [len(row) for row in rows])


@export("ragged.map_flat_values")
def map_flat_values(op: Callable[..., Any], *args: Any, **kwargs: Any) -> RaggedTensor:
    """`op` on the values; rows stay as they are. Several ragged arguments have the same rows."""
    ragged = [x for x in (*args, *kwargs.values()) if isinstance(x, RaggedTensor)]
    for x in ragged[1:]:
        if not np.array_equal(x._splits, ragged[0]._splits):
            raise InvalidArgumentError("the ragged tensors have rows of different lengths")
    values = [_flat(x) for x in args]
    return ragged[0].with_flat_values(op(*values, **{k: _flat(v) for k, v in kwargs.items()}))


@export("ragged.boolean_mask")
def boolean_mask(data: Any, mask: Any, name: Any = None) -> Any:
    """The elements of each row where `mask` is true."""
    return stack([get("boolean_mask")(row, kept) for row, kept in zip(data, mask)])


# -- other functions of ragged tensors ---------------------------------------------------------

_BY_ROW = frozenset({"reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod",
                     "reduce_any", "reduce_all", "reduce_join"})  # fmt: skip
_OF_ELEMENTS = frozenset("""
    lower upper strip length regex_replace regex_full_match to_number as_string to_hash_bucket
    substr to_hash_bucket_fast to_hash_bucket_strong cast identity one_hot gather zeros_like
    ones_like expand_dims convert_to_tensor join
""".split())  # fmt: skip


def holds(values: Sequence[Any]) -> bool:
    """Whether a ragged tensor is among the arguments, or begins a list of them."""
    for x in values:
        if type(x) is RaggedTensor:
            return True
        if type(x) in (list, tuple) and x and type(x[0]) is RaggedTensor:
            return True
    return False


def call(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The op on ragged tensors; Unsupported where it is neither of elements nor of rows."""
    names = {name.rpartition(".")[2].lstrip("_") for name in op.names}
    if names & _BY_ROW:
        return _by_row(op, *args, **kwargs)
    if names & {"concat"}:
        return _concat(*args, **kwargs)
    if names & {"split", "unicode_split", "bytes_split"} and "strings" in op.names[0]:
        first, *rest = args
        return first.with_values(op(first.values, *rest, **kwargs))
    elementwise = op.function.__module__.endswith(".elementwise")
    if (elementwise or names & _OF_ELEMENTS) and holds(args[:1] + args[1:2]):
        if isinstance(args[0], (list, tuple)):
            return map_flat_values(lambda *x, **k: op(list(x), **k), *args[0], *args[1:], **kwargs)
        return map_flat_values(op, *args, **kwargs)
    if names & {"size"}:
        return get("size")(args[0].flat_values)
    raise unsupported(f"tf.{op.names[0]} of a ragged tensor", "rt.to_tensor() makes it dense")


def _by_row(op: Op, x: Any, axis: Any = None, **kwargs: Any) -> Any:
    if axis is None:
        return op(x.flat_values, **kwargs)
    axis = int(axis) % (1 + x.ragged_rank + len(x.flat_values.shape) - 1)
    if axis == 0:
        raise unsupported(f"tf.{op.names[0]}(axis=0) of a ragged tensor", "use rt.to_tensor()")
    rows = [op(row, axis=axis - 1, **kwargs) for row in x]
    return stack(rows) if any(len(r.shape) for r in rows) and axis > 1 else get("stack")(rows)


def _concat(values: Sequence[Any], axis: int = 0, name: Any = None) -> Any:
    if axis == 0:
        return stack([row for x in values for row in x])
    if axis not in (1, -1):
        raise unsupported(f"tf.concat(axis={axis}) of ragged tensors", "use rt.to_tensor()")
    return stack([_joined(rows) for rows in zip(*values, strict=True)])


add_handler(sys.modules[__name__])
