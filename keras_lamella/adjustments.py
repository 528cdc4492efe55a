"""Modules of Keras that are adjusted after they ran.

Each function takes the module. Like `keras_lamella`, this file imports nothing of Keras: what it
needs of the backend it fetches when a module has been loaded.
"""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from keras_lamella.replacing import Files, saving_whole

NAME = "lamella"
PACKAGE = "keras_lamella.src"


def _add_pluggable_name(config: Any) -> None:
    if hasattr(config, "_PLUGGABLE_BACKENDS"):
        config._PLUGGABLE_BACKENDS = frozenset(config._PLUGGABLE_BACKENDS) | {NAME}


def _extend_dynamic_backend(backend_utils: Any) -> None:
    """`DynamicBackend`, used by preprocessing layers, learns our name."""
    cls = backend_utils.DynamicBackend
    plain_getattr, plain_set = cls.__getattr__, cls.set_backend

    def __getattr__(self: Any, name: str) -> Any:
        if self.name == NAME:
            return getattr(importlib.import_module(PACKAGE), name)
        return plain_getattr(self, name)

    def set_backend(self: Any, backend: str) -> None:
        if backend == NAME:
            self._backend = NAME
        else:
            plain_set(self, backend)

    cls.__getattr__, cls.set_backend = __getattr__, set_backend
    if not has_tensorflow():
        backend_utils.in_tf_graph = lambda: False  # data sets compute with NumPy


def _keep_floatx(dtypes: Any) -> None:
    """Keras narrows 64-bit dtypes, but not float64 where the program chose it as its floatx."""

    class Narrowed(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            return name if name == dtypes.config.floatx() else super().get(name, default)

    dtypes.BIT64_TO_BIT32_DTYPE = Narrowed(dtypes.BIT64_TO_BIT32_DTYPE)


def _know_words(variables: Any) -> None:
    """Keras knows the dtype "string", but not that NumPy's arrays of words have it."""
    plain = variables.standardize_dtype

    @functools.wraps(plain)
    def standardize_dtype(dtype: Any) -> str:
        words = isinstance(dtype, np.dtype) and dtype.kind in "USO"
        return "string" if words else plain(dtype)

    variables.standardize_dtype = standardize_dtype


def _serve_mnist_offline(mnist: Any) -> None:
    """A `mnist.npz` in Keras's cache folder is read by Keras; without one our data is used."""
    plain = mnist.load_data

    @functools.wraps(plain)
    def load_data(path: str = "mnist.npz") -> Any:
        if (_keras_datasets_folder() / path).exists():
            return plain(path)
        return importlib.import_module("lamella.datasets.mnist").load_data()

    mnist.load_data = load_data


def _keras_datasets_folder() -> Path:
    """Where `keras.utils.get_file` looks for data sets."""
    home = Path(sys.modules["keras.src.backend.config"].keras_home()).expanduser()
    if not os.access(home, os.W_OK):
        home = Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir(), ".keras")
    return home / "datasets"


# -- files -----------------------------------------------------------------------------------


def _save_models_whole(saving_lib: Any) -> None:
    saving_lib.save_model = saving_whole(saving_lib.save_model)
    saving_lib.save_weights_only = saving_whole(saving_lib.save_weights_only)


def _save_hdf5_whole(legacy_h5_format: Any) -> None:
    legacy_h5_format.save_model_to_hdf5 = saving_whole(legacy_h5_format.save_model_to_hdf5)


def _note_epochs_whole(backup_and_restore: Any) -> None:
    backup_and_restore.file_utils = Files(backup_and_restore.file_utils)


# -- layers ----------------------------------------------------------------------------------


def _call_with_tensors(layer: Any) -> None:
    """What a layer is called with does not change when it computes `x += y`.

    Some layers, those that augment images say, are to be given what the caller has.
    """
    cls = layer.Layer
    plain, as_tensors = cls.__call__, importlib.import_module(f"{PACKAGE}.tensor").as_tensors

    @functools.wraps(plain)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(self, "_convert_input_args", True):
            args = tuple(map(as_tensors, args))
        return plain(self, *args, **kwargs)

    cls.__call__ = __call__


def _equalize_in_a_trace(equalization: Any) -> None:
    """Keras looks for the first filled bin with `nonzero`, whose shape depends on the data."""
    cls = equalization.Equalization
    plain = cls._apply_equalization

    def _apply_equalization(self: Any, channel: Any, hist: Any) -> Any:
        if self.backend.name != NAME:  # inside a pipeline of TensorFlow
            return plain(self, channel, hist)
        total = np.cumsum(hist)
        first = np.min(np.where(total > 0, total, total[-1]))
        span = np.maximum(total[-1] - first, 1)
        table = np.clip(np.round((total - first) * 255 / span), 0, 255)
        bins = np.clip(channel / 255.0 * (self.bins - 1), 0, self.bins - 1)
        return np.take(table, bins.astype(np.int32))

    cls._apply_equalization = _apply_equalization


def _keep_directions(bidirectional: Any) -> None:
    """Both directions in one loop: Keras forgets that the forward layer may itself go backwards,
    and that a mask need not hinder."""
    cls = bidirectional.Bidirectional
    for name in ("_can_attempt_fused_lstm", "_can_attempt_fused_gru"):
        setattr(cls, name, _unless_backwards(getattr(cls, name)))
    plain = cls.call

    @functools.wraps(plain)
    def call(self: Any, sequences: Any, initial_state: Any = None, mask: Any = None,
             training: Any = None) -> Any:  # fmt: skip
        layers = self.forward_layer, self.backward_layer
        zeros = [getattr(x, "zero_output_for_mask", None) for x in layers]
        ours = zeros[0] == zeros[1] and (
            self._can_attempt_fused_lstm(None, initial_state)
            or self._can_attempt_fused_gru(None, initial_state)
        )
        rnn = importlib.import_module(f"{PACKAGE}.rnn")
        with rnn.masked_directions(mask if ours else None, zeros[0]):
            return plain(self, sequences, initial_state, None if ours else mask, training)

    cls.call = call


