"""The register tile: sums of products in registers.

for every step of the sums:                              (loops, the innermost unrolled)
    for every row, for every vector:
        sum[row, vector] += a[...] * b[...]              (what both need is loaded once)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

from lamella.kernels.arithmetic import Arithmetic, mask_of
from lamella.kernels.contract_band import Part
from lamella.kernels.contract_cost import CHAINS, UNROLLED, WINDOW
from lamella.kernels.contract_fetch import (
    AHEAD,
    CYCLES_PER_LINE,
    fetch,
    fetch_next_chunk,
    per_line,
)
from lamella.kernels.contract_nest import Linear
from lamella.kernels.contract_split import Tile
from lamella.kernels.text import Int, Text, vector_type


@dataclass(frozen=True)
class Reader:
    """How tiles read one operand: by strides, as elements or as wide sums.

    lane_stride is the lane axis's within a tile, tile_stride from one tile to the next.
    """

    access: Linear
    lane_stride: int
    tile_stride: int
    wide: bool


@dataclass(frozen=True)
class Shape:
    """The part of a tile that is computed: at the ends of the axes it is smaller."""

    rows: tuple[tuple[str, int], ...]
    vectors: int
    used: int  # lanes of the last vector

    def points(self) -> list[tuple[dict[str, int], int]]:
        """(row positions, vector) of every sum."""
        names = [x for x, _ in self.rows]
        places = product(*(range(n) for _, n in self.rows))
        return [(dict(zip(names, at)), v) for at in places for v in range(self.vectors)]


class Sums:
    """Computes the sums of one tile."""

    def __init__(self, text: Text, math: Arithmetic, tile: Tile, readers: Sequence[Reader],
                 sums: Sequence[tuple[str, Int, frozenset[int]]],
                 far: Sequence[bool]) -> None:  # fmt: skip
        """sums: (axis, length, possible lengths) of the summed axes, outermost first; far: of which
        operands lines are asked for ahead."""
        self.text, self.math, self.tile, self.readers = text, math, tile, readers
        self.sums = list(sums)
        self.far = far
        self.most = WINDOW if tile.window else UNROLLED  # multiply-adds written out
        self.type = vector_type(math.sum, tile.lanes)

    def limited(self, pointers: Sequence[str], part: Part) -> tuple[Sums, list[str]]:
        """The sums over a part of one axis, and where their operands begin."""
        sums = [(x, part.length, frozenset({part.unit})) if x == part.axis else (x, n, lengths)
                for x, n, lengths in self.sums]  # fmt: skip
        return (
            Sums(self.text, self.math, self.tile, self.readers, sums, self.far),
            self._moved(list(pointers), part.axis, part.first),
        )

    def run(self, pointers: Sequence[str], shape: Shape, init: list[str]) -> list[str]:
        """The sums of all points of `shape`, starting from `init`."""
        self.points = shape.points()
        chains = max(1, min(-(-CHAINS // len(self.points)), self._unroll_limit()))
        zeros = [self.math.zero(self.tile.lanes)] * (len(init) * (chains - 1))
        values = self._loop(0, list(pointers), [*init, *zeros])
        n = len(init)
        while len(values) > n:  # the chains, as a fixed tree
            half = len(values) // n // 2 * n
            rest = values[2 * half :]
            pairs = zip(values[:half], values[half : 2 * half])
            values = [self.math.add(self.text, x, y, self.tile.lanes) for x, y in pairs] + rest
        return values

    # -------------------------------------------------------------------------------- loops

    def _loop(self, level: int, pointers: list[str], values: list[str]) -> list[str]:
        """The loop over summed axis `level` and those inside it."""
        if level == len(self.sums):
            return self._steps([{}], pointers, values)
        if self._whole(level):
            points = self._all_points(level)
            if level == 0:
                self._fetch_chunk(len(points))
            return self._steps(points, pointers, values)
        axis, length, lengths = self.sums[level]
        if axis == self.tile.lane:
            return self._lanes(level, pointers, values)
        if level < len(self.sums) - 1 and not self._whole(level + 1):
            return self._rolled(level, length, 1, pointers, values)
        inner = 1 if level == len(self.sums) - 1 else len(self._all_points(level + 1))
        unroll = self._unroll(lengths, inner)
        return self._rolled(level, self.text.div(length, unroll), unroll, pointers, values)

    def _rolled(self, level: int, count: Int, unroll: int, pointers: list[str],
                values: list[str]) -> list[str]:  # fmt: skip
        axis = self.sums[level][0]
        inside = level + 1
        unrolled = inside == len(self.sums) or self._whole(inside)

        def body(i: Int, carried: list[str]) -> list[str]:
            here = self._moved(pointers, axis, self.text.mul(i, unroll))
            if not unrolled:
                return self._loop(inside, here, carried)
            if inside == len(self.sums):
                self._fetch_steps(level, unroll, here)
                self._fetch_chunk(unroll)
            points = [{axis: u, **p} for u in range(unroll) for p in self._all_points(inside)]
            return self._steps(points, here, carried)

        return self.text.loop(count, body, [(self.type, x) for x in values])

    def _lanes(self, level: int, pointers: list[str], values: list[str]) -> list[str]:
        """The lane axis of a dot tile: whole vectors, then a masked one."""
        axis, length, _ = self.sums[level]
        assert isinstance(length, int)
        whole, rest = divmod(length, self.tile.lanes)
        chains = len(values) // len(self.points)
        unroll = max(u for u in (chains, 2, 1) if whole % u == 0 or u == chains == 1)
        step = unroll * self.tile.lanes

        def body(i: Int, carried: list[str]) -> list[str]:
            here = self._moved(pointers, axis, self.text.mul(i, step))
            points = [{axis: u * self.tile.lanes} for u in range(unroll)]
            return self._steps(points, here, carried)

        values = self.text.loop(whole // unroll, body, [(self.type, x) for x in values])
        if rest:
            here = self._moved(pointers, axis, whole * self.tile.lanes)
            values = self._steps([{}], here, values, mask_of(self.tile.lanes, rest))
        return values

    def _moved(self, pointers: list[str], axis: str, position: Int) -> list[str]:
        moved = []
        for pointer, reader in zip(pointers, self.readers):
            index = self.text.mul(position, reader.access[axis])
            moved.append(self.text.at(pointer, index, self._element(reader)))
        return moved

    # ----------------------------------------------------------------------------- unrolling

    def _whole(self, level: int) -> bool:
        """Whether all steps of axis `level` and those inside it are unrolled."""
        steps = 1
        for axis, length, _ in self.sums[level:]:
            if axis == self.tile.lane or not isinstance(length, int):
                return False
            steps *= length
        return steps * len(self.points) <= self.most

    def _all_points(self, level: int) -> list[dict[str, int]]:
        axes = [(axis, length) for axis, length, _ in self.sums[level:]]
        ranges = product(*(range(n) for _, n in axes if isinstance(n, int)))
        return [dict(zip((x for x, _ in axes), at)) for at in ranges]

    def _unroll(self, lengths: frozenset[int], inner: int) -> int:
        """Steps per turn of the innermost loop: a divisor of every possible length."""
        most = max(1, self.most // (len(self.points) * inner))
        fits = (u for u in range(most, 0, -1) if all(n % u == 0 for n in lengths))
        return next(fits)

    def _unroll_limit(self) -> int:
        """How many chains the unrolled steps can feed."""
        if not self.sums:
            return 1
        if self._whole(0):
            return len(self._all_points(0))
        axis, length, lengths = self.sums[-1]
        if axis == self.tile.lane:
            assert isinstance(length, int)
            whole = length // self.tile.lanes
            return next(u for u in (CHAINS, 4, 2, 1) if whole % u == 0)
        for level in range(len(self.sums)):
            if self._whole(level):
                return len(self._all_points(level))
        return self._unroll(lengths, 1)

    # -------------------------------------------------------------------------------- steps

    def _steps(self, points: list[dict[str, int]], pointers: list[str], values: list[str],
               mask: str | None = None) -> list[str]:  # fmt: skip
        """Unrolled steps at constant positions of the summed axes, dealt out over the chains."""
        values, n = list(values), len(self.points)
        chains = len(values) // n
        loaded: dict[tuple[int, int], str] = {}
        for s, at in enumerate(points):
            chain = s % chains * n
            for i, (row, vector) in enumerate(self.points):
                x, y = (
                    self._load(k, pointers[k], {**at, **row}, vector, loaded, mask) for k in (0, 1)
                )
                total = values[chain + i]
                values[chain + i] = self.math.multiply_add(self.text, x, y, total, self.tile.lanes)
        return values

    def _load(self, k: int, pointer: str, at: dict[str, int], vector: int,
              loaded: dict[tuple[int, int], str], mask: str | None) -> str:  # fmt: skip
        reader, lanes = self.readers[k], self.tile.lanes
        index = self._place(reader, at, vector)
        if (k, index) not in loaded:
            place = self.text.at(pointer, index, self._element(reader))
            load = self.math.load_sum if reader.wide else self.math.load
            if reader.lane_stride == 0:
                one = load(self.text, place)
                loaded[k, index] = self.math.splat(self.text, one, lanes)
            elif mask is None:
                loaded[k, index] = load(self.text, place, lanes)
            else:
                loaded[k, index] = load(self.text, place, lanes, mask)
        return loaded[k, index]

    def _place(self, reader: Reader, at: dict[str, int], vector: int) -> int:
        steps = sum(n * reader.access[x] for x, n in at.items())
        return steps + vector * self.tile.lanes * reader.lane_stride

    # ----------------------------------------------------------------------- fetching ahead

    def fetch_next_rows(self, pointers: Sequence[str], lane: Int) -> None:
        """Ask for the rows behind those of a tile, contiguous along the only summed axis.

        lane: the tile's position along the lane axis. The first tile along it fetches for all.
        """
        if len(self.tile.rows) != 1 or len(self.sums) != 1:
            return
        ((row, n),), ((axis, length, _),) = self.tile.rows, self.sums
        for reader, pointer, far in zip(self.readers, pointers, self.far):
            if far and not reader.lane_stride and reader.access[axis] == 1 and reader.access[row]:
                rows = [(n + r) * reader.access[row] for r in range(n)]
                body = partial(self._fetch_columns, length, pointer, self._element(reader), rows)
                if isinstance(lane, int):
                    body()
                else:
                    self.text.when(self.text.let(f"icmp eq i64 {lane}, 0"), body)

    def _fetch_columns(self, length: Int, pointer: str, element: str, rows: list[int]) -> None:
        text, line = self.text, per_line(element)

        def column(i: Int, _: list[str]) -> None:
            fetch(text, text.at(pointer, text.mul(i, line), element), element, rows)

        text.loop(text.div(text.add(length, line - 1), line), column)

    def _fetch_steps(self, level: int, steps: int, pointers: Sequence[str]) -> None:
        """Ask for what is read `AHEAD` steps later, where every step reads other lines."""
        axis, length, _ = self.sums[level]
        if isinstance(length, int) and length < 2 * AHEAD:
            return
        for reader, pointer, far in zip(self.readers, pointers, self.far):
            element, stride = self._element(reader), reader.access[axis]
            if far and stride >= per_line(element):
                places = [self._place(reader, row, v) for row, v in self.points]
                for u in range(steps):
                    later = self.text.at(pointer, (AHEAD + u) * stride, element)
                    fetch(self.text, later, element, places)

    def _fetch_chunk(self, steps: int) -> None:
        """Ask for what the next chunk reads, as much as arrives in the time of `steps`."""
        if steps * len(self.points) >= CYCLES_PER_LINE:
            fetch_next_chunk(self.text, steps * len(self.points))

    def _element(self, reader: Reader) -> str:
        return self.math.sum if reader.wide else self.math.element
