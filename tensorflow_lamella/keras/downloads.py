"""Files that `keras.datasets` and `keras.utils.get_file` download: where to put them by hand."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DEBIAN = Path("/usr/share/datasets")
"""Where Debian's packages of data sets put their files (dataset-fashion-mnist)."""

LOADERS = "boston_housing california_housing cifar10 cifar100 fashion_mnist imdb mnist reuters"


def place_of(
    fname: str | None, origin: str, cache_subdir: str = "datasets", cache_dir: str | None = None,
    extract: bool = False, untar: bool = False, **_: Any,
) -> Path:  # fmt: skip
    """Where Keras looks for a file before it downloads it."""
    from keras.src.backend.config import keras_home

    home = os.path.expanduser(cache_dir or keras_home())
    if not os.access(home, os.W_OK):
        home = "/tmp/.keras"
    name = os.fspath(fname) if fname else os.path.basename(urlsplit(origin).path)
    if (extract or untar) and not (fname and "." in name):
        name += "_archive"
    return Path(home, cache_subdir, name)


def with_hint(plain: Callable[..., Any]) -> Callable[..., Any]:
    """`get_file` that says which file to put where when it cannot download it."""
    signature = inspect.signature(plain)

    @functools.wraps(plain)
    def get_file(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        place = place_of(given.pop("fname", None), given.get("origin") or "", **_known(given))
        debian = DEBIAN / place.parent.name / place.name
        if debian.is_file():
            return str(debian)
        try:
            return plain(*args, **kwargs)
        except Exception as error:
            if not str(error).startswith("URL fetch failure"):
                raise
            raise FileNotFoundError(
                f"{given['origin']} could not be downloaded, and {place} is not there. Fetch the "
                f"file where there is a connection and put it at {place}"
            ) from error

    return get_file


def _known(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != "origin"}


def install() -> None:
    """Put the hint on Keras's loaders and on `keras.utils.get_file`."""
    import keras
    from keras.src.utils import file_utils

    wrapped = with_hint(file_utils.get_file)
    file_utils.get_file = wrapped
    keras.utils.get_file = wrapped
    for name in LOADERS.split():
        module: Any = importlib.import_module(f"keras.src.datasets.{name}")
        if hasattr(module, "get_file"):
            module.get_file = wrapped
