"""Staging: copying an operand to where and how the tiles want to read it.

A box is a part of the operand with zeros where it reaches out of bounds. A panel holds a block of
the operand with the lane axis contiguous: [lane tile][other axes][lanes of a tile].
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lamella.kernels.arithmetic import Arithmetic
from lamella.kernels.contract_blocks import Blocks
from lamella.kernels.contract_nest import Box, Linear, strides_of
from lamella.kernels.contract_split import Tile
from lamella.kernels.emit_code import Code
from lamella.kernels.text import Int, Text, vector_type

#: Stages are over-read and over-written by less than two vectors.
SLACK = 256


# ------------------------------------------------------------------------------------------ boxes


class BoxFill(ABC):
    """Fills the memory at `target` with the box of the current blocks, as wide sums.

    Meanwhile it has the next box fetched into the second-level cache: while a box is worked on,
    nothing else waits for memory.
    """

    def __init__(self, text: Text, math: Arithmetic, box: Box, lanes: int) -> None:
        self.text, self.math, self.box, self.lanes = text, math, box, lanes
        self.strides = strides_of(box.shape)
        self.target_strides = strides_of(box.sizes)
        self.step = self._elements_to_next()

    def _elements_to_next(self) -> int | None:
        """From a box to the next one, an image or a band of rows; None where there is no other."""
        cut = [d for d, n in enumerate(self.box.shape) if self.box.sizes[d] < n]
        return self.box.sizes[cut[-1]] * self.strides[cut[-1]] if cut else None

    @abstractmethod
    def fill(self, starts: dict[str, Int], source: str, target: str) -> None:
        """starts: where the blocks of the blocked axes begin."""

    def first(self, starts: dict[str, Int]) -> list[Int]:
        """The box's first index in the array, in each dimension; may be out of bounds."""
        return [
            self.text.linear([(starts[x], k) for x, k in dim.terms if x in starts], low)
            for dim, low in zip(self.box.dims, self.box.low)
        ]

    def zeros(self, row: str, begin: Int, end: Int) -> None:
        """Elements begin to end of `row`; may write over what comes after them."""
        text, lanes = self.text, self.lanes

        def vector(i: Int, _: list[str]) -> None:
            place = text.at(row, text.add(begin, text.mul(i, lanes)), self.math.sum)
            self.math.store_sum(text, place, self.math.zero(lanes), lanes)

        text.loop(_vectors(text, text.sub(end, begin), lanes), vector)


class BoxCopy(BoxFill):
    """Copies the box."""

    def __init__(self, text: Text, math: Arithmetic, box: Box, lanes: int) -> None:
        super().__init__(text, math, box, lanes)
        self.run = self._run_dimensions()

    def _run_dimensions(self) -> int:
        """From which dimension on a valid stretch of the box is a stretch of the array."""
        d = len(self.box.sizes) - 1
        while d > 0 and self.box.low[d] == 0 and self.box.sizes[d] == self.box.shape[d]:
            d -= 1
        return d

    def fill(self, starts: dict[str, Int], source: str, target: str) -> None:
        self._rows(0, self.first(starts), source, target, 0, 0, "true")

    def _rows(self, d: int, starts: list[Int], source: str, target: str, at: Int, to: Int,
              inside: str) -> None:  # fmt: skip
        """Loop over dimension d of the box; `at` and `to` are element offsets so far."""
        if d == self.run:
            self._row(starts[d], source, target, at, to, inside)
            return

        def row(r: Int, _: list[str]) -> None:
            index = self.text.add(starts[d], r)
            valid = self.text.let(f"icmp ult i64 {index}, {self.box.shape[d]}")
            valid = self.text.let(f"and i1 {inside}, {valid}")
            self._rows(
                d + 1, starts, source, target,
                self.text.add(at, self.text.mul(index, self.strides[d])),
                self.text.add(to, self.text.mul(r, self.target_strides[d])), valid,
            )  # fmt: skip

        self.text.loop(self.box.sizes[d], row)

    def _row(self, start: Int, source: str, target: str, at: Int, to: Int, inside: str) -> None:
        """zeros, the valid stretch, zeros; each may run over what is written after it."""
        text, d = self.text, self.run
        stride, size = self.strides[d], self.box.sizes[d]
        first = text.minimum(text.maximum(text.sub(0, start), 0), size)
        last = text.maximum(text.minimum(text.sub(self.box.shape[d], start), size), first)
        first = text.let(f"select i1 {inside}, i64 {first}, i64 {size}")
        last = text.let(f"select i1 {inside}, i64 {last}, i64 {size}")
        row = text.at(target, to, self.math.sum)
        self.zeros(row, 0, text.mul(first, stride))
        at = text.add(at, text.mul(start, stride))
        self._stretch(source, at, row, text.mul(first, stride), text.mul(last, stride))
        self.zeros(row, text.mul(last, stride), size * stride)

    def _stretch(self, source: str, at: Int, row: str, begin: Int, end: Int) -> None:
        text, lanes = self.text, self.lanes

        def vector(i: Int, _: list[str]) -> None:
            here = text.add(begin, text.mul(i, lanes))
            x = text.at(source, text.add(at, here), self.math.element)
            value = self.math.load(text, x, lanes)
            if self.step:
                text.prefetch(text.at(x, self.step, self.math.element))
            self.math.store_sum(text, text.at(row, here, self.math.sum), value, lanes)

        text.loop(_vectors(text, text.sub(end, begin), lanes), vector)


