"""Plan: which axes make the register tile, which are split over chunks, what is copied to panels.

The register tile holds `vectors` vectors along the lane axis for every point of up to two row axes.
Each step of the sums loads what the tile needs of a and b once (a vector where the lane axis has
stride 1, one element in every lane where it has stride 0) and does rows * vectors multiply-adds.
The tile is the one with the fewest estimated cycles for the whole nest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from lamella.kernels.contract_band import Band
from lamella.kernels.contract_cost import Costs
from lamella.kernels.contract_nest import Linear, Loops, strides_of, summed_axes
from lamella.kernels.contract_split import Split, Tile, count_blocks, flops_of
from lamella.native import Target

ROWS = 32


@dataclass(frozen=True)
class Plan:
    """grid: {axis: block} split over chunks; outer: [(axis, block)] looped over inside a chunk.

    panels says for a and b whether the operand is copied so that its lane axis has stride 1, and
    shared whether that is done once, by a kernel of its own.
    """

    loops: Loops
    tile: Tile
    grid: dict[str, int]
    outer: tuple[tuple[str, int], ...]
    panels: tuple[bool, bool]
    shared: tuple[bool, bool]
    band: Band | None = None

    @property
    def n_chunks(self) -> int:
        return count_blocks(self.loops.extents, self.grid)

    @property
    def runs(self) -> Plan:
        """The same with runs of chunks for chunks: all in one block of the grid's first axis."""
        return replace(self, grid=dict(list(self.grid.items())[:1]))

    @property
    def flops(self) -> int:
        """Operations of the nest, those on padding included."""
        return flops_of(self.loops)

    def block(self, array: Linear) -> int | None:
        """Elements per chunk, where chunk c touches only its own block of `array`; else None."""
        n, size, expected = self.loops.extents, 0, None
        for axis, length in reversed(self.grid.items()):
            step = length * array[axis]
            if expected not in (None, step) or step <= 0:
                return None
            size, expected = size or step, step * -(-n[axis] // length)
            if n[axis] % length and axis != next(iter(self.grid)):
                return None
        steps = [k * (self.grid.get(x, n[x]) - 1) for x, k in array.strides.items()]
        inside = min(steps, default=0) >= 0 and sum(steps) + array.offset < size
        return size if inside and array.offset >= 0 else None

    def operand_block(self, k: int) -> int | None:
        """As `block`, of operand a or b."""
        operand = self.loops.operands[k]
        if operand.box is None:
            return None if self.shared[k] else self.block(operand.access)
        first = operand.box.dims[0].axis
        if list(self.grid) != [first] or operand.box.size == 0:
            return None
        return self.grid[first or ""] * strides_of(operand.box.shape)[0]

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


def make_plans(
    nests: list[Loops], itemsize: int, target: Target, only: str | None
) -> list[Plan] | None:
    """The plans of all nests of a contraction; None where one has no axis to be the lane axis.

    With `only`, chunks are blocks of that axis, the same for all. Several nests keep sums whole.
    """
    work, whole = sum(flops_of(loops) for loops in nests), len(nests) > 1
    plans = [_make_plan(loops, itemsize, target, work, only, whole) for loops in nests]
    return None if None in plans else [plan for plan in plans if plan]


def _make_plan(loops: Loops, itemsize: int, target: Target, work: int, only: str | None,
               whole: bool) -> Plan | None:  # fmt: skip
    tile = best_tile(loops, itemsize, target, only)
    if tile is None:
        return None
    panels = [op.access[tile.lane] not in (0, 1) for op in loops.operands]
    split = Split(loops, tile, panels, itemsize, target.l2, work, only, whole)
    shared = split.shared(0), split.shared(1)
    return Plan(loops, tile, split.grid, split.outer(), (panels[0], panels[1]), shared)


# ------------------------------------------------------------------------------------- the tile


def best_tile(loops: Loops, itemsize: int, target: Target, only: str | None) -> Tile | None:
    """The tile with the fewest estimated cycles, of window tiles where there are any; None where no
    axis can be the lane axis."""
    lanes = max(1, target.vector_bytes // itemsize)
    registers = 32 if target.vector_bytes == 64 or target.triple.startswith("aarch64") else 16
    costs = Costs(loops, registers, itemsize)
    found = [(cost, tile) for tile in _tiles(loops, lanes, registers, only)
             if (cost := costs.cycles(tile)) is not None]  # fmt: skip
    return min(found, key=lambda x: (not x[1].window, x[0]))[1] if found else None


def _tiles(loops: Loops, lanes: int, registers: int, only: str | None) -> Iterator[Tile]:
    """Every tile worth an estimate; of equal ones, rows that are near each other come first."""
    near = sorted(loops.extents, key=lambda x: loops.out[x])
    for axis in loops.extents:
        dot = loops.summed(axis)
        strides = [op.access[axis] for op in loops.operands]
        if (dot and strides != [1, 1]) or (not dot and loops.out[axis] != 1):
            continue
        if axis in loops.blocked or axis == only:
            continue
        most = 1 if dot else min(-(-loops.extents[axis] // lanes), registers - 4, 8)
        taken = {axis, only, *loops.blocked}
        free = [x for x in near if x not in taken and not loops.summed(x)]
        banded = [x for x, block in loops.blocked.items() if block > 1 and not loops.summed(x)]
        for vectors in range(1, most + 1):
            for rows in _rows(loops, free + banded, registers // vectors):
                yield Tile(axis, lanes, vectors, rows, dot)
        if not dot and all(strides):
            for rows in _rows(loops, free + banded, registers):
                if _overlaps(loops, rows):
                    yield Tile(axis, lanes, 1, rows, window=True)


def _overlaps(loops: Loops, rows: tuple[tuple[str, int], ...]) -> bool:
    """Do neighbours in a row need the same elements, at different steps of the innermost sum?"""
    sums = summed_axes(loops)
    for op in loops.operands if sums else ():
        step, n = abs(op.access[sums[-1]]), loops.extents[sums[-1]]
        strides = [op.access[x] for x, _ in rows]
        if step and any(x and x % step == 0 and abs(x) < n * step for x in strides):
            return True
    return False


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
