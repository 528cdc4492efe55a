"""`x[i : i + n]` where i is traced: n elements, whose place is found when the program runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamella import ops
from lamella.frontend.tracer import Tracer
from lamella.program import Equation, Value, current_builder
from lamella.types import BOOL


def moving_slices(x: Tracer, index: Any) -> tuple[Tracer, Any]:
    """`x` cut along the axes whose slices move, and the index that is left to do.

    As in `lamella.dynamic_slice`, a block that would lie partly outside is moved inside.
    """
    items = index if isinstance(index, tuple) else (index,)
    if not any(isinstance(item, slice) and isinstance(item.start, Tracer) for item in items):
        return x, index
    axes = _axes(items, x.ndim)
    starts, shape, left = [np.int32(0)] * x.ndim, list(x.shape), list(items)
    for k, axis in axes.items():
        item = items[k]
        length = _length(item) if isinstance(item, slice) else None
        if length is not None:
            starts[axis] = np.astype(item.start, np.int32)
            shape[axis] = min(length, x.shape[axis])
            left[k] = slice(None, None, item.step)
    lift = current_builder().lift
    return ops.dynamic_slice(x, *map(lift, starts), shape=tuple(shape)), tuple(left)


def _axes(items: tuple[Any, ...], ndim: int) -> dict[int, int]:
    """The axis of each item that has one; of none where masks make that hard to say."""
    if any(isinstance(item, bool) or getattr(item, "dtype", None) == BOOL for item in items):
        return {}
    taking = [k for k, item in enumerate(items) if item is not None and item is not Ellipsis]
    dots = next((k for k, item in enumerate(items) if item is Ellipsis), len(items))
    hidden = ndim - len(taking)
    return {k: axis + (hidden if k > dots else 0) for axis, k in enumerate(taking)}


def _length(item: slice) -> int | None:
    """n of `i : i + n`."""
    start, stop = item.start, item.stop
    if not (isinstance(start, Tracer) and isinstance(stop, Tracer)):
        return None
    made = _equation(stop)
    if made is None or made.primitive is not ops.add or not any(v is start for v in made.operands):
        return None
    (other,) = [v for v in made.operands if v is not start] or [start]
    constant = _equation(other)
    if constant is None or constant.primitive is not ops.full:
        return None
    return max(0, int(constant.attrs["value"]))


def _equation(value: Value) -> Equation | None:
    equations = reversed(current_builder().equations)
    return next((eq for eq in equations if any(v is value for v in eq.results)), None)
