"""Endings: what becomes of the sums of a tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lamella.kernels.arithmetic import bytes_of, mask_of
from lamella.kernels.contract_blocks import Blocks
from lamella.kernels.contract_fetch import LARGE_BYTES, fetch
from lamella.kernels.contract_kernel import Emits
from lamella.kernels.contract_nest import Loops, strides_of
from lamella.kernels.contract_stage import SLACK
from lamella.kernels.contract_tile import Shape
from lamella.kernels.emit import Emitter
from lamella.kernels.emit_code import Code
from lamella.kernels.emit_index import Index, Var
from lamella.kernels.emit_lanes import Lanes
from lamella.kernels.emit_memory import store
from lamella.kernels.text import Int, scalar_type, vector_type
from lamella.program import Program, Value

#: An epilogue of more equations than this over all points of a tile is a loop over the rows.
INLINE = 150


class Store:
    """The plain ending: adds to what is there where the sums go through memory, and stores.

    A wide target holds sums, [part][element of the result].
    """

    def __init__(self, kernel: Emits, array: str, wide: bool) -> None:
        self.kernel, self.array, self.wide = kernel, array, wide
        self.target = array
        self.adds = kernel.plan.accumulates

    def start_of_chunk(self, blocks: Blocks) -> None:
        """Find the chunk's part."""
        code, plan = self.kernel.code, self.kernel.plan
        part: Int = 0
        for x, n in plan.splits.items():
            index = code.div(blocks.start[x], plan.grid[x])
            part = code.add(code.mul(part, n), index)
        offset = code.mul(part, self.kernel.loops.out_size)
        self.target = code.at(self.array, offset, self.kernel.math.sum)

    def fetch(self, blocks: Blocks, shape: Shape, at: dict[str, Int]) -> None:
        scalar = self.kernel.math.sum if self.wide else self.kernel.math.result
        if self.kernel.plan.partials * self.kernel.loops.out_size * bytes_of(scalar) >= LARGE_BYTES:
            fetch_tile(self.kernel, blocks, shape, at, [(self.target, scalar)])

    def __call__(self, blocks: Blocks, shape: Shape, at: dict[str, Int], values: list[str]) -> None:
        kernel, code = self.kernel, self.kernel.code
        scalar = kernel.math.sum if self.wide else kernel.math.result
        corner = code.at(self.target, offset_of_tile(kernel, blocks, at), scalar)
        lanes = 1 if kernel.tile.dot else kernel.tile.lanes
        for (_, vector), index, value in zip(shape.points(), places(kernel, shape), values):
            last = vector == shape.vectors - 1
            mask = mask_of(lanes, shape.used) if last and lanes > 1 else None
            self._one(code.at(corner, index, scalar), value, lanes, mask)

    def _one(self, place: str, value: str, lanes: int, mask: str | None) -> None:
        kernel, math = self.kernel, self.kernel.math
        if kernel.tile.dot:
            value = add_lanes(kernel, value)
        if self.adds:
            value = self._added(place, value, lanes, mask)
        store = math.store_sum if self.wide else math.store
        store(kernel.code, place, value, lanes, mask)

    def _added(self, place: str, value: str, lanes: int, mask: str | None) -> str:
        kernel, math, code = self.kernel, self.kernel.math, self.kernel.code
        old = (math.load_sum if self.wide else math.load)(code, place, lanes, mask)
        t = vector_type(math.sum, lanes)
        if kernel.first is not None:
            old = code.let(f"select i1 {kernel.first}, {t} {math.zero(lanes)}, {t} {old}")
        return math.add(code, old, value, lanes)


def offset_of_tile(kernel: Emits, blocks: Blocks, at: dict[str, Int]) -> Int:
    """The element of the result where a tile begins."""
    code, out = kernel.code, kernel.loops.out
    terms = [(code.add(blocks.start[x], i), out[x]) for x, i in at.items()]
    return code.linear(terms, out.offset)


def places(kernel: Emits, shape: Shape) -> list[int]:
    """The first element of every vector of a tile, counted from where the tile begins."""
    out, tile = kernel.loops.out, kernel.tile
    width = (1 if tile.dot else tile.lanes) * out[tile.lane]
    return [sum(i * out[x] for x, i in row.items()) + v * width for row, v in shape.points()]


