"""Modules inside of TensorFlow that programs imported: tensorflow.python.framework and its like."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from tensorflow_lamella.install import View
from tensorflow_lamella.names import export, put

#: The end of a module's name -> the public module whose names it gives.
SAME = {
    "framework": "", "framework.ops": "", "framework.dtypes": "", "framework.constant_op": "",
    "framework.tensor_shape": "", "framework.graph_util": "graph_util",
    "framework.errors": "errors", "framework.random_seed": "", "ops": "", "ops.array_ops": "",
    "ops.math_ops": "", "ops.nn_ops": "nn", "ops.nn": "nn", "ops.nn_impl": "nn", "ops.rnn": "nn",
    "ops.rnn_cell": "nn.rnn_cell", "ops.rnn_cell_impl": "nn.rnn_cell", "ops.variable_scope": "",
    "ops.variables": "", "ops.init_ops": "", "ops.state_ops": "", "ops.control_flow_ops": "",
    "ops.random_ops": "", "ops.embedding_ops": "nn", "ops.clip_ops": "",
    "ops.linalg_ops": "linalg", "ops.losses": "losses", "ops.losses.losses": "losses",
    "ops.image_ops": "image", "ops.gradients_impl": "", "ops.script_ops": "",
    "ops.tensor_array_ops": "", "ops.functional_ops": "", "ops.string_ops": "strings",
    "ops.check_ops": "", "ops.control_flow_util": "", "ops.summary_ops": "summary",
    "platform": "", "platform.gfile": "gfile",
    "platform.flags": "flags", "platform.app": "app", "platform.tf_logging": "logging",
    "training": "train", "training.training": "train", "training.saver": "train",
    "training.optimizer": "train", "training.adam": "train",
    "training.moving_averages": "train.moving_averages", "layers": "layers",
    "layers.layers": "layers", "layers.core": "layers", "layers.convolutional": "layers",
    "layers.normalization": "layers", "client": "python_client",
    "client.device_lib": "python_client.device_lib", "client.timeline": "python_client.timeline",
    "summary": "summary", "summary.summary": "summary", "estimator": "estimator", "data": "data",
    "util": "python_util", "util.nest": "nest", "util.deprecation": "python_util", "lib.io": "io",
    "training.session_run_hook": "train", "training.basic_session_run_hooks": "train",
}  # fmt: skip


def view(name: str) -> ModuleType | None:
    """The module `tensorflow.python...`, as a view of the public one."""
    inner = name.removeprefix("tensorflow.python").removeprefix(".")
    if not inner:
        return View(name)
    if inner not in SAME:
        return None
    module = View(name)
    module._prefix = SAME[inner]
    module.__dict__["__name__"] = name
    return module


class _Device:
    """The processor, as device_lib lists it."""

    name, device_type, memory_limit, physical_device_desc = "/device:CPU:0", "CPU", 0, ""


@export("python_client.device_lib.list_local_devices", version=1)
def list_local_devices(*args: Any, **kwargs: Any) -> list[Any]:
    """The processor."""
    return [_Device()]


@export("train.moving_averages.assign_moving_average", version=1)
def assign_moving_average(variable: Any, value: Any, decay: Any, zero_debias: bool = True,
                          name: Any = None) -> Any:  # fmt: skip
    """A tensor that moves the variable towards `value`."""
    return variable.assign_sub((variable - value) * (1 - decay), name=name)


class _Timeline:
    """Timelines of runs: none are kept."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def generate_chrome_trace_format(self, *args: Any, **kwargs: Any) -> str:
        """An empty trace."""
        return '{"traceEvents": []}'


put(_Timeline, "python_client.timeline.Timeline", version=1)
