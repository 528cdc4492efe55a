"""Plan: which axes make the register tile, which are split over chunks, what is copied to panels.

The register tile holds `vectors` vectors along the lane axis for every point of up to two row axes.
Each step of the sums loads what the tile needs of a and b once (a vector where the lane axis has
stride 1, one element in every lane where it has stride 0) and does rows * vectors multiply-adds.
The tile is the one with the fewest estimated cycles for the whole nest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from lamella.kernels.contract_nest import STAGE_BYTES, Loops
from lamella.native import Target

#: Chunks of fewer operations cost more to hand out than they gain.
CHUNK_FLOPS = 150_000
MAX_CHUNKS = 64
#: A split sum has at least so many parts, where that makes chunks, and parts of about so many bytes.
MIN_PARTS = 16
PART_BYTES = 2 << 20
#: Independent sums that keep a processor with two multiply-add units and latency 4 busy.
CHAINS = 8
#: Multiply-adds in the body of the innermost loop.
UNROLLED = 64
ROWS = 32


@dataclass(frozen=True)
class Tile:
    """`lane` is summed in a dot tile: its vectors' lanes are added up at the end."""

    lane: str
    lanes: int
    vectors: int
    rows: tuple[tuple[str, int], ...]
    dot: bool = False

    @property
    def width(self) -> int:
        return self.lanes * self.vectors

    @property
    def points(self) -> int:
        """Sums in registers."""
        n = self.vectors
        for _, rows in self.rows:
            n *= rows
        return n


