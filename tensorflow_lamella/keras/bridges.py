"""Puts the tables on the Keras that was just imported.

Classes are bridged in place: a subclass, `isinstance` and saved files see one Keras. What a
current program writes means what it meant.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from tensorflow_lamella.keras import (
    beside,
    data,
    downloads,
    logs,
    merge,
    models,
    old_files,
    optimizers,
    pictures,
    saving,
    symbolic,
    weights,
)
from tensorflow_lamella.keras.arguments import bridge_of, bridged, tables
from tensorflow_lamella.keras.modules import fall_back

LOSSES = {
    "cosine_proximity": "cosine_similarity", "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh", "huber_loss": "huber", "mean_squared_logarithmic": "msle",
}  # fmt: skip
"""Names of losses and metrics as strings, and what they are now."""

EXPECTED_WARNINGS = (
    "Do not pass an `input_shape`/`input_dim` argument",
    "Argument `alpha` is deprecated",
    "Argument `input_shape` is deprecated",
    "The structure of `inputs` doesn't match the expected structure",
    "Your `PyDataset` class should call",
)
"""Warnings of Keras that tell the program to be rewritten: they say nothing here."""


def build() -> None:
    """Bridge the imported Keras; calling it again is harmless."""
    import keras

    if getattr(keras, "__lamella_bridges__", False):
        return
    keras.__lamella_bridges__ = True
    logs.install()
    optimizers.install()
    saving.install()
    old_files.install()
    downloads.install()
    pictures.install()
    weights.install()
    _methods(keras)
    _arguments(keras)
    _strings()
    for module in list(sys.modules.values()):
        if _is_public(module):
            fall_back(module)
    _keras_1_convolutions(keras)
    _word_dropout(keras)
    if any(getattr(finder, "tensorflow_lamella", False) for finder in sys.meta_path):
        _hide_tensorflow()
    for message in EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message=message)


def _hide_tensorflow() -> None:
    """Keras asks for TensorFlow in order to use its data sets and types: ours is not meant."""
    from keras.src.utils import module_utils

    module_utils.tensorflow._available = False


def _is_public(module: Any) -> bool:
    name = getattr(module, "__name__", "")
    hidden = name.startswith(("keras.src", "keras._tf_keras"))
    return isinstance(module, ModuleType) and name.split(".")[0] == "keras" and not hidden


def _keras_1_convolutions(keras: Any) -> None:
    """`Convolution2D(32, 3, 3)` has 3 rows and 3 columns; Keras 3's alias reads a stride of 3."""
    layers = importlib.import_module("tensorflow_lamella.keras.layers")
    for name in ("Convolution1D", "Convolution2D", "Convolution3D", "SeparableConvolution2D"):
        setattr(keras.layers, name, getattr(layers, name))


def _word_dropout(keras: Any) -> None:
    """`Embedding(..., dropout=0.2)` makes a subclass that leaves out words."""
    embedding = keras.layers.Embedding
    plain = embedding.__new__

    def __new__(cls: type, *args: Any, **kwargs: Any) -> Any:
        if cls is embedding and kwargs.get("dropout"):
            cls = importlib.import_module("tensorflow_lamella.keras.layers").WordDropout
        return plain(cls, *args, **kwargs)

    embedding.__new__ = __new__


def _methods(keras: Any) -> None:
    classes = {name: getattr(keras, name) for name in models.METHODS}
    for cls, given in models.METHODS.items():
        for name, method in given.items():
            setattr(classes[cls], name, method)
    for name in ("fit", "evaluate", "predict", "train_on_batch", "test_on_batch",
                 "predict_on_batch"):  # fmt: skip
        owner = _definer(keras.Model, name)
        method = data.takes_lists(vars(owner)[name])
        trains = name in ("fit", "train_on_batch")
        setattr(owner, name, models.as_compiled(method) if trains else method)
    wrapper = importlib.import_module("keras.src.metrics.reduction_metrics").MeanMetricWrapper
    wrapper.update_state = models.same_rank(wrapper.update_state)
    functional = importlib.import_module("keras.src.models.functional").Functional
    beside.install()
    models.takes_other_ranks(functional)
    keras.Sequential.add = merge.starts_with_merge(models.with_batch_shape(keras.Sequential.add))
    symbolic.variables_take_symbols()
    keras.optimizers.Optimizer.get_updates = symbolic.get_updates
    keras.Layer.__init__ = models.keeps_batch_shape(keras.Layer.__init__)
    keras.Layer.__call__ = models.by_name(keras.Layer.__call__)


def _arguments(keras: Any) -> None:
    """Wrap every callable of the tables where it is defined."""
    for name, bridge in tables():
        if name.startswith("Model."):
            method = name.partition(".")[2]
            owner = _definer(keras.Model, method)
            setattr(owner, method, bridged(vars(owner)[method], bridge))
            continue
        for owner, attribute, target in _found(keras, name):
            if isinstance(target, type):
                if "__lamella_bridge__" not in vars(target):
                    target.__init__ = bridged(target.__init__, bridge)  # type: ignore[misc]
                    target.__lamella_bridge__ = True  # type: ignore[attr-defined]
            else:
                setattr(owner, attribute, bridged(target, bridge))
    _model_of_tensors(keras)


def _definer(cls: type, name: str) -> type:
    """The class that defines a method: Keras asks whether `compile` is the Trainer's own."""
    return next(base for base in cls.__mro__ if name in vars(base))


def _found(keras: Any, name: str) -> Iterator[tuple[Any, str, Callable[..., Any]]]:
    """Where a name of the tables stands: every public module that has it."""
    path, _, last = name.rpartition(".")
    places = (
        [importlib.import_module(f"keras.datasets.{path}")]
        if path
        else [
            keras, keras.layers, keras.optimizers, keras.callbacks, keras.regularizers,
            keras.constraints, keras.activations, keras.utils,
            importlib.import_module("keras._tf_keras.keras.preprocessing.text"),
            importlib.import_module("keras._tf_keras.keras.preprocessing.image"),
        ]
    )  # fmt: skip
    for place in places:
        if last in vars(place):
            yield place, last, vars(place)[last]


def _model_of_tensors(keras: Any) -> None:
    """`Model(input=..., output=...)`: the class decides by its arguments what it makes."""
    from keras.src.models.functional import Functional

    bridge, plain = bridge_of("Model"), keras.Model.__new__

    def __new__(cls: type, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = bridge(args, kwargs)
        return plain(cls, *args, **kwargs)

    keras.Model.__new__ = __new__
    Functional.__init__ = bridged(Functional.__init__, bridge)


def _strings() -> None:
    """Old names of losses and metrics where they are given as strings; custom activations."""
    from keras.src import activations, api_export, losses, metrics
    from keras.src.saving import get_custom_objects

    plain = activations.get

    def get(identifier: Any) -> Any:
        custom = get_custom_objects().get(identifier) if isinstance(identifier, str) else None
        return plain(identifier) if custom is None else custom

    for module in (activations, importlib.import_module("keras.activations")):
        vars(module)["get"] = get

    for old, new in LOSSES.items():
        if new in losses.ALL_OBJECTS_DICT:
            losses.ALL_OBJECTS_DICT.setdefault(old, losses.ALL_OBJECTS_DICT[new])
            metrics.ALL_OBJECTS_DICT.setdefault(old, losses.ALL_OBJECTS_DICT[new])
    for name, function in losses.ALL_OBJECTS_DICT.items():
        if not isinstance(function, type):  # "mse" in a saved model is looked for under this name
            api_export.REGISTERED_NAMES_TO_OBJS.setdefault(f"keras.metrics.{name}", function)
