"""tf.contrib.framework: argument scopes, and variables of slim."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1.graph import GraphKeys, get_default_graph
from tensorflow_lamella.v1.variable_scope import get_variable

_PLACES = ("contrib.framework", "contrib.slim")
_scopes: list[dict[Any, dict[str, Any]]] = [{}]


def _here(*names: str) -> Callable[[Any], Any]:
    return export(*(f"{p}.{n}" for p in _PLACES for n in names), version=1)


@_here("add_arg_scope")
def add_arg_scope(f: Callable[..., Any]) -> Callable[..., Any]:
    """Let `arg_scope` give defaults for the arguments of `f`."""
    order = list(inspect.signature(f).parameters)

    @functools.wraps(f)
    def scoped(*args: Any, **kwargs: Any) -> Any:
        given = _scopes[-1].get(scoped)
        if given:
            taken = set(order[: len(args)])
            kwargs = {**{k: v for k, v in given.items() if k not in taken}, **kwargs}
        return f(*args, **kwargs)

    scoped._takes_arg_scope = True  # type: ignore[attr-defined]
    return scoped


@_here("arg_scope")
@contextlib.contextmanager
def arg_scope(list_ops_or_scope: Any, **kwargs: Any) -> Iterator[dict[Any, dict[str, Any]]]:
    """Inside, the functions in the list have these values for arguments that are not given."""
    if isinstance(list_ops_or_scope, dict):
        scope = list_ops_or_scope
    else:
        scope = dict(_scopes[-1])
        for f in list_ops_or_scope:
            if not hasattr(f, "_takes_arg_scope"):
                raise ValueError(f"{f} is not decorated with @add_arg_scope")
            scope[f] = {**scope.get(f, {}), **kwargs}
    _scopes.append(scope)
    try:
        yield scope
    finally:
        _scopes.pop()


@_here("has_arg_scope")
def has_arg_scope(f: Any) -> bool:
    """Whether `arg_scope` can give defaults for `f`."""
    return hasattr(f, "_takes_arg_scope")


@_here("arg_scoped_arguments")
def arg_scoped_arguments(f: Any) -> tuple[str, ...]:
    """The names of the arguments."""
    return tuple(inspect.signature(f).parameters)


@_here("variable", "model_variable")
def variable(name: str, shape: Any = None, dtype: Any = "float32", initializer: Any = None,
             regularizer: Any = None, trainable: bool = True, collections: Any = None,
             device: Any = "", **unused: Any) -> Any:  # fmt: skip
    """tf.get_variable."""
    return get_variable(name, shape, dtype, initializer, regularizer, trainable, collections)


def _listed(key: str) -> Callable[..., list[Any]]:
    def variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
        name = getattr(scope, "name", scope)
        found = get_default_graph().get_collection(key, name)
        return [v for v in found if suffix is None or v.op.name.endswith(suffix)]

    variables.__doc__ = f"The variables in the collection {key}."
    return variables


_here("get_variables", "get_model_variables")(_listed(GraphKeys.GLOBAL_VARIABLES))
_here("get_trainable_variables")(_listed(GraphKeys.TRAINABLE_VARIABLES))


@_here("get_variables_to_restore")
def get_variables_to_restore(include: Any = None, exclude: Any = None) -> list[Any]:
    """The variables whose names start as one in `include` and as none in `exclude`."""
    found = get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES)
    if include is not None:
        found = [v for v in found if v.op.name.startswith(tuple(include))]
    return [v for v in found if not v.op.name.startswith(tuple(exclude or ()))]


@_here("get_variables_by_name")
def get_variables_by_name(given_name: str, scope: Any = None) -> list[Any]:
    """The variables of this last name."""
    found = get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, scope)
    return [v for v in found if v.op.name.rpartition("/")[2] == given_name]


def _from_train(name: str) -> None:
    def call(*args: Any, **kwargs: Any) -> Any:
        return get(f"train.{name}", 1)(*args, **kwargs)

    call.__doc__ = f"tf.train.{name}."
    _here(name)(call)


for _name in ("get_or_create_global_step", "get_global_step", "create_global_step"):
    _from_train(_name)


@_here("nest")
class nest:
    """Nested structures."""

    @staticmethod
    def flatten(structure: Any) -> list[Any]:
        """The leaves."""
        import optree

        return list(optree.tree_leaves(structure))

    @staticmethod
    def map_structure(f: Callable[..., Any], *structures: Any) -> Any:
        """`f` of the leaves at the same places."""
        import optree

        return optree.tree_map(f, *structures)
