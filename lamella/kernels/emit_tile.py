"""Transposed reads: an array that is contiguous along another loop than the lanes.

Where a nest writes out the points u = 0 .. size-1 of a tile, the vectors for all of them are loaded
as rows, one per lane, and transposed in registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lamella.kernels.emit_code import Code
from lamella.kernels.emit_index import Index, Var, lane
from lamella.kernels.emit_lanes import Lanes
from lamella.kernels.emit_memory import load_at, offset_of
from lamella.types import Type


@dataclass(frozen=True)
class Tile:
    """Point u of tile `number`: the loop stands at number * size + u, u < points <= size."""

    number: Var
    size: int
    u: int
    points: int


def load_transposed(
    code: Code, pointer: str, t: Type, at: Sequence[Index], tile: Tile
) -> Lanes | None:
    """The elements at an index, from a block read along the tile; None where it is not so read."""
    offset = offset_of(code, t, at)
    step = offset.lane_step
    if step in (None, 0, 1, -1) or offset.terms.get(tile.number) != tile.size:
        return None
    if offset.width != tile.size or tile.points == 1:
        return None
    first = Index(code, offset.terms, offset.constant - tile.u)
    if first.low < 0 or first.high + tile.points > t.size:
        return None  # `at` has a guard; other points of the block lie outside of the array
    key = ("transposed", pointer, t.dtype, first.key, tile.points)
    memo = code.memo(code.depth)
    if key not in memo:
        memo[key] = _block(code, pointer, t, first, tile.points)
    return memo[key][tile.u]


def _block(code: Code, pointer: str, t: Type, first: Index, points: int) -> list[Lanes]:
    """The vectors of all points: rows[l][u] is the element of lane l at point u."""
    width, step = first.width, first.lane_step
    assert step is not None
    start = first.without_lanes()
    rows: list[Lanes | None] = [None] * width
    for i in range(first.valid):
        along = start + i * step + lane(code, width, points)
        rows[i] = load_at(code, pointer, t, along, None)
    known = [x if x is not None else rows[0] for x in rows]
    return transpose([x for x in known if x is not None])


def transpose(rows: list[Lanes]) -> list[Lanes]:
    """n vectors of n lanes, transposed by interleaving the halves log2(n) times."""
    n = len(rows)
    for _ in range(n.bit_length() - 1):
        pairs = [_zipped(x, y) for x, y in zip(rows[: n // 2], rows[n // 2 :])]
        rows = [x for pair in pairs for x in pair]
    return rows


def _zipped(x: Lanes, y: Lanes) -> tuple[Lanes, Lanes]:
    """x0 y0 x1 y1 ... of the lower halves, and of the upper halves."""
    n = x.width
    lower = [i // 2 + (n if i % 2 else 0) for i in range(n)]
    return x.shuffled(y, lower), x.shuffled(y, [i + n // 2 for i in lower])
