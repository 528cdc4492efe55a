"""Checks of shapes and dtypes while a graph is built, and initializers of what there is none of."""

from __future__ import annotations

from typing import Any

from tensorflow_lamella.core.dtypes import as_dtype
from tensorflow_lamella.errors import OpError
from tensorflow_lamella.install import VERSIONS
from tensorflow_lamella.names import export, get, put
from tensorflow_lamella.v1 import app, variables
from tensorflow_lamella.v1.graph import get_default_graph

put(VERSIONS[1], "VERSION", version=1)
put(OpError, "OpError", version=1)
put("v1.15.5", "GIT_VERSION", version=1)
export("initializers.global_variables", version=1)(variables.global_variables_initializer)
export("initializers.local_variables", version=1)(variables.local_variables_initializer)
export("initializers.variables", version=1)(variables.variables_initializer)
export("logging.log", version=1)(
    lambda level, message, *args: app.get_logger().log(level, message, *args)
)
export("logging.flush", version=1)(lambda: None)
export("get_logger", version=1)(app.get_logger)


@export("tables_initializer", "initialize_all_tables", "initializers.tables_initializer", version=1)
def tables_initializer(name: str = "init_all_tables") -> Any:
    """An operation that does nothing: tables need no initialisation."""
    return get("no_op", 1)(name=name)


def _rank(x: Any) -> int | None:
    return get("convert_to_tensor", 1)(x).shape.rank


@export("assert_rank", "debugging.assert_rank", version=1)
def assert_rank(x: Any, rank: int, data: Any = None, summarize: Any = None, message: Any = "",
                name: Any = None) -> Any:  # fmt: skip
    """ValueError unless `x` has this rank (or an unknown one)."""
    if _rank(x) not in (None, int(rank)):
        raise ValueError(f"{message} {x} must have rank {rank}".strip())
    return get("no_op", 1)()


@export("assert_rank_at_least", "debugging.assert_rank_at_least", version=1)
def assert_rank_at_least(x: Any, rank: int, data: Any = None, summarize: Any = None,
                         message: Any = "", name: Any = None) -> Any:  # fmt: skip
    """ValueError if `x` has a smaller rank."""
    found = _rank(x)
    if found is not None and found < int(rank):
        raise ValueError(f"{message} {x} must have rank at least {rank}".strip())
    return get("no_op", 1)()


@export("assert_type", "debugging.assert_type", version=1)
def assert_type(tensor: Any, tf_type: Any, message: Any = "", name: Any = None) -> Any:
    """TypeError unless the dtype is this one."""
    if tensor.dtype != as_dtype(tf_type):
        raise TypeError(f"{message} {tensor} must be of type {as_dtype(tf_type)}".strip())
    return get("no_op", 1)()


@export("assert_variables_initialized", version=1)
def assert_variables_initialized(var_list: Any = None) -> Any:
    """An operation that raises where a variable has no value."""
    graph = get_default_graph()
    chosen = var_list or variables.global_variables() + variables.local_variables()

    def check(session: Any) -> list[Any]:
        for v in chosen:
            session.check_initialized(v)
        return []

    with graph.as_default():
        return variables.host_operation(check, [], [], "AssertInitialized", "Assert")


@export("verify_tensor_all_finite", "debugging.assert_all_finite", version=1)
def verify_tensor_all_finite(t: Any = None, msg: str = "", name: Any = None, x: Any = None,
                             message: Any = None) -> Any:  # fmt: skip
    """`t`; a run raises where it is infinite or no number."""
    t = x if t is None else t
    finite = get("math.reduce_all", 2)(get("math.is_finite", 2)(t))
    check = get("Assert", 1)(finite, [message or msg or "a number is not finite", t])
    with get("control_dependencies", 1)([check]):
        return get("identity", 2)(t)


@export("metrics.mean_iou", version=1)
def mean_iou(labels: Any, predictions: Any, num_classes: int, weights: Any = None,
             metrics_collections: Any = None, updates_collections: Any = None,
             name: str | None = None) -> Any:  # fmt: skip
    """(mean over classes of intersection over union, the confusion matrix so far)."""
    from tensorflow_lamella.v1.metrics import _local

    matrix = get("confusion_matrix", 1)(
        labels, predictions, num_classes, "float32", weights=weights
    )
    with get_default_graph().name_scope(name or "mean_iou"):
        total = _local("total_confusion_matrix", [num_classes, num_classes])
        update = total.assign_add(matrix)
        summed = get("math.reduce_sum", 2)
        hits = get("linalg.diag_part", 2)(total.value())
        union = summed(total.value(), axis=0) + summed(total.value(), axis=1) - hits
        seen = get("cast", 2)(get("greater", 2)(union, 0.0), "float32")
        ratio = get("math.divide_no_nan", 2)(hits, union)
        return get("math.divide_no_nan", 2)(summed(ratio), summed(seen)), update
