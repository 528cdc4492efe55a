"""tf.SparseTensor and tf.sparse: places and values, dense where they are computed with.

A product with a sparse tensor is the product with the dense one: right for what programs feed
(adjacency matrices, bags of words, labels), not for matrices that do not fit into memory.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import optree
from optree.registry import __GLOBAL_NAMESPACE as EVERYWHERE

from tensorflow_lamella.core import state
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dispatch import Op, add_handler
from tensorflow_lamella.core.shape import TensorShape
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.errors import unsupported
from tensorflow_lamella.names import export, get


@export("SparseTensorValue", "compat.v1.SparseTensorValue", version=1)
class SparseTensorValue(NamedTuple):
    """The numbers of a sparse tensor, as sessions give them and take them."""

    indices: Any
    values: Any
    dense_shape: Any


@export("SparseTensor", "sparse.SparseTensor")
class SparseTensor(tuple[Any, Any, Any]):
    """`values` (n,) at `indices` (n, rank) of a tensor of zeros of `dense_shape` (rank,).

    >>> tf.sparse.to_dense(tf.SparseTensor([[0, 1]], [5.0], [1, 3])).numpy()
    array([[0., 5., 0.]], dtype=float32)
    """

    __slots__ = ()

    def __new__(cls, indices: Any, values: Any, dense_shape: Any) -> SparseTensor:
        made = _tensor(indices, "int64"), _tensor(values), _tensor(dense_shape, "int64")
        return tuple.__new__(cls, made)

    indices = property(lambda self: self[0], doc="The places.")
    values = property(lambda self: self[1], doc="What stands there.")
    dense_shape = property(lambda self: self[2], doc="The shape as a tensor.")
    dtype = property(lambda self: self.values.dtype, doc="The element type.")
    graph = property(lambda self: self.values.graph)
    op = property(lambda self: self.values.op)

    @property
    def shape(self) -> TensorShape:
        """What is known of the shape."""
        known = _constant(self.dense_shape)
        if known is not None:
            return TensorShape(known.tolist())
        rank = self.dense_shape.shape.as_list()
        return TensorShape(None if not rank or rank[0] is None else [None] * rank[0])

    def get_shape(self) -> TensorShape:
        """As `shape`."""
        return self.shape

    def with_values(self, new_values: Any) -> SparseTensor:
        """Other values at the same places."""
        return SparseTensor(self.indices, new_values, self.dense_shape)

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Its numbers in a session of TensorFlow 1."""
        from tensorflow_lamella.v1.session import default_session

        return default_session(session, "evaluate tensor").run(self, feed_dict)

    def __mul__(self, other: Any) -> SparseTensor:  # type: ignore[override]
        return self.with_values(self.values * _at(other, self))

    __rmul__ = __mul__  # type: ignore[assignment]

    def __truediv__(self, other: Any) -> SparseTensor:
        return self.with_values(self.values / _at(other, self))

    def __neg__(self) -> SparseTensor:
        return self.with_values(-self.values)

    def __repr__(self) -> str:
        return (f"SparseTensor(indices={self.indices!r}, values={self.values!r}, "
                f"dense_shape={self.dense_shape!r})")  # fmt: skip


optree.register_pytree_node(
    SparseTensor, lambda x: (tuple(x), None), lambda _, parts: SparseTensorValue(*parts),
    namespace=EVERYWHERE,
)  # fmt: skip


def _tensor(x: Any, dtype: Any = None) -> Any:
    if isinstance(x, Tensor):
        return get("cast")(x, dtype) if dtype and x.dtype != dtype else x
    array = to_array(x)
    if dtype and array.size == 0:
        array = array.reshape(0, *array.shape[1:])
    return get("constant", _version())(array if dtype is None else array.astype(dtype))


def _version() -> int:
    return 2 if state.graph() is None else 1


def _constant(x: Any) -> np.ndarray | None:
    """The numbers of a tensor where they are known."""
    if state.graph() is not None:
        from tensorflow_lamella.v1.tensor import constant_value

        return constant_value(x)
    array = to_array(x)
    return array if isinstance(array, np.ndarray) else None


def _at(other: Any, sparse: SparseTensor) -> Any:
    """What `other` is at the places of `sparse`: a number, or elements of a dense tensor."""
    if isinstance(other, Tensor) and other.shape.rank:
        return get("gather_nd")(other, sparse.indices)
    return other


@export("sparse.to_dense")
def to_dense(sp_input: SparseTensor, default_value: Any = None, validate_indices: bool = True,
             name: str | None = None) -> Any:  # fmt: skip
    """The dense tensor, `default_value` (0, or an empty string) elsewhere."""
    indices, values, shape = sp_input
    known = _constant(shape)
    if default_value is None:
        default_value = "" if values.dtype.name == "string" else 0
    if known is not None:
        base = get("fill")(known, get("cast")(default_value, values.dtype)
                           if values.dtype.name != "string" else default_value)  # fmt: skip
    else:
        from tensorflow_lamella.v1.sparse import filled

        base = filled(shape, default_value, values.dtype)
    return get("tensor_scatter_nd_update")(base, indices, values)


@export("sparse.from_dense")
def from_dense(tensor: Any, name: str | None = None) -> SparseTensor:
    """The elements that are not zero, row by row."""
    tensor = get("convert_to_tensor")(tensor)
    empty = "" if tensor.dtype.name == "string" else get("zeros_like")(tensor)
    places = get("where")(get("not_equal")(tensor, empty))
    shape = get("cast")(get("shape")(tensor), "int64")
    return SparseTensor(places, get("gather_nd")(tensor, places), shape)


