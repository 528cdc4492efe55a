"""Primitives of the engine on arrays and Tracers alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamella.frontend.tracer import Tracer
from lamella.primitive import Primitive


def apply(primitive: Primitive, *operands: Any, **attrs: Any) -> Any:
    """`primitive` on `operands`: traced if one of them is, computed otherwise."""
    if any(isinstance(x, Tracer) for x in operands):
        return primitive(*operands, **attrs)
    return primitive.numpy(*(np.asarray(x) for x in operands), **attrs)
