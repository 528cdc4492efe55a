"""while_loop: as often as data says. For a gradient in reverse, use scan."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from lamella import ops
from lamella.batching import batch_program, program_over_batch, with_batch_axis
from lamella.ops.control import DOUBLE, check_inputs, choose, listed
from lamella.primitive import Primitive
from lamella.program import Program, program_of
from lamella.types import BOOL, Type


def _typing(
    *operands: Type, cond: Program, body: Program, n_cond_consts: int, n_body_consts: int
) -> tuple[Type, ...]:
    first = n_cond_consts + n_body_consts
    carry = operands[first:]
    check_inputs("while_loop: cond", cond, (*operands[:n_cond_consts], *carry))
    check_inputs("while_loop: body", body, (*operands[n_cond_consts:first], *carry))
    if cond.out_types != (Type((), BOOL),):
        raise TypeError(f"while_loop: cond must return a bool scalar, got {listed(cond.out_types)}")
    if body.out_types != carry:
        raise TypeError(
            f"while_loop: body must return what it was given, {listed(carry)}, "
            f"but returns {listed(body.out_types)}"
        )
    return carry


def _numpy(
    *operands: np.ndarray, cond: Program, body: Program, n_cond_consts: int, n_body_consts: int
) -> tuple[np.ndarray, ...]:
    first = n_cond_consts + n_body_consts
    carry = operands[first:]
    while cond.run(*operands[:n_cond_consts], *carry)[0]:
        carry = body.run(*operands[n_cond_consts:first], *carry)
    return tuple(carry)


def _vjp(gs: Any, ys: Any, *operands: Any, **attrs: Any) -> NoReturn:
    raise TypeError(
        "while_loop has no gradient in reverse: how many values it would have to keep is not known "
        "before it runs. Use lamella.fori_loop or lamella.scan with a static length instead"
    )


def carried(flags: Any, n: int, step: Any) -> tuple[bool, ...]:
    """Which of the n carries have a batch axis, once a step over carries with `flags` says so."""
    while True:
        after = tuple(a or b for a, b in zip(flags, step(flags)))
        if after == tuple(flags):
            return after
        flags = after


def _batch(size: int, batched: Any, *operands: Any, cond: Program, body: Program,
           n_cond_consts: int, n_body_consts: int) -> tuple[Any, ...]:  # fmt: skip
    """Runs until no element wants to go on; elements that are done keep their values."""
    first = n_cond_consts + n_body_consts
    in_cond, in_body, init = batched[:n_cond_consts], batched[n_cond_consts:first], batched[first:]
    flags = carried(init, len(init), lambda f: program_over_batch(body, size, (*in_body, *f))[1])
    by_element = program_over_batch(cond, size, (*in_cond, *flags))[1][0]
    if by_element:
        flags = (True,) * len(flags)
    carry = [with_batch_axis(x, size, b or not f)
             for x, b, f in zip(operands[first:], init, flags)]  # fmt: skip
    attrs = {"n_cond_consts": n_cond_consts, "n_body_consts": n_body_consts}
    if not by_element:
        test = program_over_batch(cond, size, (*in_cond, *flags))[0]
        step = program_over_batch(body, size, (*in_body, *flags), flags)[0]
        return _only_batched(size, flags, ops.while_loop(
            *operands[:first], *carry, cond=test, body=step, **attrs))  # fmt: skip
    test, step = _masked(cond, body, size, in_cond, in_body, [x.type for x in carry],
                         [x.type for x in operands[:first]])  # fmt: skip
    attrs["n_body_consts"] = first
    consts = operands[:first]
    return ops.while_loop(*operands[:n_cond_consts], *consts, *carry, cond=test, body=step, **attrs)


def _only_batched(size: int, flags: Any, results: Any) -> tuple[Any, ...]:
    return tuple(with_batch_axis(x, size, f) for x, f in zip(results, flags))


def _masked(cond: Program, body: Program, size: int, in_cond: Any, in_body: Any,
            carry: list[Type], consts: list[Type]) -> tuple[Program, Program]:  # fmt: skip
    """cond: does any element go on? body: a step for those that do."""
    n = len(in_cond)
    yes = (True,) * len(carry)

    def going(values: Any) -> Any:
        return batch_program(cond, size, (*in_cond, *yes), values)[0][0]

    def step(*values: Any) -> list[Any]:
        own, state = values[: len(consts)], values[len(consts) :]
        goes_on = going((*own[:n], *state))
        new, has = batch_program(body, size, (*in_body, *yes), (*own[n:], *state))
        return [choose(goes_on, with_batch_axis(x, size, b), old)
                for x, b, old in zip(new, has, state)]  # fmt: skip

    test = program_of(lambda *v: (ops.max(going(v), axes=(0,)),), *consts[:n], *carry)
    return test, program_of(step, *consts, *carry)


def _samples(rng: np.random.Generator) -> list[Any]:
    scalar = Type((), DOUBLE)
    cond = program_of(lambda limit, x, y: (ops.less(x, limit),), scalar, scalar, scalar)
    body = program_of(
        lambda step, x, y: (ops.add(x, step), ops.mul(y, step)), scalar, scalar, scalar
    )
    return [
        ((np.float64(3.5), np.float64(0.75), np.float64(start), np.float64(2.0)),
         {"cond": cond, "body": body, "n_cond_consts": 1, "n_body_consts": 1})
        for start in (0.25, 9.0)
    ]  # fmt: skip


while_loop = Primitive(
    name="while_loop",
    family="control",
    typing=_typing,
    numpy=_numpy,
    vjp=_vjp,
    batch=_batch,
    lower=None,
    samples=_samples,
)
