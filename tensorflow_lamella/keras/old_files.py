"""What Keras 1 and 2 wrote: configurations of models, and weights in the layouts of Keras 1.

A configuration is rewritten to what Keras 3 reads before it is read; arguments that have other
names today are left to the bridges. Weights are rewritten layer by layer.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras.src.legacy.saving import legacy_h5_format, saving_options, saving_utils


@keras.saving.register_keras_serializable("lamella")
def hard_sigmoid_until_2(x: Any) -> Any:
    """`0.2 x + 0.5` cut at 0 and 1: what "hard_sigmoid" was before Keras 3."""
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


# -- configurations --------------------------------------------------------------------------


HARD = "lamella>hard_sigmoid_until_2"


def today(config: Any) -> Any:
    """The configuration of a model or layer of Keras 1 or 2 as Keras 3 takes it.

    >>> today({"class_name": "Sequential", "config": []})["config"]
    {'name': 'sequential', 'layers': []}
    """
    if isinstance(config, list):
        return [today(item) for item in config]
    if not isinstance(config, dict):
        return HARD if config == "hard_sigmoid" else config
    kind, inner = config.get("class_name"), config.get("config")
    if kind == "Sequential":
        named: Any = inner if isinstance(inner, dict) else {"name": "sequential", "layers": inner}
        config = {**config, "config": {**named, "layers": _with_input(named["layers"])}}
    found = {key: today(value) for key, value in config.items()}
    if isinstance(kind, str) and isinstance(found.get("config"), dict):
        _drop_input(kind, found["config"])
        found["config"].update(_ADDED.get(kind, dict)(found["config"]))
        found["class_name"], found["config"] = _layer_today(kind, found["config"])
    return found


def _with_input(layers: list[Any]) -> list[Any]:
    """The layers of a Sequential; the shape that its first one knew is a layer of its own."""
    first = layers[0] if layers else {}
    shape = first.get("config", {})
    shape = shape.get("batch_input_shape") if isinstance(shape, dict) else None
    if shape is None or first["class_name"] == "InputLayer":
        return layers
    return [{"class_name": "InputLayer", "config": {"batch_input_shape": shape}}, *layers]


def _drop_input(kind: str, config: dict[str, Any]) -> None:
    """Remove what a layer knew of its input: the models tell."""
    config.pop("input_dtype", None)
    if kind != "InputLayer" and config.pop("batch_input_shape", None) is not None:
        config.pop("input_length", None)
        if kind != "Embedding":
            config.pop("input_dim", None)


def _gru(config: dict[str, Any]) -> dict[str, Any]:
    return {"reset_after": config.get("reset_after", False)}


def _floats(config: dict[str, Any]) -> dict[str, Any]:
    dtype = config.get("dtype", "float32")
    return {"dtype": dtype if "float" in str(dtype) else "float32"}  # it was that of the input


_ADDED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"GRU": _gru, "Embedding": _floats}


def _layer_today(kind: str, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The class of a layer, and its configuration; of Keras 1's convolutions those of today."""
    if kind == "Model":
        return "Functional", config
    found = getattr(keras.layers, kind, None)
    if isinstance(found, type):
        return found.__name__, config
    if found is None:
        return kind, config
    layer = found(**config)
    return type(layer).__name__, layer.get_config()


# -- weights of Keras 1 ----------------------------------------------------------------------


def converted(layer: Any, weights: list[np.ndarray]) -> list[np.ndarray]:
    """The weights of a layer as Keras 1 wrote them, in today's layout."""
    if hasattr(layer, "layers"):
        return _of_parts(layer.layers, iter(weights))
    if hasattr(layer, "forward_layer"):
        return _of_parts([layer.forward_layer, layer.backward_layer], iter(weights))
    if isinstance(layer, keras.layers.Wrapper):
        return converted(layer.layer, weights)
    convert = _LAYOUTS.get(type(layer).__name__)
    return weights if convert is None else convert(layer, weights)


def _of_parts(layers: list[Any], weights: Iterator[np.ndarray]) -> list[np.ndarray]:
    return [w for layer in layers
            for w in converted(layer, [next(weights) for _ in range(_count(layer))])]  # fmt: skip


def _count(layer: Any) -> int:
    """How many arrays Keras 1 wrote for a layer."""
    if hasattr(layer, "layers"):
        return sum(map(_count, layer.layers))
    if hasattr(layer, "forward_layer"):
        return _count(layer.forward_layer) + _count(layer.backward_layer)
    if isinstance(layer, keras.layers.Wrapper):
        return _count(layer.layer)
    return 3 * len(_GATES[type(layer).__name__]) if type(layer).__name__ in _GATES else len(
        layer.weights
    )  # fmt: skip


_GATES = {"LSTM": (0, 2, 1, 3), "ConvLSTM2D": (0, 2, 1, 3), "GRU": (0, 1, 2)}
"""Keras 1 wrote W, U, b for one gate after the other: of an LSTM input, cell, forget, output."""


