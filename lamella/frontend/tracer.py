"""Tracer: a Value that answers NumPy's protocols, so that plain NumPy code builds a Program.

Operators, `np.*` functions (NEP-13 `__array_ufunc__`, NEP-18 `__array_function__`), methods and
indexing all end in lamella.frontend.numpy. A request for a concrete value is an error that names
the user's line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from lamella.program import Value
from lamella.types import Type

if TYPE_CHECKING:
    from lamella.frontend.trace import Trace


class ConcreteValueError(TypeError):
    """A Tracer was asked for its concrete value."""


def implementation(function: Any) -> Any:
    """Our version of a NumPy function; TypeError if there is none."""
    from lamella.frontend import numpy as frontend

    return frontend.implementation(function)


def _refuse(tracer: Tracer, what: str, instead: str) -> NoReturn:
    from lamella.frontend.trace import user_line

    raise ConcreteValueError(
        f"{what} needs a concrete value, but this is a traced {tracer.type} whose numbers are not "
        f"known while the program is being built (at {user_line()}). {instead}"
    )


class Tracer(Value):
    """A traced array: has shape, dtype, ndim, size, NumPy's operators and methods, no numbers."""

    __slots__ = ("trace", "__dict__")
    __array_priority__ = 1000

    def __init__(self, type: Type, trace: Trace) -> None:
        super().__init__(type)
        self.trace = trace
