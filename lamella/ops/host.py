"""Primitives that run their NumPy meaning by callback: what LAPACK and FFT libraries do well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamella.batching import with_batch_axis
from lamella.primitive import Primitive


def host(
    name: str,
    *,
    typing: Callable[..., Any],
    numpy: Callable[..., Any],
    vjp: Callable[..., Any],
    samples: Callable[..., Any],
    batch: Callable[..., Any] | None = None,
) -> Primitive:
    """A host primitive; unless `batch` is given, leading axes of all operands are batch axes."""

    def leading(size: int, batched: Any, *operands: Any, **attrs: Any) -> Any:
        xs = (with_batch_axis(x, size, b) for x, b in zip(operands, batched))
        return primitive(*xs, **attrs)

    primitive = Primitive(
        name=name,
        family="host",
        typing=typing,
        numpy=numpy,
        vjp=vjp,
        batch=batch or leading,
        lower=None,
        samples=samples,
    )
    return primitive
