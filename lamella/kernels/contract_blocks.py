"""Where a kernel is: the current block of every axis, through chunks, outer loops and tiles."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lamella.kernels.text import Int, Text


class Blocks:
    """Start and length of the current block of every axis, and the lengths that it can have."""

    def __init__(self, text: Text, extents: dict[str, int]) -> None:
        self.text = text
        self.extents = extents
        self.start: dict[str, Int] = dict.fromkeys(extents, 0)
        self.length: dict[str, Int] = dict(extents)
        self.lengths: dict[str, frozenset[int]] = {x: frozenset({n}) for x, n in extents.items()}

    def longest(self, axis: str) -> int:
        return max(self.lengths[axis])

    def enter(self, axis: str, block: int, index: Int) -> None:
        """Narrow the block of `axis` to number `index` of its parts of length `block`."""
        within = self.text.mul(index, block)
        left = self.text.sub(self.length[axis], within)
        self.start[axis] = self.text.add(self.start[axis], within)
        lengths = self.lengths[axis]
        parts = {n for whole in lengths for n in (min(block, whole), whole % block) if n}
        self.lengths[axis] = frozenset(parts)
        exact = len(parts) == 1
        self.length[axis] = min(parts) if exact else self.text.minimum(left, block)

    def chunk(self, grid: dict[str, int], number: Int) -> None:
        """Enter the blocks of chunk `number`; the last axis of the grid runs fastest."""
        for axis in reversed(grid):
            parts = -(-self.extents[axis] // grid[axis])
            index = number if axis == next(iter(grid)) else self.text.mod(number, parts)
            number = self.text.div(number, parts)
            self.enter(axis, grid[axis], index)

    def each(self, axis: str, block: int, body: Callable[[Int], None]) -> None:
        """Loop over the parts of the current block of `axis`; body(index) is inside the part."""
        count = self.text.div(self.text.add(self.length[axis], block - 1), block)
        before = self.start[axis], self.length[axis], self.lengths[axis]

        def part(index: Int, _: list[str]) -> None:
            self.start[axis], self.length[axis], self.lengths[axis] = before
            self.enter(axis, block, index)
            body(index)

        self.text.loop(count, part)
        self.start[axis], self.length[axis], self.lengths[axis] = before

    def tiles(self, axis: str, unit: int, body: Callable[[Int, int], None]) -> None:
        """Loop over the block in steps of `unit`: body(position in the block, length)."""
        text, lengths, length = self.text, self.lengths[axis], self.length[axis]
        if max(lengths) >= unit:
            full = text.div(length, unit)
            text.loop(full, lambda i, _: body(text.mul(i, unit), unit))
        for rest in sorted({n % unit for n in lengths} - {0}):
            at = text.mul(text.div(length, unit), unit)
            if len(lengths) == 1:
                body(at, rest)
            else:
                here = text.let(f"icmp eq i64 {text.mod(length, unit)}, {rest}")
                text.when(here, partial(body, at, rest))