def _vectors(text: Text, elements: Int, lanes: int) -> Int:
    return text.div(text.add(elements, lanes - 1), lanes)


# ----------------------------------------------------------------------------------------- panels


@dataclass(frozen=True)
class Panel:
    """The layout of a panel: strides of the other axes; `lane` is the lane axis."""

    lane: str
    width: int
    tile_stride: int
    access: Linear
    size: int


def panel_layout(tile: Tile, source: Linear, lengths: Mapping[str, int]) -> Panel:
    """The layout for blocks of at most `lengths` of the axes that the source depends on."""
    others = [x for x in source.strides if x != tile.lane]
    others.sort(key=lambda x: -abs(source[x]))
    sizes = (*(lengths[x] for x in others), tile.width)
    access = Linear(dict(zip(others, strides_of(sizes))))
    tiles = -(-lengths[tile.lane] // tile.width)
    return Panel(tile.lane, tile.width, math.prod(sizes), access, tiles * math.prod(sizes))


#: Chunks of a kernel that copies to panels.
PANEL_CHUNKS = 16


def panel_grid(panel: Panel, extent: int) -> dict[str, int]:
    """The grid of the kernel that copies a whole operand to panels: lane tiles."""
    tiles = -(-extent // panel.width)
    return {panel.lane: min(extent, -(-tiles // PANEL_CHUNKS) * panel.width)}


def panel_text(math: Arithmetic, panel: Panel, source: Linear, extents: dict[str, int],
               lanes: int) -> str:  # fmt: skip
    """The kernel that copies a whole operand to panels; arguments: the operand, the panels."""
    code = Code()
    array, target = code.array(0), code.array(1)
    axes = {x: n for x, n in extents.items() if source[x]}

    def chunk(number: Int, _: list[str]) -> None:
        blocks = Blocks(code, axes)
        blocks.chunk(panel_grid(panel, axes[panel.lane]), number)
        start = blocks.start[panel.lane]
        first = code.linear([(start, source[panel.lane])], source.offset)
        tile = code.mul(code.div(start, panel.width), panel.tile_stride)
        copier = PanelCopy(code, math, panel, source, False, lanes)
        copier.copy(blocks, code.at(array, first, math.element), code.at(target, tile, math.sum))

    code.loop("%hi", chunk, start="%lo")
    return code.kernel()


class PanelCopy:
    """Copies the current block of an operand to a panel, as wide sums.

    Blocks of lanes x lanes elements are transposed in registers where an axis other than the lane
    axis is contiguous in the source.
    """

    def __init__(self, text: Text, math: Arithmetic, panel: Panel, source: Linear, wide: bool,
                 lanes: int) -> None:  # fmt: skip
        self.text, self.math, self.panel, self.source = text, math, panel, source
        self.lanes = lanes
        self.element = math.sum if wide else math.element
        self.load = math.load_sum if wide else math.load
        contiguous = [x for x in panel.access.strides if source[x] == 1]
        self.axis = contiguous[0] if contiguous and lanes > 1 else None

    def copy(self, blocks: Blocks, source: str, target: str) -> None:
        """source: the address of the block's first element."""
        axes = [x for x in self.panel.access.strides if x != self.axis]
        self._axes(axes, blocks, source, target)

    def _axes(self, axes: list[str], blocks: Blocks, source: str, target: str) -> None:
        if axes:
            self.text.loop(
                blocks.length[axes[0]],
                lambda i, _: self._axes(
                    axes[1:], blocks, *self._moved(source, target, axes[0], i)),
            )  # fmt: skip
        elif self.axis is None:
            self._lanes(blocks, lambda lane: self._element(source, target, lane))
        else:
            self._squares(blocks, source, target)

    def _moved(self, source: str, target: str, axis: str, i: Int) -> tuple[str, str]:
        text = self.text
        x = text.at(source, text.mul(i, self.source[axis]), self.element)
        return x, text.at(target, text.mul(i, self.panel.access[axis]), self.math.sum)

    def _lanes(self, blocks: Blocks, body: Callable[[Int], None]) -> None:
        self.text.loop(blocks.length[self.panel.lane], lambda i, _: body(i))

    def _place(self, target: str, lane: Int) -> str:
        """The address of lane position `lane` in the panel."""
        text, width = self.text, self.panel.width
        tile = text.mul(text.div(lane, width), self.panel.tile_stride)
        return text.at(target, text.add(tile, text.mod(lane, width)), self.math.sum)

    def _element(self, source: str, target: str, lane: Int) -> None:
        x = self.text.at(source, self.text.mul(lane, self.source[self.panel.lane]), self.element)
        self.math.store_sum(self.text, self._place(target, lane), self.load(self.text, x))

    def _squares(self, blocks: Blocks, source: str, target: str) -> None:
        """lanes x lanes squares; lanes past the end hold what is never stored."""
        axis, lane, n = self.axis, self.panel.lane, self.lanes
        assert axis is not None

        def column(position: Int, columns: int) -> None:
            x = self.text.at(
                source, self.text.mul(position, self.source[lane]), self.element)  # fmt: skip
            y = self._place(target, position)

            def square(at: Int, steps: int) -> None:
                self._square(*self._moved(x, y, axis, at), columns, steps)

            blocks.tiles(axis, n, square)

        blocks.tiles(lane, n, column)

    def _square(self, source: str, target: str, columns: int, steps: int) -> None:
        """`columns` vectors along the source's contiguous axis to `steps` vectors of lanes."""
        text, n = self.text, self.lanes
        t = vector_type(self.math.sum, n)
        rows = []
        for c in range(columns):
            place = text.at(source, c * self.source[self.panel.lane], self.element)
            rows.append(self.load(text, place, n))
        rows += [self.math.zero(n)] * (n - columns)
        for s, row in enumerate(transpose(text, rows, t, n)[:steps]):
            place = text.at(target, s * self.panel.access[self.axis or ""], self.math.sum)
            self.math.store_sum(text, place, row, n)


def transpose(text: Text, rows: list[str], vector: str, n: int) -> list[str]:
    """The n x n matrix of n vectors, transposed by log2(n) rounds of shuffles of pairs."""
    half = n // 2
    while half:
        low = [i if i % (2 * half) < half else n + i - half for i in range(n)]
        high = [i + half if i % (2 * half) < half else n + i for i in range(n)]
        for i in range(n):
            if i % (2 * half) < half:
                x, y = rows[i], rows[i + half]
                rows[i] = _shuffle(text, x, y, low, vector)
                rows[i + half] = _shuffle(text, x, y, high, vector)
        half //= 2
    return rows


def _shuffle(text: Text, x: str, y: str, lanes: list[int], vector: str) -> str:
    mask = ", ".join(f"i32 {i}" for i in lanes)
    return text.let(
        f"shufflevector {vector} {x}, {vector} {y}, <{len(lanes)} x i32> <{mask}>")  # fmt: skip
