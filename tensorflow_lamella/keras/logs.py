"""The names of metrics in histories and logs: `acc` until 2019, `accuracy` since.

Keras names a metric as the program asked for it; programs ask for one and read the other when
they were half updated, or when a library made the callback. Both names are answered.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tensorflow_lamella.keras.era import until_2019

ALIASES = {"acc": "accuracy", "accuracy": "acc", "weighted_acc": "weighted_accuracy"}
ERRORS = {
    "mean_absolute_error": "mae", "mean_squared_error": "mse",
    "mean_absolute_percentage_error": "mape", "mean_squared_logarithmic_error": "msle",
}  # fmt: skip
"""What Keras 1 and 2.0 to 2.2 called metrics that were asked for by their short names."""


def alias(name: str) -> str | None:
    """`val_acc` for `val_accuracy` and the other way round, `out_acc` for `out_accuracy`."""
    for long, short in ERRORS.items():
        if name.endswith(long):
            return name.removesuffix(long) + short
    head, _, last = name.rpartition("_")
    if last not in ALIASES:
        return None
    return f"{head}_{ALIASES[last]}" if head else ALIASES[last]


class Logs(dict[str, Any]):
    """A dictionary of logs that answers to `acc` where it has `accuracy`, and vice versa.

    >>> Logs(accuracy=0.5)["acc"], "val_acc" in Logs(val_accuracy=0.5), list(Logs(acc=1))
    (0.5, True, ['acc'])
    """

    def __missing__(self, name: str) -> Any:
        other = alias(name)
        if other is None or not dict.__contains__(self, other):
            raise KeyError(name)
        return dict.__getitem__(self, other)

    def __contains__(self, name: object) -> bool:
        if dict.__contains__(self, name):
            return True
        return isinstance(name, str) and dict.__contains__(self, alias(name))

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401  # that is what get is


def install() -> None:
    """Histories and the logs of callbacks are `Logs`; monitors and file names find aliases."""
    from keras.src.callbacks.history import History
    from keras.src.callbacks.model_checkpoint import ModelCheckpoint
    from keras.src.callbacks.monitor_callback import MonitorCallback
    from keras.src.utils import python_utils

    plain_init, plain_logs = History.__init__, python_utils.pythonify_logs
    plain_monitor, plain_path = MonitorCallback._set_monitor_op, ModelCheckpoint._get_file_path

    @functools.wraps(plain_init)
    def history_init(self: Any) -> None:
        plain_init(self)
        self.history = Logs()

    @functools.wraps(plain_monitor)
    def set_monitor_op(self: Any) -> None:
        names, other = metric_names(self.model), alias(self.monitor)
        if self.monitor.removeprefix("val_") not in names and other is not None:
            self.monitor = other if other.removeprefix("val_") in names else self.monitor
        try:
            plain_monitor(self)
        except ValueError:  # Keras 2 judged by the name
            self.mode = "max" if "acc" in self.monitor else "min"
            plain_monitor(self)

    @functools.wraps(plain_path)
    def file_path(self: Any, epoch: int, batch: int | None, logs: Any) -> str:
        others = {alias(k): v for k, v in (logs or {}).items() if alias(k)}
        return plain_path(self, epoch, batch, {**others, **(logs or {})})

    from keras.src.trainers.compile_utils import CompileMetrics
    from keras.src.trainers.trainer import Trainer

    CompileMetrics._build_metrics_set = for_every_output(CompileMetrics._build_metrics_set)
    Trainer._flatten_metrics_in_order = in_order_of_outputs(Trainer._flatten_metrics_in_order)
    History.__init__ = history_init
    python_utils.pythonify_logs = functools.wraps(plain_logs)(lambda x: Logs(plain_logs(x)))
    MonitorCallback._set_monitor_op = set_monitor_op
    ModelCheckpoint._get_file_path = file_path


def metric_names(model: Any) -> list[str]:
    """The names of the numbers that `model.evaluate` returns, in its order."""
    names: list[str] = []
    of_outputs: list[str] = []
    for metric in model.metrics:
        if type(metric).__name__ != "CompileMetrics":
            names.append(metric.name)
        elif metric.built:
            own = {part.name for part in metric.metrics}
            for name in metric.result():
                (names if name in own else of_outputs).append(name)
    return names + (of_outputs if until_2019() else sorted(of_outputs))


def in_order_of_outputs(plain: Callable[..., Any]) -> Callable[..., Any]:
    """What `train_on_batch` and `evaluate` return, in the order of `metric_names`."""

    @functools.wraps(plain)
    def _flatten_metrics_in_order(self: Any, logs: dict[str, Any]) -> Any:
        if not until_2019():
            return plain(self, logs)
        names = metric_names(self)
        found = [*(n for n in names if n in logs), *(n for n in logs if n not in names)]
        values = [logs[name] for name in found]
        return values[0] if len(values) == 1 else values

    return _flatten_metrics_in_order


def for_every_output(plain: Callable[..., Any]) -> Callable[..., Any]:
    """A plain list of metrics is for each of several outputs, as until Keras 3.

    Keras 3 takes a list as long as the outputs for one metric each.
    """

    @functools.wraps(plain)
    def build(self: Any, metrics: Any, num_outputs: int, *args: Any, **kwargs: Any) -> Any:
        flat = isinstance(metrics, (list, tuple)) and not any(
            m is None or isinstance(m, (list, tuple, dict)) for m in metrics
        )
        one_each = flat and len(metrics) == num_outputs and not until_2019()
        if flat and metrics and num_outputs > 1 and not one_each:
            metrics = [[_copy(m) for m in metrics] for _ in range(num_outputs)]
        return plain(self, metrics, num_outputs, *args, **kwargs)

    return build


def _copy(metric: Any) -> Any:
    """Another metric of the same kind; names and functions are shared."""
    from keras import Metric

    return type(metric).from_config(metric.get_config()) if isinstance(metric, Metric) else metric
