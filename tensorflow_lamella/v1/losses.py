"""tf.losses of TensorFlow 1: weighted, reduced, and collected."""

from __future__ import annotations

from typing import Any

from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1 import nn
from tensorflow_lamella.v1.graph import GraphKeys, get_default_graph


class Reduction:
    """How losses of single elements make one loss."""

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = SUM_OVER_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"


export("losses.Reduction", version=1)(Reduction)
_BY_NONZERO = Reduction.SUM_BY_NONZERO_WEIGHTS


def _v2(name: str) -> Any:
    return get(name, 2)


def _sum(x: Any) -> Any:
    return _v2("math.reduce_sum")(x)


@export("losses.compute_weighted_loss", version=1)
def compute_weighted_loss(losses: Any, weights: Any = 1.0, scope: Any = None,
                          loss_collection: Any = GraphKeys.LOSSES,
                          reduction: str = _BY_NONZERO) -> Any:  # fmt: skip
    """The losses times their weights, reduced."""
    losses = _v2("convert_to_tensor")(losses)
    weights = _v2("cast")(weights, losses.dtype)
    weights = _spread(weights, losses)
    weighted = losses * weights
    if reduction == Reduction.NONE:
        loss = weighted
    elif reduction == Reduction.SUM:
        loss = _sum(weighted)
    else:
        loss = _v2("math.divide_no_nan")(_sum(weighted), _count(losses, weights, reduction))
    if loss_collection is not None:
        get_default_graph().add_to_collection(loss_collection, loss)
    return loss


def _spread(weights: Any, losses: Any) -> Any:
    """Weights of fewer axes stand for those in front."""
    have, want = weights.shape.rank, losses.shape.rank
    if have and want and have < want:
        sizes = [-1 if d is None else int(d) for d in tuple.__iter__(weights.shape)]
        weights = _v2("reshape")(weights, [*sizes, *[1] * (want - have)])
    elif have and want is not None and have == want + 1:
        weights = _v2("squeeze")(weights, [-1])
    return weights


def _count(losses: Any, weights: Any, reduction: str) -> Any:
    ones = _v2("ones_like")(losses)
    if reduction == Reduction.MEAN:
        return _sum(ones * weights)
    if reduction == Reduction.SUM_OVER_BATCH_SIZE:
        return _sum(ones)
    return _sum(ones * _v2("cast")(_v2("not_equal")(weights, 0.0), losses.dtype))


def _both(labels: Any, predictions: Any) -> tuple[Any, Any]:
    """Float tensors of the same shape; ValueError where the shapes differ."""
    predictions = _v2("convert_to_tensor")(predictions)
    if not predictions.dtype.is_floating:
        predictions = _v2("cast")(predictions, "float32")
    labels = _v2("cast")(labels, predictions.dtype)
    if not labels.shape.is_compatible_with(predictions.shape):
        raise ValueError(f"Shapes {predictions.shape} and {labels.shape} are incompatible")
    return labels, predictions


def _elementwise(name: str, f: Any) -> None:
    def loss(
        labels: Any,
        predictions: Any,
        weights: Any = 1.0,
        scope: Any = None,
        loss_collection: Any = GraphKeys.LOSSES,
        reduction: str = _BY_NONZERO,
    ) -> Any:
        losses = f(*_both(labels, predictions))
        return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)

    loss.__name__, loss.__doc__ = name, f"tf.losses.{name}."
    export(f"losses.{name}", version=1)(loss)


_elementwise("mean_squared_error", lambda y, p: _v2("math.squared_difference")(p, y))
_elementwise("absolute_difference", lambda y, p: _v2("abs")(p - y))


@export("losses.log_loss", version=1)
def log_loss(labels: Any, predictions: Any, weights: Any = 1.0, epsilon: float = 1e-7,
             scope: Any = None, loss_collection: Any = GraphKeys.LOSSES,
             reduction: str = _BY_NONZERO) -> Any:  # fmt: skip
    """-y log(p) - (1 - y) log(1 - p)."""
    y, p = _both(labels, predictions)
    log = _v2("math.log")
    losses = -y * log(p + epsilon) - (1.0 - y) * log(1.0 - p + epsilon)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


@export("losses.hinge_loss", version=1)
def hinge_loss(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: Any = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = _BY_NONZERO,
) -> Any:
    """max(0, 1 - y logits) with labels 0 and 1 taken as -1 and 1."""
    y, logits = _both(labels, logits)
    losses = _v2("nn.relu")(1.0 - (2.0 * y - 1.0) * logits)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