def fetch_tile(kernel: Emits, blocks: Blocks, shape: Shape, at: dict[str, Int],
               arrays: Sequence[tuple[str, str]]) -> None:  # fmt: skip
    """Ask for a tile's lines of arrays that are laid out as the result: (address, element)."""
    offset = offset_of_tile(kernel, blocks, at)
    for pointer, scalar in arrays:
        corner = kernel.code.at(pointer, offset, scalar)
        fetch(kernel.code, corner, scalar, places(kernel, shape))


def add_lanes(kernel: Emits, value: str) -> str:
    """The sum of a vector's lanes, halves added to halves."""
    code, math, lanes = kernel.code, kernel.math, kernel.tile.lanes
    while lanes > 1:
        t, half = vector_type(math.sum, lanes), lanes // 2
        if half == 1:
            low, high = (code.let(f"extractelement {t} {value}, i64 {i}") for i in (0, 1))
            return math.add(code, low, high)
        pick = [", ".join(f"i32 {i}" for i in r) for r in (range(half), range(half, lanes))]
        low, high = (
            code.let(f"shufflevector {t} {value}, {t} poison, <{half} x i32> <{p}>") for p in pick
        )
        value, lanes = math.add(code, low, high, half), half
    return value


class Epilogue:
    """The rest of the body, evaluated on the sums: every output is stored, the sums are not.

    A short one runs on the registers; a long one in a loop over the rows of the tile, which passes
    through a small array, so that the code stays small.
    """

    def __init__(
        self, kernel: Emits, body: Program, result: Value,
        pointers: Mapping[Value, str], outputs: Sequence[str], aligned: Sequence[Value],
    ) -> None:  # fmt: skip
        """pointers: of the inputs; outputs: where the body's outputs are stored; aligned: inputs of
        which only the element that is being computed is read."""
        self.kernel, self.code = kernel, kernel.code
        self.body, self.result, self.outputs = body, result, outputs
        self.lanes = 1 if kernel.tile.dot else kernel.tile.lanes
        self.sums: Lanes  # at the point that is being evaluated
        self.emitter = Emitter(body, self.code, pointers, leaves={result: lambda at: self.sums})
        self.buffer: str | None = None
        touched = [*((pointers[v], v) for v in aligned), *zip(outputs, body.outputs)]
        self.touched = [(pointer, scalar_type(v.type.dtype)) for pointer, v in touched
                        if v.type.nbytes >= LARGE_BYTES]  # fmt: skip

    def start_of_chunk(self, blocks: Blocks) -> None:
        """Nothing to find."""

    def fetch(self, blocks: Blocks, shape: Shape, at: dict[str, Int]) -> None:
        fetch_tile(self.kernel, blocks, shape, at, self.touched)

    def __call__(self, blocks: Blocks, shape: Shape, at: dict[str, Int], values: list[str]) -> None:
        corner = {x: self._position(x, self.code.add(blocks.start[x], i)) for x, i in at.items()}
        tile = self.kernel.tile
        tails = {n: Var(n, 0, width=self.lanes) for n in (self.lanes, shape.used)}
        lane = [tails[shape.used if v == shape.vectors - 1 and not tile.dot else self.lanes]
                for v in range(shape.vectors)]  # fmt: skip
        if len(values) * len(self.body.equations) <= INLINE or not shape.rows:
            for (row, vector), value in zip(shape.points(), values):
                if tile.dot:
                    value = add_lanes(self.kernel, value)
                self._point(self._moved(corner, dict(row)), vector, lane[vector], value)
        else:
            self._loop(shape, corner, lane, values)

    def _loop(self, shape: Shape, corner: dict[str, Index], lane: list[Var],
              values: list[str]) -> None:  # fmt: skip
        """Through a buffer [row][vector][lanes]."""
        code, math, lanes = self.code, self.kernel.math, self.lanes
        buffer = self._buffer(len(values) * lanes)
        for i, value in enumerate(values):
            if self.kernel.tile.dot:
                value = add_lanes(self.kernel, value)
            math.store_sum(code, code.at(buffer, i * lanes, math.sum), value, lanes)
        sizes = [n for _, n in shape.rows]
        strides = [s * shape.vectors * lanes for s in strides_of(tuple(sizes))]

        def rows(d: int, start: str, position: dict[str, Index]) -> None:
            if d == len(sizes):
                for v in range(shape.vectors):
                    value = math.load_sum(code, code.at(start, v * lanes, math.sum), lanes)
                    self._point(position, v, lane[v], value)
                return
            axis = shape.rows[d][0]

            def row(i: Int, _: list[str]) -> None:
                place = code.at(start, code.mul(i, strides[d]), math.sum)
                moved = {**position, axis: self._sum(axis, position[axis], i, sizes[d])}
                rows(d + 1, place, moved)

            code.loop(sizes[d], row)

        rows(0, buffer, corner)

    def _buffer(self, elements: int) -> str:
        if self.buffer is None:
            most = self.kernel.tile.points * self.lanes
            nbytes = most * self.kernel.math.sum_dtype.itemsize + SLACK
            with self.code.hoisted(0):
                self.buffer = self.code.let(f"alloca [{nbytes} x i8], align 64")
        return self.buffer

    # ----------------------------------------------------------------------------- positions

    def _position(self, axis: str, position: Int) -> Index:
        if isinstance(position, int):
            return Index.of(self.code, position)
        return Index.of(self.code, Var(self._extent(axis), self.code.depth, position))

    def _extent(self, axis: str) -> int:
        return self.kernel.loops.extents[axis]

    def _moved(self, corner: dict[str, Index], row: dict[str, int]) -> dict[str, Index]:
        return {x: (i + row.get(x, 0)).within(self._extent(x)) for x, i in corner.items()}

    def _sum(self, axis: str, start: Index, i: Int, size: int) -> Index:
        step = i if isinstance(i, int) else Var(size, self.code.depth, i)
        return (start + Index.of(self.code, step)).within(self._extent(axis))

    def _point(self, position: dict[str, Index], vector: int, lane: Var, value: str) -> None:
        """Evaluate and store all outputs at one vector of the result."""
        loops, tile, code = self.kernel.loops, self.kernel.tile, self.code
        if not tile.dot:
            along = position[tile.lane] + vector * self.lanes + Index.of(code, lane)
            position = {**position, tile.lane: along.within(self._extent(tile.lane))}
        at = result_index(loops, position, self.result.type.shape, code)
        width = max((i.width for i in at), default=1)
        if width == 1 and self.lanes > 1:
            whole = vector_type(self.kernel.math.sum, self.lanes)
            value = code.let(f"extractelement {whole} {value}, i64 0")
        self.sums = Lanes(code, self.result.type.dtype, width, value)
        results = [self.emitter.value(v, at) for v in self.body.outputs]
        where = tuple(Index.of(code, i) for i in at)
        for v, pointer, lanes in zip(self.body.outputs, self.outputs, results):
            store(code, pointer, v.type, where, lanes)


