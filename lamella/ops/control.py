"""Primitives that hold Programs: call, switch, while_loop, fused (scan is in lamella.ops.scan).

They return tuples always, and their VJP rules receive `needed`, a bool per operand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamella import ops
from lamella.autodiff import sweep, zeros
from lamella.batching import batch_program, traced_batch, with_batch_axis
from lamella.primitive import Primitive
from lamella.program import Program, Value, current_builder, program_of
from lamella.types import Type

Types = tuple[Type, ...]


def listed(types: Sequence[Type]) -> str:
    return f"({', '.join(map(str, types))})"


def check_inputs(name: str, body: Program, types: Sequence[Type]) -> None:
    """TypeError unless `body` takes exactly `types`."""
    if body.in_types != tuple(types):
        raise TypeError(f"{name}: expects {listed(body.in_types)}, got {listed(types)}")


def gradient_inline(
    body: Program, gs: Sequence[Any], operands: Sequence[Value], needed: Sequence[bool]
) -> tuple[Any, ...]:
    """Compute `body` again and sweep back over it: cotangents of the needed operands, else None."""
    builder = current_builder()
    start = len(builder.equations)
    outputs = builder.inline(body, operands)
    wanted = list(dict.fromkeys(x for x, n in zip(operands, needed) if n))
    found = dict(zip(wanted, sweep(start, outputs, gs, wanted)))
    return tuple(found.pop(x, None) if n else None for x, n in zip(operands, needed))


# ----------------------------------------------------------------------- call


def _call_typing(*xs: Type, body: Program, vjp: Any, checkpoint: bool) -> Types:
    check_inputs("call", body, xs)
    return body.out_types


def _call_vjp(
    gs: tuple[Any, ...],
    ys: tuple[Value, ...],
    *xs: Value,
    body: Program,
    vjp: Callable[..., Any] | Program | None,
    checkpoint: bool,
    needed: tuple[bool, ...],
) -> tuple[Any, ...]:
    """`vjp(gs, ys, *xs)` if given, else the gradient of the body computed again.

    With checkpoint the body starts from barriers, so that no pass finds the first computation and
    keeps its intermediate values.
    """
    if vjp is None:
        xs = tuple(ops.barrier(x) for x in xs) if checkpoint else xs
        return gradient_inline(body, gs, xs, needed)
    filled = tuple(zeros(y) if g is None else g for g, y in zip(gs, ys))
    if isinstance(vjp, Program):
        return current_builder().inline(vjp, (*filled, *ys, *xs))
    return tuple(vjp(filled, ys, *xs))


def _batched_vjp(vjp: Any, types: Types, results: Types, size: int, batched: Any) -> Any:
    """The VJP of a batched call; an operand without batch axis receives the sum over the batch."""
    from lamella.frontend.trace import trace

    n = len(results)

    def apply(gs: Any, ys: Any, *xs: Any) -> list[Any]:
        present: list[bool] = []

        def one(*values: Any) -> list[Any]:
            given = values[:n], values[n : 2 * n], values[2 * n :]
            out = vjp(*given[:2], *given[2])
            present.extend(g is not None for g in out)
            return [g for g in out if g is not None]

        program, captured = trace(one, (*results, *results, *types))
        flags = [*(True for _ in (*gs, *ys)), *batched, *(False for _ in captured)]
        out, has = batch_program(program, size, flags, [*gs, *ys, *xs, *captured])
        found = iter(zip(out, has))
        return [_for_operand(*next(found), size, b) if p else None
                for p, b in zip(present, batched)]  # fmt: skip

    return apply


def _for_operand(g: Any, has_axis: bool, size: int, wanted: bool) -> Any:
    g = with_batch_axis(g, size, has_axis)
    return g if wanted else ops.sum(g, axes=(0,))


def _call_batch(
    size: int, batched: Any, *xs: Any, body: Program, vjp: Any, checkpoint: bool
) -> tuple[Any, ...]:
    batched_body = traced_batch(body, size, batched)
    if isinstance(vjp, Program):
        rule = vjp
        vjp = lambda gs, ys, *xs: current_builder().inline(rule, (*gs, *ys, *xs))  # noqa: E731
    if vjp is not None:
        vjp = _batched_vjp(vjp, body.in_types, body.out_types, size, batched)
    return ops.call(*xs, body=batched_body, vjp=vjp, checkpoint=checkpoint)


DOUBLE = np.dtype("float64")


def _sample_body() -> Program:
    t = Type((3,), DOUBLE)
    return program_of(lambda x, y: (ops.mul(x, ops.sin(y)), ops.add(x, y)), t, t)


call = Primitive(
    name="call",
    family="control",
    typing=_call_typing,
    numpy=lambda *xs, body, vjp, checkpoint: body.run(*xs),
    vjp=_call_vjp,
    batch=_call_batch,
    lower=None,
    samples=lambda rng: [
        ((rng.normal(size=3), rng.normal(size=3)),
         {"body": _sample_body(), "vjp": None, "checkpoint": checkpoint})
        for checkpoint in (False, True)
    ],
    traits=frozenset({"inline"}),
)  # fmt: skip

# ---------------------------------------------------------------------- fused


def _fused_typing(*xs: Type, body: Program, kind: str) -> Types:
    check_inputs("fused", body, xs)
    return body.out_types


fused = Primitive(
    name="fused",
    family="control",
    typing=_fused_typing,
    numpy=lambda *xs, body, kind: body.run(*xs),
    vjp=lambda gs, ys, *xs, body, kind, needed: gradient_inline(body, gs, xs, needed),
    batch=lambda size, batched, *xs, body, kind: current_builder().inline(
        traced_batch(body, size, batched), xs
    ),
    lower=None,
    samples=lambda rng: [
        ((rng.normal(size=3), rng.normal(size=3)), {"body": _sample_body(), "kind": "loop"})
    ],
)

# --------------------------------------------------------------------- switch


def branches_of(attrs: dict[str, Any]) -> list[Program]:
    return [attrs[f"branch{k}"] for k in range(attrs["n"])]


def _switch_typing(index: Type, *operands: Type, n: int, **programs: Program) -> Types:
    if index != Type((), np.dtype("int32")):
        raise TypeError(f"switch: the index must be an int32 scalar, got {index}")
    if n < 1 or set(programs) != {f"branch{k}" for k in range(n)}:
        raise ValueError(f"switch: n={n} branches, but the attributes are {sorted(programs)}")
    branches = branches_of({"n": n, **programs})
    for k, branch in enumerate(branches):
        check_inputs(f"switch: branch {k}", branch, operands)
        if branch.out_types != branches[0].out_types:
            raise TypeError(
                f"switch: all branches must return the same types; branch 0 returns "
                f"{listed(branches[0].out_types)}, branch {k} {listed(branch.out_types)}"
            )
    return branches[0].out_types


def _switch_numpy(index: np.ndarray, *operands: np.ndarray, **attrs: Any) -> Any:
    branches = branches_of(attrs)
    return branches[int(np.clip(index, 0, len(branches) - 1))].run(*operands)


def _switch_vjp(gs: Any, ys: Any, index: Value, *operands: Value, n: int,
                needed: tuple[bool, ...], **programs: Program) -> tuple[Any, ...]:  # fmt: skip
    """A switch whose branches compute the forward branch again and sweep back."""
    from lamella.frontend.trace import trace

    present = [i for i, g in enumerate(gs) if g is not None]
    wanted = needed[1:]

    def gradient(branch: Program) -> Callable[..., list[Any]]:
        def run(*values: Any) -> list[Any]:
            xs, some = values[: len(operands)], values[len(operands) :]
            full = [None] * len(gs)
            for i, g in zip(present, some):
                full[i] = g
            out = gradient_inline(branch, full, xs, wanted)
            return [zeros(x) if g is None else g for g, x, w in zip(out, xs, wanted) if w]

        return run

    types = [*(x.type for x in operands), *(gs[i].type for i in present)]
    traced = [trace(gradient(b), types) for b in branches_of({"n": n, **programs})]
    bodies, captured = unified(traced, len(types))
    out = iter(ops.switch(index, *operands, *(gs[i] for i in present), *captured, n=n,
                          **{f"branch{k}": b for k, b in enumerate(bodies)}))  # fmt: skip
    return None, *(next(out) if w else None for w in wanted)


def unified(traced: Sequence[tuple[Program, list[Value]]], n: int
            ) -> tuple[list[Program], list[Value]]:  # fmt: skip
    """Programs of n own inputs each, made to take the union of all captured Values after them."""
    union = list(dict.fromkeys(v for _, captured in traced for v in captured))
    programs = []
    for program, captured in traced:
        own = dict(zip(captured, program.inputs[n:]))
        extra = [own.get(v) or Value(v.type) for v in union]
        programs.append(Program((*program.inputs[:n], *extra), program.equations,
                                program.outputs, program.constants))  # fmt: skip
    return programs, union


def _switch_batch(
    size: int, batched: Any, index: Any, *operands: Any, n: int, **programs: Any
) -> Any:
    branches = branches_of({"n": n, **programs})
    flags = batched[1:]
    bodies = [traced_batch(b, size, flags) for b in branches]
    if not batched[0]:
        named = {f"branch{k}": b for k, b in enumerate(bodies)}
        return ops.switch(index, *operands, n=n, **named)
    builder = current_builder()
    results = builder.inline(bodies[0], operands)
    for k, body in enumerate(bodies[1:], 1):
        at_least = ops.greater_equal(index, ops.full(shape=(size,), dtype="int32", value=k))
        results = tuple(choose(at_least, new, old)
                        for new, old in zip(builder.inline(body, operands), results))  # fmt: skip
    return results


def choose(condition: Any, x: Any, y: Any) -> Any:
    """select with a condition [B] over x and y [B, ...]."""
    return ops.select(ops.broadcast(condition, shape=x.type.shape, axes=(0,)), x, y)


def _switch_samples(rng: np.random.Generator) -> list[Any]:
    t = Type((3,), DOUBLE)
    branches = {
        "branch0": _sample_body(),
        "branch1": program_of(lambda x, y: (ops.mul(x, x), y), t, t),
        "branch2": program_of(lambda x, y: (y, ops.exp(x)), t, t),
    }
    return [
        ((np.int32(k), rng.normal(size=3), rng.normal(size=3)), {"n": 3, **branches})
        for k in (-1, 1, 5)
    ]


switch = Primitive(
    name="switch",
    family="control",
    typing=_switch_typing,
    numpy=_switch_numpy,
    vjp=_switch_vjp,
    batch=_switch_batch,
    lower=None,
    samples=_switch_samples,
)
