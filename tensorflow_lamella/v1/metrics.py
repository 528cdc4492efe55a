"""tf.metrics of TensorFlow 1: (value, update operation) over local variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1.graph import GraphKeys, get_default_graph
from tensorflow_lamella.v1.variables import GraphVariable


def _v2(name: str) -> Any:
    return get(name, 2)


def _local(name: str, shape: Sequence[int] = (), dtype: Any = np.float32) -> GraphVariable:
    keys = [GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES]
    return GraphVariable(np.zeros(shape, dtype), trainable=False, collections=keys, name=name)


def _result(value: Any, update: Any, metrics_collections: Any, updates_collections: Any) -> Any:
    graph = get_default_graph()
    if metrics_collections:
        graph.add_to_collections(metrics_collections, value)
    if updates_collections:
        graph.add_to_collections(updates_collections, update)
    return value, update


def _ratio(over: Any, under: Any, name: str) -> Any:
    return _v2("math.divide_no_nan")(_v2("cast")(over, "float32"), _v2("cast")(under, "float32"),
                                     name=name)  # fmt: skip


def _averaged(values: Any, weights: Any, name: str, metrics: Any, updates: Any) -> Any:
    """The mean of all values so far."""
    values = _v2("cast")(values, "float32")
    graph = get_default_graph()
    with graph.name_scope(name):
        total, count = _local("total"), _local("count")
        if weights is None:
            number: Any = _v2("cast")(_v2("size")(values), "float32")
        else:
            weights = _v2("broadcast_to")(_v2("cast")(weights, "float32"), _v2("shape")(values))
            values, number = values * weights, _v2("math.reduce_sum")(weights)
        more, also = total.assign_add(_v2("math.reduce_sum")(values)), count.assign_add(number)
        value = _ratio(total, count, "value")
        return _result(value, _ratio(more, also, "update_op"), metrics, updates)


@export("metrics.mean", version=1)
def mean(values: Any, weights: Any = None, metrics_collections: Any = None,
         updates_collections: Any = None, name: str | None = None) -> Any:  # fmt: skip
    """The mean of values."""
    return _averaged(values, weights, name or "mean", metrics_collections, updates_collections)


@export("metrics.accuracy", "contrib.metrics.streaming_accuracy", version=1)
def accuracy(labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
             updates_collections: Any = None, name: str | None = None) -> Any:  # fmt: skip
    """How often predictions equal labels."""
    predictions = _v2("convert_to_tensor")(predictions)
    same = _v2("equal")(_v2("cast")(labels, predictions.dtype), predictions)
    return _averaged(same, weights, name or "accuracy", metrics_collections, updates_collections)


@export("metrics.mean_squared_error", version=1)
def mean_squared_error(labels: Any, predictions: Any, weights: Any = None,
                       metrics_collections: Any = None, updates_collections: Any = None,
                       name: str | None = None) -> Any:  # fmt: skip
    """The mean of squared differences."""
    error = _v2("math.squared_difference")(predictions, _v2("cast")(labels, predictions.dtype))
    return _averaged(error, weights, name or "mean_squared_error", metrics_collections,
                     updates_collections)  # fmt: skip


@export("metrics.mean_absolute_error", version=1)
def mean_absolute_error(labels: Any, predictions: Any, weights: Any = None,
                        metrics_collections: Any = None, updates_collections: Any = None,
                        name: str | None = None) -> Any:  # fmt: skip
    """The mean of absolute differences."""
    error = _v2("abs")(predictions - _v2("cast")(labels, predictions.dtype))
    return _averaged(error, weights, name or "mean_absolute_error", metrics_collections,
                     updates_collections)  # fmt: skip


@export("metrics.root_mean_squared_error", version=1)
def root_mean_squared_error(labels: Any, predictions: Any, weights: Any = None,
                            metrics_collections: Any = None, updates_collections: Any = None,
                            name: str | None = None) -> Any:  # fmt: skip
    """The square root of the mean of squared differences."""
    value, update = mean_squared_error(labels, predictions, weights,
                                       name=name or "root_mean_squared_error")  # fmt: skip
    return _result(
        _v2("sqrt")(value), _v2("sqrt")(update), metrics_collections, updates_collections
    )


def _counted(hits: Any, weights: Any, name: str) -> tuple[Any, Any]:
    """(a variable that counts the true ones, its update)."""
    hits = _v2("cast")(hits, "float32")
    if weights is not None:
        hits = hits * _v2("cast")(weights, "float32")
    counter = _local(name)
    return counter, counter.assign_add(_v2("math.reduce_sum")(hits))


def _outcomes(labels: Any, predictions: Any) -> tuple[Any, Any]:
    return _v2("cast")(labels, "bool"), _v2("cast")(predictions, "bool")


def _counting(name: str, label: bool, prediction: bool) -> None:
    def metric(labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
               updates_collections: Any = None, name: str | None = None) -> Any:  # fmt: skip
        y, p = _outcomes(labels, predictions)
        hits = _v2("logical_and")(_v2("equal")(y, label), _v2("equal")(p, prediction))
        with get_default_graph().name_scope(name or default):
            counter, update = _counted(hits, weights, "count")
        return _result(counter.value(), update, metrics_collections, updates_collections)

    default = name
    metric.__doc__ = f"The number of {name.replace('_', ' ')}."
    export(f"metrics.{name}", version=1)(metric)


_counting("true_positives", True, True)
_counting("true_negatives", False, False)
_counting("false_positives", False, True)
_counting("false_negatives", True, False)


def _share(name: str, wrong_label: bool) -> None:
    """True positives among the predicted ones (precision) or among the labels (recall)."""

    def metric(labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
               updates_collections: Any = None, name: str | None = None) -> Any:  # fmt: skip
        y, p = _outcomes(labels, predictions)
        right = _v2("logical_and")(y, p)
        invert = _v2("logical_not")
        wrong = (
            _v2("logical_and")(y, invert(p)) if wrong_label else _v2("logical_and")(invert(y), p)
        )
        with get_default_graph().name_scope(name or default):
            hits, more = _counted(right, weights, "true_positives")
            misses, others = _counted(wrong, weights, "wrong")
            value = _ratio(hits, hits + misses, "value")
            update = _ratio(more, more + others, "update_op")
        return _result(value, update, metrics_collections, updates_collections)

    default = name
    metric.__doc__ = f"tf.metrics.{name}."
    export(f"metrics.{name}", version=1)(metric)


_share("precision", False)
_share("recall", True)


@export("metrics.auc", "contrib.metrics.streaming_auc", version=1)
def auc(labels: Any, predictions: Any, weights: Any = None, num_thresholds: int = 200,
        metrics_collections: Any = None, updates_collections: Any = None, curve: str = "ROC",
        name: str | None = None, summation_method: str = "trapezoidal") -> Any:  # fmt: skip
    """The area under the ROC curve, by the trapezoidal rule over `num_thresholds` thresholds."""
    if curve != "ROC":
        raise ValueError(f"curve={curve!r}: only 'ROC' is supported")
    inner = (np.arange(num_thresholds - 2) + 1.0) / (num_thresholds - 1)
    bounds = np.concatenate([[-1e-7], inner, [1 + 1e-7]]).astype(np.float32)
    p = _v2("reshape")(_v2("cast")(predictions, "float32"), [1, -1])
    y = _v2("cast")(_v2("reshape")(_v2("cast")(labels, "bool"), [1, -1]), "float32")
    w = 1.0 if weights is None else _v2("reshape")(_v2("cast")(weights, "float32"), [1, -1])
    above = _v2("cast")(_v2("greater")(p, bounds[:, None]), "float32")
    with get_default_graph().name_scope(name or "auc"):
        found, updates = [], []
        for part, hits in (("tp", above * y), ("fp", above * (1.0 - y)), ("fn", (1.0 - above) * y),
                           ("tn", (1.0 - above) * (1.0 - y))):  # fmt: skip
            counter = _local(part, [num_thresholds])
            found.append(counter.value())
            updates.append(counter.assign_add(_v2("math.reduce_sum")(hits * w, axis=1)))
        value, update = _area(*found), _area(*updates)
    return _result(value, update, metrics_collections, updates_collections)


def _area(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    high = (tp + 1e-7) / (tp + fn + 1e-7)
    far = fp / (fp + tn + 1e-7)
    return _v2("math.reduce_sum")((far[:-1] - far[1:]) * (high[:-1] + high[1:]) / 2.0)


@export("metrics.mean_per_class_accuracy", version=1)
def mean_per_class_accuracy(labels: Any, predictions: Any, num_classes: int, weights: Any = None,
                            metrics_collections: Any = None, updates_collections: Any = None,
                            name: str | None = None) -> Any:  # fmt: skip
    """The mean over classes of how often their members are predicted."""
    hot = _v2("one_hot")(_v2("reshape")(_v2("cast")(labels, "int32"), [-1]), num_classes)
    right = _v2("cast")(
        _v2("equal")(_v2("cast")(labels, predictions.dtype), predictions), "float32"
    )
    with get_default_graph().name_scope(name or "mean_per_class_accuracy"):
        total, hits = _local("total", [num_classes]), _local("count", [num_classes])
        more = total.assign_add(_v2("math.reduce_sum")(hot, axis=0))
        also = hits.assign_add(_v2("math.reduce_sum")(hot * right[:, None], axis=0))
        value = _v2("math.reduce_mean")(_ratio(hits, total, "per_class"))
        update = _ratio(also, more, "update_op")
    return _result(value, update, metrics_collections, updates_collections)
