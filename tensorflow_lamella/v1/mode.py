"""Which TensorFlow a program means, and whether it builds graphs: one rule, by what its files use.

A file that uses a name that only TensorFlow 1 has (tf.placeholder, tf.Session, tf.layers,
tf.train.AdamOptimizer ...) is a file of TensorFlow 1: in it `tf.<name>` has the meaning of
TensorFlow 1, also where both versions have the name (tf.nn.dropout, tf.losses). From the first
such file on the program builds graphs, unless the file asks for eager execution
(tf.enable_eager_execution, tf.enable_v2_behavior). Files in which nothing says otherwise follow the
program; files that import tensorflow.compat.v1 get its names.

A file is read when it first asks the module `tensorflow` for a name. What comes from no file (a
notebook's cell) follows the program; asking for tf.placeholder or tf.Session there makes it one
of TensorFlow 1.
"""

from __future__ import annotations

import ast
import functools
import sys
from typing import Any

from tensorflow_lamella import names
from tensorflow_lamella.callers import is_library
from tensorflow_lamella.core import state
from tensorflow_lamella.coverage import in_tensorflow_2
from tensorflow_lamella.names import export

_EAGER = frozenset({
    "enable_eager_execution", "enable_v2_behavior", "compat.v1.enable_eager_execution",
    "compat.v1.enable_v2_behavior", "contrib.eager",
})  # fmt: skip
_OPTIONS = frozenset({"keep_prob", "keep_dims", "reduction_indices"})
_GRAPH = frozenset({"placeholder", "Session", "InteractiveSession", "disable_v2_behavior",
                    "disable_eager_execution", "app.run", "contrib", "estimator"})  # fmt: skip
_NEUTRAL = frozenset({"compat", "compat.v1", "compat.v1.logging", "logging", "flags", "app",
                      "estimator", "gfile"})  # fmt: skip


class Program:
    """The version that files follow in which nothing says otherwise."""

    version = 2
    eager = False  # asked for with enable_eager_execution


class _Uses(ast.NodeVisitor):
    """The dotted names under tensorflow that a file uses, and how its functions are called."""

    def __init__(self) -> None:
        self.aliases: dict[str, str] = {}
        self.names: set[str] = set()
        self.options: set[str] = set()
        self.compat = False

    def visit_Import(self, node: ast.Import) -> None:
        for item in node.names:
            head, _, rest = item.name.partition(".")
            if head != "tensorflow":
                continue
            self.compat = self.compat or rest == "compat.v1"
            self.names.add(rest)
            self.aliases[item.asname or head] = rest if item.asname else ""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        head, _, rest = (node.module or "").partition(".")
        if head != "tensorflow" or node.level:
            return
        for item in node.names:
            full = f"{rest}.{item.name}" if rest else item.name
            self.compat = self.compat or full == "compat.v1"
            self.aliases[item.asname or item.name] = full
            self.names.add(full)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        parts: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name) and inner.id in self.aliases:
            prefix = self.aliases[inner.id]
            self.names.add(".".join([*([prefix] if prefix else []), *reversed(parts)]))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            self.options |= {k.arg for k in node.keywords if k.arg} & _OPTIONS
        self.generic_visit(node)


def uses(source: str) -> _Uses:
    """What a program's text uses of tensorflow; nothing where it is not Python."""
    found = _Uses()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return found
    # imports first: a function above an import may use its name
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.visit(node)
    found.visit(tree)
    return found


def version_of(source: str) -> int | None:
    """1 or 2 where the text of a program says which TensorFlow it means, else None."""
    return _verdict(uses(source))[0]


def _verdict(found: _Uses) -> tuple[int | None, bool]:
    """(version or None, does it build graphs)."""
    if found.compat:
        plain = {name.removeprefix("compat.v1.") for name in found.names} - _NEUTRAL
    else:  # tf.compat.v1.x in a program of TensorFlow 2 says nothing about its other names
        plain = {name for name in found.names if not name.startswith("compat.v1")} - _NEUTRAL
    old = {name for name in plain if _only_in_1(name)}
    graphs = any(name == g or name.startswith(f"{g}.") for name in plain for g in _GRAPH)
    eager = bool(found.names & _EAGER) or any(n.startswith("contrib.eager") for n in plain)
    if found.compat:
        return 1, graphs and not eager
    if not old and not (found.options and not _modern(plain)):
        return (2 if _modern(plain) else None), False
    return 1, not eager and (graphs or not _modern(plain))


