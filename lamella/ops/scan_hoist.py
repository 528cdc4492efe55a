"""Products that do not wait for the carry, taken out of a scan: one for all steps.

    for t:  h = tanh(x[t] @ w + h @ u)      ->      z = x @ w;  for t:  h = tanh(z[t] + h @ u)

The product of all steps is one large contraction instead of many small ones. Since it is done where
the scan is recorded, its gradients are taken outside as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lamella import ops
from lamella.batching import batch_program
from lamella.program import Equation, Program, Value

#: What is computed for all steps at once if a product needs it.
MOVABLE = ("elementwise", "view", "contraction", "reduction")


def hoisted_scan(
    *operands: Value, body: Program, n_consts: int, n_carry: int, length: int, reverse: bool
) -> tuple[Value, ...]:
    """`ops.scan` of the same meaning with fewer products in its body."""
    first = n_consts + n_carry
    consts, rows = body.inputs[:n_consts], body.inputs[first:]
    moved, cut = _cut(body, consts, rows)
    if not cut or length < 2:
        return ops.scan(*operands, body=body, n_consts=n_consts, n_carry=n_carry, length=length,
                        reverse=reverse)  # fmt: skip
    before = Program((*consts, *rows), _needed(moved, cut), tuple(cut), body.constants)
    batched = [False] * n_consts + [True] * len(rows)
    values, has = batch_program(before, length, batched, (*operands[:n_consts], *operands[first:]))
    inputs = {**dict(zip(body.inputs, operands)), **dict(zip(cut, values))}
    kept = _needed([eq for eq in body.equations if not _makes(eq, cut)], body.outputs)
    read = {v for eq in kept for v in eq.operands} | set(body.outputs)
    fixed = [v for v in (*consts, *(v for v, h in zip(cut, has) if not h)) if v in read]
    slices = [v for v in (*rows, *(v for v, h in zip(cut, has) if h)) if v in read]
    carry = body.inputs[n_consts:first]
    order = (*fixed, *carry, *slices)
    rest = Program(order, kept, body.outputs, body.constants)
    return ops.scan(*(inputs[v] for v in order), body=rest, n_consts=len(fixed), n_carry=n_carry,
                    length=length, reverse=reverse)  # fmt: skip


def _cut(
    body: Program, consts: Sequence[Value], rows: Sequence[Value]
) -> tuple[list[Equation], list[Value]]:
    """Equations that do not depend on the carry, and the values to compute in front of the scan:
    products of rows and consts, with the elementwise equations that follow them."""
    free, by_row = {*consts, *rows, *body.constants}, set(rows)
    movable: list[Equation] = []
    behind: set[Value] = set()  # products, and what is computed of them alone
    for eq in body.equations:
        able = eq.primitive.family in MOVABLE and "opaque" not in eq.primitive.traits
        if not able or not free.issuperset(eq.operands):
            continue
        movable.append(eq)
        free.update(eq.results)
        rows_read = by_row.intersection(eq.operands)
        by_row.update(eq.results if rows_read else ())
        product = eq.primitive.family == "contraction" and len(rows_read) == 1
        follows = eq.primitive.family == "elementwise" and behind.intersection(eq.operands)
        if product or follows:
            behind.update(eq.results)
    inside = [v for eq in body.equations if not _makes(eq, behind) for v in eq.operands]
    used = set(inside) | set(body.outputs)
    return movable, [v for eq in movable for v in eq.results if v in behind and v in used]


def _makes(eq: Equation, values: Iterable[Value]) -> bool:
    return not set(values).isdisjoint(eq.results)


def _needed(equations: Sequence[Equation], outputs: Iterable[Value]) -> list[Equation]:
    """Those of `equations` that `outputs` depend on, in order."""
    alive, kept = set(outputs), []
    for eq in reversed(equations):
        if not alive.isdisjoint(eq.results):
            alive.update(eq.operands)
            kept.append(eq)
    return kept[::-1]
