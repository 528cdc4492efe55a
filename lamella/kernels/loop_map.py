"""Map kernels: a nest of loops over the domain that stores every output where it is computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lamella.kernels.emit import Emitter, Leaf
from lamella.kernels.emit_code import Code
from lamella.kernels.emit_index import Index, Var, lane
from lamella.kernels.emit_memory import store
from lamella.kernels.emit_probe import Axis
from lamella.kernels.kernel import Kernel, Launch
from lamella.kernels.loop_plan import (
    Outputs,
    Space,
    block_of,
    chunk_count,
    cost_of,
    lanes_of,
    needed_by,
    split,
)
from lamella.kernels.loop_tile import Tiles, transposed_tiles, window_tiles
from lamella.native import Target
from lamella.program import Program, Value

At = dict[int, Index]
#: Rows with folds of up to so many vectors need no loop.
STRAIGHT = 16


class Map:
    """One nest: the loops in order (lanes along the last), and how they are cut into chunks.

    The units of work are the rows, the points of all loops but the last few; or, where there are
    too few of them, blocks of lanes within rows.
    """

    def __init__(
        self, body: Program, outputs: Outputs, target: Target, key: str,
        leaves: Callable[[Emitter], Mapping[Value, Leaf]] | None = None,
        leaf_values: Sequence[Value] = (), scratch: Sequence[int] = (), work: int = 0,
    ) -> None:  # fmt: skip
        self.body, self.outputs, self.target, self.key = body, outputs, target, key
        self.leaves, self.leaf_values, self.scratch = leaves, leaf_values, scratch
        self.scratch_blocks: Sequence[int | None] = (None,) * len(scratch)
        self.equations = needed_by(body, [*outputs.inner, *outputs.outer])
        self.space = Space(body, outputs, leaf_values)
        self.lanes = lanes_of(body, target.vector_bytes)
        self.elements = max(
            [math.prod(outputs.domain), work]
            + [
                eq.operands[0].type.size
                for eq in self.equations
                if eq.primitive.family in ("reduction", "window")
                and eq.results[0] not in leaf_values
            ]
        )
        self.empty = math.prod(outputs.domain) == 0
        self._order_loops()
        self._plan_units()

    # ----------------------------------------------------------------------------- the plan

    def _order_loops(self) -> None:
        kept, folded = self.outputs.kept, self.outputs.folded
        self.kept_axes = self.space.axes(kept)
        rest = self.space.axes(folded) if folded else []
        self.by_row = bool(rest)  # folds of more than one element: rows lie inside kept points
        lane_candidates = rest or self.kept_axes
        lane = max(
            range(len(lane_candidates)),
            key=lambda i: (self.space.lane_score(lane_candidates[i]), i),
            default=None,
        )
        axes = [*self.kept_axes, *rest]
        self.lane_axis: Axis | None = None
        if lane is not None and self._lanes_pay(lane_candidates[lane]):
            self.lane_axis = lane_candidates[lane]
            axes.remove(self.lane_axis)
        self.loops = axes
        self.extent = self.lane_axis.extent if self.lane_axis else 1
        self.width = min(self.lanes, 1 << (self.extent - 1).bit_length())
        self.unroll = self._unrolled()
        self.tiles = Tiles(self.loops, self._tile_sizes(), self.outputs.domain)
        if self.tiles:
            self.unroll = 1

    def _tile_sizes(self) -> dict[int, int]:
        if self.outputs.folded or self.lane_axis is None:
            return {}
        return window_tiles(self.equations, self.loops) or transposed_tiles(
            self.equations, self.space, self.loops, self.lane_axis, self.width
        )

    def _unrolled(self) -> int:
        """Vectors of a row that are written out one after the other.

        Short rows with folds are written out whole, so that what a fold computes stays in
        registers for its use.
        """
        body = sum(eq.primitive.family != "view" for eq in self.equations)
        vectors = self.extent // self.width
        self.straight = min(STRAIGHT, 120 // max(body, 1)) if self.outputs.folded else 0
        if 0 < vectors <= self.straight:
            return vectors
        return 4 if body <= 4 else 2 if body <= 10 else 1

    def _lanes_pay(self, axis: Axis) -> bool:
        """Rows that are folded have lanes of their own, unless they are short."""
        folds = [eq for eq in self.equations if eq.primitive.family == "reduction"
                 and eq.results[0] not in self.leaf_values]  # fmt: skip
        if not folds or self.outputs.folded:
            return True
        if self.space.lane_score(axis) > 0 and self._folds_are_strided(folds):
            return True
        length = max(eq.operands[0].type.size // max(eq.results[0].type.size, 1) for eq in folds)
        return length < 8 and axis.extent >= 8

    def _folds_are_strided(self, folds: Sequence[Any]) -> bool:
        """No fold runs along its operand's last axis."""
        return not any(
            eq.attrs.get("axes", (eq.attrs.get("axis"),))[-1:] == (eq.operands[0].type.ndim - 1,)
            for eq in folds
        )

    def _plan_units(self) -> None:
        wanted = chunk_count(self.elements, cost_of(self.equations))
        block = self.width * self.unroll
        rows = math.prod(a.extent for a in self.loops)
        self.blocks_in_row = self.extent // block
        self.in_blocks = (rows < wanted and self.blocks_in_row > 1
                          and not self._stores_outer() and not self.tiles)  # fmt: skip
        if self.in_blocks:
            self.prefix = len(self.loops)
            self.pieces = min(self.blocks_in_row, -(-wanted // rows))
            images = 1 if self.loops else self._images()
            self.piece, self.pieces = split(self.blocks_in_row, self.pieces, images)
            self.units = rows * self.pieces
        else:
            self.prefix, self.units = 0, 1
            limit = len(self.kept_axes) if self._stores_outer() else len(self.loops)
            while self.prefix < limit and self.units < wanted:
                self.units *= self.tiles.count(self.prefix)
                self.prefix += 1
        images = 1 if self.in_blocks else self._images()
        self.per_chunk, self.n_chunks = split(max(self.units, 1), wanted, images)

    def _stores_outer(self) -> bool:
        return self.by_row and bool(self.outputs.outer)

    # --------------------------------------------------------------------------- the launch

    @property
    def arguments(self) -> tuple[int, ...]:
        return tuple(range(len(self.body.inputs) + len(self.body.outputs))) + tuple(self.scratch)

    def launch(self) -> Launch:
        values = (*self.body.inputs, *self.body.outputs)
        # a gather touches of its table no more than it reads
        nbytes = sum(min(v.type.size, self.elements) * v.type.dtype.itemsize for v in values)
        blocks = (*map(self._block, values), *self.scratch_blocks)
        flops = self.elements * sum(eq.primitive.family != "view" for eq in self.equations)
        kernel = Kernel(self.key, self.text, self.n_chunks, blocks, flops, nbytes)
        return Launch(kernel, self.arguments)

    def _block(self, v: Value) -> int | None:
        """Bytes of array `v` that belong to each chunk alone, where they do."""
        accesses = [a for a in self.space.accesses if a.value is v]
        if not accesses:
            return 0
        found = self._unit_axes()
        if self.n_chunks == 1 or found is None:
            return None
        axes, step = found
        return block_of(self.space, accesses, axes, step * self.per_chunk)

    def points_per_chunk(self) -> int | None:
        """Points of the domain that a chunk has, next to each other; None where that varies."""
        found = self._unit_axes()
        if found is None:
            return None
        axes, step = found
        inside = {i for axis in axes for i in axis.members}
        outside = [n for i, n in enumerate(self.outputs.domain) if i not in inside]
        first = min(inside, default=0) == 0
        return step * self.per_chunk * math.prod(outside) if first else None

    def _images(self) -> int:
        """The extent of the domain's first axis, where chunks divide it."""
        outermost = self.loops[0] if self.loops else self.lane_axis
        first = outermost is not None and outermost.members[0] == 0
        return self.outputs.domain[0] if first else 1

    def _unit_axes(self) -> tuple[list[Axis], int] | None:
        """The loops that units count through, and how many points of the last one a unit has."""
        if self.in_blocks:
            whole = self.lane_axis is not None and not self.loops
            return ([self.lane_axis], self.piece * self.width * self.unroll) if whole else None  # type: ignore[list-item]
        sizes = [self.tiles.size(k) for k in range(self.prefix)]
        if not sizes or (len(sizes) > 1 and max(sizes) > 1):
            return None
        return self.loops[: self.prefix], sizes[-1]

    def inplace(self) -> frozenset[tuple[int, int]]:
        """(input, output) pairs where an element is read only where it is then overwritten."""
        pairs = set()
        for j, y in enumerate(self.body.outputs):
            if y not in self.outputs.inner:
                continue
            (stored,) = {a.offset.key for a in self.space.stores if a.value is y}
            for i, x in enumerate(self.body.inputs):
                read = {a.offset.key for a in self.space.probe.accesses if a.value is x}
                same = x.type.dtype == y.type.dtype and x.type.size == y.type.size
                if same and read == {stored}:
                    pairs.add((i, j))
        return frozenset(pairs)

    # ----------------------------------------------------------------------------- the text

    def text(self) -> str:
        """The LLVM text of the kernel."""
        code = Code(self.target)
        if self.empty:
            return code.kernel()
        values = [*self.body.inputs, *self.body.outputs]
        used = {a.value for a in self.space.accesses}
        pointers = {}
        for j, v in enumerate(values):
            if v in used and v not in pointers:
                pointers[v] = code.array(j)
        self.code = code
        self.emitter = Emitter(self.body, code, pointers, self.lanes, needed=self.equations)
        self.emitter.straight = self.straight
        if self.leaves is not None:
            self.emitter.override(self.leaves(self.emitter))
        self._output_pointers = [(v, code.array(len(self.body.inputs) + j))
                                 for j, v in enumerate(self.body.outputs)]  # fmt: skip
        first = code.mul("%lo", self.per_chunk) if self.per_chunk > 1 else "%lo"
        last = code.minimum(code.mul("%hi", self.per_chunk), self.units)
        if self.units == 1:
            first, last = 0, 1
        code.loop(last, self._unit, start=first, nonempty=True)
        return code.kernel()

    def _var(self, i: Any, extent: int) -> Index:
        if isinstance(i, int):
            return Index.of(self.code, i)
        return Index.of(self.code, Var(extent, self.code.depth, i))

    def _unit(self, i: Any, _: list[str]) -> None:
        unit = self._var(i, self.units)
        piece = unit % self.pieces if self.in_blocks else None
        rest = unit // self.pieces if self.in_blocks else unit
        counters = []
        for k in reversed(range(self.prefix)):
            counters.append(rest % self.tiles.count(k))
            rest = rest // self.tiles.count(k)
        self._enter(0, counters[::-1], {}, piece)

    def _enter(self, k: int, counters: list[Index], at: At, piece: Index | None) -> None:
        """Take the counters of the loops that are cut into units."""
        if k == len(counters):
            self._nest(k, at, piece)
            return
        axis, block, size = self.loops[k], counters[k], self.tiles.size(k)
        if size == 1:
            at = {**at, **axis.split(block, self.outputs.domain)}
            self._enter(k + 1, counters, at, piece)
            return
        here, whole = block.scalar(), axis.extent // size

        def full() -> None:
            with self.tiles.whole(k, here, self.code.depth):
                self._enter(k + 1, counters, at, piece)

        def rest() -> None:
            with self.tiles.rest(k):
                self._enter(k + 1, counters, at, piece)

        if whole * size == axis.extent:
            full()
        elif not whole:
            rest()
        else:
            self.code.when(self.code.let(f"icmp slt i64 {here}, {whole}"), full)
            self.code.when(self.code.let(f"icmp eq i64 {here}, {whole}"), rest)

    def _nest(self, k: int, at: At, piece: Index | None) -> None:
        if self.by_row and k == len(self.kept_axes):
            self._store(self.outputs.outer, at, self.outputs.kept)
        if k == len(self.loops):
            self._row(at, piece)
            return
        axis, size = self.loops[k], self.tiles.size(k)

        def body(i: Any, _: list[str]) -> None:
            if size > 1:
                with self.tiles.whole(k, i, self.code.depth):
                    self._nest(k + 1, at, piece)
                return
            counter = self._var(i, axis.extent)
            self._nest(k + 1, {**at, **axis.split(counter, self.outputs.domain)}, piece)

        self.code.loop(axis.extent // size, body)
        if axis.extent % size:
            with self.tiles.rest(k):
                self._nest(k + 1, at, piece)

    # ------------------------------------------------------------------------------ one row

    def _row(self, at: At, piece: Index | None) -> None:
        """All lanes of a row, or those of one piece of it."""
        if self.lane_axis is None:
            self._store_inner(at)
            return
        block = self.width * self.unroll
        if piece is None:
            self.code.loop(self.blocks_in_row, lambda i, _: self._block_of_lanes(
                at, self._var(i, self.blocks_in_row) * block))  # fmt: skip
            self._rest_of_row(at)
            return
        first = (piece * self.piece).scalar()
        last = self.code.minimum(self.code.add(first, self.piece), self.blocks_in_row)
        self.code.loop(last, lambda i, _: self._block_of_lanes(
            at, self._var(i, self.blocks_in_row) * block), start=first, nonempty=True)  # fmt: skip
        if self.extent % block:
            here = piece.scalar()
            end = self.code.let(f"icmp eq i64 {here}, {self.pieces - 1}")
            self.code.when(end, lambda: self._rest_of_row(at))

    def _rest_of_row(self, at: At) -> None:
        """The vectors that do not fill a block, the last one in part."""
        first = self.blocks_in_row * self.width * self.unroll
        for start in range(first, self.extent, self.width):
            valid = min(self.width, self.extent - start)
            self._lanes_at(at, Index.of(self.code, start), valid)

    def _block_of_lanes(self, at: At, start: Index) -> None:
        for u in range(self.unroll):
            self._lanes_at(at, start + u * self.width, self.width)

    def _lanes_at(self, at: At, start: Index, valid: int) -> None:
        assert self.lane_axis is not None
        counter = start + lane(self.code, self.width, valid)
        at = {**at, **self.lane_axis.split(counter, self.outputs.domain)}
        for here, tile in self.tiles.points(self.code, at):
            self.emitter.tile = tile
            self._store_inner(here)

    def _store_inner(self, at: At) -> None:
        self._store(self.outputs.inner, at, range(len(self.outputs.domain)))
        if not self.by_row:
            self._store(self.outputs.outer, at, self.outputs.kept)

    def _store(self, values: Sequence[Value], at: At, axes: Sequence[int]) -> None:
        """Evaluate all, then store all: an input may share an output's buffer."""
        where = [at.get(i, Index.of(self.code, 0)) for i in axes]
        lanes = {v: self.emitter.value(v, where) for v in values}
        for v, pointer in self._output_pointers:
            for piece in self.outputs.pieces_of(v):
                if piece.value in lanes:
                    at_piece = piece.place(where)
                    store(self.code, pointer, v.type, at_piece, lanes[piece.value])
