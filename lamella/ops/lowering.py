"""What `Primitive.lower` holds for the families that are not elementwise: enough for a kernel
generator to work from the family alone, never from a primitive's name.

A gather (trait "gather") has `lower(index, read, *types, **attrs)`: the index of the element of the
first operand that the result has at `index`. It loads indices by `read(operand, index, extent)`, an
integer expression clipped to 0 .. extent-1.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lamella.types import COMPLEX

if TYPE_CHECKING:
    from lamella.kernels.kernel import Lowered
    from lamella.program import Equation


@dataclass(frozen=True)
class Piece:
    """One source of a view: `operand[index]`, valid where 0 <= expression < extent for all bounds.

    Outside the bounds the index may be out of range: it must not be loaded.
    """

    operand: int
    index: tuple[Any, ...]
    bounds: tuple[tuple[Any, int], ...] = ()


@dataclass(frozen=True)
class ViewMap:
    """The element of a view at some index: the first piece whose bounds hold, else `otherwise`.

    A view's `lower(index, *types, **attrs) -> ViewMap` receives one integer expression per result
    dimension and combines them with `+ - * // %` and ints (an entry of Piece.index may be a plain
    int). `otherwise` is a number, or an integer expression to be converted to the result's dtype.
    """

    pieces: tuple[Piece, ...]
    otherwise: Any = None


@dataclass(frozen=True)
class Fold:
    """A reduction over `attrs["axes"]`: start from identity(dtype), combine(accumulated, element).

    combine is associative and commutative: any order is right. It is a scalar rule.
    """

    identity: Callable[[np.dtype], Any]
    combine: Callable[[Any, Any], Any]


@dataclass(frozen=True)
class ArgFold:
    """argmin/argmax along `attrs["axis"]` to int64: the first index whose element is best.

    better(a, b) -> bool lane: a beats b; a later element replaces an earlier one only if it is
    strictly better. NaN beats every number, and nothing beats NaN.
    """

    better: Callable[[Any, Any], Any]


@dataclass(frozen=True)
class OwnKernel:
    """An equation is a kernel of its own: lamella.kernels.<module>.<function>(eq, *arguments).

    Named, not imported: primitives stand above the kernels.
    """

    module: str
    function: str
    argument: Any = None

    def lower_equation(self, eq: Equation) -> Lowered | None:
        """The kernels of `eq`; None for complex numbers, which run on the host."""
        if any(v.type.dtype in COMPLEX for v in eq.operands):
            return None
        generator = getattr(
            importlib.import_module(f"lamella.kernels.{self.module}"), self.function
        )
        return generator(eq) if self.argument is None else generator(eq, self.argument)


@dataclass(frozen=True)
class Cumulative:
    """A running fold along `attrs["axis"]`, from the end where `attrs["reverse"]` is true."""

    fold: Fold

    def lower_equation(self, eq: Equation) -> Lowered | None:
        return OwnKernel("cumulative", "lower_cumulative", self.fold).lower_equation(eq)


@dataclass(frozen=True)
class WindowFold:
    """A fold over a window that slides along every axis; elements of padding are left out."""

    fold: Fold


@dataclass(frozen=True)
class FirstMaximum:
    """Moves elements between windows and the places of their first maxima (or NaN) in x.

    to_elements: operands (g, x), every element of x receives the sum of g over its windows;
    else operands (h, x), every window receives h at its place.
    """

    to_elements: bool
