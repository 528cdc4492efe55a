"""The kernel of a Plan.

for chunk in lo..hi:                         blocks of the grid's axes
    for block of the outer axes:             images, bands, parts of long sums
        stage what is read out of bounds or across the grain
        for tile: sums in registers, then the ending
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from lamella.kernels.arithmetic import Arithmetic
from lamella.kernels.contract_blocks import Blocks
from lamella.kernels.contract_fetch import LARGE_BYTES
from lamella.kernels.contract_nest import Box, Loops, summed_axes
from lamella.kernels.contract_plan import Plan
from lamella.kernels.contract_split import Tile
from lamella.kernels.contract_stage import SLACK, BoxCopy, BoxFill, PanelCopy, panel_layout
from lamella.kernels.contract_tile import Reader, Shape, Sums
from lamella.kernels.emit_code import Code
from lamella.kernels.text import Int

#: A panel of b of at most this many bytes stays in the first-level cache while rows pass by.
PANEL_BYTES = 24 << 10


#: (box, lanes) -> what fills the box.
FillOf = Callable[[Box, int], BoxFill]


class Ending(Protocol):
    """What becomes of the sums."""

    def start_of_chunk(self, blocks: Blocks) -> None:
        """Called in front of a chunk's loops."""

    def fetch(self, blocks: Blocks, shape: Shape, at: dict[str, Int]) -> None:
        """Ask for the cache lines that the call for this tile will touch."""

    def __call__(self, blocks: Blocks, shape: Shape, at: dict[str, Int], values: list[str]) -> None:
        """Take the sums of a tile of `shape` at position `at` in its blocks."""


class Emits(Protocol):
    """What endings know of the kernel that they end."""

    code: Code
    math: Arithmetic
    plan: Plan
    loops: Loops
    tile: Tile
    first: str | None  # i1: the first block of the sums, where there are several

    def chunk(self, number: Int, ending: Ending) -> None:
        """All loops of chunk `number`."""


