"""Loops of which several points are written out together, innermost in the nest."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lamella.kernels.emit_code import Code
from lamella.kernels.emit_index import Index, Var
from lamella.kernels.emit_probe import Axis
from lamella.kernels.emit_tile import Tile
from lamella.kernels.loop_plan import Space
from lamella.ops.lowering import FirstMaximum
from lamella.program import Equation

#: Bodies of up to so many equations are written out for every point of a transposed block.
LONGEST = 10
At = dict[int, Index]


def window_tiles(equations: Sequence[Equation], loops: Sequence[Axis]) -> dict[int, int]:
    """{loop: points} by the strides of a window's gradient: its offsets become constants."""
    strides: dict[int, int] = {}
    for eq in equations:
        rule = eq.primitive.lower
        if isinstance(rule, FirstMaximum) and rule.to_elements:
            strides = dict(enumerate(eq.attrs["strides"]))
    return {k: strides[axis.members[0]] for k, axis in enumerate(loops)
            if len(axis.members) == 1 and strides.get(axis.members[0], 1) > 1}  # fmt: skip


def transposed_tiles(
    equations: Sequence[Equation], space: Space, loops: Sequence[Axis], lane_axis: Axis, width: int
) -> dict[int, int]:
    """{loop: points}, as many points as lanes, where arrays are contiguous along another loop than
    the lanes: they are then read in blocks, which are transposed."""
    plain = all(eq.primitive.family in ("elementwise", "view") for eq in equations)
    if not plain or len(equations) > LONGEST:
        return {}
    lanes = space.last(lane_axis)
    strided = [a for a in space.probe.accesses if a.stride(lanes) not in (None, 0, 1, -1)]
    for k, axis in enumerate(loops):
        if axis.extent >= 4 and any(a.stride(space.last(axis)) == 1 for a in strided):
            return {k: width}
    return {}


class Tiles:
    """The points of tiled loops that are written out at one place of a nest."""

    def __init__(self, loops: Sequence[Axis], sizes: dict[int, int], domain: Sequence[int]) -> None:
        self.loops, self.sizes, self.domain = loops, sizes, domain
        self._open: dict[int, tuple[Var, int]] = {}

    def __bool__(self) -> bool:
        return bool(self.sizes)

    def size(self, k: int) -> int:
        """How many points of loop k are written out."""
        return self.sizes.get(k, 1)

    def count(self, k: int) -> int:
        """The number of points of loop k, or of its tiles."""
        return -(-self.loops[k].extent // self.size(k))

    @contextmanager
    def whole(self, k: int, number: str | int, level: int) -> Iterator[None]:
        """Inside, loop k stands at tile `number`, a full one."""
        extent = max(self.loops[k].extent // self.size(k), 2)
        self._open[k] = (Var(extent, level, number), self.size(k))
        yield
        del self._open[k]

    @contextmanager
    def rest(self, k: int) -> Iterator[None]:
        """Inside, loop k stands at the points that do not fill a tile."""
        number, points = divmod(self.loops[k].extent, self.size(k))
        self._open[k] = (Var(number + 2, 0, number), points)
        yield
        del self._open[k]

    def points(self, code: Code, at: At) -> Iterator[tuple[At, Tile | None]]:
        """Every point of the tiles that the nest stands at."""
        tiles = list(self._open.items())
        for offsets in itertools.product(*(range(points) for _, (_, points) in tiles)):
            here, tile = dict(at), None
            for (k, (number, points)), u in zip(tiles, offsets):
                counter = Index.of(code, number) * self.sizes[k] + u
                here.update(self.loops[k].split(counter, self.domain))
                tile = Tile(number, self.sizes[k], u, points)
            yield here, tile
