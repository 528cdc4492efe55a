"""Saving under the names of old programs.

What Keras 3 saves is a `.keras` file, an `.h5` file, or `.weights.h5`. Old programs also save a
model to a folder (TensorFlow's SavedModel) and weights to any name (TensorFlow's checkpoints).
Here such a folder holds one file `model.keras`; such weights are one file `<name>.weights.h5`.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

H5 = (".h5", ".hdf5", ".hdf", ".he5")
MODEL = "model.keras"
WEIGHTS = ".weights.h5"


def model_path(path: Any, save_format: str | None = None) -> tuple[Path, bool]:
    """The file for a model that is saved as `path`, and whether a folder is made for it.

    >>> model_path("net.h5")[0].name, model_path("saved/1")[0].as_posix()
    ('net.h5', 'saved/1/model.keras')
    """
    path = Path(os.fspath(path))
    if path.suffix in (".keras", *H5):
        return path, False
    if save_format == "h5":
        return path.with_name(path.name + ".h5"), False
    return path / MODEL, True


def weights_path(path: Any) -> Path:
    """The file for weights that are saved as `path`."""
    path = Path(os.fspath(path))
    if path.name.endswith(WEIGHTS) or path.suffix in H5:
        return path
    return path.with_name(path.name + WEIGHTS)


def _save(plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def save(
        self: Any, filepath: Any, overwrite: bool = True, zipped: Any = None,
        include_optimizer: bool = True, save_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        path, folder = model_path(filepath, save_format)
        if folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".hdf", ".he5"):
            raise ValueError(f"cannot save a model as {path.suffix}; name the file .h5 or .keras")
        if path.suffix in H5:
            kwargs["include_optimizer"] = include_optimizer
        compiled = getattr(self, "_compile_config", None)
        config = dict(compiled.config) if compiled else {}
        plain(self, path.as_posix(), overwrite=overwrite, zipped=zipped, **kwargs)
        if compiled:  # Keras takes the optimizer out of it when it writes an .h5 file
            compiled.config.update(config)

    return save


def _save_weights(plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def save_weights(
        self: Any, filepath: Any, overwrite: bool = True, save_format: str | None = None,
        options: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        path = weights_path(filepath)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} is there already; save with overwrite=True")
        if path.name.endswith(WEIGHTS):
            plain(self, path.as_posix(), overwrite=True, **kwargs)
            if path != Path(os.fspath(filepath)):
                _remember(path.parent, Path(os.fspath(filepath)).name)
        else:
            _write_h5(self, path)

    return save_weights


def _write_h5(model: Any, path: Path) -> None:
    """Weights in the layout of Keras 1 and 2."""
    import h5py  # type: ignore[import-untyped]
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    partial = path.with_name(path.name + ".partial")
    with h5py.File(partial, "w") as file:
        save_weights_to_hdf5_group(file, model)
    os.replace(partial, path)


def _remember(folder: Path, name: str) -> None:
    """TensorFlow's note of the newest checkpoint, which `latest_checkpoint` reads."""
    note = f'model_checkpoint_path: "{name}"\nall_model_checkpoint_paths: "{name}"\n'
    (folder / "checkpoint").write_text(note)


def _load_weights(plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def load_weights(self: Any, filepath: Any, *args: Any, **kwargs: Any) -> Any:
        if filepath is None:
            raise ValueError("load_weights was given None: latest_checkpoint found no checkpoint")
        kwargs.pop("options", None)
        path = Path(os.fspath(filepath))
        if not path.exists():
            path = weights_path(filepath)
        if kwargs.get("by_name") is False:
            kwargs.pop("by_name")
        plain(self, path.as_posix(), *args, **kwargs)
        return LoadStatus()

    return load_weights


class LoadStatus:
    """What `load_weights` returned in TensorFlow 2: all weights are there, or it raised."""

    def expect_partial(self) -> LoadStatus:
        return self

    def assert_consumed(self) -> LoadStatus:
        return self

    def assert_existing_objects_matched(self) -> LoadStatus:
        return self


def _load_model(plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def load_model(filepath: Any, custom_objects: Any = None, compile: bool = True,
                   safe_mode: bool = True, **kwargs: Any) -> Any:  # fmt: skip
        kwargs.pop("options", None)
        if isinstance(filepath, (str, os.PathLike)):
            path, folder = model_path(filepath)
            if Path(filepath, "saved_model.pb").exists():
                raise ValueError(
                    f"{filepath} is a SavedModel written by TensorFlow, which only TensorFlow can "
                    "read. Load it there, save it with model.save('model.keras') or .h5, and load "
                    "that file"
                )
            filepath = path.as_posix() if folder and path.exists() else os.fspath(filepath)
        return plain(filepath, custom_objects, compile, safe_mode, **kwargs)

    return load_model


def _checkpoint(plain: Callable[..., Any]) -> Callable[..., Any]:
    """`ModelCheckpoint` with any name: Keras's own check of the name is met by another name."""

    @functools.wraps(plain)
    def __init__(self: Any, filepath: Any, *args: Any, **kwargs: Any) -> None:
        only_weights = kwargs.get("save_weights_only", args[3] if len(args) > 3 else False)
        plain(self, f"any{WEIGHTS}" if only_weights else "any.keras", *args, **kwargs)
        self.filepath = os.fspath(filepath)

    return __init__


def _exists(self: Any, filepath: str) -> bool:
    """ModelCheckpoint: is a checkpoint there that was saved under this name?"""
    make = weights_path if self.save_weights_only else lambda path: model_path(path)[0]
    return make(filepath).exists()


def install() -> None:
    """Put these on Keras's models, functions and callbacks."""
    import keras
    from keras.src.callbacks.model_checkpoint import ModelCheckpoint
    from keras.src.models.model import Model
    from keras.src.saving import saving_api

    Model.save = _save(Model.save)
    Model.save_weights = _save_weights(Model.save_weights)
    Model.load_weights = _load_weights(Model.load_weights)
    ModelCheckpoint.__init__ = _checkpoint(ModelCheckpoint.__init__)
    ModelCheckpoint._checkpoint_exists = _exists
    saving_api.load_model = _load_model(saving_api.load_model)
    for module in (keras.models, keras.saving):
        module.load_model = saving_api.load_model
        module.save_model = lambda model, *args, **kwargs: model.save(*args, **kwargs)
