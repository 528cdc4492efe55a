"""Views between fused equations: where an element of a view lies in the array it looks at."""

from __future__ import annotations

from collections.abc import Callable

from lamella.program import Equation, Value

#: For each axis of the root, the axis of the view that runs along it; None for axes of size 1.
AxisMap = tuple[int | None, ...]


def axis_map(
    value: Value, is_root: Callable[[Value], bool], views: dict[Value, Equation]
) -> tuple[Value, AxisMap] | None:
    """The root that `value` looks at through broadcasts, transposes and size-1 reshapes.

    None where other views (general reshapes, slices, pads, concatenations) are in between.
    """
    if is_root(value) or value not in views:
        return value, tuple(None if n == 1 else i for i, n in enumerate(value.type.shape))
    eq = views[value]
    found = moves(eq)
    below = axis_map(eq.operands[0], is_root, views) if found is not None else None
    if found is None or below is None:
        return None
    root, axes = below
    return root, tuple(None if a is None else found[a] for a in axes)


def moves(eq: Equation) -> dict[int, int] | None:
    """{axis of the operand: the same axis of the result}, size 1 left out; None for other views."""
    step = _STEPS.get(eq.primitive.name)
    return step(eq) if step else None


def _broadcast(eq: Equation) -> dict[int, int] | None:
    return dict(enumerate(eq.attrs["axes"]))


def _transpose(eq: Equation) -> dict[int, int] | None:
    return {a: i for i, a in enumerate(eq.attrs["axes"])}


def _reshape(eq: Equation) -> dict[int, int] | None:
    """Only reshapes that add or drop axes of size 1."""
    before = [i for i, n in enumerate(eq.operands[0].type.shape) if n != 1]
    after = [i for i, n in enumerate(eq.attrs["shape"]) if n != 1]
    sizes = [eq.operands[0].type.shape[i] for i in before]
    return dict(zip(before, after)) if sizes == [eq.attrs["shape"][i] for i in after] else None


_STEPS = {"broadcast": _broadcast, "transpose": _transpose, "reshape": _reshape}
