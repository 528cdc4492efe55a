"""The meaning of a Program: evaluate it with NumPy, one equation after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamella.program import Program, Value
from lamella.types import type_of


def evaluate(program: Program, arrays: Sequence[Any]) -> tuple[np.ndarray, ...]:
    """The outputs of `program` on `arrays`.

    Raises TypeError where the arrays are not of the input types.
    """
    env: dict[Value, np.ndarray] = dict(program.constants)
    if len(arrays) != len(program.inputs):
        raise TypeError(f"the program takes {len(program.inputs)} arrays, got {len(arrays)}")
    for i, (value, x) in enumerate(zip(program.inputs, arrays, strict=True)):
        if type_of(x) != value.type:
            raise TypeError(f"input {i}: expected {value.type}, got {type_of(x)}")
        env[value] = np.asarray(x)
    with np.errstate(all="ignore"):
        for eq in program.equations:
            out = eq.primitive.numpy(*(env[v] for v in eq.operands), **eq.attrs)
            for value, x in zip(eq.results, out if isinstance(out, tuple) else (out,), strict=True):
                env[value] = np.asarray(x, dtype=value.type.dtype).reshape(value.type.shape)
    return tuple(env[v] for v in program.outputs)