class ContractionKernel:
    """Emits the loops of one plan; `ending` stores the sums of a tile."""

    def __init__(
        self, code: Code, math: Arithmetic, plan: Plan, arrays: list[str],
        computed: Mapping[int, FillOf] | None = None,
    ) -> None:  # fmt: skip
        """arrays: the operands; computed: what fills the boxes of those that are no arrays."""
        self.code, self.math, self.plan = code, math, plan
        self.computed = computed or {}
        self.loops, self.tile = plan.loops, plan.tile
        self.arrays = arrays
        self.blocks = Blocks(code, dict(self.loops.extents))
        self.first: str | None = None

    def chunk(self, number: Int, ending: Ending) -> None:
        """All loops of chunk `number`."""
        self.blocks = Blocks(self.code, dict(self.loops.extents))
        self.blocks.chunk(self.plan.grid, number)
        ending.start_of_chunk(self.blocks)
        self.sources = list(self.arrays)
        self.staged: list[Reader | None] = [None, None]
        self._outer(0, [], ending)

    # ------------------------------------------------------------------------- outer loops

    def _outer(self, level: int, indices: list[Int], ending: Ending) -> None:
        """The outer loops from `level` on; operands are staged as soon as their block is known."""
        before = list(self.sources), list(self.staged)
        for k in (0, 1):
            if self.staged[k] is None and self._settled(k, level):
                self._stage(k)
        if level == len(self.plan.outer):
            self.first = self._all_zero(indices)
            self._tiles(ending)
        else:
            axis, block = self.plan.outer[level]
            summed = self.loops.summed(axis)
            self.blocks.each(
                axis, block,
                lambda i: self._outer(level + 1, indices + [i] * summed, ending),
            )  # fmt: skip
        self.sources, self.staged = before

    def _settled(self, k: int, level: int) -> bool:
        """Whether no outer loop from `level` on changes what operand k's stages hold."""
        operand = self.loops.operands[k]
        later = [x for x, _ in self.plan.outer[level:]]
        return not any(operand.access[x] for x in later)

    def _all_zero(self, indices: list[Int]) -> str | None:
        condition = None
        for i in indices:
            if isinstance(i, str):
                now = self.code.let(f"icmp eq i64 {i}, 0")
                condition = now if condition is None else self.code.let(
                    f"and i1 {condition}, {now}")  # fmt: skip
        return condition

    # ----------------------------------------------------------------------------- staging

    def _stage(self, k: int) -> None:
        """Box, panel, and from then on the reader of operand k."""
        operand, lane = self.loops.operands[k], self.tile.lane
        access, wide = operand.access, operand.box is not None
        if operand.box and not self.loops.empty:
            target = self._stack(operand.box.size)
            starts = {x: self.blocks.start[x] for x in self.loops.blocked}
            make = self.computed.get(k, partial(BoxCopy, self.code, self.math))
            make(operand.box, self.tile.lanes).fill(starts, self.sources[k], target)
            self.sources[k] = target
        if self.plan.shared[k]:
            self._read_shared(k)
            return
        base = self.code.at(self.sources[k], self._origin(k), self._scalar(wide))
        if self.plan.panels[k]:
            lengths = {x: self.blocks.longest(x) for x in self.loops.extents}
            panel = panel_layout(self.tile, access, lengths)
            target = self._stack(panel.size)
            copier = PanelCopy(self.code, self.math, panel, access, wide, self.tile.lanes)
            if not self.loops.empty:
                copier.copy(self.blocks, base, target)
            self.staged[k] = Reader(panel.access, 1, panel.tile_stride, True)
            self.sources[k] = target
        else:
            self.staged[k] = Reader(access, access[lane], self.tile.width * access[lane], wide)
            self.sources[k] = base

    def _read_shared(self, k: int) -> None:
        """Operand k is panels already, of the whole array."""
        panel = panel_layout(self.tile, self.loops.operands[k].access, self.loops.extents)
        start, lane = self.blocks.start, self.tile.lane
        terms = [(start[x], s) for x, s in panel.access.strides.items()]
        terms.append((self.code.div(start[lane], self.tile.width), panel.tile_stride))
        self.sources[k] = self.code.at(self.sources[k], self.code.linear(terms), self.math.sum)
        self.staged[k] = Reader(panel.access, 1, panel.tile_stride, True)

    def _origin(self, k: int) -> Int:
        """The element offset of the current block in the array or in its box."""
        operand = self.loops.operands[k]
        boxed = self.loops.blocked if operand.box else {}
        terms = [(self.blocks.start[x], s) for x, s in operand.access.strides.items()
                 if x not in boxed]  # fmt: skip
        return self.code.linear(terms, operand.access.offset)

    def _stack(self, elements: int) -> str:
        nbytes = elements * self.math.sum_dtype.itemsize + SLACK
        with self.code.hoisted(0):
            return self.code.let(f"alloca [{nbytes} x i8], align 64")

    def _scalar(self, wide: bool) -> str:
        return self.math.sum if wide else self.math.element

    # ------------------------------------------------------------------------------- tiles

    def _tiles(self, ending: Ending) -> None:
        readers = [r for r in self.staged if r is not None]
        sums = [(x, self.blocks.length[x], self.blocks.lengths[x]) for x in self._summed_axes()]
        if self.loops.empty:
            sums = []
        far = [self._is_far(k, reader) for k, reader in enumerate(readers)]
        emitter = Sums(self.code, self.math, self.tile, readers, sums, far)
        self._tile_loops(self._tile_axes(), {}, {}, emitter, ending)

    def _summed_axes(self) -> list[str]:
        return summed_axes(self.loops, self.tile.lane)

    def _tile_axes(self) -> list[str]:
        """Result axes, outermost first."""
        lane, rows = self.tile.lane, dict(self.tile.rows)
        free = [x for x in self.loops.extents if not self.loops.summed(x) and x != lane]
        both = [x for x in free if all(op.access[x] for op in self.loops.operands)]
        rest = [x for x in free if x not in both and x not in rows]
        tiled = [x for x in free if x not in both and x in rows]
        if self.tile.dot:
            return [*both, *rest, *tiled]
        steps = 1
        for x in self._summed_axes():
            steps *= self.blocks.longest(x)
        small = steps * self.tile.width * self.math.sum_dtype.itemsize <= PANEL_BYTES
        if small and not self.tile.window:
            return [*both, lane, *rest, *tiled]
        return [*both, *rest, *tiled, lane]

    def _tile_loops(self, axes: list[str], at: dict[str, Int], sizes: dict[str, int],
                    emitter: Sums, ending: Ending) -> None:  # fmt: skip
        """Loops over the tiles of the block; at and sizes: the tile's position and lengths."""
        if not axes:
            self._one_tile(at, sizes, emitter, ending)
            return
        axis = axes[0]
        unit = self.tile.width if axis == self.tile.lane else dict(self.tile.rows).get(axis, 1)

        def tile(position: Int, length: int) -> None:
            self._tile_loops(
                axes[1:], {**at, axis: position}, {**sizes, axis: length}, emitter, ending
            )

        self.blocks.tiles(axis, unit, tile)

    def _one_tile(self, at: dict[str, Int], sizes: dict[str, int], emitter: Sums,
                  ending: Ending) -> None:  # fmt: skip
        lanes = self.tile.lanes
        length = lanes if self.tile.dot else sizes[self.tile.lane]
        vectors = -(-length // lanes)
        rows = tuple((x, sizes[x]) for x, _ in self.tile.rows)
        shape = Shape(rows, vectors, length - (vectors - 1) * lanes)
        n = len(shape.points())
        if self.loops.empty:
            values = [self.math.zero(lanes)] * n
        else:
            pointers = [self._tile_pointer(k, at, r) for k, r in enumerate(emitter.readers)]
            strided = not (self.tile.dot or self.tile.window)
            if self.plan.band and emitter.sums and strided:
                part = self.plan.band.part(self.code, self.blocks, at, sizes, emitter.sums[0][0])
                emitter, pointers = emitter.limited(pointers, part)
            if strided:
                ending.fetch(self.blocks, shape, at)
                emitter.fetch_next_rows(pointers, at[self.tile.lane])
            values = emitter.run(pointers, shape, [self.math.zero(lanes)] * n)
        ending(self.blocks, shape, at, values)

    def _is_far(self, k: int, reader: Reader) -> bool:
        """Whether operand k is read from a large array; elements that several points read count
        again."""
        strides, extents = self.loops.operands[k].access.strides, self.loops.extents
        elements = math.prod(n for x, n in extents.items() if strides.get(x))
        return not reader.wide and elements * self.math.dtype.itemsize >= LARGE_BYTES

    def _tile_pointer(self, k: int, at: dict[str, Int], reader: Reader) -> str:
        code, lane = self.code, self.tile.lane
        terms = [(position, reader.access[x]) for x, position in at.items() if x != lane]
        if lane in at:
            terms.append((code.div(at[lane], self.tile.width), reader.tile_stride))
        return code.at(self.sources[k], code.linear(terms), self._scalar(reader.wide))
