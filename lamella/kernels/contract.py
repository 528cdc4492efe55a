"""Contractions: matrix products, einsum and every convolution, from an index map to kernels."""

from __future__ import annotations

from lamella import indexmap
from lamella.kernels.contract_generic import lower_generic
from lamella.kernels.kernel import CannotFuse, Launch, Lowered
from lamella.native import Target
from lamella.program import Equation, Program


def lower_contraction(body: Program, target: Target) -> Lowered:
    """The kernels of a `body` with one `contract` equation.

    Raises CannotFuse where the body holds what no epilogue can.
    """
    eq = _contract_equation(body)
    maps = indexmap.parse(eq.attrs["spec"])
    a, b = (v.type for v in eq.operands)
    if len(body.equations) > 1 or body.outputs != eq.results:
        raise CannotFuse("a contraction with other equations")
    lowered = lower_generic(maps, a, b, eq.results[0].type)
    return _renumbered(lowered, [body.inputs.index(v) for v in eq.operands], len(body.inputs))


def _renumbered(lowered: Lowered, operands: list[int], n_inputs: int) -> Lowered:
    """From arguments (a, b, result, scratch ...) to those of a body with its own inputs."""
    number = lambda i: operands[i] if i < 2 else n_inputs + i - 2  # noqa: E731
    launches = tuple(
        Launch(launch.kernel, tuple(map(number, launch.arguments))) for launch in lowered.launches
    )
    return Lowered(launches, lowered.scratch, lowered.inplace)


def _contract_equation(body: Program) -> Equation:
    found = [eq for eq in body.equations if eq.primitive.family == "contraction"]
    if len(found) != 1:
        raise CannotFuse(f"expected one contract equation, got {len(found)}")
    return found[0]
