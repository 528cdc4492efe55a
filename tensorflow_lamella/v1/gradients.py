"""tf.gradients: the engine's backward sweep, as an operation of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorflow_lamella.errors import unsupported
from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1 import keras_tensors
from tensorflow_lamella.v1.graph import make_operation
from tensorflow_lamella.v1.recorder import replaces
from tensorflow_lamella.v1.tensor import GraphTensor, as_graph_tensor, give_outputs

#: Types of operations that no gradient passes.
_STOPS = frozenset({"StopGradient", "PyFunc", "Shape", "ZerosLike", "OnesLike", "Rank", "Size"})


@export("gradients", version=1)
def gradients(ys: Any, xs: Any, grad_ys: Any = None, name: str = "gradients",
              colocate_gradients_with_ops: bool = False, gate_gradients: bool = False,
              aggregation_method: Any = None, stop_gradients: Any = None,
              unconnected_gradients: Any = "none") -> list[Any]:  # fmt: skip
    """The derivatives of the sum of `ys` with respect to each of `xs`.

    Returns one tensor for each of `xs`; None where no y depends on it.
    """
    if stop_gradients:
        instead = "put tf.stop_gradient around those tensors where they are used"
        raise unsupported("tf.gradients(stop_gradients=...)", instead)
    if keras_tensors.holds_symbols(ys):
        return keras_tensors.gradients(ys, xs)
    tensors = [_tensor(y) for y in _listed(ys)]
    sources = [_tensor(x) for x in _listed(xs)]
    weights = [None] * len(tensors) if grad_ys is None else _listed(grad_ys)
    reached = _reached(tensors, sources)
    connected = [x for x in sources if x in reached]
    found = iter(_operation(tensors, weights, connected, name) if connected else ())
    grads = [next(found) if x in reached else None for x in sources]
    if getattr(unconnected_gradients, "value", unconnected_gradients) == "zero":
        grads = [get("zeros_like")(x) if g is None else g for x, g in zip(sources, grads)]
    return grads


def _listed(x: Any) -> list[Any]:
    return list(x) if isinstance(x, (list, tuple)) else [x]


def _tensor(x: Any) -> GraphTensor:
    x = as_graph_tensor(x)
    if not isinstance(x, GraphTensor):
        return get("convert_to_tensor", 1)(x)
    return x


def _operation(ys: Sequence[Any], weights: Sequence[Any], xs: Sequence[Any], name: str) -> Any:
    given = [_tensor(w) for w in weights if w is not None]
    op = make_operation(None, [*ys, *given, *xs], name=f"{name}/grad", type="Gradients",
                        kind="gradients")  # fmt: skip
    op.attributes |= {"ys": len(ys), "xs": len(xs), "like": list(xs),
                      "cotangents": [w is not None for w in weights]}  # fmt: skip
    return give_outputs(op)


def _reached(ys: Sequence[GraphTensor], xs: Sequence[GraphTensor]) -> set[Any]:
    """The tensors among `xs` that a derivative of `ys` depends on."""
    wanted = set(xs)
    found = {y for y in ys if y in wanted}
    before = min((x.op.number for x in xs), default=0)
    seen, stack = set(ys), list(ys)
    while stack:
        t = stack.pop()
        if t.op.type in _STOPS or t.op.number < before:
            continue
        for u in _differentiable_inputs(t.op):
            if u in wanted:
                found.add(u)
            if u not in seen:
                seen.add(u)
                stack.append(u)
    return found


def _differentiable_inputs(op: Any) -> list[GraphTensor]:
    return [u for u in op.inputs if not u.is_text and u.dtype.dtype.kind in "fcV"]


@export("hessians", version=1)
def hessians(ys: Any, xs: Any, name: str = "hessians", **unused: Any) -> list[Any]:
    """The second derivatives of the sum of `ys` with respect to each vector of `xs`."""
    found = []
    for x in _listed(xs):
        (first,) = gradients(ys, x)
        rows = [gradients(first[i], x)[0] for i in range(int(_tensor(x).shape[0]))]
        found.append(get("stack")(rows))
    return found


@replaces("stop_gradient")
def stop_gradient(input: Any, name: str | None = None) -> GraphTensor:
    """`input`, as a constant for gradients."""
    import lamella

    op = make_operation(lambda x: lamella.stop_gradient(x), (_tensor(input),),
                        name=name or "StopGradient", type="StopGradient")  # fmt: skip
    return give_outputs(op)[0]


@export("RegisterGradient", version=1)
def register_gradient(name: str) -> Any:
    """An error: gradients are those of the engine."""
    raise unsupported(
        "tf.RegisterGradient",
        "use tf.custom_gradient, or tf.stop_gradient around the difference of two functions",
    )


class AggregationMethod:
    """Accepted and without effect: gradients are summed."""

    ADD_N = DEFAULT = 0
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


export("AggregationMethod", version=1)(AggregationMethod)
