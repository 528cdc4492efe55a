"""Old modules of Keras as modules, and old names in today's modules.

`tensorflow.keras.layers` is the module `keras.layers`; `keras.layers.core` is a module that looks
its names up in `keras.layers`; `keras.layers.CuDNNLSTM` is found by the module's `__getattr__`.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from tensorflow_lamella.keras.names import GONE, MODULES, NAMES, PARENTS, PREFIXES

OURS = "tensorflow_lamella.keras"


def current_name(name: str) -> str:
    """`tensorflow.python.keras.layers` -> `keras.layers`; other names stay what they are."""
    for prefix, today in PREFIXES.items():
        if name == prefix or name.startswith(prefix + "."):
            return today + name[len(prefix) :]
    return name


class OldModule(ModuleType):
    """A module that is gone: its names are looked up in the modules that took them over."""

    def __init__(self, name: str, homes: Sequence[str]) -> None:
        super().__init__(name, f"Names of {', '.join(homes) or 'Keras 1'}, under an old path.")
        self.__path__: list[str] = []  # it may have submodules
        self.__lamella_homes__ = tuple(homes)

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return [n for n in dir(self) if not n.startswith("_")]
        if not name.startswith("__"):
            for home in self.__lamella_homes__:
                try:
                    return getattr(importlib.import_module(home), name)
                except AttributeError:
                    continue
        raise AttributeError(missing(self.__name__, name, dir(self)))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`keras.layers.merge` was a function, and a module with this function."""
        return getattr(self, self.__name__.rpartition(".")[2])(*args, **kwargs)

    def __dir__(self) -> list[str]:
        names = set(vars(self))
        for home in self.__lamella_homes__:
            names.update(public_names(importlib.import_module(home)))
        return sorted(names)


def public_names(module: ModuleType) -> list[str]:
    """What `module` has under today's names and under the old ones of the tables."""
    old = [n.rpartition(".") for n in (*NAMES, *MODULES)]
    added = [name for path, _, name in old if path == module.__name__]
    return sorted({n for n in [*vars(module), *added] if not n.startswith("_")})


def star_names(module: ModuleType) -> list[str]:
    """What `from module import *` brings: also the names that only earlier Keras had."""
    path = module.__name__
    old = {n.rpartition(".")[2] for n in NAMES if n.rpartition(".")[0] == path}
    if path == "keras.backend":
        old.update(importlib.import_module(f"{OURS}.backend").__all__)
    return sorted(old | {n for n in vars(module) if not n.startswith("_")})


def missing(module: str, name: str, known: Sequence[str]) -> str:
    """The message for a name that is not there, with the nearest that are."""
    reason = GONE.get(f"{module}.{name}") or GONE.get(f"{current_name(module)}.{name}")
    if reason:
        return f"module {module!r} has no {name!r} any more; use {reason}"
    near = difflib.get_close_matches(name, [n for n in known if not n.startswith("_")], 3, 0.6)
    hint = f"; the nearest are {', '.join(near)}" if near else ""
    return f"module {module!r} has no attribute {name!r}{hint}"


# -- names in today's modules ----------------------------------------------------------------


def fall_back(module: ModuleType) -> None:
    """Give a module of Keras the old names: `__getattr__` is asked when a name is missing."""
    path = module.__name__

    def __getattr__(name: str) -> Any:
        if name == "__all__":
            return star_names(module)
        if not name.startswith("__"):
            target = NAMES.get(f"{path}.{name}")
            if target:
                return resolve(target)
            if f"{path}.{name}" in MODULES or f"{path}.{name}" in NAMES:
                return importlib.import_module(f"{path}.{name}")
            if path == "keras.backend":
                backend = importlib.import_module(f"{OURS}.backend")
                if name in backend.__all__:
                    return getattr(backend, name)
        raise AttributeError(missing(path, name, public_names(module)))

    vars(module)["__getattr__"] = __getattr__


def resolve(target: str) -> Any:
    """The object of a dotted name, importing the modules on its way."""
    path, _, name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(path), name)
    except ModuleNotFoundError as error:
        if error.name is None or not target.startswith(error.name):
            raise
        return getattr(resolve(path), name)


# -- the finder ------------------------------------------------------------------------------


class _Loader(importlib.abc.Loader):
    """Puts the module that `make` gives in place of the one that is being imported."""

    def __init__(self, make: Callable[[], ModuleType]) -> None:
        self.make = make

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = self.make()


class _KerasLoader(importlib.machinery.SourceFileLoader):
    """Loads Keras itself, then puts the bridges on it."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        importlib.import_module(f"{OURS}.bridges").build()


class OldNamesFinder(importlib.abc.MetaPathFinder):
    """Finds Keras under the names of `PREFIXES`, and the modules of `MODULES`."""

    def __init__(self, of_tensorflow: bool) -> None:
        self.packages = ("keras", "tensorflow", "tf_keras") if of_tensorflow else ("keras",)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0].removesuffix("_core") not in self.packages:
            return None
        if name == "keras":
            spec = importlib.machinery.PathFinder.find_spec(name, path)
            if spec is not None and isinstance(spec.origin, str):
                spec.loader = _KerasLoader(name, spec.origin)
            return spec
        today = current_name(name)
        if name in PARENTS:
            loader = _Loader(lambda: OldModule(name, ("tensorflow",)))
        elif today in MODULES:
            loader = _Loader(lambda: OldModule(name, MODULES[today]))
        elif today != name:
            if not _exists(today):
                return None
            loader = _Loader(lambda: importlib.import_module(today))
        else:
            return None
        return importlib.machinery.ModuleSpec(name, loader, is_package=True)


def _exists(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name + ".").startswith(error.name + "."):
            raise
        return False
    return True