def _only_in_1(name: str) -> bool:
    head = name.partition(".")[0]
    if head == "contrib":
        return True
    return names.has(name, 1) and not names.has(name, 2) and not in_tensorflow_2(name)


def _modern(used: set[str]) -> bool:
    return bool(used & {"GradientTape", "function"})


def program(source: str) -> None:
    """Take the text of a program that lies in no file (a notebook's cells) as a whole."""
    version, graphs = _verdict(uses(source))
    if version == 1:
        Program.version = 1
        if graphs:
            start_graphs()


@functools.cache
def _file(path: str) -> tuple[int | None, bool]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            source = file.read()
    except OSError:
        return None, False
    return _verdict(uses(source))


def version_here() -> int:
    """The version that the code asking for a name of `tensorflow` means."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if not is_library(path):
            return _version_in(path)
        if path.startswith("<frozen"):
            frame = frame.f_back
            continue
        frame = frame.f_back
    return Program.version


def _version_in(path: str) -> int:
    version, graphs = _file(path)
    if version == 1 and path not in _started:
        _started.add(path)
        if graphs:
            start_graphs()
        Program.version = 1
    return version or Program.version


_started: set[str] = set()


def start_graphs() -> None:
    """From now on ops make nodes of the default graph."""
    from tensorflow_lamella.v1.recorder import Recorder

    Program.eager = False
    if not isinstance(state.graph(), Recorder):
        state.set_graph(Recorder())


def need_graph(what: str) -> None:
    """Something that only graphs have is asked for: a program without a file builds graphs now."""
    if state.graph() is not None:
        return
    if Program.eager:
        raise RuntimeError(f"{what} is not compatible with eager execution.")
    Program.version = 1
    start_graphs()


def reset() -> None:
    """Begin as if no program had run: for several programs in one process."""
    from tensorflow_lamella.v1.graph import reset_default_graph
    from tensorflow_lamella.v1.session import forget_sessions

    Program.version, Program.eager = 2, False
    state.set_graph(None)
    _started.clear()
    forget_sessions()
    reset_default_graph()


@export("enable_eager_execution", "compat.v1.enable_eager_execution",
        "contrib.eager.enable_eager_execution", version=1)  # fmt: skip
def enable_eager_execution(*args: Any, **kwargs: Any) -> None:
    """Compute at once, without graphs; ValueError where the graph has operations already."""
    from tensorflow_lamella.v1.graph import get_default_graph

    if state.graph() is not None and get_default_graph().get_operations():
        raise ValueError("tf.enable_eager_execution must be called at program startup.")
    state.set_graph(None)
    Program.eager = True


@export("disable_eager_execution", "disable_v2_behavior", version=1)
def disable_eager_execution() -> None:
    """Build graphs from here on."""
    start_graphs()


@export("enable_v2_behavior", version=1)
def enable_v2_behavior() -> None:
    """Compute at once, with the names of TensorFlow 2."""
    state.set_graph(None)
    Program.version = 2


def _switch(name: str) -> Any:
    def switch(*args: Any, **kwargs: Any) -> None:
        """Accepted and without effect."""

    switch.__name__ = name
    return export(name, version=1)(switch)


for _name in ("enable_resource_variables", "disable_resource_variables", "enable_v2_tensorshape",
              "disable_v2_tensorshape", "enable_control_flow_v2", "disable_control_flow_v2",
              "enable_tensor_equality", "disable_tensor_equality"):  # fmt: skip
    _switch(_name)


@export("executing_eagerly", version=1)
def executing_eagerly() -> bool:
    """Whether ops compute at once."""
    return state.graph() is None
