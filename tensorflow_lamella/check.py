"""`lamella check`: what a program uses of TensorFlow and Keras that is not there.

The program is not run: imports give names to modules; every dotted name that begins with one of
them is looked up in the modules that the program would get, so what is found here is what it
would meet.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from tensorflow_lamella.errors import Unsupported
from tensorflow_lamella.keras.arguments import bridge_of
from tensorflow_lamella.others import advice

PACKAGES = ("tensorflow", "keras", "tf_keras")


@dataclass(frozen=True, order=True)
class Problem:
    """Something that the program would fail at."""

    line: int
    name: str
    message: str


def problems(source: str) -> list[Problem]:
    """What a program uses that is not supported, in the order of its lines.

    >>> [p.name for p in problems("import tensorflow as tf\\ntf.raw_ops.Foo(1)\\n")]
    ['tensorflow.raw_ops']

    Raises SyntaxError where the text is not Python.
    """
    tree = ast.parse(source)
    _mean(source)
    names = _Names()
    names.visit(tree)
    found = [p for path, line in names.imported for p in _import_problem(path, line)]
    absent = tuple(f"{p.name}." for p in found)
    own = tuple(f"{name}." for name in names.own)
    for path, line, call in names.used:
        # what is absent was told where it is imported
        if not path.startswith((*absent, *own)) and path not in names.own:
            found.extend(_problem(path, line, call))
    first: dict[str, Problem] = {}
    for problem in sorted(set(found)):
        first.setdefault(problem.name + problem.message, problem)
    return sorted(first.values())


def _mean(source: str) -> None:
    """Let the modules answer as they would to this program: TensorFlow 1 or 2."""
    importlib.import_module("tensorflow_lamella.api")
    mode = importlib.import_module("tensorflow_lamella.v1.mode")
    mode.Program.version = mode.version_of(source) or 2


class _Names(ast.NodeVisitor):
    """What names stand for, and the dotted names that are used."""

    def __init__(self) -> None:
        self.stands_for: dict[str, str] = {}
        self.imported: list[tuple[str, int]] = []
        self.used: list[tuple[str, int, ast.Call | None]] = []
        self.own: set[str] = set()
        """Names that the program gives to a module itself: `tf.model = keras.Sequential()`."""

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.imported.append((alias.name, node.lineno))
            name = alias.asname or alias.name.partition(".")[0]
            self.stands_for[name] = alias.name if alias.asname else name

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or node.module is None:
            return
        self.imported.append((node.module, node.lineno))
        for alias in node.names:
            if alias.name != "*":
                full = f"{node.module}.{alias.name}"
                self.stands_for[alias.asname or alias.name] = full
                self.used.append((full, node.lineno, None))

    def visit_Assign(self, node: ast.Assign) -> None:
        path = self._path(node.value)
        if path and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            self.stands_for[node.targets[0].id] = path
        self.visit(node.value)
        for target in node.targets:
            own = self._path(target) if isinstance(target, ast.Attribute) else None
            if own:
                self.own.add(own)
            else:
                self.visit(target)

    def visit_Call(self, node: ast.Call) -> None:
        path = self._path(node.func)
        if path:
            self.used.append((path, node.lineno, node))
            for part in (*node.args, *(k.value for k in node.keywords)):
                self.visit(part)
        else:
            self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        path = self._path(node)
        if path:
            self.used.append((path, node.lineno, None))
        else:
            self.generic_visit(node)

    def _path(self, node: ast.expr) -> str | None:
        """`tf.nn.relu` as tensorflow.nn.relu; None where it does not begin with an import."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.stands_for:
            return None
        return ".".join([self.stands_for[node.id], *parts])


def _import_problem(path: str, line: int) -> Iterator[Problem]:
    top = path.partition(".")[0]
    found, package = advice.instead(path), advice.package_of(path)
    if found:
        yield Problem(line, path, f"{path} is not supported; instead: {found}")
    elif package and not advice.is_installed(top):
        yield Problem(line, top, f"{top} is not installed: pip install {package}")
    elif top in PACKAGES:
        try:
            importlib.import_module(path)
        except ImportError as error:
            yield Problem(line, path, f"there is no module {path}{_near(path)} ({error})")


def _near(path: str) -> str:
    """The module above that there is, and its names that look like the one asked for."""
    parent, _, name = path.rpartition(".")
    try:
        known = dir(importlib.import_module(parent))
    except ImportError:
        return ""
    near = difflib.get_close_matches(name, known, 3, 0.6)
    return f"; the nearest in {parent}: {', '.join(near)}" if near else ""


def _problem(path: str, line: int, call: ast.Call | None) -> Iterator[Problem]:
    if path.partition(".")[0] not in PACKAGES:
        return
    try:
        thing = _look_up(path)
    except AttributeError as error:
        message, _, rest = str(error).partition(" (at ")  # where it was asked: here
        yield Problem(line, path, message + rest.partition(")")[2])
        return
    except ImportError:
        return  # told where it is imported
    refusal = _refusal(thing)
    if refusal:
        yield Problem(line, path, refusal)
    elif call is not None and isinstance(thing, type):
        yield from _argument_problems(path, thing, call)


def _look_up(path: str) -> Any:
    """The object of a dotted name; what lies below a class or function is not looked at."""
    thing: Any = None
    prefix = ""
    for part in path.split("."):
        prefix = f"{prefix}.{part}" if prefix else part
        if thing is None:
            thing = importlib.import_module(part)
        elif isinstance(thing, ModuleType):
            thing = getattr(thing, part)
        else:
            return thing
    return thing


def _refusal(thing: Any) -> str | None:
    """The message of a function that does nothing but raise `unsupported(...)`."""
    function: Callable[..., Any] | None = thing if inspect.isfunction(thing) else None
    if function is None or not (function.__module__ or "").startswith("tensorflow_lamella"):
        return None
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, SyntaxError, TypeError, IndexError):
        return None
    body = getattr(tree, "body", [])
    if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
        body = body[1:]
    if not (isinstance(body, list) and len(body) == 1 and isinstance(body[0], ast.Raise)):
        return None
    wanted = [p for p in inspect.signature(function).parameters.values()
              if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]  # fmt: skip
    try:
        function(*[None] * len(wanted))
    except (Unsupported, RuntimeError) as error:
        return str(error)
    return None


def _argument_problems(path: str, cls: type, call: ast.Call) -> Iterator[Problem]:
    """Keyword arguments that a class of Keras never takes."""
    if not cls.__module__.startswith("keras.src"):
        return
    known: set[str] = set()
    for base in cls.__mro__:
        if "__init__" in vars(base):
            known.update(inspect.signature(vars(base)["__init__"]).parameters)
    bridge = bridge_of(cls.__name__)
    known |= {*bridge.renamed, *bridge.renamed.values(), *bridge.dropped} | _EVERYWHERE
    if bridge.special is not None:
        return  # it reads arguments that no table names
    for keyword in call.keywords:
        if keyword.arg and keyword.arg not in known:
            near = difflib.get_close_matches(keyword.arg, known, 2, 0.6)
            hint = f"; the nearest are {', '.join(near)}" if near else ""
            name = path.rpartition(".")[2]
            yield Problem(call.lineno, path, f"{name} takes no argument {keyword.arg!r}{hint}")


_EVERYWHERE = frozenset(
    "input_shape input_dim input_length batch_input_shape batch_size weights lr decay "
    "implementation dtype name trainable alpha".split()
)
"""Arguments that old layers and optimizers have in common."""
