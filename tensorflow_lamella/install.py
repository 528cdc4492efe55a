"""Give the name `tensorflow` to our modules, in this process only.

`install()` puts a finder in front of Python's import system. It serves `tensorflow` and what lies
below from `MODULES`: for each prefix, a function that makes the module of a dotted name. Nothing
happens unless `install()` is called (by `lamella run`, or by the program itself).
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from lamella.frontend.trace import user_line
from tensorflow_lamella import names
from tensorflow_lamella.hints import hint

MODULES: dict[str, str] = {
    "tensorflow": "tensorflow_lamella.install:view",
    "tensorflow.compat.v1": "tensorflow_lamella.install:view",
    "tensorflow.python": "tensorflow_lamella.v1.internal:view",
}
"""The longest prefix of a name decides who makes its module: "package.module:function", called
with the whole dotted name; it returns a ModuleType, or None where there is no such module."""

VERSIONS = {1: "1.15.5+lamella", 2: "2.9.0+lamella"}
"""Programs compare them as numbers and as texts: "2.16" is less than "2.4" as text."""


KERAS = {name: f"keras.{name}" for name in ("losses", "metrics", "optimizers", "initializers")}
"""Modules of TensorFlow 2 that are Keras's; TensorFlow 1 has its own under some of these names."""


class View(ModuleType):
    """A module of TensorFlow: the names of our table that lie directly under it."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"{name}, as TensorFlow on Lamella has it.")
        self.__path__: list[str] = []
        inner = name.partition(".")[2]
        self._version: int | None = None
        for prefix, version in (("compat.v1", 1), ("compat.v2", 2)):
            if inner == prefix or inner.startswith(f"{prefix}."):
                inner, self._version = inner[len(prefix) + 1 :], version
        self._prefix = inner

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and (name != "__version__" or self._prefix):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        full = f"{self._prefix}.{name}" if self._prefix else name
        here = importlib.import_module("tensorflow_lamella.v1.mode").version_here()
        version = self._version or here
        if name == "__version__":
            return VERSIONS[version]
        if version == 2 and full in KERAS:
            return importlib.import_module(KERAS[full])
        try:
            return names.get(full, version)
        except KeyError:
            pass
        if importlib.util.find_spec(f"{self.__name__}.{name}") is not None:
            return importlib.import_module(f"{self.__name__}.{name}")
        raise AttributeError(missing(f"tf.{full}"))

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *names.members(self._prefix, self._version)})


def missing(name: str) -> str:
    """The message for a name that we do not have: the line, and what there is instead."""
    own = name.removeprefix("tf.")
    line, instead = user_line(), hint(own)
    if instead is None:
        alike = [f"tf.{n}" for n in names.nearest(own)]
        instead = f"the nearest that there is: {', '.join(alike)}" if alike else None
    at = f" (at {line})" if line else ""
    return f"{name} is not part of TensorFlow on Lamella{at}" + (f"; {instead}" if instead else "")


def view(name: str) -> ModuleType | None:
    """The module `name`, where our table has names under it."""
    module = View(name)
    known = name in ("tensorflow", "tensorflow.compat", "tensorflow.compat.v1",
                     "tensorflow.compat.v2") or names.is_module(module._prefix)  # fmt: skip
    if not known:
        return None
    return module


class Finder:
    """Serves `tensorflow` and its submodules from `MODULES`."""

    tensorflow_lamella = True

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        maker = _maker(name)
        if maker is None:
            return None
        importlib.import_module("tensorflow_lamella.api").connect()  # when names are asked for
        module = maker(name)
        if module is None:
            return None
        return importlib.machinery.ModuleSpec(name, Loader(module), is_package=True)


class Loader(importlib.abc.Loader):
    """Hands over a module that is already made."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module

    def create_module(self, spec: Any) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        pass


def _maker(name: str) -> Any:
    prefix = name
    while prefix:
        if prefix in MODULES:
            module, _, function = MODULES[prefix].partition(":")
            return getattr(importlib.import_module(module), function)
        prefix = prefix.rpartition(".")[0]
    return None


def install() -> None:
    """Make `import tensorflow` give our modules from now on. Calling it again is harmless.

    Raises RuntimeError where the real TensorFlow was imported before.
    """
    loaded = sys.modules.get("tensorflow")
    if loaded is not None and not isinstance(loaded, View):
        raise RuntimeError(
            "tensorflow was imported before tensorflow_lamella.install(); put the call above the "
            "first `import tensorflow`, or start the program with `lamella run`"
        )
    if not _installed():
        sys.meta_path.insert(0, Finder())
    importlib.import_module("tensorflow_lamella.keras").install()


def _installed() -> bool:
    return any(getattr(finder, "tensorflow_lamella", False) for finder in sys.meta_path)


def announce(source: str) -> None:
    """Say what text is going to run, where it cannot be read in a file: the cells of a notebook."""
    if _installed() and "tensorflow" in source:
        importlib.import_module("tensorflow_lamella.api").connect()
        importlib.import_module("tensorflow_lamella.v1.mode").program(source)
