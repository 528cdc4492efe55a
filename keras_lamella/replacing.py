"""Files that are written beside their places and put there when they are whole."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

MODELS = (".keras", ".h5", ".hdf5")


@contextlib.contextmanager
def replaced(path: str) -> Iterator[str]:
    """A path to write a file to, which takes the place of `path` when the block ends.

    A process that is killed leaves `path` as it was, and so does an error where there was a file.
    Places that are no files (devices, URLs), and folders that take no new files, are written
    directly.
    """
    place = os.path.realpath(path)
    folder, name = os.path.split(place)
    writable = os.path.isdir(folder) and os.access(folder, os.W_OK)
    if not writable or os.path.exists(place) != os.path.isfile(place):
        yield path
        return
    beside = tempfile.mkdtemp(prefix=".saving-", dir=folder)
    part = os.path.join(beside, name)
    try:
        yield part
        with open(part, "rb") as file:
            os.fsync(file.fileno())
        _move(part, place)
    except BaseException:
        if os.path.exists(part) and not os.path.exists(place):  # as Keras leaves it
            _move(part, place)
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _move(part: str, place: str) -> None:
    if os.path.exists(place):
        shutil.copymode(place, part)
    try:
        os.replace(part, place)
    except OSError:  # the file is a mount point
        shutil.copyfile(part, place)


def saving_whole(save: Callable[..., Any]) -> Callable[..., Any]:
    """A function of Keras, `save(model, filepath, ...)`, that leaves the old file or a whole one.

    A model saved as a folder, and weights in several files, are written in place.
    """
    signature = inspect.signature(save)

    @functools.wraps(save)
    def save_whole(model: Any, filepath: Any, *args: Any, **kwargs: Any) -> Any:
        given = signature.bind(model, filepath, *args, **kwargs).arguments
        one_file = given.get("zipped", True) and given.get("max_shard_size") is None
        asks = not given.get("overwrite", True)
        named = isinstance(filepath, (str, os.PathLike)) and str(filepath).endswith(MODELS)
        if not named or not one_file or asks:
            return save(model, filepath, *args, **kwargs)
        with replaced(str(filepath)) as part:
            return save(model, part, *args, **kwargs)

    return save_whole


class Files:
    """A module of functions for files; what its `File(path, "w")` writes is there when closed."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    @contextlib.contextmanager
    def File(self, path: str, mode: str = "r") -> Iterator[Any]:
        """The file, opened."""
        place = replaced(path) if mode == "w" else contextlib.nullcontext(path)
        with place as part, self._plain.File(part, mode) as file:
            yield file
