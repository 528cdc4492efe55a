"""Absorption: a loop that only one contraction reads is computed where the contraction reads it.

    z = loop(y) {relu(y * scale + shift)}; a = contract(z, w)
    ->
    a = contract(y, w) {relu(y * scale + shift) times w}

Its kernel computes z image by image, into memory that stays in the cache. Where the generator has
no place for that it refuses, and nothing changes.
"""

from __future__ import annotations

from lamella.compile.regions import lower_equation
from lamella.kernels.kernel import CannotFuse
from lamella.program import Builder, Equation, Program, Value


def absorb(program: Program) -> Program:
    """Move elementwise loops into the contractions that read them; the order stays."""
    readers: dict[Value, list[int]] = {}
    for i, eq in enumerate(program.equations):
        for v in eq.operands:
            readers.setdefault(v, []).append(i)
    equations: list[Equation | None] = list(program.equations)
    for i, eq in enumerate(program.equations):
        if eq.attrs.get("kind") != "loop" or len(eq.results) != 1:
            continue
        (value,) = eq.results
        at = readers.get(value, [])
        reader = equations[at[0]] if len(at) == 1 and value not in program.outputs else None
        if reader is None or reader.attrs.get("kind") != "contraction":
            continue
        if at[0] > i + 1 and any(v in program.inputs for v in eq.operands):
            continue  # an update that overwrites them would have to wait, or be copied
        joined = _joined(eq, reader)
        if joined is not None:
            equations[i], equations[at[0]] = None, joined
    kept = [eq for eq in equations if eq is not None]
    return Program(program.inputs, kept, program.outputs, program.constants)


def _joined(loop: Equation, reader: Equation) -> Equation | None:
    """`reader` with the equations of `loop` in front; None where there is no kernel for that."""
    (value,) = loop.results
    body: Program = reader.attrs["body"]
    inner = body.inputs[reader.operands.index(value)]
    products = [e for e in body.equations if e.primitive.family == "contraction"]
    if not all(e.operands.count(inner) == 1 for e in products) or body.constants:
        return None
    operands = tuple(dict.fromkeys((*loop.operands, *reader.operands)))
    operands = tuple(v for v in operands if v is not value)
    builder = Builder()
    outer = {v: builder.make_value(v.type) for v in operands}
    (outer[value],) = builder.inline(loop.attrs["body"], [outer[v] for v in loop.operands])
    results = builder.inline(body, [outer[v] for v in reader.operands])
    program = builder.finish([outer[v] for v in operands], results)
    joined = Equation(reader.primitive, operands, {**reader.attrs, "body": program},
                      reader.results, reader.source)  # fmt: skip
    try:
        lower_equation(joined)
    except CannotFuse:
        return None
    return joined
