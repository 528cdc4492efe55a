"""Constructors of primitives: each fills in what its family settles."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lamella import ops
from lamella.primitive import Primitive, no_gradient
from lamella.types import BOOL, FLOATS, Type


def same_types(name: str, types: tuple[Type, ...]) -> Type:
    """The common Type of the operands; TypeError where they differ."""
    if any(t != types[0] for t in types):
        raise TypeError(f"{name}: operands must have one type, got {', '.join(map(str, types))}")
    return types[0]


def like(x: Any, value: float) -> Any:
    """A Value of x's type filled with `value`."""
    return ops.full(shape=x.type.shape, dtype=x.type.dtype.name, value=value)


def batch_elementwise(primitive: Callable[..., Any]) -> Callable[..., Any]:
    """Batching of anything that works lane by lane: broadcast what has no batch axis."""

    def batch(size: int, batched: tuple[bool, ...], *operands: Any, **attrs: Any) -> Any:
        return primitive(*(
            x if b else ops.broadcast(x, shape=(size, *x.type.shape),
                                      axes=tuple(range(1, x.type.ndim + 1)))
            for x, b in zip(operands, batched, strict=True)
        ), **attrs)  # fmt: skip

    return batch


def _same_type_rule(
    name: str, dtypes: Iterable[np.dtype], result: np.dtype | None
) -> Callable[..., Type]:
    allowed = frozenset(dtypes)
    expected = ", ".join(sorted(d.name for d in allowed))

    def typing(*types: Type) -> Type:
        t = same_types(name, types)
        if t.dtype not in allowed:
            raise TypeError(
                f"{name}: dtype {t.dtype.name} is not supported; expected one of {expected}"
            )
        return Type(t.shape, result) if result is not None else t

    return typing


def elementwise(
    name: str,
    *,
    numpy: Callable[..., Any],
    vjp: Callable[..., Any],
    scalar: Callable[..., Any],
    samples: Callable[..., Any],
    dtypes: Iterable[np.dtype] = FLOATS,
    result: np.dtype | None = None,
    typing: Callable[..., Any] | None = None,
    traits: Iterable[str] = (),
) -> Primitive:
    """One lane at a time: operands of one Type; the result has it too, or dtype `result`.

    `scalar(*lanes, **attrs)` computes one lane with operators and the helpers of lamella.scalar.
    `dtypes` are those that the operands may have. `typing` replaces this rule where operands
    differ in dtype; their shapes are equal always.
    """
    primitive = Primitive(
        name=name, family="elementwise", typing=typing or _same_type_rule(name, dtypes, result),
        numpy=numpy, vjp=vjp,
        batch=lambda *args, **attrs: batch_elementwise(primitive)(*args, **attrs),
        lower=scalar, samples=samples, traits=frozenset(traits),
    )  # fmt: skip
    return primitive


def comparison(
    name: str,
    *,
    numpy: Callable[..., Any],
    scalar: Callable[..., Any],
    dtypes: Iterable[np.dtype],
    samples: Callable[..., Any],
) -> Primitive:
    """Operands of one Type to bool."""
    return elementwise(name, numpy=numpy, vjp=no_gradient, scalar=scalar, dtypes=dtypes,
                       samples=samples, result=BOOL, traits=("cheap",))  # fmt: skip


def reals(low: float, high: float, n: int = 1) -> Callable[..., Any]:
    """Samples: `n` float64 operands of shape (3, 4), uniform in [low, high)."""
    return lambda rng: [(tuple(rng.uniform(low, high, (3, 4)) for _ in range(n)), {})]
