"""Remove what no output depends on."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lamella import ops
from lamella.passes.rewrite import with_nested
from lamella.program import Equation, Program, Value


def eliminate_dead(program: Program) -> Program:
    """x = f(a); (nobody reads x) -> nothing. Loops and branches return only what is read."""
    alive = set(program.outputs)
    kept: list[Equation] = []
    for eq in reversed(program.equations):
        if not alive.isdisjoint(eq.results):
            alive.update(eq.operands)
            kept.append(with_nested(_without_results(eq, alive), eliminate_dead))
    constants = {v: x for v, x in program.constants.items() if v in alive}
    return Program(program.inputs, kept[::-1], program.outputs, constants)


def _without_results(eq: Equation, alive: Collection[Value]) -> Equation:
    """A scan without stacked results, a switch without results, that are not `alive`."""
    if eq.primitive not in (ops.scan, ops.switch):
        return eq
    n_carry = eq.attrs.get("n_carry", 0)
    kept = [i for i, v in enumerate(eq.results) if i < n_carry or v in alive]
    attrs = {**eq.attrs, **{k: _returning(p, kept) for k, p in eq.programs}}
    results = tuple(eq.results[i] for i in kept)
    return Equation(eq.primitive, eq.operands, attrs, results, eq.source)


def _returning(program: Program, kept: Sequence[int]) -> Program:
    outputs = tuple(program.outputs[i] for i in kept)
    return Program(program.inputs, program.equations, outputs, program.constants)
