"""Loop kernels: elementwise, view, reduction, gather and window equations over one index space.

A body becomes one or two kernels:

map    every element of the outputs is computed where it is stored; reductions on the way are inner
       loops, done once per row where only a row needs them (softmax, layer normalisation).
fold   a long reduction whose results are few: fixed chunks of the folded axes give partial results,
       and a second kernel, a map, joins them in order (bias gradients, batch statistics, losses).
"""

from __future__ import annotations

import hashlib
from typing import Any

from lamella.kernels.kernel import CannotFuse, Lowered
from lamella.kernels.loop_fold import Fold
from lamella.kernels.loop_map import Map
from lamella.kernels.loop_plan import classify
from lamella.native import Target
from lamella.program import Program, Value
from lamella.types import COMPLEX


def lower_loop(body: Program, target: Target) -> Lowered:
    """The kernels of a loop body. Raises CannotFuse where its parts need loops of their own."""
    for v in (*body.inputs, *(r for eq in body.equations for r in eq.results)):
        if v.type.dtype in COMPLEX:
            raise CannotFuse(f"{v.type}: complex numbers are computed on the host")
    key = body_key(body, target)
    groups = classify(body)
    launches: list[Any] = []
    scratch: tuple[int, ...] = ()
    inplace: frozenset = frozenset()
    for number, outputs in enumerate(groups):
        name = f"{key} part {number}"
        if outputs.kind == "fold":
            fold = Fold(body, outputs, target, name, first_scratch=_buffers(body) + len(scratch))
            launches += fold.launches()
            scratch += fold.scratch
            inplace |= fold.inplace()
        else:
            nest = Map(body, outputs, target, name)
            launches.append(nest.launch())
            inplace |= nest.inplace() if len(groups) == 1 else frozenset()
    return Lowered(tuple(launches), scratch, inplace)


def _buffers(body: Program) -> int:
    return len(body.inputs) + len(body.outputs)


def body_key(body: Program, target: Target) -> str:
    """What a loop kernel's code depends on: the body, spelled with numbers for Values."""
    number: dict[Value, int] = {}
    lines = [f"vector {target.vector_bytes} {target.has('avx512f')}"]
    for v in body.inputs:
        number[v] = len(number)
        lines.append(f"input {v.type}")
    for v, array in body.constants.items():
        number[v] = len(number)
        lines.append(f"constant {v.type} {array.tobytes().hex()}")
    for eq in body.equations:
        for v in eq.results:
            number[v] = len(number)
        operands = [number[v] for v in eq.operands]
        lines.append(f"{eq.primitive} {operands} {sorted(eq.attrs.items())} {eq.results[0].type}")
    lines.append(str([number[v] for v in body.outputs]))
    names = [eq.primitive.name for eq in body.equations if eq.primitive.family != "view"]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:24]
    return f"loop {' '.join(names[:4])} {digest}"
