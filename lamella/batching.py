"""vmap: apply a Program to a batch by asking each primitive for its batched form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamella import ops
from lamella.program import Builder, Program, Value, building, current_builder
from lamella.types import Type


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


def program_over_batch(
    program: Program, size: int, batched: Sequence[bool], wanted: Sequence[bool] | None = None
) -> tuple[Program, list[bool]]:
    """`program` over a batch as a Program of its own, and which outputs have the batch axis.

    Outputs that `wanted` marks are given the axis where they have none.
    """
    builder = Builder()
    inputs = [
        builder.make_value(Type((size, *t.shape), t.dtype) if b else t)
        for t, b in zip(program.in_types, batched, strict=True)
    ]
    with building(builder):
        outputs, has = batch_program(program, size, batched, inputs)
        if wanted is not None:
            outputs = [with_batch_axis(x, size, h) if w else x
                       for x, h, w in zip(outputs, has, wanted, strict=True)]  # fmt: skip
            has = [h or w for h, w in zip(has, wanted)]
    return builder.finish(inputs, outputs), has


def traced_batch(program: Program, size: int, batched: Sequence[bool]) -> Program:
    """`program` over a batch, every output with the batch axis."""
    return program_over_batch(program, size, batched, (True,) * len(program.outputs))[0]