@export("sparse.sparse_dense_matmul", "sparse.matmul")
def sparse_dense_matmul(sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False,
                        name: str | None = None) -> Any:  # fmt: skip
    """The product of two matrices, of which one is sparse."""
    dense = [to_dense(x) if isinstance(x, SparseTensor) else x for x in (sp_a, b)]
    return get("linalg.matmul")(*dense, adjoint_a=adjoint_a, adjoint_b=adjoint_b)


@export("sparse.add")
def add(a: Any, b: Any, threshold: Any = 0) -> Any:
    """The sum: sparse where both are, else dense."""
    dense = [to_dense(x) if isinstance(x, SparseTensor) else x for x in (a, b)]
    total = get("add")(*dense)
    both = isinstance(a, SparseTensor) and isinstance(b, SparseTensor)
    return from_dense(total) if both else total


@export("sparse.reduce_sum")
def reduce_sum(sp_input: SparseTensor, axis: Any = None, keepdims: Any = None,
               output_is_sparse: bool = False, name: str | None = None) -> Any:  # fmt: skip
    """The sums along `axis`, a dense tensor."""
    return get("reduce_sum")(to_dense(sp_input), axis=axis, keepdims=bool(keepdims))


@export("sparse.reorder")
def reorder(sp_input: SparseTensor, name: str | None = None) -> SparseTensor:
    """The same, with the places row by row."""
    known = _constant(sp_input.indices)
    if known is None:
        return from_dense(to_dense(sp_input))
    order = np.lexsort(known.T[::-1])
    return SparseTensor(known[order], get("gather")(sp_input.values, order), sp_input.dense_shape)


@export("sparse.transpose")
def transpose(sp_input: SparseTensor, perm: Any = None, name: str | None = None) -> SparseTensor:
    """The axes in another order, the last first by default."""
    rank = len(sp_input.shape)
    order = list(range(rank))[::-1] if perm is None else [int(i) for i in perm]
    gather = get("gather")
    places = gather(sp_input.indices, order, axis=1)
    return reorder(SparseTensor(places, sp_input.values, gather(sp_input.dense_shape, order)))


@export("sparse.retain")
def retain(sp_input: SparseTensor, to_retain: Any) -> SparseTensor:
    """Only the values where `to_retain` is true.

    In a graph the others stay in it as zeros, which is the same dense tensor.
    """
    if state.graph() is not None:
        return sp_input.with_values(sp_input.values * get("cast")(to_retain, sp_input.dtype))
    mask = get("boolean_mask")
    kept = mask(sp_input.indices, to_retain), mask(sp_input.values, to_retain)
    return SparseTensor(*kept, sp_input.dense_shape)


@export("sparse.concat")
def concat(axis: int, sp_inputs: Any, expand_nonconcat_dims: bool = False,
           name: str | None = None) -> SparseTensor:  # fmt: skip
    """Sparse tensors one after the other along `axis`."""
    return from_dense(get("concat")([to_dense(x) for x in sp_inputs], axis=axis))


@export("sparse.slice")
def slice(sp_input: SparseTensor, start: Any, size: Any, name: str | None = None) -> SparseTensor:
    """A block that begins at `start`."""
    return from_dense(get("slice")(to_dense(sp_input), start, size))


@export("sparse.eye")
def eye(num_rows: int, num_columns: int | None = None, dtype: Any = "float32",
        name: str | None = None) -> SparseTensor:  # fmt: skip
    """Ones on the diagonal."""
    columns = num_rows if num_columns is None else num_columns
    n = np.arange(min(num_rows, columns))
    return SparseTensor(np.stack([n, n], 1), get("ones")([len(n)], dtype), [num_rows, columns])


@export("sparse.map_values")
def map_values(op: Any, *args: Any, **kwargs: Any) -> SparseTensor:
    """`op` on the values, whose places stay; 0 elsewhere stays 0."""
    first = next(x for x in args if isinstance(x, SparseTensor))
    values = [x.values if isinstance(x, SparseTensor) else x for x in args]
    return first.with_values(op(*values, **kwargs))


@export("sparse.is_sparse")
def is_sparse(x: Any) -> bool:
    """Whether `x` is a sparse tensor."""
    return isinstance(x, SparseTensor)


# -- other functions of sparse tensors -----------------------------------------------------------

_OF_VALUES = frozenset(("cast", "identity", "abs", "square", "sqrt", "sign", "negative", "tanh"))


def holds(values: Sequence[Any]) -> bool:
    """Whether a sparse tensor is among the arguments."""
    return any(type(x) is SparseTensor for x in values)


def call(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The op on a sparse tensor; Unsupported where zeros would not stay zeros."""
    names = {name.rpartition(".")[2] for name in op.names}
    first = args[0] if args else None
    if names & _OF_VALUES and isinstance(first, SparseTensor):
        return first.with_values(op(first.values, *args[1:], **kwargs))
    if names & {"shape"} and isinstance(first, SparseTensor):
        return first.dense_shape
    raise unsupported(f"tf.{op.names[0]} of a sparse tensor", "tf.sparse.to_dense makes it dense")


add_handler(sys.modules[__name__])
