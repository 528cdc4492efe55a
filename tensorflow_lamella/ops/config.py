"""tf.config and its like: one device, the processor; settings that have no effect are accepted."""

from __future__ import annotations

import os
from collections import namedtuple
from collections.abc import Callable
from typing import Any

from tensorflow_lamella.names import export, put

PhysicalDevice = namedtuple("PhysicalDevice", "name device_type")
LogicalDevice = namedtuple("LogicalDevice", "name device_type")
put(PhysicalDevice, "config.PhysicalDevice")
put(LogicalDevice, "config.LogicalDevice")

_PHYSICAL = PhysicalDevice("/physical_device:CPU:0", "CPU")
_LOGICAL = LogicalDevice("/device:CPU:0", "CPU")


@export("config.list_physical_devices", "config.experimental.list_physical_devices",
        "config.get_visible_devices", "config.experimental.get_visible_devices")  # fmt: skip
def list_physical_devices(device_type: Any = None) -> list[PhysicalDevice]:
    """The processor; no GPU."""
    return [_PHYSICAL] if device_type in (None, "CPU") else []


@export("config.list_logical_devices", "config.experimental.list_logical_devices")
def list_logical_devices(device_type: Any = None) -> list[LogicalDevice]:
    """The processor; no GPU."""
    return [_LOGICAL] if device_type in (None, "CPU") else []


def _accepted(name: str, result: Any = None) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        return result

    function.__name__ = name.rpartition(".")[2]
    function.__doc__ = "Accepted, without effect."
    return function


for _name, _result in {
    "config.set_visible_devices": None,
    "config.experimental.set_visible_devices": None,
    "config.experimental.set_memory_growth": None,
    "config.experimental.get_memory_growth": False,
    "config.experimental.set_virtual_device_configuration": None,
    "config.experimental.enable_tensor_float_32_execution": None,
    "config.experimental.tensor_float_32_execution_enabled": False,
    "config.experimental.enable_op_determinism": None,
    "config.experimental.set_synchronous_execution": None,
    "config.set_logical_device_configuration": None,
    "config.get_logical_device_configuration": None,
    "config.set_soft_device_placement": None,
    "config.get_soft_device_placement": True,
    "config.optimizer.set_jit": None,
    "config.optimizer.get_jit": "autoclustering",
    "config.optimizer.set_experimental_options": None,
    "config.optimizer.get_experimental_options": {},
    "config.threading.set_inter_op_parallelism_threads": None,
    "config.threading.get_inter_op_parallelism_threads": 0,
    "config.threading.set_intra_op_parallelism_threads": None,
    "config.threading.get_intra_op_parallelism_threads": 0,
    "test.is_gpu_available": False,
    "test.is_built_with_cuda": False,
    "test.is_built_with_gpu_support": False,
    "test.is_built_with_rocm": False,
    "test.is_built_with_xla": True,
    "test.gpu_device_name": "",
    "sysconfig.get_build_info": {"is_cuda_build": False},
    "autograph.set_verbosity": None,
    "autograph.experimental.set_loop_options": None,
    "debugging.experimental.enable_dump_debug_info": None,
    "profiler.experimental.start": None,
    "profiler.experimental.stop": None,
    "summary.trace_on": None,
    "summary.trace_off": None,
    "summary.trace_export": None,
}.items():
    put(_accepted(_name, _result), _name)


@export("config.LogicalDeviceConfiguration", "config.experimental.VirtualDeviceConfiguration")
class LogicalDeviceConfiguration:
    """Settings of a device; accepted, without effect."""

    def __init__(self, memory_limit: Any = None, **unused: Any) -> None:
        self.memory_limit = memory_limit


put("2.9.0", "version.VERSION", "__version__")
put(1, "version.GRAPH_DEF_VERSION")
put("unknown", "version.GIT_VERSION", "__git_version__")
put("", "version.COMPILER_VERSION")


@export("test.get_temp_dir")
def get_temp_dir() -> str:
    """A folder for temporary files."""
    import tempfile

    return tempfile.mkdtemp()


@export("sysconfig.get_include", "sysconfig.get_lib")
def get_lib() -> str:
    """The folder of this package: there is no library to link with."""
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
