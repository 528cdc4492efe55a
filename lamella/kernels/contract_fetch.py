"""Cache lines asked for ahead of time: while a tile is summed, what its ending will touch and what
the next tile will read come into the second-level cache.

A tile touches a few lines of each of many rows, a pattern that processors do not foresee. The lines
are not asked for into the first-level cache: so many at once hold up what the sums load.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamella.kernels.arithmetic import bytes_of
from lamella.kernels.contract_split import Tile
from lamella.kernels.contract_tile import Reader, Sums
from lamella.kernels.emit_code import Code
from lamella.kernels.emit_memory import LINE
from lamella.kernels.text import Int

#: Smaller arrays are in the second-level cache, or little is lost where they are not.
LARGE_BYTES = 1 << 20


def fetch(code: Code, pointer: str, scalar: str, places: Sequence[int]) -> None:
    """Ask for the lines of the elements at `places` of an array."""
    line = LINE // bytes_of(scalar)
    for i in sorted({place // line for place in places}):
        code.prefetch(code.at(pointer, i * line, scalar))


def fetch_next_rows(code: Code, tile: Tile, reader: Reader, sums: Sums, pointer: str,
                    scalar: str, lane: Int) -> None:  # fmt: skip
    """Ask for the rows behind those of this tile, contiguous along the only summed axis.

    pointer: where the tile's sums begin; lane: its position along the lane axis. The first tile of
    a row fetches, the others read the same.
    """
    if len(tile.rows) != 1 or len(sums.sums) != 1:
        return
    ((row, n),), ((axis, length, _),) = tile.rows, sums.sums
    if reader.lane_stride or reader.access[axis] != 1 or not reader.access[row]:
        return
    step = LINE // bytes_of(scalar)
    rows = [(n + r) * reader.access[row] for r in range(n)]

    def column(i: Int, _: list[str]) -> None:
        fetch(code, code.at(pointer, code.mul(i, step), scalar), scalar, rows)

    def columns() -> None:
        code.loop(code.div(code.add(length, step - 1), step), column)

    if isinstance(lane, int):
        columns()
    else:
        code.when(code.let(f"icmp eq i64 {lane}, 0"), columns)
