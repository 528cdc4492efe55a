"""Bands: points of a nest that need not be summed, those far from the diagonal of two axes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lamella.kernels.contract_blocks import Blocks
from lamella.kernels.contract_nest import Loops
from lamella.kernels.text import Int, Text

#: Parts of a summed axis begin and end at multiples of this, where its blocks do.
UNIT = 16


@dataclass(frozen=True)
class Part:
    """`length` steps of a summed axis from `first` on, counted from the start of its block; the
    length is a multiple of `unit`."""

    axis: str
    first: Int
    length: Int
    unit: int


@dataclass(frozen=True)
class Band:
    """Points count where low <= position(y) - position(x) <= high, other ones need not be summed.

    At least one of the axes stands in the result.
    """

    x: str
    y: str
    low: int
    high: int

    def part(self, text: Text, blocks: Blocks, at: Mapping[str, Int], sizes: Mapping[str, int],
             outermost: str) -> Part:  # fmt: skip
        """What a tile at `at` must sum: a part of the band's summed axis; where both axes are the
        result's, all or nothing of the axis `outermost`."""
        if self.x in at and self.y in at:
            return self._all_or_nothing(text, blocks, at, sizes, outermost)
        if self.x in at:
            (first, last), axis, low, high = (
                self._ends(text, blocks, at, sizes, self.x),
                self.y,
                self.low,
                self.high,
            )
        else:
            (first, last), axis, low, high = (
                self._ends(text, blocks, at, sizes, self.y),
                self.x,
                -self.high,
                -self.low,
            )
        length, unit = blocks.length[axis], math.gcd(UNIT, *blocks.lengths[axis])
        begin = text.sub(text.add(first, low), blocks.start[axis])
        end = text.sub(text.add(last, high + unit), blocks.start[axis])
        begin = text.mul(text.div(text.maximum(begin, 0), unit), unit)
        end = text.mul(text.div(text.maximum(end, 0), unit), unit)
        steps = text.sub(text.minimum(end, length), begin)
        return Part(axis, begin, text.maximum(steps, 0), unit)

    def _all_or_nothing(self, text: Text, blocks: Blocks, at: Mapping[str, Int],
                        sizes: Mapping[str, int], axis: str) -> Part:  # fmt: skip
        x0, x1 = self._ends(text, blocks, at, sizes, self.x)
        y0, y1 = self._ends(text, blocks, at, sizes, self.y)
        # the farthest differences are y1 - x0 and y0 - x1: both bounds are met where this is >= 0
        room = text.minimum(
            text.sub(text.sub(y1, x0), self.low), text.sub(self.high, text.sub(y0, x1))
        )
        length, unit = blocks.length[axis], math.gcd(*blocks.lengths[axis])
        if isinstance(room, int):
            return Part(axis, 0, length if room >= 0 else 0, unit)
        met = text.let(f"icmp sge i64 {room}, 0")
        return Part(axis, 0, text.let(f"select i1 {met}, i64 {length}, i64 0"), unit)

    def _ends(self, text: Text, blocks: Blocks, at: Mapping[str, Int], sizes: Mapping[str, int],
              axis: str) -> tuple[Int, Int]:  # fmt: skip
        """The first and the last position of a tile along an axis."""
        first = text.add(blocks.start[axis], at[axis])
        return first, text.add(first, sizes[axis] - 1)


def band_of(attribute: tuple[str, str, int, int], extents: Mapping[str, int], loops: Loops
            ) -> Band | None:  # fmt: skip
    """The band of a contraction's attribute; None where its axes are no loops of their own."""
    band = Band(*attribute)
    same = all(loops.extents.get(x) == extents[x] for x in (band.x, band.y))
    return band if same and not (loops.summed(band.x) and loops.summed(band.y)) else None
