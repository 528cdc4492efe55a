"""tf.placeholder, and what else has no inputs."""

from __future__ import annotations

from typing import Any

from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.core.shape import TensorShape
from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1.graph import make_operation
from tensorflow_lamella.v1.mode import need_graph
from tensorflow_lamella.v1.tensor import GraphTensor, give_outputs


@export("placeholder", version=1)
def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> GraphTensor:
    """A tensor that `feed_dict` must give; unknown sizes are None, `shape=None` an unknown rank."""
    need_graph("tf.placeholder()")
    op = make_operation(None, name=name or "Placeholder", type="Placeholder", kind="placeholder")
    shape = TensorShape(shape)
    op.attributes["types"] = [(numpy_dtype(dtype), shape)]
    op.attributes["shape"], op.attributes["dtype"] = shape, dtype
    op.fixed, op.ranked = shape.is_fully_defined(), shape.rank is None
    return give_outputs(op)[0]


@export("placeholder_with_default", version=1)
def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> GraphTensor:
    """A tensor that `feed_dict` may give, `input` otherwise."""
    default = get("convert_to_tensor", 1)(input)
    op = make_operation(lambda x: x, (default,), name=name or "PlaceholderWithDefault",
                        type="PlaceholderWithDefault", kind="call")  # fmt: skip
    (t,) = give_outputs(op)
    t.known_shape = TensorShape(shape)
    op.kind = "default"
    op.fixed = t.known_shape.is_fully_defined()
    op.attributes["types"] = [(t.dtype.dtype, t.known_shape)]
    t.worlds.clear()
    return t
