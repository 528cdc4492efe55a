"""tf.train.Checkpoint: the variables of objects in a file, found by the way to them.

A checkpoint is an archive of arrays, in the format of the Saver of TensorFlow 1; what is saved as
"net/layer-0/0" is the first variable of the first layer of the attribute `net`. Layers and
optimizers that have no variables yet take theirs when they are built.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import KerasVariable

from tensorflow_lamella.core import state
from tensorflow_lamella.core.module import Module
from tensorflow_lamella.errors import NotFoundError
from tensorflow_lamella.io.files import path_of
from tensorflow_lamella.names import export, put
from tensorflow_lamella.v1.train.saver import (
    arrays_of,
    get_checkpoint_state,
    key_of,
    latest_checkpoint,
    list_variables,
    load_variable,
    update_checkpoint_state,
    written_whole,
)

put(latest_checkpoint, "train.latest_checkpoint")
put(get_checkpoint_state, "train.get_checkpoint_state")
put(list_variables, "train.list_variables")
put(load_variable, "train.load_variable")

Part = tuple[str, Any]


def children(thing: Any) -> Iterator[Part]:
    """What an object consists of, with names: its variables, layers, attributes, items."""
    if isinstance(thing, keras.layers.Layer):
        own = [*thing._trainable_variables, *thing._non_trainable_variables]
        yield from ((str(i), v) for i, v in enumerate(own))
        yield from ((f"layer-{i}", x) for i, x in enumerate(_layers(thing)))
    elif isinstance(thing, (keras.optimizers.Optimizer, keras.metrics.Metric)):
        yield from ((str(i), v) for i, v in enumerate(thing.variables))
    elif isinstance(thing, (Module, Checkpoint)):
        yield from ((k, v) for k, v in sorted(vars(thing).items()) if _is_part(v))
    elif isinstance(thing, dict):
        yield from ((str(k), v) for k, v in sorted(thing.items(), key=lambda kv: str(kv[0])))
    elif isinstance(thing, (list, tuple)):
        yield from ((str(i), v) for i, v in enumerate(thing))


def _layers(layer: keras.layers.Layer) -> list[Any]:
    """The layers directly inside; the same before and after a Sequential is built."""
    if isinstance(layer, keras.Sequential):
        return layer.layers
    inner = layer._flatten_layers(include_self=False, recursive=False)
    return [x for x in inner if not isinstance(x, keras.layers.InputLayer)]


def _is_part(x: Any) -> bool:
    kinds = (KerasVariable, keras.layers.Layer, keras.optimizers.Optimizer, keras.metrics.Metric)
    return isinstance(x, (*kinds, Module, Checkpoint, dict, list, tuple))


def variables(thing: Any, prefix: str = "", seen: set[int] | None = None) -> Iterator[Part]:
    """All variables below an object, with the way to them; each once."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, KerasVariable):
        yield prefix, thing
        return
    for name, part in children(thing):
        yield from variables(part, f"{prefix}/{name}" if prefix else name, seen)


def unbuilt(thing: Any, prefix: str = "") -> Iterator[Part]:
    """Layers and optimizers below an object that have not made their variables."""
    if isinstance(thing, (keras.layers.Layer, keras.optimizers.Optimizer)) and not thing.built:
        yield prefix, thing
    if not isinstance(thing, KerasVariable):
        for name, part in children(thing):
            yield from unbuilt(part, f"{prefix}/{name}" if prefix else name)