@export("losses.huber_loss", version=1)
def huber_loss(labels: Any, predictions: Any, weights: Any = 1.0, delta: float = 1.0,
               scope: Any = None, loss_collection: Any = GraphKeys.LOSSES,
               reduction: str = _BY_NONZERO) -> Any:  # fmt: skip
    """Quadratic up to `delta`, linear beyond (Huber, 1964)."""
    y, p = _both(labels, predictions)
    error = _v2("abs")(p - y)
    small = _v2("minimum")(error, delta)
    losses = 0.5 * small * small + delta * (error - small)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


@export("losses.cosine_distance", version=1)
def cosine_distance(labels: Any, predictions: Any, axis: Any = None, weights: Any = 1.0,
                    scope: Any = None, loss_collection: Any = GraphKeys.LOSSES,
                    reduction: str = _BY_NONZERO, dim: Any = None) -> Any:  # fmt: skip
    """1 - labels . predictions along an axis, for vectors of length one."""
    y, p = _both(labels, predictions)
    losses = 1 - _v2("math.reduce_sum")(y * p, axis=dim if axis is None else axis, keepdims=True)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


@export("losses.softmax_cross_entropy", version=1)
def softmax_cross_entropy(onehot_labels: Any, logits: Any, weights: Any = 1.0,
                          label_smoothing: float = 0, scope: Any = None,
                          loss_collection: Any = GraphKeys.LOSSES,
                          reduction: str = _BY_NONZERO) -> Any:  # fmt: skip
    """The cross entropy of softmax(logits) with labels that are probabilities."""
    labels = _v2("cast")(onehot_labels, logits.dtype)
    if label_smoothing > 0:
        classes = _v2("cast")(_v2("shape")(labels)[1], logits.dtype)
        labels = labels * (1.0 - label_smoothing) + label_smoothing / classes
    losses = nn.softmax_cross_entropy_with_logits(
        labels=_v2("stop_gradient")(labels), logits=logits
    )
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


@export("losses.sparse_softmax_cross_entropy", version=1)
def sparse_softmax_cross_entropy(labels: Any, logits: Any, weights: Any = 1.0, scope: Any = None,
                                 loss_collection: Any = GraphKeys.LOSSES,
                                 reduction: str = _BY_NONZERO) -> Any:  # fmt: skip
    """The cross entropy of softmax(logits) with labels that are classes."""
    labels = _v2("convert_to_tensor")(labels)
    if labels.shape.rank is not None and labels.shape.rank == logits.shape.rank:
        labels = _v2("squeeze")(labels, [-1])
    losses = nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


@export("losses.sigmoid_cross_entropy", version=1)
def sigmoid_cross_entropy(multi_class_labels: Any, logits: Any, weights: Any = 1.0,
                          label_smoothing: float = 0, scope: Any = None,
                          loss_collection: Any = GraphKeys.LOSSES,
                          reduction: str = _BY_NONZERO) -> Any:  # fmt: skip
    """The cross entropy of sigmoid(logits), by element."""
    labels, logits = _both(multi_class_labels, logits)
    if label_smoothing > 0:
        labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
    losses = nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


@export("losses.add_loss", version=1)
def add_loss(loss: Any, loss_collection: Any = GraphKeys.LOSSES) -> None:
    """Put a loss into the collection."""
    get_default_graph().add_to_collection(loss_collection, loss)


@export("losses.get_losses", version=1)
def get_losses(scope: Any = None, loss_collection: Any = GraphKeys.LOSSES) -> list[Any]:
    """The losses that were collected."""
    return get_default_graph().get_collection(loss_collection, scope)


@export("losses.get_regularization_losses", version=1)
def get_regularization_losses(scope: Any = None) -> list[Any]:
    """The losses of the regularisers."""
    return get_default_graph().get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


@export("losses.get_regularization_loss", version=1)
def get_regularization_loss(scope: Any = None, name: str = "total_regularization_loss") -> Any:
    """Their sum."""
    found = get_regularization_losses(scope)
    return get("add_n", 1)(found, name=name) if found else get("constant", 1)(0.0)


@export("losses.get_total_loss", version=1)
def get_total_loss(add_regularization_losses: bool = True, name: str = "total_loss",
                   scope: Any = None) -> Any:  # fmt: skip
    """The sum of the losses that were collected, and of those of the regularisers."""
    found = get_losses(scope)
    if add_regularization_losses:
        found = found + get_regularization_losses(scope)
    return get("add_n", 1)(found, name=name)


for _name in ("softmax_cross_entropy", "sigmoid_cross_entropy", "mean_squared_error", "log_loss",
              "absolute_difference", "hinge_loss", "cosine_distance", "get_total_loss", "add_loss",
              "get_losses", "sparse_softmax_cross_entropy", "get_regularization_losses",
              "compute_weighted_loss"):  # fmt: skip
    _found = get(f"losses.{_name}", 1)
    export(f"contrib.losses.{_name}", f"contrib.slim.losses.{_name}", version=1)(_found)
