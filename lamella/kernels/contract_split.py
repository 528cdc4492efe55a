"""Which axes are split over chunks, and which are looped over outside the tiles.

Chunks come from halving, again and again, the axis whose halving makes the fewest bytes be read or
written again: an operand that lacks the axis is read by both halves, a split sum is written and
read once more. Outer loops cut what the tiles go over repeatedly to the size of the caches.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lamella.kernels.contract_nest import STAGE_BYTES, Loops

#: Chunks of fewer operations cost more to hand out than they gain.
CHUNK_FLOPS = 300_000
MAX_CHUNKS = 64
#: A kernel of its own copies an operand to panels where more chunks than this read it.
FEW_READERS = 2
#: Reading or storing an element takes as long as so many operations.
ELEMENT_FLOPS = 32
#: A second kernel that adds the parts of a split sum is worth this many bytes.
COMBINE_BYTES = 2 << 20
#: Weights of which a stretch stays with a thread are so many times as large as the results.
WEIGHTS = 8
#: Bytes of the parts of a split sum.
PART_BYTES = 16 << 20
#: A split sum has at least so many steps in each part.
PART_STEPS = 64
#: Chunks are whole images, as in loop kernels, if an image is so many tiles.
GRAIN = 8
#: Copying an element to a box or panel costs as much as reading so many again.
COPY_WEIGHT = 4
#: Reading an element again that has stayed in the second-level cache costs as much as so many.
CACHED_WEIGHT = 1 / 8


@dataclass(frozen=True)
class Tile:
    """`vectors` vectors of `lanes` along the lane axis, for every point of the row axes.

    In a dot tile the lane axis is summed: the lanes are added up at the end. A window tile is for
    depthwise convolutions, forward and backward: the steps of the innermost sum are written out,
    and what neighbours share, x+i of x and i, is loaded once for all of them.
    """

    lane: str
    lanes: int
    vectors: int
    rows: tuple[tuple[str, int], ...]
    dot: bool = False
    window: bool = False

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

    def unit(self, axis: str) -> int:
        """How many positions of `axis` a tile covers."""
        return self.width if axis == self.lane else dict(self.rows).get(axis, 1)


@dataclass
class Split:
    """grid: {axis: block}, made at once; `outer()` gives the loops inside a chunk."""

    loops: Loops
    tile: Tile
    panels: list[bool]
    itemsize: int
    l2: int
    work: int  # operations of all nests
    only: str | None = None  # the only axis that may be split, where several nests share chunks
    whole: bool = False  # sums are neither split nor cut: of several nests, which have no next step
    grid: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        arrays = [*(op.access for op in self.loops.operands), self.loops.out]
        largest = max(self._bytes(x.strides) for x in arrays) // self.itemsize
        work = max(self.work, ELEMENT_FLOPS * largest)
        wanted = max(1, min(MAX_CHUNKS, work // CHUNK_FLOPS))
        counts: dict[str, int] = {}
        first = self._outermost_of_weights()
        while 2 * self._chunks(counts) <= wanted:
            able = [(not counts and x != first, self._again(x, counts), -self._reach(x), x)
                    for x in self.loops.extents if self._can(x, counts)]  # fmt: skip
            if not able:
                break
            axis = min(able)[-1]
            counts[axis] = 2 * counts.get(axis, 1)
        self.grid = {x: self._block(x, n) for x, n in counts.items()}

    # ------------------------------------------------------------------------------- the grid

    def _outermost_of_weights(self) -> str | None:
        """The outermost axis of an array that is much larger than the one that lacks this axis.

        The products with the weights of a small batch, and their update, are divided along it
        first: each thread keeps one stretch of them in its cache, from step to step.
        """
        arrays = [*(op.access for op in self.loops.operands), self.loops.out]
        largest = max(arrays, key=lambda x: self._bytes(x.strides))
        axis = max(self.loops.extents, key=lambda x: largest[x])
        lacking = sum(self._bytes(x.strides) for x in arrays if not x[axis])
        return axis if self._bytes(largest.strides) >= WEIGHTS * lacking else None

    def _unit(self, axis: str) -> int:
        return max(self.loops.blocked.get(axis, 1), self.tile.unit(axis))

    def _block(self, axis: str, count: int) -> int:
        unit, grain = self._unit(axis), self.loops.grains.get(axis, 1)
        if count <= self.loops.extents[axis] // grain and grain >= GRAIN * unit:
            return -(-self.loops.extents[axis] // (grain * count)) * grain
        units = -(-self.loops.extents[axis] // unit)
        return min(self.loops.extents[axis], -(-units // count) * unit)

    def _chunks(self, counts: dict[str, int]) -> int:
        return count_blocks(self.loops.extents, {x: self._block(x, n) for x, n in counts.items()})

    def _can(self, axis: str, counts: dict[str, int]) -> bool:
        """Whether the blocks of `axis` can be halved once more."""
        loops, count = self.loops, 2 * counts.get(axis, 1)
        if self._block(axis, count) == self._block(axis, count // 2):
            return False
        if self.only not in (None, axis) or (self.tile.window and axis == self.tile.lane):
            return False
        inside = any(op.box and op.access[axis] for op in loops.operands)
        if inside and axis not in loops.blocked:
            return False
        if loops.summed(axis):
            if self.whole:
                return False
            parts = count
            for x, n in counts.items():
                parts *= n if loops.summed(x) and x != axis else 1
            if axis == self.tile.lane or parts * loops.out_size * self.itemsize > PART_BYTES:
                return False
            return self._steps({**counts, axis: count}) >= PART_STEPS
        return True

    def _reach(self, axis: str) -> int:
        """How far apart in memory neighbours along the axis are: the farthest are split first."""
        arrays = (*(op.access for op in self.loops.operands), self.loops.out)
        return max(abs(array[axis]) for array in arrays)

    def _steps(self, counts: dict[str, int]) -> int:
        steps = 1
        for x, n in self.loops.extents.items():
            if self.loops.summed(x):
                steps *= self._block(x, counts[x]) if x in counts else n
        return steps

    def _again(self, axis: str, counts: dict[str, int]) -> float:
        """Bytes that halving the blocks of `axis` makes be moved once more."""
        loops, moved = self.loops, 0.0
        for k, op in enumerate(loops.operands):
            if not op.access[axis]:
                times = self._readers(k, counts)
                nbytes = self._bytes(op.access.strides)
                weight = COPY_WEIGHT if op.box else 1 if nbytes > self.l2 // 2 else CACHED_WEIGHT
                moved += times * weight * nbytes
        if loops.summed(axis):
            parts = 1
            for x, n in counts.items():
                parts *= n if loops.summed(x) else 1
            first = COMBINE_BYTES if parts == 1 else 0
            moved += COPY_WEIGHT * parts * loops.out_size * self.itemsize + first
        return moved

    def _readers(self, operand: int, counts: dict[str, int]) -> int:
        """How many chunks read the same part of an operand."""
        times = 1
        for x, n in counts.items():
            times *= 1 if self.loops.operands[operand].access[x] else n
        return times

    def shared(self, operand: int) -> bool:
        """Whether a kernel of its own copies an operand to panels, for several chunks to read."""
        counts = {x: -(-self.loops.extents[x] // block) for x, block in self.grid.items()}
        boxed = self.loops.operands[operand].box is not None
        return self.panels[operand] and not boxed and self._readers(operand, counts) > FEW_READERS

    def _bytes(self, axes: dict[str, int]) -> int:
        """Elements that an operand's axes span, roughly: taps overlap."""
        elements = 1
        seen = set()
        for x, stride in axes.items():
            if abs(stride) not in seen:
                elements *= self.loops.extents[x]
                seen.add(abs(stride))
        return elements * self.itemsize

    # -------------------------------------------------------------------------- outer loops

    def outer(self) -> tuple[tuple[str, int], ...]:
        """[(axis, block)]: images and bands, then what panels and caches ask for."""
        loops = self.loops
        sizes = {x: self.grid.get(x, n) for x, n in loops.extents.items()}
        first = [(x, n) for x, n in loops.blocked.items() if n < sizes[x]]
        first.sort(key=lambda x: x[1])
        sizes.update(loops.blocked)
        cut: dict[str, int] = {}
        for k, operand in enumerate(loops.operands):
            if self.panels[k] and not self.shared(k):
                self._cut(operand.access.strides, sizes, STAGE_BYTES, cut)
        if not (self.tile.dot or self.whole):
            self._cut_sums(sizes, cut)
        return (*first, *cut.items())

    def _cut(self, axes: dict[str, int], sizes: dict[str, int], most: int,
             cut: dict[str, int]) -> None:  # fmt: skip
        """Halve blocks of `axes` until what they span fits `most` bytes."""
        while True:
            nbytes = self.itemsize
            for x in axes:
                nbytes *= sizes[x]
            able = [x for x in axes if self._may_cut(x, sizes)]
            if nbytes <= most or not able:
                return
            self._halve(max(able, key=lambda x: (x != self.tile.lane, sizes[x])), sizes, cut)

    def _may_cut(self, axis: str, sizes: dict[str, int]) -> bool:
        boxed = any(op.box and op.access[axis] for op in self.loops.operands)
        return not boxed and sizes[axis] > max(64, self.tile.unit(axis))

    def _halve(self, axis: str, sizes: dict[str, int], cut: dict[str, int]) -> None:
        unit = self.tile.unit(axis)
        units = -(-sizes[axis] // unit)
        sizes[axis] = cut[axis] = -(-units // 2) * unit

    def _cut_sums(self, sizes: dict[str, int], cut: dict[str, int]) -> None:
        """Shorten sums whose operands are gone over again and again but do not fit the cache."""
        sums = [x for x in self.loops.extents if self.loops.summed(x)]
        while sums:
            axis = max(sums, key=lambda x: abs(self.loops.a.access[x] * self.loops.b.access[x]))
            over = any(self._passes(k, sizes) > 1 and self._span(k, sizes) > self.l2 // 2
                       for k in (0, 1))  # fmt: skip
            if not over or not self._may_cut(axis, sizes) or sizes[axis] < 4 * PART_STEPS:
                return
            self._halve(axis, sizes, cut)

    def _passes(self, operand: int, sizes: dict[str, int]) -> int:
        """How often the tiles of a block go over an operand."""
        access, passes = self.loops.operands[operand].access, 1
        for x, n in sizes.items():
            if not self.loops.summed(x) and not access[x]:
                passes *= -(-n // self.tile.unit(x))
        return passes

    def _span(self, operand: int, sizes: dict[str, int]) -> int:
        """Bytes of an operand that a block goes over; neighbouring cache lines are not shared."""
        access, nbytes = self.loops.operands[operand].access, self.itemsize
        for x, n in sizes.items():
            nbytes *= n if access[x] else 1
        return nbytes


def count_blocks(extents: dict[str, int], grid: dict[str, int]) -> int:
    """How many chunks a grid makes."""
    count = 1
    for x, block in grid.items():
        count *= -(-extents[x] // block)
    return count


def flops_of(loops: Loops) -> int:
    """Operations of a nest, those on padding included."""
    flops = 2
    for n in loops.extents.values():
        flops *= n
    return 0 if loops.empty else flops
