"""scan: a body applied along the leading axis of arrays, carrying state from step to step.

    (*carry, *ys) = scan(*consts, *carry, *xs) with body(*consts, *carry, *x) -> (*carry, *y)

ys are stacked. With reverse=True it goes from the last element to the first. Its VJP is in
lamella.ops.scan_gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamella import ops
from lamella.batching import program_over_batch, with_batch_axis
from lamella.ops.control import DOUBLE, check_inputs, listed
from lamella.ops.layout import move_axis
from lamella.ops.loops import carried
from lamella.ops.scan_gradient import scan_vjp
from lamella.primitive import Primitive
from lamella.program import Program, program_of
from lamella.types import Type


def _typing(*operands: Type, body: Program, n_consts: int, n_carry: int, length: int,
            reverse: bool) -> tuple[Type, ...]:  # fmt: skip
    first = n_consts + n_carry
    xs = operands[first:]
    for x in xs:
        if x.ndim == 0 or x.shape[0] != length:
            raise ValueError(f"scan: expected {length} elements along axis 0 of {x}")
    rows = tuple(Type(x.shape[1:], x.dtype) for x in xs)
    check_inputs("scan: body", body, (*operands[:first], *rows))
    carry = operands[n_consts:first]
    if body.out_types[:n_carry] != carry:
        raise TypeError(
            f"scan: body must return the carry as it was given, {listed(carry)}, "
            f"but returns {listed(body.out_types[:n_carry])}"
        )
    return *carry, *(Type((length, *t.shape), t.dtype) for t in body.out_types[n_carry:])


def _numpy(*operands: np.ndarray, body: Program, n_consts: int, n_carry: int, length: int,
           reverse: bool) -> tuple[np.ndarray, ...]:  # fmt: skip
    first = n_consts + n_carry
    consts, carry, xs = operands[:n_consts], operands[n_consts:first], operands[first:]
    ys = [np.empty((length, *t.shape), t.dtype) for t in body.out_types[n_carry:]]
    for i in reversed(range(length)) if reverse else range(length):
        out = body.run(*consts, *carry, *(x[i] for x in xs))
        carry = out[:n_carry]
        for y, row in zip(ys, out[n_carry:]):
            y[i] = row
    return *carry, *ys


def _batch(size: int, batched: Any, *operands: Any, body: Program, n_consts: int, n_carry: int,
           length: int, reverse: bool) -> tuple[Any, ...]:  # fmt: skip
    first = n_consts + n_carry
    in_consts, init, in_xs = batched[:n_consts], batched[n_consts:first], batched[first:]
    n_ys = len(body.outputs) - n_carry

    def step(flags: Any) -> Any:
        return program_over_batch(body, size, (*in_consts, *flags, *in_xs))[1][:n_carry]

    flags = carried(init, n_carry, step)
    wanted = (*flags, *(True,) * n_ys)
    new_body, _ = program_over_batch(body, size, (*in_consts, *flags, *in_xs), wanted)
    carry = [with_batch_axis(x, size, not f or b)
             for x, b, f in zip(operands[n_consts:first], init, flags)]  # fmt: skip
    xs = [move_axis(x, 0, 1) if b else x for x, b in zip(operands[first:], in_xs)]
    out = ops.scan(*operands[:n_consts], *carry, *xs, body=new_body, n_consts=n_consts,
                   n_carry=n_carry, length=length, reverse=reverse)  # fmt: skip
    carry = [with_batch_axis(x, size, f) for x, f in zip(out[:n_carry], flags)]
    return *carry, *(move_axis(y, 1, 0) for y in out[n_carry:])


def _samples(rng: np.random.Generator) -> list[Any]:
    t = Type((3,), DOUBLE)

    def body(w: Any, h: Any, x: Any) -> tuple[Any, ...]:
        new = ops.tanh(ops.add(ops.mul(w, h), x))
        return new, ops.mul(new, x)

    attrs = {"body": program_of(body, t, t, t), "n_consts": 1, "n_carry": 1}
    return [
        ((rng.normal(size=3), rng.normal(size=3), rng.normal(size=(n, 3))),
         {**attrs, "length": n, "reverse": reverse})
        for n, reverse in ((4, False), (3, True), (0, False))
    ]  # fmt: skip


scan = Primitive(
    name="scan",
    family="control",
    typing=_typing,
    numpy=_numpy,
    vjp=scan_vjp,
    batch=_batch,
    lower=None,
    samples=_samples,
)