def _unless_backwards(plain: Callable[..., bool]) -> Callable[..., bool]:
    @functools.wraps(plain)
    def can_attempt(self: Any, *args: Any, **kwargs: Any) -> bool:
        return not self.forward_layer.go_backwards and plain(self, *args, **kwargs)

    return can_attempt


def _take_masks(name: str) -> Callable[[Any], None]:
    """LSTM and GRU tell our loops what masked steps output, so that these can take masks."""

    def adjust(module: Any) -> None:
        cls = getattr(module, name)
        plain = cls.inner_loop

        @functools.wraps(plain)
        def inner_loop(self: Any, *args: Any, **kwargs: Any) -> Any:
            rnn = importlib.import_module(f"{PACKAGE}.rnn")
            with rnn.masked_steps(zeros=self.zero_output_for_mask):
                return plain(self, *args, **kwargs)

        cls.inner_loop = inner_loop

    return adjust


# -- what needs TensorFlow ---------------------------------------------------------------------


def _lend_tensorflow(module_utils: Any) -> None:
    """Where TensorFlow is not installed Keras finds its data sets in our package of that API."""
    if has_tensorflow():
        return

    class Lent(module_utils.LazyModule):  # type: ignore[misc]
        available = False

        def initialize(self) -> None:
            self.module = importlib.import_module(f"{PACKAGE}.lent").tensorflow

    module_utils.tensorflow = Lent("tensorflow")


def _write_summaries(tensorboard: Any) -> None:
    """The TensorBoard callback writes its event files without TensorFlow where there is none."""
    if has_tensorflow():
        return

    def files() -> Any:
        return importlib.import_module("tensorflow_lamella.train.summary")

    def keras_model_summary(name: str, model: Any, step: int | None = None) -> bool:
        summary = files()
        about = summary._metadata("graph_keras_model", "", b"1")
        text = np.array(model.to_json().encode(), object)
        return summary._write(name, about, step, text, np.asarray)

    tensorboard.TensorBoard.summary = property(lambda self: files())
    tensorboard.keras_model_summary = keras_model_summary


_LAYERS = "keras.src.layers"
_PREPROCESSING = f"{_LAYERS}.preprocessing"


def has_tensorflow() -> bool:
    """Is TensorFlow itself installed? Another module of this name does not count."""
    spec = importlib.machinery.PathFinder.find_spec("tensorflow")
    return spec is not None and spec.origin is not None


def _put_words_on_numpy(layers: Any) -> None:
    """Layers for words, which need TensorFlow, are ours where it is not installed."""
    if has_tensorflow():
        on_host = importlib.import_module(f"{PACKAGE}.words.host").on_host
        for name in (name for names in WORDS.values() for name in names):
            cls = getattr(layers, name)
            cls.call = on_host(cls.call)
        return
    standin = importlib.import_module(f"{PACKAGE}.words.standin").tensorflow
    for name in ("index_lookup", "string_lookup", "integer_lookup", "text_vectorization",
                 "hashing", "hashed_crossing", "discretization", "normalization"):  # fmt: skip
        sys.modules[f"{_PREPROCESSING}.{name}"].tf = standin  # type: ignore[attr-defined]
    for ours in ("lookup", "hashed", "text"):
        module = importlib.import_module(f"{PACKAGE}.words.{ours}")
        for cls in (getattr(module, name) for name in WORDS[ours]):
            for place in (layers, sys.modules[cls.__module__]):
                setattr(place, cls.__name__, cls)
    text = sys.modules[f"{_PREPROCESSING}.text_vectorization"]
    text.StringLookup = layers.StringLookup  # type: ignore[attr-defined]


WORDS = {
    "lookup": ("StringLookup", "IntegerLookup"),
    "hashed": ("Hashing", "HashedCrossing"),
    "text": ("TextVectorization",),
}
ADJUSTMENTS: dict[str, Callable[[ModuleType], None]] = {
    "keras.src.backend.config": _add_pluggable_name,
    "keras.src.backend.common.dtypes": _keep_floatx,
    "keras.src.backend.common.variables": _know_words,
    "keras.src.utils.backend_utils": _extend_dynamic_backend,
    "keras.src.datasets.mnist": _serve_mnist_offline,
    "keras.src.utils.module_utils": _lend_tensorflow,
    "keras.src.callbacks.tensorboard": _write_summaries,
    "keras.src.callbacks.backup_and_restore": _note_epochs_whole,
    "keras.src.saving.saving_lib": _save_models_whole,
    "keras.src.legacy.saving.legacy_h5_format": _save_hdf5_whole,
    _LAYERS: _put_words_on_numpy,
    f"{_LAYERS}.layer": _call_with_tensors,
    f"{_LAYERS}.rnn.bidirectional": _keep_directions,
    f"{_LAYERS}.rnn.gru": _take_masks("GRU"),
    f"{_LAYERS}.rnn.lstm": _take_masks("LSTM"),
    f"{_LAYERS}.preprocessing.image_preprocessing.equalization": _equalize_in_a_trace,
}
