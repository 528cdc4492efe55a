"""tf.train.Saver: variables of a session in files, written whole or not at all.

A checkpoint `path-step` is `path-step.npz`, an archive of arrays by the variables' names, with
`path-step.index` and `path-step.meta` beside it as programs look for them; the file `checkpoint` in
its folder tells the latest. TensorFlow cannot read these files, nor do we read TensorFlow's.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tensorflow_lamella.errors import NotFoundError, unsupported
from tensorflow_lamella.names import export
from tensorflow_lamella.v1.graph import GraphKeys, get_default_graph


@contextlib.contextmanager
def written_whole(path: str) -> Iterator[Any]:
    """A binary file that replaces `path` when all of it has been written."""
    folder = os.path.dirname(path) or "."
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


@export("train.Saver", version=1)
class Saver:
    """Saves and restores variables.

    Args:
        var_list: variables, or a dict from names in the file to variables; all if not given.
        max_to_keep: how many checkpoints to keep, None or 0 for all.
    """

    def __init__(
        self,
        var_list: Any = None,
        reshape: bool = False,
        sharded: bool = False,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None,
        restore_sequentially: bool = False,
        saver_def: Any = None,
        builder: Any = None,
        defer_build: bool = False,
        allow_empty: bool = False,
        write_version: Any = 2,
        pad_step_number: bool = False,
        save_relative_paths: bool = False,
        filename: str | None = None,
    ) -> None:
        self._given, self._max = var_list, max_to_keep
        self.last_checkpoints: list[str] = []
        if var_list is None and not defer_build and not allow_empty and not self._variables():
            raise ValueError("No variables to save")

    def _variables(self) -> dict[str, Any]:
        given = self._given
        if given is None:
            graph = get_default_graph()
            given = graph.get_collection(GraphKeys.GLOBAL_VARIABLES)
            given = given + graph.get_collection("saveable_objects")
        if isinstance(given, dict):
            return dict(given)
        return {v.op.name: v for v in given}

    def save(self, sess: Any, save_path: str, global_step: Any = None,
             latest_filename: str | None = None, meta_graph_suffix: str = "meta",
             write_meta_graph: bool = True, write_state: bool = True,
             strip_default_attrs: bool = False) -> str:  # fmt: skip
        """Write the variables; returns the path to give to `restore`.

        Raises ValueError where the folder does not exist, FailedPreconditionError for a variable
        that has no value.
        """
        path = _with_step(sess, save_path, global_step)
        folder = os.path.dirname(path)
        if folder and not os.path.isdir(folder):
            raise ValueError(f"Parent directory of {save_path} doesn't exist, can't save.")
        arrays = {}
        with sess.graph.as_default():
            variables = self._variables()
        for name, v in variables.items():
            sess.check_initialized(v)
            arrays[name] = np.array(sess.slot(v)._array)
        with written_whole(f"{path}.npz") as file:
            np.savez(file, **{key_of(k): v for k, v in arrays.items()})
        with written_whole(f"{path}.index") as file:
            file.write(json.dumps({k: [list(v.shape), v.dtype.name] for k, v in arrays.items()},
                                  indent=1).encode())  # fmt: skip
        if write_meta_graph:
            with written_whole(f"{path}.{meta_graph_suffix}") as file:
                file.write(sess.graph.as_graph_def().SerializeToString())
        self._remember(path, write_state, latest_filename)
        return path

    def _remember(self, path: str, write_state: bool, latest: str | None) -> None:
        self.last_checkpoints = [p for p in self.last_checkpoints if p != path] + [path]
        if self._max:
            for old in self.last_checkpoints[: -self._max]:
                for file in (f"{old}.npz", f"{old}.index", f"{old}.meta"):
                    with contextlib.suppress(OSError):
                        os.unlink(file)
            self.last_checkpoints = self.last_checkpoints[-self._max :]
        if write_state:
            update_checkpoint_state(os.path.dirname(path), path, self.last_checkpoints, latest)

    def restore(self, sess: Any, save_path: str) -> None:
        """Read the variables; NotFoundError for a variable that is not in the file."""
        if save_path is None:
            raise ValueError("Can't load save_path when it is None.")
        arrays = arrays_of(save_path)
        with sess.graph.as_default():
            variables = self._variables()
        for name, v in variables.items():
            if name not in arrays:
                raise NotFoundError(None, None, f"Key {name} not found in checkpoint {save_path}")
            if not v.shape.is_compatible_with(arrays[name].shape):
                raise ValueError(
                    f"{name} has shape {arrays[name].shape} in {save_path}, but {v.shape} here"
                )
        for name, v in variables.items():
            sess.slot(v).set(arrays[name])

    def set_last_checkpoints(self, paths: Sequence[str]) -> None:
        """The checkpoints to count for `max_to_keep`."""
        self.last_checkpoints = list(paths)

    recover_last_checkpoints = set_last_checkpoints

    def export_meta_graph(self, filename: str | None = None, **unused: Any) -> None:
        """Write the names of the operations: the graph cannot be made from them again."""
        if filename:
            with written_whole(filename) as file:
                file.write(get_default_graph().as_graph_def().SerializeToString())


def _with_step(sess: Any, path: str, step: Any) -> str:
    path = os.fspath(path)
    if step is None:
        return path
    if not isinstance(step, (int, np.integer)):
        step = sess.run(step)
    return f"{path}-{int(step)}"


def key_of(name: str) -> str:
    """A name in an archive may not hold slashes."""
    return name.replace("%", "%25").replace("/", "%2F")


def arrays_of(path: str) -> dict[str, np.ndarray]:
    path = os.fspath(path)
    file = f"{path}.npz"
    if not os.path.exists(file):
        if glob.glob(f"{glob.escape(path)}.data-*"):
            raise unsupported(
                f"the checkpoint {path} of TensorFlow itself",
                "train again, or save its arrays with np.savez in TensorFlow",
            )
        raise ValueError(f"The passed save_path is not a valid checkpoint: {path}")
    with np.load(file) as archive:
        return {k.replace("%2F", "/").replace("%25", "%"): archive[k] for k in archive.files}


class CheckpointState:
    """What the file `checkpoint` of a folder tells."""

    def __init__(self, latest: str, paths: Sequence[str]) -> None:
        self.model_checkpoint_path = latest
        self.all_model_checkpoint_paths = list(paths)


@export("train.update_checkpoint_state", version=1)
def update_checkpoint_state(save_dir: str, model_checkpoint_path: str,
                            all_model_checkpoint_paths: Sequence[str] = (),
                            latest_filename: str | None = None, **unused: Any) -> None:  # fmt: skip
    """Write the file that tells the latest checkpoint."""
    lines = [f'model_checkpoint_path: "{_relative(model_checkpoint_path, save_dir)}"']
    lines += [f'all_model_checkpoint_paths: "{_relative(p, save_dir)}"'
              for p in all_model_checkpoint_paths or [model_checkpoint_path]]  # fmt: skip
    with written_whole(os.path.join(save_dir, latest_filename or "checkpoint")) as file:
        file.write(("\n".join(lines) + "\n").encode())


def _relative(path: str, folder: str) -> str:
    same = os.path.abspath(os.path.dirname(path)) == os.path.abspath(folder or ".")
    return os.path.basename(path) if same else path


@export("train.get_checkpoint_state", version=1)
def get_checkpoint_state(checkpoint_dir: str, latest_filename: str | None = None) -> Any:
    """The CheckpointState of a folder, None where there is none."""
    file = os.path.join(checkpoint_dir, latest_filename or "checkpoint")
    if not os.path.exists(file):
        return None
    latest, paths = None, []
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            key, _, value = line.strip().partition(": ")
            path = value.strip('"')
            path = path if os.path.isabs(path) else os.path.join(checkpoint_dir, path)
            if key == "model_checkpoint_path":
                latest = path
            elif key == "all_model_checkpoint_paths":
                paths.append(path)
    return None if latest is None else CheckpointState(latest, paths)


@export("train.latest_checkpoint", version=1)
def latest_checkpoint(checkpoint_dir: str, latest_filename: str | None = None) -> str | None:
    """The path of the latest checkpoint in a folder, None where there is none."""
    found = get_checkpoint_state(checkpoint_dir, latest_filename)
    if found is None or not checkpoint_exists(found.model_checkpoint_path):
        return None
    return found.model_checkpoint_path


@export("train.checkpoint_exists", version=1)
def checkpoint_exists(checkpoint_prefix: str) -> bool:
    """Whether there is a checkpoint of this path."""
    ends = (".npz", ".weights.h5")  # the latter are those of `model.save_weights`
    return any(os.path.exists(f"{checkpoint_prefix}{end}") for end in ends)


@export("train.NewCheckpointReader", "train.load_checkpoint", version=1)
class CheckpointReader:
    """Reads single arrays of a checkpoint."""

    def __init__(self, filepattern: str) -> None:
        folder = os.path.isdir(filepattern)
        self._arrays = arrays_of(latest_checkpoint(filepattern) or "" if folder else filepattern)

    def get_tensor(self, name: str) -> np.ndarray:
        """The array of a variable."""
        return self._arrays[name]

    def has_tensor(self, name: str) -> bool:
        """Whether there is one of this name."""
        return name in self._arrays

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """Names and shapes."""
        return {k: list(v.shape) for k, v in self._arrays.items()}

    def get_variable_to_dtype_map(self) -> dict[str, Any]:
        """Names and dtypes."""
        return {k: v.dtype for k, v in self._arrays.items()}


@export("train.list_variables", version=1)
def list_variables(ckpt_dir_or_file: str) -> list[tuple[str, list[int]]]:
    """Names and shapes in a checkpoint."""
    return sorted(CheckpointReader(ckpt_dir_or_file).get_variable_to_shape_map().items())


@export("train.load_variable", version=1)
def load_variable(ckpt_dir_or_file: str, name: str) -> np.ndarray:
    """The array of one variable in a checkpoint."""
    return CheckpointReader(ckpt_dir_or_file).get_tensor(name)


def _no_graph_files(name: str) -> None:
    def call(*args: Any, **kwargs: Any) -> Any:
        raise unsupported(
            f"tf.{name}", "build the graph in Python, then Saver.restore its variables"
        )

    call.__doc__ = "An error: graphs are not read from files."
    export(name, version=1)(call)


for _name in ("train.import_meta_graph", "import_graph_def", "train.export_meta_graph",
              "graph_util.convert_variables_to_constants", "saved_model.loader.load",
              "saved_model.builder.SavedModelBuilder", "saved_model.simple_save"):  # fmt: skip
    _no_graph_files(_name)


@export("train.write_graph", version=1)
def write_graph(graph_or_graph_def: Any, logdir: str, name: str, as_text: bool = True) -> str:
    """Write the names of the operations, for reading."""
    definition = getattr(graph_or_graph_def, "as_graph_def", lambda: graph_or_graph_def)()
    os.makedirs(logdir, exist_ok=True)
    path = os.path.join(logdir, name)
    with written_whole(path) as file:
        file.write(definition.SerializeToString())
    return path