def result_index(loops: Loops, position: Mapping[str, Index], shape: Sequence[int], code: Code
                 ) -> list[Index]:  # fmt: skip
    """The index of the result's element at a position of the loops.

    Where the axes are digits of the flat index, every dimension is computed from the axes that it
    shares digits with: (i, j) of i*512 + j in a result (8, 128, 512) is (i//128, i%128, j). So what
    is next to each other stays so, which quotients of the flat index would hide.
    """
    strides = strides_of(tuple(shape))
    if _are_digits(loops):
        found = [_digits(loops, position, s, n) for s, n in zip(strides, shape)]
        exact = [sum(x, Index.of(code, 0)) for x in found if x is not None]
        if len(exact) == len(found):
            return [x.within(n) for x, n in zip(exact, shape)]
    flat = Index.of(code, loops.out.offset)
    for x, i in position.items():
        flat = flat + i * loops.out[x]
    flat = flat.within(loops.out_size)
    return [(flat // s) % n if d else flat // s for d, (s, n) in enumerate(zip(strides, shape))]


def _are_digits(loops: Loops) -> bool:
    """Is the flat index written in the axes as a number in digits, without carry?"""
    reach = 0
    for x, stride in sorted(loops.out.strides.items(), key=lambda item: item[1]):
        if stride <= reach:
            return False
        reach += stride * (loops.extents[x] - 1)
    return loops.out.offset == 0


def _digits(loops: Loops, position: Mapping[str, Index], stride: int, size: int
            ) -> list[Index] | None:  # fmt: skip
    """Parts of the index in a dimension; None where an axis does not divide into it."""
    found = []
    for x, i in position.items():
        step = loops.out[x]
        unit, end = max(step, stride), stride * size
        if step >= end or step * loops.extents[x] <= stride:
            continue
        if unit % step or unit % stride or end % unit:
            return None
        found.append((i // (unit // step) % (end // unit)) * (unit // stride))
    return found
