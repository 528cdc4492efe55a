"""tf.io.gfile and reading and writing of whole files."""

from __future__ import annotations

import glob as globbing
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dispatch import wrap
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.errors import NotFoundError
from tensorflow_lamella.names import export, put


def path_of(name: Any) -> str:
    """A path given as a string, bytes, a Path or a string tensor."""
    if isinstance(name, Tensor) or hasattr(name, "dtype"):
        name = np.asarray(name).item()
    return os.fsdecode(name)


def glob(pattern: Any) -> list[str]:
    """The files that match a pattern, or any of several."""
    patterns = pattern if isinstance(pattern, (list, tuple)) else [pattern]
    if isinstance(pattern, Tensor) and pattern.ndim:
        patterns = list(np.asarray(pattern))
    return [f for p in patterns for f in sorted(globbing.glob(path_of(p)))]


put(glob, "io.gfile.glob")


@export("io.read_file")
def read_file(filename: Any, name: Any = None) -> Tensor:
    """The bytes of a file, as a string tensor."""
    try:
        content = Path(path_of(filename)).read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"{path_of(filename)}; No such file or directory") from None
    return wrap(to_array(content))


@export("io.write_file")
def write_file(filename: Any, contents: Any, name: Any = None) -> None:
    """Write a string tensor, making folders as needed."""
    path = Path(path_of(filename))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.asarray(to_array(contents)).item())


@export("io.matching_files")
def matching_files(pattern: Any, name: Any = None) -> Tensor:
    """The names of the files that match."""
    return wrap(to_array([f.encode() for f in glob(pattern)]) if glob(pattern)
                else np.empty(0, object))  # fmt: skip


@export("io.gfile.exists")
def exists(path: Any) -> bool:
    """Whether there is such a file or folder."""
    return os.path.exists(path_of(path))


@export("io.gfile.isdir")
def isdir(path: Any) -> bool:
    """Whether it is a folder."""
    return os.path.isdir(path_of(path))


@export("io.gfile.listdir")
def listdir(path: Any) -> list[str]:
    """The names in a folder."""
    return sorted(os.listdir(path_of(path)))


@export("io.gfile.makedirs", "io.gfile.mkdir")
def makedirs(path: Any) -> None:
    """Make a folder and those above it."""
    os.makedirs(path_of(path), exist_ok=True)


@export("io.gfile.remove")
def remove(path: Any) -> None:
    """Delete a file."""
    try:
        os.remove(path_of(path))
    except FileNotFoundError:
        raise NotFoundError(f"{path_of(path)}; No such file or directory") from None


@export("io.gfile.rmtree")
def rmtree(path: Any) -> None:
    """Delete a folder and all in it."""
    shutil.rmtree(path_of(path))


@export("io.gfile.copy")
def copy(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Copy a file."""
    if not overwrite and os.path.exists(path_of(dst)):
        raise FileExistsError(f"{path_of(dst)} exists; give overwrite=True")
    shutil.copyfile(path_of(src), path_of(dst))


@export("io.gfile.rename")
def rename(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Move a file."""
    if not overwrite and os.path.exists(path_of(dst)):
        raise FileExistsError(f"{path_of(dst)} exists; give overwrite=True")
    os.replace(path_of(src), path_of(dst))


@export("io.gfile.walk")
def walk(top: Any, topdown: bool = True, onerror: Any = None) -> Iterator[Any]:
    """As os.walk."""
    return os.walk(path_of(top), topdown, onerror)


@export("io.gfile.join")
def join(path: Any, *paths: Any) -> str:
    """As os.path.join."""
    return os.path.join(path_of(path), *map(path_of, paths))


@export("io.gfile.stat")
def stat(path: Any) -> Any:
    """An object with `length` and `mtime_nsec`."""
    found = os.stat(path_of(path))
    made = type("FileStatistics", (), {})()
    made.length, made.mtime_nsec = found.st_size, found.st_mtime_ns
    made.is_directory = os.path.isdir(path_of(path))
    return made


@export("io.gfile.GFile")
class GFile:
    """A file opened for reading or writing, as Python's `open` does it."""

    def __init__(self, name: Any, mode: str = "r") -> None:
        self.name, self.mode = path_of(name), mode
        try:
            self._file: Any = open(self.name, mode)  # noqa: SIM115 - closed by close()
        except FileNotFoundError:
            raise NotFoundError(f"{self.name}; No such file or directory") from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def size(self) -> int:
        """Its length in bytes."""
        return os.path.getsize(self.name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)

    def __enter__(self) -> GFile:
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.close()
