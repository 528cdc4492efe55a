"""What a register tile costs: estimated cycles of a whole nest."""

from __future__ import annotations

import math
from itertools import product

from lamella.kernels.contract_nest import Loops, summed_axes
from lamella.kernels.contract_split import Tile

#: Independent sums that keep a processor with two multiply-add units and latency 4 busy.
CHAINS = 8
#: Multiply-adds in the body of the innermost loop.
UNROLLED = 32
#: The same for a window tile, which shares what it loads among them.
WINDOW = 128
#: Vectors of a panel that is larger come from the second-level cache.
L1_BYTES = 20 << 10
L2_BYTES_PER_CYCLE = 16
#: What one more size of tile is worth avoiding, for the time that compiling it takes.
VARIANT_COST = 0.03


class Costs:
    """Estimates tiles of one nest, for a processor with `registers` vectors."""

    def __init__(self, loops: Loops, registers: int, itemsize: int) -> None:
        self.loops, self.registers, self.itemsize = loops, registers, itemsize
        #: the axes along which each operand moves
        self.moving = [{x for x in loops.extents if op.access[x]} for op in loops.operands]
        self.sums = summed_axes(loops)
        self.kept = math.prod(n for x, n in loops.extents.items() if x not in self.sums)

    def cycles(self, tile: Tile) -> float | None:
        """Estimated cycles of the whole nest; None where the tile does not fit the registers."""
        rows = dict(tile.rows)
        needed = [self._loads(tile, op, rows, tile.vectors) for op in (0, 1)]
        live = max(needed) + 2 if tile.window else min(needed)
        if tile.points + live + 1 > self.registers:
            return None
        steps = self._length(tile)
        far = steps * tile.width * self.itemsize > L1_BYTES
        parts = self._parts(tile)
        total = 0.0
        for share, rows, vectors in parts:
            points = vectors * math.prod(rows.values())
            loads = sum([self._shared_loads(op, rows) if tile.window
                         else self._loads(tile, op, rows, vectors) for op in (0, 1)])  # fmt: skip
            lines = vectors * tile.lanes * self.itemsize / L2_BYTES_PER_CYCLE if far else 0
            per_step = max(points, loads, lines, CHAINS / 2 if steps < 4 else 1.0) + 0.5
            ending = points * (10 if tile.dot else 2) + 12
            total += share * (steps * per_step + ending)
        return total * (1 + VARIANT_COST * (len(parts) - 1)) + self._copying(tile)

    def _length(self, tile: Tile) -> int:
        """Steps of the sums."""
        extents = self.loops.extents
        return math.prod([-(-extents[x] // tile.lanes) if x == tile.lane else extents[x]
                          for x in self.sums])  # fmt: skip

    def _parts(self, tile: Tile) -> list[tuple[int, dict[str, int], int]]:
        """(number of tiles, rows, vectors): full tiles and those at the ends of the axes."""
        extents = self.loops.extents
        tiled = [x for x, _ in tile.rows] if tile.dot else [tile.lane, *(x for x, _ in tile.rows)]
        count = self.kept // math.prod([extents[x] for x in tiled])
        vectors = -(-extents[tile.lane] // tile.lanes) if not tile.dot else 1
        full, rest = divmod(vectors, tile.vectors)
        parts: list[tuple[int, dict[str, int], int]] = [(count * full, {}, tile.vectors)]
        if rest:
            parts.append((count, {}, rest))
        for x, n in tile.rows:
            whole, end = divmod(extents[x], n)
            parts = [
                (share * k, {**rows, x: m}, v)
                for share, rows, v in parts
                for k, m in ((whole, n), (1 if end else 0, end))
                if k
            ]
        return parts

    def _loads(self, tile: Tile, operand: int, rows: dict[str, int], vectors: int) -> int:
        """How many different vectors a step needs of one operand."""
        moving = self.moving[operand]
        loads = vectors if tile.lane in moving else 1
        for x, n in rows.items():
            if x in moving:
                loads *= n
        return loads

    def _shared_loads(self, operand: int, rows: dict[str, int]) -> float:
        """Vectors that a window tile loads of one operand for each step of the innermost sum."""
        access, inner = self.loops.operands[operand].access, self.sums[-1]
        points = math.prod(rows.values())
        steps = max(1, min(self.loops.extents[inner], WINDOW // points))
        ranges = [range(0, n * access[x], access[x]) for x, n in {**rows, inner: steps}.items()
                  if access[x]]  # fmt: skip
        return len({sum(at) for at in product(*ranges)}) / steps

    def _copying(self, tile: Tile) -> int:
        """Cycles of copying operands to panels."""
        extents = self.loops.extents
        return sum(
            math.prod([extents[x] for x in moving])
            for op, moving in zip(self.loops.operands, self.moving)
            if op.access[tile.lane] not in (0, 1)
        )