def _gates(layer: Any, weights: list[np.ndarray]) -> list[np.ndarray]:
    order = _GATES[type(layer).__name__]
    if len(weights) != 3 * len(order):
        return weights  # consume_less="gpu" wrote them joined
    return [np.concatenate([weights[3 * gate + k] for gate in order], axis=-1) for k in range(3)]


def _kernel_2d(layer: Any, weights: list[np.ndarray]) -> list[np.ndarray]:
    kernel, *rest = weights
    if layer.data_format == "channels_first":  # (filters, channels, rows, columns)
        kernel = kernel.transpose(2, 3, 1, 0)
    return [kernel, *rest]


def _kernel_1d(layer: Any, weights: list[np.ndarray]) -> list[np.ndarray]:
    kernel, *rest = weights
    if (
        kernel.ndim == 4
    ):  # (length, 1, channels, filters); before 1.1 (filters, channels, length, 1)
        if kernel.shape[:2] != (layer.kernel_size[0], 1):
            kernel = kernel.transpose(2, 3, 1, 0)
        kernel = kernel[:, 0]
    return [kernel, *rest]


_LAYOUTS: dict[str, Callable[[Any, list[np.ndarray]], list[np.ndarray]]] = {
    "LSTM": _gates, "GRU": _gates, "ConvLSTM2D": _gates, "Conv2D": _kernel_2d,
    "Conv1D": _kernel_1d,
}  # fmt: skip


def _rewritten(group: Any, layers: dict[str, Any]) -> Any:
    """A file in memory with the weights of `group` in today's layout; layers: by group."""
    import h5py  # type: ignore[import-untyped]

    new = h5py.File("rewritten", "w", driver="core", backing_store=False)
    new.attrs["keras_version"] = b"2"
    new.attrs["layer_names"] = group.attrs["layer_names"]
    for name in map(_text, group.attrs["layer_names"]):
        names = list(map(_text, group[name].attrs["weight_names"]))
        weights = [np.asarray(group[name][key]) for key in names]
        if name in layers:
            weights = converted(layers[name], weights)
        inner = new.create_group(name)
        inner.attrs["weight_names"] = [f"w{k}".encode() for k in range(len(weights))]
        for k, array in enumerate(weights):
            inner.create_dataset(f"w{k}", data=array)
    return new


def _text(name: Any) -> str:
    return name.decode() if hasattr(name, "decode") else str(name)


def _version(attributes: Any) -> int:
    """Of the Keras that wrote a file; the first ones did not say."""
    return int(_text(attributes.get("keras_version", "1")).partition(".")[0])


# -- where Keras reads -----------------------------------------------------------------------


def _load_weights(plain: Callable[..., Any], by_name: bool) -> Callable[..., Any]:
    @functools.wraps(plain)
    def load(group: Any, model: Any, skip_mismatch: bool = False) -> Any:
        if _version(group.attrs) > 1:
            return plain(group, model, skip_mismatch)
        if by_name:
            layers = {layer.name: layer for layer in model.layers}
        else:
            names = [n for n in map(_text, group.attrs["layer_names"])
                     if len(group[n].attrs["weight_names"])]  # fmt: skip
            layers = dict(zip(names, [layer for layer in model.layers if layer.weights]))
        with _rewritten(group, layers) as new:
            return plain(new, model, skip_mismatch)

    return load


def _load_model(plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def load_model_from_hdf5(filepath: Any, *args: Any, **kwargs: Any) -> Any:
        import h5py

        file = filepath if isinstance(filepath, h5py.File) else h5py.File(filepath, "r")
        try:
            if _version(file.attrs) > 2:
                return plain(file, *args, **kwargs)
            read = saving_utils.model_from_config
            saving_utils.model_from_config = lambda config, custom_objects=None: read(
                today(config), custom_objects
            )
            try:
                return plain(file, *args, **kwargs)
            finally:
                saving_utils.model_from_config = read
        finally:
            if file is not filepath:
                file.close()

    return load_model_from_hdf5


def _from_json(plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def model_from_json(json_string: str, custom_objects: Any = None) -> Any:
        config = json.loads(json_string)
        if not isinstance(config, dict) or _version({"keras_version": "3", **config}) > 2:
            return plain(json_string, custom_objects)
        with saving_options.keras_option_scope(use_legacy_config=True):
            return saving_utils.model_from_config(today(config), custom_objects)

    return model_from_json


def install() -> None:
    """Let Keras read the files of its first two versions."""
    legacy: Any = legacy_h5_format
    legacy.load_model_from_hdf5 = _load_model(legacy.load_model_from_hdf5)
    for name, by_name in (("", False), ("_by_name", True)):
        full = f"load_weights_from_hdf5_group{name}"
        setattr(legacy, full, _load_weights(getattr(legacy, full), by_name))
    keras.models.model_from_json = _from_json(keras.models.model_from_json)
