"""Make released Keras accept the backend name "lamella".

Keras 3.15 chooses its backend in chains of `if backend() == "..."` and has no place for a name
it does not know. A finder at the front of `sys.meta_path` loads the modules that hold such a
chain from their own files, with one more branch in front:

    if backend() == "lamella":
        from keras_lamella.src.layer import BackendLayer
    elif backend() == "tensorflow":        # Keras's own chain, unchanged
        ...

The chain is found in the syntax tree; nothing on disk changes and line numbers stay those of
the file. A few more modules are adjusted after they ran (`adjustments.py`). A Keras that does not
look as expected is an ImportError that says what to install: a half-connected Keras never comes
up.

A Keras that loads packages named `keras_<name>` by itself needs none of this: there the finder
only adds the name to Keras's list.
"""

from __future__ import annotations

import ast
import importlib
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

from keras_lamella.adjustments import ADJUSTMENTS, NAME, PACKAGE

TESTED = ((3, 15),)
"""The minor versions of Keras whose backend contract `keras_lamella.src` covers, in order."""

BRANCHES = {
    "keras.src.backend": f"""
from {PACKAGE} import *
from {PACKAGE} import Variable as BackendVariable
from {PACKAGE} import distribution_lib
""",
    "keras.src.layers.layer": f"from {PACKAGE}.layer import BackendLayer",
    "keras.src.models.model": f"from {PACKAGE}.trainer import Trainer",
    "keras.src.optimizers.optimizer": f"from {PACKAGE}.optimizer import BackendOptimizer",
    "keras.src.export.saved_model": f"""
from {PACKAGE}.export import SavedModelExportArchive as BackendSavedModelExportArchive
""",
}
"""The statements of the new branch, for each module of Keras that holds a chain."""


class UnsupportedKeras(ImportError):
    """The installed Keras is not one that Lamella can be a backend of."""


def install(select: bool = False) -> None:
    """Put the finder in place, so that a later `import keras` can run on Lamella.

    With `select`, Lamella becomes the backend unless the environment variable `KERAS_BACKEND`
    names one (it wins over `keras.json`, for Keras as for us). Calling it again is harmless.

    Raises:
        RuntimeError: Lamella is selected, but Keras was imported before on another backend.
    """
    chosen = os.environ.get("KERAS_BACKEND") or (NAME if select else "")
    if chosen == NAME:
        _refuse_if_too_late()
        os.environ["KERAS_BACKEND"] = NAME
    if not any(getattr(finder, "lamella_backend", False) for finder in sys.meta_path):
        sys.meta_path.insert(0, KerasFinder())


def _refuse_if_too_late() -> None:
    config = sys.modules.get("keras.src.backend.config")
    if config is None or config.backend() == NAME:
        return
    running = config.backend()
    raise RuntimeError(
        f"Keras was imported before lamella and already runs on the backend {running!r}. "
        "Put `import lamella` above the first `import keras`, or start Python with "
        f"KERAS_BACKEND=lamella. To stay on {running!r}, set KERAS_BACKEND={running}."
    )


# -- the branch ------------------------------------------------------------------------------


def add_branch(tree: ast.Module, statements: str) -> int:
    """Put `if backend() == "lamella": statements` before the backend chain of a module.

    Returns the number of chains found at the top level; the tree changes only if it is one.
    """
    found = [i for i, node in enumerate(tree.body) if _is_chain(node)]
    if len(found) == 1:
        chain = tree.body[found[0]]
        assert isinstance(chain, ast.If)
        assert isinstance(chain.test, ast.Compare)
        test = ast.Compare(chain.test.left, [ast.Eq()], [ast.Constant(NAME)])
        body = ast.parse(statements).body
        branch = ast.If(test, body, [chain])
        ours = [branch, test, *test.comparators, *(n for node in body for n in ast.walk(node))]
        for node in ours:
            ast.copy_location(node, chain)  # tracebacks point at Keras's own chain
        tree.body[found[0]] = ast.fix_missing_locations(branch)
    return len(found)


def _is_chain(node: ast.stmt) -> bool:
    names = set()
    while isinstance(node, ast.If):
        names.add(_compared_name(node.test))
        if len(node.orelse) != 1:
            break
        node = node.orelse[0]
    return {"tensorflow", "jax", "torch"} <= names


def _compared_name(test: ast.expr) -> object:
    """`"jax"` for `backend() == "jax"` or `backend.backend() == "jax"`, else None."""
    match test:
        case ast.Compare(
            left=ast.Call(func=ast.Name(id="backend") | ast.Attribute(attr="backend")),
            ops=[ast.Eq()],
            comparators=[ast.Constant(value=name)],
        ):
            return name
    return None


class AdjustingLoader(importlib.machinery.SourceFileLoader):
    """Loads a module of Keras from its own file, then adjusts it."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        try:
            ADJUSTMENTS.get(module.__name__, lambda module: None)(module)
        except AttributeError as error:
            raise _unsupported(f"{module.__name__} has changed ({error})") from error


class BranchLoader(AdjustingLoader):
    """Loads a module of Keras from its own file, with one more branch in its chain."""

    def get_code(self, fullname: str) -> CodeType:  # never from the bytecode cache
        path = self.get_filename(fullname)
        tree = ast.parse(self.get_data(path), path)
        count = add_branch(tree, BRANCHES[fullname])
        if count != 1:
            raise _unsupported(f"{fullname} has {count} chains that choose the backend, not 1")
        return compile(tree, path, "exec", dont_inherit=True)


# -- the finder ------------------------------------------------------------------------------


class KerasFinder:
    """Gives the modules of Keras named in `BRANCHES` and `ADJUSTMENTS` our loaders.

    It does nothing while another backend is selected, except that MNIST is there offline.
    """

    lamella_backend = True  # how install() finds it again after Keras reloaded keras_lamella

    def __init__(self) -> None:
        self.pluggable = False

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not (name in BRANCHES or name in ADJUSTMENTS):
            return None
        if os.environ.get("KERAS_BACKEND") != NAME and name != "keras.src.datasets.mnist":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.origin is None:
            return None
        if not isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            raise _unsupported(f"{name} is not a source file but {spec.loader!r}")
        if name == "keras.src.backend":
            self.pluggable = _is_pluggable(Path(spec.origin))
            if not self.pluggable:
                check_version(_keras_version())
        branching = name in BRANCHES and not self.pluggable
        spec.loader = (BranchLoader if branching else AdjustingLoader)(name, spec.origin)
        return spec


def _is_pluggable(backend_init: Path) -> bool:
    config = backend_init.with_name("config.py")
    return config.exists() and "_PLUGGABLE_BACKENDS" in config.read_text(encoding="utf-8")


def check_version(version: str) -> None:
    """Raise `UnsupportedKeras` unless `version` ("3.15.1") is of a minor version in `TESTED`."""
    if tuple(version.split(".")[:2]) not in {(str(a), str(b)) for a, b in TESTED}:
        reason = "its backend interface is not one that this lamella was made for"
        raise _unsupported(reason, version)


def _keras_version() -> str:
    return importlib.import_module("keras.src.version").__version__


def _unsupported(reason: str, version: str | None = None) -> UnsupportedKeras:
    (low_major, low_minor), (major, minor) = TESTED[0], TESTED[-1]
    wanted = f"keras>={low_major}.{low_minor},<{major}.{minor + 1}"
    return UnsupportedKeras(
        f"lamella cannot be the backend of Keras {version or _keras_version()}: {reason}. "
        f"Install a Keras that it supports (pip install '{wanted}') or a newer lamella."
    )
