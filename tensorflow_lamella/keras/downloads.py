"""Files that `keras.datasets` and `keras.utils.get_file` download: where to put them by hand."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

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


def own_archives(place: Path, origin: str) -> list[Path]:
    """Where an archive may lie: Keras 3's place, under its own name, and where Keras 2 put it."""
    name = place.name.removesuffix("_archive").removesuffix("-target")
    own = os.path.basename(urlsplit(origin).path)
    return [place, place.with_name(own), place.with_name(f"{name}.tar.gz")]


def unpacked(place: Path) -> Path | None:
    """The folder that the archive of `place` was unpacked to, by Keras 3 or by Keras 2."""
    name = place.name.removesuffix("_archive")
    if name == place.name:
        return None
    if place.with_name(name).is_dir() and any(place.with_name(name).iterdir()):
        return place.with_name(name)
    inner = name.removesuffix("-target")
    return place.parent if inner != name and place.with_name(inner).is_dir() else None


def with_own_files(plain: Callable[..., Any]) -> Callable[..., Any]:
    """`get_file` for which a file that is there wins, and that says which file to put where.

    Keras deletes a file of other contents than it expects, and then downloads its own.
    """
    signature = inspect.signature(plain)

    @functools.wraps(plain)
    def get_file(*args: Any, **kwargs: Any) -> Any:
        given = dict(signature.bind(*args, **kwargs).arguments)
        origin = given.get("origin") or ""
        names = {"fname": None, **given, "origin": origin}
        place = place_of(**names)
        archive = bool(given.get("extract") or given.get("untar"))
        if not given.get("force_download"):
            folder = unpacked(place)
            if archive and folder is not None and not place.exists():
                return str(folder)
            debian = DEBIAN / place.parent.name / place.name
            for own in [*own_archives(place, origin), debian] if archive else [place, debian]:
                if own.is_file():
                    return _use(plain, own, archive, given)
        if place.name == "mnist.npz" and not given.get("force_download"):
            return _mnist(place)
        return _download(plain, place, archive, given)

    return get_file


def _mnist(place: Path) -> str:
    """The file of MNIST, written from what comes with Lamella."""
    from lamella.datasets import mnist

    place.parent.mkdir(parents=True, exist_ok=True)
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    np.savez_compressed(place, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return str(place)


def _use(plain: Callable[..., Any], own: Path, archive: bool, given: dict[str, Any]) -> str:
    """The file `own`, unpacked if it is an archive."""
    from keras.src.utils.file_utils import validate_file

    hashes = [given.pop(name, None) for name in ("file_hash", "md5_hash")]
    expected = hashes[0] or hashes[1]
    if expected and not validate_file(str(own), expected):
        print(f"{own} is used; its contents are not those of {given['origin']}", file=sys.stderr)
    return plain(**{**given, "origin": own.as_uri()}) if archive else str(own)


def _download(plain: Callable[..., Any], place: Path, archive: bool, given: dict[str, Any]) -> str:
    try:
        return plain(**given)
    except Exception as error:
        if str(error).startswith("Incomplete or corrupted"):
            place.unlink(missing_ok=True)  # what is there the next time is believed
        if not str(error).startswith("URL fetch failure"):
            raise
        wanted = own_archives(place, given["origin"])[1] if archive else place
        raise FileNotFoundError(
            f"{given['origin']} could not be downloaded, and {wanted} is not there. Fetch the "
            f"file where there is a connection and put it at {wanted}"
        ) from error


def install() -> None:
    """Put the hint on Keras's loaders and on `keras.utils.get_file`."""
    import keras
    from keras.src.utils import file_utils

    wrapped = with_own_files(file_utils.get_file)
    file_utils.get_file = wrapped
    keras.utils.get_file = wrapped
    for name in LOADERS.split():
        module: Any = importlib.import_module(f"keras.src.datasets.{name}")
        if hasattr(module, "get_file"):
            module.get_file = wrapped
