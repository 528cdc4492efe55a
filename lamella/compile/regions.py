"""Which generator makes the kernels of an equation."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Hashable, Iterator, Sequence

from lamella import ops
from lamella.kernels.contract import lower_contraction
from lamella.kernels.kernel import CannotFuse, Lowered
from lamella.kernels.loop import lower_loop
from lamella.native import target
from lamella.ops.lowering import Cumulative, OwnKernel
from lamella.passes.fuse import build_region
from lamella.passes.rewrite import with_nested
from lamella.program import Equation, Program, Value
from lamella.types import Type

GENERATORS = {"loop": lower_loop, "contraction": lower_contraction}


class _Known(threading.local):
    """What the compilation of this thread has lowered: by body, and by what the body is, as a
    network repeats its layers."""

    def __init__(self) -> None:
        self.bodies: dict[Program, Lowered] = {}
        self.alike: dict[Hashable, Lowered] = {}
        self.depth = 0


_known = _Known()


@contextlib.contextmanager
def lowered_once() -> Iterator[None]:
    """Inside, bodies that are alike are lowered once; what is known of them ends with it."""
    _known.depth += 1
    try:
        yield
    finally:
        _known.depth -= 1
        if not _known.depth:
            _known.bodies.clear()
            _known.alike.clear()


def lower_equation(eq: Equation) -> Lowered | None:
    """The kernels of `eq`, none where its results are empty; None where it runs on the host.

    Raises CannotFuse where a region's generator asks for smaller regions.
    """
    if not any(v.type.size for v in eq.results):
        return Lowered(())
    if eq.primitive is ops.fused:
        with lowered_once():
            return _lower_region(eq.attrs["kind"], eq.attrs["body"])
    own = eq.primitive.lower
    return own.lower_equation(eq) if isinstance(own, OwnKernel | Cumulative) else None


def _lower_region(kind: str, body: Program) -> Lowered:
    if body not in _known.bodies:
        key = (kind, _structure(body))
        if key not in _known.alike:
            _known.alike[key] = GENERATORS[kind](body, target())
        _known.bodies[body] = _known.alike[key]
    return _known.bodies[body]


def _structure(body: Program) -> Hashable:
    """Equal for Programs that differ in the identity of their Values only."""
    number: dict[Value, int] = {}

    def define(values: Sequence[Value]) -> tuple[Type, ...]:
        number.update(zip(values, range(len(number), len(number) + len(values))))
        return tuple(v.type for v in values)

    def use(values: Sequence[Value]) -> tuple[int, ...]:
        return tuple(number[v] for v in values)

    inputs = define(body.inputs), define(tuple(body.constants))
    arrays = tuple(x.tobytes() for x in body.constants.values())
    equations = tuple(
        (eq.primitive, use(eq.operands), repr(eq.attrs), define(eq.results))
        for eq in body.equations
    )  # fmt: skip
    return inputs, arrays, equations, use(body.outputs)


def split_unfusible(program: Program) -> Program:
    """fused {a; b; c} -> fused {a}, fused {b}, fused {c} where the generator refuses the whole."""
    equations: list[Equation] = []
    for eq in program.equations:
        if eq.primitive is ops.fused:
            equations += _accepted(eq)
        else:
            equations.append(with_nested(eq, split_unfusible))
    return Program(program.inputs, equations, program.outputs, program.constants)


def _accepted(eq: Equation) -> list[Equation]:
    try:
        lower_equation(eq)
        return [eq]
    except CannotFuse:
        if sum(e.primitive.family != "view" for e in eq.attrs["body"].equations) <= 1:
            raise
        return [e for part in _halves(eq) for e in _accepted(part)]


def _halves(eq: Equation) -> list[Equation]:
    """Two regions that do what `eq` does, one after the other."""
    flat = _inlined(eq)
    views = {e.results[0]: e for e in flat
             if e.primitive.family == "view" and e.results[0] not in eq.results}  # fmt: skip
    members = [e for e in flat if e.results[0] not in views] or flat
    middle = 1 if eq.attrs["kind"] == "contraction" else len(members) // 2
    first, second = members[:middle], members[middle:]
    needed = {r for e in second for v in e.operands for r in _roots(v, views)} | set(eq.results)
    parts = []
    for kind, part in ((eq.attrs["kind"], first), ("loop", second)):
        made = [v for e in part for v in e.results]
        wanted = needed if part is first else set(eq.results)
        parts.append(build_region(kind, part, views, tuple(v for v in made if v in wanted)))
    return parts


def _roots(value: Value, views: dict[Value, Equation]) -> list[Value]:
    if value not in views:
        return [value]
    return [r for v in views[value].operands for r in _roots(v, views)]


def _inlined(eq: Equation) -> list[Equation]:
    """The equations of the body over the Values outside; the body's outputs are the results."""
    body = eq.attrs["body"]
    env: dict[Value, Value] = dict(zip(body.inputs, eq.operands))
    env.update(zip(body.outputs, eq.results))
    flat = []
    for e in body.equations:
        for v in e.results:
            env.setdefault(v, Value(v.type))
        operands, results = tuple(env[v] for v in e.operands), tuple(env[v] for v in e.results)
        flat.append(Equation(e.primitive, operands, e.attrs, results, e.source))
    return flat
