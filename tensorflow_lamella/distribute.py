"""tf.distribute on one machine: every strategy is one replica, which uses all cores."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from tensorflow_lamella.names import export, get


@export("distribute.ReduceOp")
class ReduceOp:
    """How the values of the replicas are combined; with one replica both give its value."""

    SUM = "SUM"
    MEAN = "MEAN"


@export(
    "distribute.Strategy", "distribute.MirroredStrategy", "distribute.OneDeviceStrategy",
    "distribute.MultiWorkerMirroredStrategy", "distribute.experimental.CentralStorageStrategy",
    "distribute.experimental.MultiWorkerMirroredStrategy", "contrib.distribute.MirroredStrategy",
    "contrib.distribute.OneDeviceStrategy",
)  # fmt: skip
class Strategy:
    """The strategy of one replica.

    >>> strategy = Strategy()
    >>> strategy.num_replicas_in_sync, strategy.run(lambda x: x + 1, args=(2,))
    (1, 3)
    """

    num_replicas_in_sync = 1

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass  # devices: there is one

    @contextlib.contextmanager
    def scope(self) -> Iterator[Strategy]:
        """Variables made inside are those of the replica: nothing changes."""
        yield self

    def run(
        self, fn: Callable[..., Any], args: tuple[Any, ...] = (), kwargs: Any = None,
        options: Any = None,
    ) -> Any:  # fmt: skip
        """fn(*args, **kwargs)."""
        return fn(*args, **(kwargs or {}))

    experimental_run_v2 = run

    def reduce(self, reduce_op: Any, value: Any, axis: int | None = None) -> Any:
        """The value; with `axis`, its sum or mean over that axis."""
        if axis is None:
            return value
        op = str(getattr(reduce_op, "value", reduce_op)).upper()
        return get("reduce_mean" if op == "MEAN" else "reduce_sum")(value, axis=axis)

    def experimental_distribute_dataset(self, dataset: Any, options: Any = None) -> Any:
        """The dataset: its one replica gets all of it."""
        return dataset

    def distribute_datasets_from_function(
        self, dataset_fn: Callable[..., Any], options: Any = None
    ) -> Any:
        """What the function makes for the one replica."""
        return dataset_fn(InputContext())

    experimental_distribute_datasets_from_function = distribute_datasets_from_function

    def experimental_local_results(self, value: Any) -> tuple[Any, ...]:
        """The value of each replica."""
        return (value,)

    @property
    def cluster_resolver(self) -> None:
        """There is no cluster."""


@export("distribute.InputContext")
class InputContext:
    """Which part of the data a replica reads: all of it."""

    num_replicas_in_sync = num_input_pipelines = 1
    input_pipeline_id = 0

    def get_per_replica_batch_size(self, global_batch_size: int) -> int:
        """The batch size of each replica."""
        return global_batch_size


_DEFAULT = Strategy()


@export("distribute.get_strategy")
def get_strategy() -> Strategy:
    """The strategy in whose scope the program is."""
    return _DEFAULT


@export("distribute.has_strategy")
def has_strategy() -> bool:
    """Whether a strategy was entered: one replica needs none."""
    return False


def _cluster(name: str) -> Any:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            f"tf.distribute.{name} needs other machines or TPUs; Lamella runs on the processor of "
            "this one. Use tf.distribute.get_strategy(), or keras.distribution with "
            "lamella run --engine jax"
        )

    refuse.__name__ = name.rpartition(".")[2]
    refuse.unsupported = True  # type: ignore[attr-defined]
    return export(f"distribute.{name}")(refuse)


for _name in ("TPUStrategy", "experimental.TPUStrategy", "experimental.ParameterServerStrategy",
              "ParameterServerStrategy", "cluster_resolver.TPUClusterResolver"):  # fmt: skip
    _cluster(_name)
