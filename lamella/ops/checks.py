"""Checks that typing rules share; each raises the user's error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lamella.types import COMPLEX, Type, is_float, is_integer


def axis_in(name: str, axis: int, t: Type) -> int:
    """`axis`; ValueError unless 0 <= axis < ndim (the frontend has made it non-negative)."""
    if not 0 <= axis < t.ndim:
        raise ValueError(f"{name}: axis {axis} is out of bounds for {t}")
    return axis


def axes_in(name: str, axes: Sequence[int], t: Type) -> tuple[int, ...]:
    """`axes`; ValueError unless they are distinct axes of `t`."""
    if len(set(axes)) != len(axes):
        raise ValueError(f"{name}: axes {tuple(axes)} name an axis twice")
    return tuple(axis_in(name, axis, t) for axis in axes)


def same_length(name: str, t: Type, **tuples: Sequence[int]) -> None:
    """ValueError unless each of `tuples` has one entry per axis of `t`."""
    for what, values in tuples.items():
        if len(values) != t.ndim:
            raise ValueError(
                f"{name}: {what}={tuple(values)} must have one entry for each axis of {t}"
            )


def numeric(name: str, t: Type) -> None:
    """TypeError for bool."""
    if not (is_float(t.dtype) or is_integer(t.dtype) or t.dtype in COMPLEX):
        raise TypeError(f"{name}: expected numbers, got {t}; convert the bool array first")


def ordered(name: str, t: Type) -> None:
    """TypeError for complex numbers."""
    if t.dtype in COMPLEX:
        raise TypeError(f"{name}: {t} has no order; take the absolute value or the real part")


def floating(name: str, t: Type, kinds: Iterable[np.dtype]) -> None:
    """TypeError unless the dtype is among `kinds`."""
    kinds = tuple(kinds)
    if t.dtype not in kinds:
        names = ", ".join(k.name for k in kinds)
        raise TypeError(f"{name}: dtype {t.dtype.name} is not supported; expected one of {names}")


def indices(name: str, t: Type) -> None:
    """TypeError unless `t` holds integers."""
    if not is_integer(t.dtype):
        raise TypeError(f"{name}: indices must be integers, got {t}")


def equal_dtypes(name: str, *types: Type) -> None:
    """TypeError unless all dtypes are the same."""
    if any(t.dtype != types[0].dtype for t in types):
        raise TypeError(f"{name}: dtypes differ: {', '.join(map(str, types))}; convert first")