@dataclass(frozen=True)
class Plan:
    """grid: {axis: block} split over chunks; outer: [(axis, block)] looped over inside a chunk.

    panels says for a and b whether the operand is copied so that its lane axis has stride 1.
    """

    loops: Loops
    tile: Tile
    grid: dict[str, int]
    outer: tuple[tuple[str, int], ...]
    panels: tuple[bool, bool]

    @property
    def n_chunks(self) -> int:
        return _chunks(self.loops, self.grid)

    @property
    def flops(self) -> int:
        """Operations of the nest, those on padding included."""
        return 0 if self.loops.empty else _flops(self.loops)

    @property
    def splits(self) -> dict[str, int]:
        """The summed axes among the grid: {axis: number of blocks}."""
        n = self.loops.extents
        return {x: -(-n[x] // k) for x, k in self.grid.items() if self.loops.summed(x)}

    @property
    def partials(self) -> int:
        """How many chunks contribute to each element of the result."""
        count = 1
        for n in self.splits.values():
            count *= n
        return count

    @property
    def accumulates(self) -> bool:
        """Sums go through memory: some summed axis is looped over outside the tiles."""
        return any(self.loops.summed(x) for x, _ in self.outer)


def make_plan(loops: Loops, itemsize: int, target: Target) -> Plan | None:
    """The plan of a nest; None where no axis can be the lane axis."""
    lanes = max(1, target.vector_bytes // itemsize)
    registers = 32 if target.vector_bytes == 64 or target.triple.startswith("aarch64") else 16
    found = [(cost, tile) for tile in _tiles(loops, lanes, registers)
             if (cost := _cycles(loops, tile, registers)) is not None]  # fmt: skip
    if not found:
        return None
    _, tile = min(found, key=lambda x: x[0])
    panels = tuple(op.access[tile.lane] not in (0, 1) for op in loops.operands)
    grid, outer = _split(loops, tile, itemsize, panels)
    return Plan(loops, tile, grid, outer, panels)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------- the tile


def _tiles(loops: Loops, lanes: int, registers: int) -> Iterator[Tile]:
    """Every tile worth an estimate."""
    for axis in loops.extents:
        dot = loops.summed(axis)
        strides = [op.access[axis] for op in loops.operands]
        if (dot and strides != [1, 1]) or (not dot and loops.out[axis] != 1):
            continue
        if axis in loops.blocked:
            continue
        most = 1 if dot else min(-(-loops.extents[axis] // lanes), registers - 4, 8)
        free = [x for x in loops.extents
                if x != axis and not loops.summed(x) and x not in loops.blocked]  # fmt: skip
        banded = [x for x, block in loops.blocked.items() if block > 1 and not loops.summed(x)]
        for vectors in range(1, most + 1):
            for rows in _rows(loops, free + banded, registers // vectors):
                yield Tile(axis, lanes, vectors, rows, dot)


def _rows(loops: Loops, axes: list[str], most: int) -> Iterator[tuple[tuple[str, int], ...]]:
    yield ()
    sizes = {x: _balanced(loops.blocked.get(x, loops.extents[x]), most) for x in axes}
    for x in axes:
        yield from (((x, n),) for n in sizes[x] if n > 1)
    for x, y in combinations(axes, 2):
        for n in sizes[x]:
            yield from (((x, n), (y, m)) for m in sizes[y] if n > 1 and m > 1 and n * m <= most)


def _balanced(extent: int, most: int) -> list[int]:
    """Tile lengths that divide the extent into as few and as equal parts as they can."""
    counts = {-(-extent // n) for n in range(1, min(extent, most, ROWS) + 1)}
    return sorted({-(-extent // count) for count in counts})


def _cycles(loops: Loops, tile: Tile, registers: int) -> float | None:
    """Estimated cycles of the whole nest; None where the tile does not fit the registers."""
    live = min(_loads(loops, tile, op, dict(tile.rows), tile.vectors) for op in (0, 1))
    if tile.points + live + 1 > registers:
        return None
    steps = _length(loops, tile)
    total = 0.0
    for share, rows, vectors in _parts(loops, tile):
        points = vectors
        for n in rows.values():
            points *= n
        loads = sum(_loads(loops, tile, op, rows, vectors) for op in (0, 1))
        per_step = max(points, loads, CHAINS / 2 if steps < 4 else 1.0) + 0.5
        ending = points * (10 if tile.dot else 2) + 12
        total += share * (steps * per_step + ending)
    return total + _copying(loops, tile)


def _length(loops: Loops, tile: Tile) -> int:
    steps = 1
    for x, n in loops.extents.items():
        if loops.summed(x):
            steps *= -(-n // tile.lanes) if x == tile.lane else n
    return steps


def _parts(loops: Loops, tile: Tile) -> list[tuple[int, dict[str, int], int]]:
    """(number of tiles, rows, vectors): full tiles and those at the ends of the axes."""
    count = 1
    for x, n in loops.extents.items():
        if not loops.summed(x) and x != tile.lane and x not in dict(tile.rows):
            count *= n
    parts: list[tuple[int, dict[str, int], int]] = []
    vectors = -(-loops.extents[tile.lane] // tile.lanes) if not tile.dot else 1
    full, rest = divmod(vectors, tile.vectors)
    parts = [(count * full, {}, tile.vectors)] + ([(count, {}, rest)] if rest else [])
    for x, n in tile.rows:
        extent = loops.extents[x]
        parts = [
            (share * k, {**rows, x: m}, v)
            for share, rows, v in parts
            for k, m in ((extent // n, n), (1 if extent % n else 0, extent % n))
            if k
        ]
    return parts


def _loads(loops: Loops, tile: Tile, operand: int, rows: dict[str, int], vectors: int) -> int:
    """How many different vectors a step needs of one operand."""
    access = loops.operands[operand].access
    loads = vectors if access[tile.lane] else 1
    for x, n in rows.items():
        loads *= n if access[x] else 1
    return loads


def _copying(loops: Loops, tile: Tile) -> float:
    """Cycles of copying operands to panels."""
    cycles = 0.0
    for op in loops.operands:
        if op.access[tile.lane] not in (0, 1):
            elements = 1
            for x, n in loops.extents.items():
                elements *= n if op.access[x] else 1
            cycles += elements
    return cycles


# --------------------------------------------------------------------------- chunks and blocks


def _split(
    loops: Loops, tile: Tile, itemsize: int, panels: tuple[bool, ...]
) -> tuple[dict[str, int], tuple[tuple[str, int], ...]]:
    """The grid and the outer loops."""
    wanted = max(1, min(MAX_CHUNKS, _flops(loops) // CHUNK_FLOPS))
    parts = max(MIN_PARTS, PART_BYTES // (loops.out_size * itemsize))
    grid: dict[str, int] = {}
    boxed = {x for op in loops.operands if op.box for x in op.access.strides}

    def divide(axis: str, unit: int) -> None:
        most = wanted // _chunks(loops, grid)
        if loops.summed(axis):
            most = min(most, parts)
        part = _part(loops.extents[axis], most, unit)
        if part < loops.extents[axis]:
            grid[axis] = part

    for axis, block in sorted(loops.blocked.items(), key=lambda x: x[1]):
        divide(axis, block)
    for axis in _grid_order(loops, tile):
        if axis not in boxed:
            divide(axis, tile.width if axis == tile.lane else dict(tile.rows).get(axis, 1))
    sums = [x for x in loops.extents if loops.summed(x) and x not in boxed and x != tile.lane]
    if 4 * _chunks(loops, grid) <= wanted and sums and not tile.dot:
        divide(max(sums, key=lambda x: loops.extents[x]), 32)
    outer = [(x, n) for x, n in loops.blocked.items() if n < grid.get(x, loops.extents[x])]
    outer.sort(key=lambda x: x[1])
    return grid, (*outer, *_panel_blocks(loops, tile, itemsize, panels, grid))


def _panel_blocks(
    loops: Loops, tile: Tile, itemsize: int, panels: tuple[bool, ...], grid: dict[str, int]
) -> list[tuple[str, int]]:
    """Outer loops over parts of the axes of panels, so that a panel stays in the cache."""
    sizes = {x: grid.get(x, loops.blocked.get(x, n)) for x, n in loops.extents.items()}
    units = {**dict(tile.rows), tile.lane: tile.width}
    cut: dict[str, int] = {}
    for operand, panel in zip(loops.operands, panels):
        axes = [x for x in operand.access.strides if x not in loops.blocked] if panel else []
        while axes:
            nbytes = itemsize
            for x in axes:
                nbytes *= sizes[x]
            order = sorted(axes, key=lambda x: (x == tile.lane, -sizes[x]))
            able = [x for x in order if sizes[x] > max(64, units.get(x, 1))]
            if nbytes <= STAGE_BYTES or not able:
                break
            axis = able[0]
            unit = units.get(axis, 1)
            sizes[axis] = cut[axis] = -(-(-(-sizes[axis] // 2)) // unit) * unit
    return list(cut.items())


def _flops(loops: Loops) -> int:
    flops = 2
    for n in loops.extents.values():
        flops *= n
    return flops


def _part(extent: int, most: int, unit: int) -> int:
    """A block of `extent`, in multiples of `unit`: up to `most` blocks that suit 2, 4, 8 threads."""
    units = -(-extent // unit)
    most = min(units, most)

    def waste(count: int) -> float:
        longest = -(-units // count)
        blocks = -(-units // longest)
        return sum(-(-blocks // t) * t * longest / units for t in (1, 2, 4, 8))

    counts = range(max(1, most // 2), max(1, most) + 1)
    best = min(counts, key=lambda count: (round(waste(count), 2), -count))
    return min(extent, -(-units // best) * unit)


def _grid_order(loops: Loops, tile: Tile) -> list[str]:
    """Result axes: those that both operands have, then rows, then the lane axis; large first."""

    def rank(x: str) -> tuple[int, int]:
        both = all(op.access[x] for op in loops.operands)
        return (0 if both else 2 if x == tile.lane else 1, -loops.out[x])

    free = (x for x in loops.extents if not loops.summed(x) and x not in loops.blocked)
    return sorted(free, key=rank)


def _chunks(loops: Loops, grid: dict[str, int]) -> int:
    count = 1
    for x, block in grid.items():
        count *= -(-loops.extents[x] // block)
    return count


__all__ = ["STAGE_BYTES", "Plan", "Tile", "make_plan"]
