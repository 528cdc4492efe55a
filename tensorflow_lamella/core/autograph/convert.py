"""A function made anew from its source, its control flow turned into calls."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
import types
import weakref
from collections.abc import Callable
from typing import Any

from lamella.frontend.trace import is_library
from tensorflow_lamella.core.autograph.transform import OPERATORS, Unconvertible, transform
from tensorflow_lamella.names import export, put

_done: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def converted(f: Any) -> Any:
    """`f` with its control flow converted; `f` itself where there is nothing to do.

    Functions and methods of the program are converted, others are left as they are.
    """
    if isinstance(f, types.MethodType):
        function = converted(f.__func__)
        return f if function is f.__func__ else types.MethodType(function, f.__self__)
    if not isinstance(f, types.FunctionType) or getattr(f, "autograph_plain", False):
        return f
    if f not in _done:
        _done[f] = _convert(f)
    return _done[f]


def _convert(f: types.FunctionType) -> Any:
    if f.__name__ == "<lambda>" or is_library(f.__code__.co_filename):
        return f
    try:
        source, first = inspect.getsourcelines(f)
        tree = ast.parse(textwrap.dedent("".join(source)))
        node = tree.body[0]
        if not isinstance(node, ast.FunctionDef):
            return f
        if not transform(node):
            return f
        ast.increment_lineno(node, first - 1)
        return _rebuilt(f, node)
    except (OSError, TypeError, SyntaxError, Unconvertible):
        return f


def _rebuilt(f: types.FunctionType, node: ast.FunctionDef) -> Any:
    """The function of a changed syntax tree, with the globals and the closure of `f`."""
    from tensorflow_lamella.core.autograph import operators

    free = [*f.__code__.co_freevars, OPERATORS]
    node.decorator_list, node.returns = [], None
    outer = ast.parse("def outer():\n    pass").body[0]
    assert isinstance(outer, ast.FunctionDef)
    nothing = [ast.Assign([ast.Name(name, ast.Store())], ast.Constant(None)) for name in free]
    outer.body = [*nothing, node, ast.Return(ast.Name(node.name, ast.Load()))]
    module = ast.fix_missing_locations(ast.Module([outer], []))
    code = compile(module, f.__code__.co_filename, "exec", dont_inherit=True,
                   flags=f.__code__.co_flags & _FUTURES)  # fmt: skip
    inner = _code_named(_code_named(code, "outer"), node.name)
    cells = dict(zip(f.__code__.co_freevars, f.__closure__ or ()))
    cells[OPERATORS] = types.CellType(operators)
    closure = tuple(cells[name] for name in inner.co_freevars)
    made = types.FunctionType(inner, f.__globals__, f.__name__, f.__defaults__, closure)
    functools.update_wrapper(made, f)
    made.__kwdefaults__ = f.__kwdefaults__
    return made


_FUTURES = 0x1000000  # annotations


def _code_named(code: types.CodeType, name: str) -> types.CodeType:
    return next(c for c in code.co_consts if isinstance(c, types.CodeType) and c.co_name == name)


@export("autograph.experimental.do_not_convert")
def do_not_convert(func: Any = None) -> Any:
    """A decorator: the function is called as it is written."""
    if func is None:
        return do_not_convert
    func.autograph_plain = True
    return func


@export("autograph.to_graph")
def to_graph(
    entity: Any, recursive: bool = True, experimental_optional_features: Any = None
) -> Any:
    """The converted function."""
    return converted(entity)


def _to_code(entity: Callable[..., Any], **unused: Any) -> str:
    """The source of a function."""
    return inspect.getsource(entity)


put(_to_code, "autograph.to_code")
