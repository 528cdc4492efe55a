"""Remove what no output depends on."""

from __future__ import annotations

from lamella.passes.rewrite import map_nested
from lamella.program import Equation, Program


def eliminate_dead(program: Program) -> Program:
    """x = f(a); (nobody reads x) -> nothing."""
    alive = set(program.outputs)
    kept: list[Equation] = []
    for eq in reversed(program.equations):
        if any(v in alive for v in eq.results):
            alive.update(eq.operands)
            attrs = map_nested(eq, eliminate_dead)
            kept.append(Equation(eq.primitive, eq.operands, attrs, eq.results, eq.source))
    constants = {v: x for v, x in program.constants.items() if v in alive}
    return Program(program.inputs, kept[::-1], program.outputs, constants)
