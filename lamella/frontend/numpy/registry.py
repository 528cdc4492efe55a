"""Which NumPy functions have a traced form, and how their arguments reach it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

_IMPLEMENTATIONS: dict[Callable[..., Any], Callable[..., Any]] = {}

_REFUSED: set[Callable[..., Any]] = set()

#: Arguments that say how NumPy stores a result, not what it is.
_STORAGE = frozenset({"order", "subok", "copy", "casting", "device", "kind", "assume_unique"})


def implements(*functions: Callable[..., Any]) -> Callable[[Any], Any]:
    """Decorator: the decorated function is what `functions` of NumPy mean on Tracers.

    Its parameters carry NumPy's names; those it leaves out may only be given their defaults.
    """

    def register(f: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            _IMPLEMENTATIONS[function] = _adapted(function, f)
        return f

    return register


def implementation(function: Callable[..., Any]) -> Callable[..., Any]:
    """The traced form of a NumPy function or ufunc; TypeError where there is none."""
    found = _IMPLEMENTATIONS.get(function)
    if found is None:
        raise TypeError(
            f"{name_of(function)} has no traced form in Lamella; compose it of other NumPy "
            "functions, or call it on arrays outside the traced function"
        )
    return found


def implemented() -> frozenset[Callable[..., Any]]:
    """The NumPy functions and ufuncs that work on Tracers."""
    return frozenset(_IMPLEMENTATIONS) - _REFUSED


def name_of(function: Any) -> str:
    """`np.linalg.norm` and the like, for messages."""
    module = getattr(function, "__module__", "") or "numpy"
    return f"{module.replace('numpy', 'np', 1)}.{getattr(function, '__name__', function)}"


def refuse(function: Callable[..., Any], why: str) -> None:
    """Register `function` as always an error that says `why` and what to use instead."""

    def error(*args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{name_of(function)} on traced arrays: {why}")

    _IMPLEMENTATIONS[function] = error
    _REFUSED.add(function)


def _adapted(function: Callable[..., Any], f: Callable[..., Any]) -> Callable[..., Any]:
    """`f`, called with the arguments as NumPy's signature of `function` names them."""
    parameters = inspect.signature(f).parameters
    kinds = {p.kind for p in parameters.values()}
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return f
    accepted = tuple(parameters)
    any_keyword = inspect.Parameter.VAR_KEYWORD in kinds
    positional = _positional(function) or accepted

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not kwargs and positional[: len(args)] == accepted[: len(args)]:
            return f(*args)
        named = {**dict(zip(positional, args)), **kwargs}
        if len(args) > len(positional):
            raise TypeError(f"{name_of(function)} takes {len(positional)} arguments")
        return f(
            **{k: v for k, v in named.items() if any_keyword or _keep(function, accepted, k, v)}
        )

    return call


def _positional(function: Any) -> tuple[str, ...]:
    if isinstance(function, np.ufunc):
        return ()
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    return tuple(
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    )


def _keep(function: Any, accepted: tuple[str, ...], name: str, value: Any) -> bool:
    """Whether to pass an argument on; TypeError where it matters and is not supported."""
    if value is np._NoValue:
        return False
    if name in accepted:
        return True
    if value is None or name in _STORAGE or (name == "where" and value is True):
        return False
    hint = "; the result is returned, use `x = ...`" if name == "out" else ""
    raise TypeError(f"{name_of(function)}: {name}= is not supported on traced arrays{hint}")