class LoadStatus:
    """What `restore` returns: asks whether all was found."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self._unused = set(arrays)
        self._missing: set[str] = set()
        self._waiting = 0

    def assert_consumed(self) -> LoadStatus:
        """AssertionError unless every array of the file has found its variable."""
        if self._unused:
            raise AssertionError(f"Unresolved objects in checkpoint: {sorted(self._unused)[:5]}")
        return self.assert_existing_objects_matched()

    def assert_existing_objects_matched(self) -> LoadStatus:
        """AssertionError unless every variable was in the file."""
        if self._missing:
            raise AssertionError(f"No checkpoint value for: {sorted(self._missing)[:5]}")
        return self

    assert_nontrivial_match = assert_existing_objects_matched

    def expect_partial(self) -> LoadStatus:
        """Do not mind what is left over."""
        return self

    def load(self, arrays: dict[str, np.ndarray], found: Iterator[Part]) -> None:
        """Assign the arrays to variables."""
        for name, v in found:
            if name not in arrays:
                self._missing.add(name)
            elif tuple(v.shape) != arrays[name].shape:
                raise ValueError(f"{name} has shape {arrays[name].shape} in the checkpoint, and "
                                 f"{tuple(v.shape)} here")  # fmt: skip
            else:
                v.assign(arrays[name])
                self._unused.discard(name)


@export("train.Checkpoint")
class Checkpoint:
    """Saves and restores the variables of objects given by keyword.

    >>> ckpt = tf.train.Checkpoint(step=step, optimizer=optimizer, net=net)
    >>> path = ckpt.save("training/ckpt")
    >>> ckpt.restore(tf.train.latest_checkpoint("training"))
    """

    def __init__(self, root: Any = None, **kwargs: Any) -> None:
        if root is not None:
            self.root = root
        for name, thing in kwargs.items():
            setattr(self, name, thing)
        self._kept: list[str] = []
        self._count = 0

    @property
    def save_counter(self) -> Any:
        """How often `save` was called."""
        from tensorflow_lamella.core.variable import Variable

        return Variable(np.int64(self._count), trainable=False, name="save_counter")

    def _variables(self) -> Iterator[Part]:
        for name, thing in sorted(vars(self).items()):
            if not name.startswith("_") and _is_part(thing):
                yield from variables(thing, name)

    def write(self, file_prefix: Any, options: Any = None) -> str:
        """Write a checkpoint of exactly this path; returns it."""
        path = path_of(file_prefix)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        found = {name: np.array(v.numpy()) for name, v in self._variables()}
        found["save_counter"] = np.array(self._count)
        with written_whole(f"{path}.npz") as file:
            np.savez(file, **{key_of(k): v for k, v in found.items()})
        with written_whole(f"{path}.index") as file:
            file.write("\n".join(found).encode())
        return path

    def save(self, file_prefix: Any, options: Any = None) -> str:
        """Write a checkpoint with a number of its own, and note it as the latest."""
        self._count += 1
        path = self.write(f"{path_of(file_prefix)}-{self._count}")
        self._kept.append(path)
        update_checkpoint_state(os.path.dirname(path), path, self._kept)
        return path

    def read(self, save_path: Any, options: Any = None) -> LoadStatus:
        """As restore."""
        return self.restore(save_path)

    def restore(self, save_path: Any, options: Any = None) -> LoadStatus:
        """Assign what a checkpoint holds; None restores nothing."""
        if save_path is None:
            return LoadStatus({})
        path = path_of(save_path)
        if os.path.isdir(path):
            path = latest_checkpoint(path) or path
        if not os.path.exists(f"{path}.npz"):
            raise NotFoundError(f"Unsuccessful TensorSliceReader constructor: Failed to find any "
                                f"matching files for {path}")  # fmt: skip
        arrays = arrays_of(path)
        self._count = int(arrays.pop("save_counter", self._count))
        status = LoadStatus(arrays)
        status.load(arrays, self._variables())
        for name, thing in sorted(vars(self).items()):
            if not name.startswith("_"):
                for where, part in unbuilt(thing, name):
                    _load_when_built(part, functools.partial(_load, status, arrays, part, where))
        return status


def _load(status: LoadStatus, arrays: Any, thing: Any, where: str) -> None:
    status.load(arrays, variables(thing, where))


def _load_when_built(thing: Any, load: Callable[[], None]) -> None:
    """Let the first `build` of a layer or an optimizer end with `load()`."""
    build = thing.build

    @functools.wraps(build)  # Keras asks for its signature
    def build_and_load(*args: Any, **kwargs: Any) -> Any:
        object.__delattr__(thing, "build")
        out = build(*args, **kwargs)
        with state.outside():
            load()
        return out

    object.__setattr__(thing, "build", build_and_load)


@export("train.CheckpointManager")
class CheckpointManager:
    """Checkpoints of a folder, of which the newest are kept."""

    def __init__(self, checkpoint: Checkpoint, directory: Any, max_to_keep: int | None,
                 keep_checkpoint_every_n_hours: Any = None, checkpoint_name: str = "ckpt",
                 step_counter: Any = None, checkpoint_interval: int | None = None,
                 init_fn: Any = None, last_checkpoint_step: Any = None) -> None:  # fmt: skip
        self.checkpoint = checkpoint
        self.directory = path_of(directory)
        self._max, self._name = max_to_keep, checkpoint_name
        self._steps, self._interval, self._init = step_counter, checkpoint_interval, init_fn
        self._last_step: int | None = None
        known = get_checkpoint_state(self.directory)
        self.checkpoints = [] if known is None else [
            p for p in known.all_model_checkpoint_paths if os.path.exists(f"{p}.npz")
        ]  # fmt: skip

    @property
    def latest_checkpoint(self) -> str | None:
        """The path of the newest, None where there is none."""
        return self.checkpoints[-1] if self.checkpoints else None

    def save(self, checkpoint_number: Any = None, check_interval: bool = True,
             options: Any = None) -> str | None:  # fmt: skip
        """Write a checkpoint; None where checkpoint_interval says that it is too early."""
        if self._interval is not None and check_interval:
            step = int(np.asarray(self._steps))
            if self._last_step is not None and step - self._last_step < self._interval:
                return None
            self._last_step = step
        self.checkpoint._count += 1
        number = self.checkpoint._count if checkpoint_number is None else int(
            np.asarray(checkpoint_number)
        )  # fmt: skip
        path = self.checkpoint.write(os.path.join(self.directory, f"{self._name}-{number}"))
        self.checkpoints = [p for p in self.checkpoints if p != path] + [path]
        while self._max is not None and len(self.checkpoints) > self._max:
            old = self.checkpoints.pop(0)
            for file in (f"{old}.npz", f"{old}.index"):
                if os.path.exists(file):
                    os.unlink(file)
        update_checkpoint_state(self.directory, path, self.checkpoints)
        return path

    def restore_or_initialize(self) -> str | None:
        """Restore the newest checkpoint, or call init_fn where there is none."""
        if self.latest_checkpoint is None:
            if self._init is not None:
                self._init()
            return None
        self.checkpoint.restore(self.latest_checkpoint)
        return self.latest_checkpoint
