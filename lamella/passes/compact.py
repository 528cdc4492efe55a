"""Gradients of tables: sums of the rows that a batch touches, not an array of the table's size.

    g = scatter_add(zeros: [rows, n], ids, updates)
    ->
    slots = scatter_nd(zeros: int32 [rows], ids, 1 2 3 ..., mode="set")    0: nobody touches the row
    sums = scatter_add(zeros: [1 + ids, n], slots[ids], updates)           row 0 remains zero
    g = gather(sums, slots)

The sums are added up in the same order. The optimizer reads them through the gather, as part of its
own loop: rows that nobody touches all read the one row of zeros, which stays in the cache.
"""

from __future__ import annotations

import math

from lamella import ops
from lamella.ops.indexing import constant, in_range
from lamella.passes.fuse import family
from lamella.passes.rewrite import Rewriter, map_nested
from lamella.program import Equation, Program, Value, building
from lamella.types import is_float

#: Tables of fewer bytes stay in the cache.
LARGE = 1 << 20
#: Columns without which a row is no vector, and rows of the table for each index.
COLUMNS, SPARSE = 16, 4


def compact(program: Program) -> Program:
    """Exchange large, mostly empty sums that only loops read for small ones and a gather."""
    out = Rewriter(program)
    readers: dict[Value, list[Equation]] = {}
    for eq in program.equations:
        for v in eq.operands:
            readers.setdefault(v, []).append(eq)
    with building(out):
        for eq in program.equations:
            read = readers.get(eq.results[0], [])
            if _is_sparse(out, eq) and eq.results[0] not in program.outputs and _in_loops(read):
                out.from_line(eq.source)
                out.replace(eq, _gathered(*(out.new[v] for v in eq.operands)))
            else:
                out.keep(eq, map_nested(eq, compact))
    return out.result(program)


def _is_sparse(out: Rewriter, eq: Equation) -> bool:
    """Does `eq` add few rows to a large array of zeros?"""
    if eq.primitive is not ops.scatter_add or eq.attrs["axis"] != 0:
        return False
    table, indices, _ = (v.type for v in eq.operands)
    made_by = out.definition.get(out.new[eq.operands[0]])
    columns = math.prod(table.shape[1:])
    return (
        is_float(table.dtype)
        and made_by is not None
        and made_by.primitive is ops.full
        and str(made_by.attrs["value"]) in ("0", "0.0")
        and table.nbytes >= LARGE
        and columns >= COLUMNS
        and 0 < SPARSE * indices.size <= table.shape[0]
    )


def _in_loops(readers: list[Equation]) -> bool:
    return all(family(eq) in ("elementwise", "reduction") for eq in readers)


def _gathered(zeros: Value, ids: Value, updates: Value) -> Value:
    rows, count = zeros.type.shape[0], ids.type.size
    rest, name = zeros.type.shape[1:], zeros.type.dtype.name
    flat = ops.reshape(ids, shape=(count,))
    numbers = ops.iota(shape=(count,), axis=0, dtype="int32")
    slots = ops.scatter_nd(
        ops.full(shape=(rows,), dtype="int32", value=0),
        ops.reshape(ids, shape=(count, 1)),
        ops.add(numbers, constant(1, numbers)),
        mode="set",
    )
    taken = ops.gather(slots, flat, axis=0)
    where = ops.select(in_range(flat, rows), taken, constant(-1, taken))
    sums = ops.scatter_add(
        ops.full(shape=(1 + count, *rest), dtype=name, value=0),
        where,
        ops.reshape(updates, shape=(count, *rest)),
        axis=0,
    )
    return ops.gather(sums, slots, axis=0)
