"""vmap: apply a Program to a batch by asking each primitive for its batched form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamella import ops
from lamella.program import Program, Value, current_builder


def batch_program(
    program: Program, size: int, batched: Sequence[bool], operands: Sequence[Any]
) -> tuple[list[Value], list[bool]]:
    """Append `program` over a batch of `size` to the Program being built.

    operands[i] has the batch axis at position 0 where batched[i]. Returns the outputs and which of
    them have the batch axis (at position 0); an output that depends on no batched input has none.
    """
    builder = current_builder()
    env: dict[Value, tuple[Any, bool]] = {}
    for value, x, b in zip(program.inputs, operands, batched, strict=True):
        env[value] = (builder.lift(x), b)
    for value, array in program.constants.items():
        env[value] = (builder.lift(array), False)
    for eq in program.equations:
        values = [env[v][0] for v in eq.operands]
        flags = tuple(env[v][1] for v in eq.operands)
        if any(flags):
            out = eq.primitive.batch(size, flags, *values, **eq.attrs)
        else:
            out = builder.emit(eq.primitive, values, eq.attrs)
        for v, x in zip(eq.results, out if isinstance(out, tuple) else (out,), strict=True):
            env[v] = (x, any(flags))
    return [env[v][0] for v in program.outputs], [env[v][1] for v in program.outputs]


def with_batch_axis(value: Value, size: int, batched: bool) -> Value:
    """`value` with the batch axis in front, repeated if it has none."""
    if batched:
        return value
    shape = value.type.shape
    return ops.broadcast(value, shape=(size, *shape), axes=tuple(range(1, len(shape) + 1)))
