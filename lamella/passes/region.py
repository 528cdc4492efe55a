"""Regions: equations that fusion puts into one kernel."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lamella.program import Equation, Value


@dataclass(eq=False)
class Region:
    """Equations that will be one kernel."""

    kind: str  # "loop", "contraction" or "other"
    domain: tuple[int, ...]
    first: int  # position of its oldest equation
    last: int
    place: int  # in an order in which each region comes after all that it reads
    axes: tuple[int, ...] | None = None  # folded by its reductions
    members: list[Equation] = field(default_factory=list)
    reads: set[Region] = field(default_factory=set)
    read_by: set[Region] = field(default_factory=set)
    roots: set[Value] = field(default_factory=set)
    again: set[Value] = field(default_factory=set)  # values of other regions, computed again here

    @property
    def reduced(self) -> tuple[int, ...] | None:
        """The domain without the folded axes."""
        if self.axes is None:
            return None
        return tuple(n for i, n in enumerate(self.domain) if i not in self.axes)

    @property
    def stores_pieces(self) -> bool:
        """Does it make all operands of a concatenation, and store them side by side?"""
        return any("joins" in eq.primitive.traits and set(eq.operands) <= self._made
                   for eq in self.members)  # fmt: skip

    @property
    def _made(self) -> set[Value]:
        return {v for eq in self.members for v in eq.results}

    @property
    def by_row(self) -> bool:
        """Folds its last axes, so that reduced values are known before the row ends."""
        if self.axes is None:
            return False
        wide = [i for i, n in enumerate(self.domain) if n != 1 or i in self.axes]
        return tuple(wide[len(wide) - len(self.axes) :]) == self.axes


def depends(regions: Iterable[Region], target: Region) -> bool:
    """Does any of `regions` read, directly or through others, from `target`?

    The oldest are followed first: what depends on a far one mostly reads something near it.
    """
    behind = {r.place: r for r in regions if r.place >= target.place}
    seen, waiting = set(behind), list(behind)
    heapq.heapify(waiting)
    while waiting:
        place = heapq.heappop(waiting)
        if place == target.place:
            return True
        for r in behind.pop(place).reads:
            if r.place >= target.place and r.place not in seen:
                seen.add(r.place)
                behind[r.place] = r
                heapq.heappush(waiting, r.place)
    return False


def let_read(region: Region, sources: set[Region]) -> None:
    """`region` reads `sources` too, none of which depends on it.

    Only the regions between those that are out of order change places (Pearce and Kelly, 2007).
    """
    region.reads |= sources
    for source in sources:
        source.read_by.add(region)
    wrong = [r for r in sources if r.place > region.place]
    if wrong:
        first, last = region.place, max(r.place for r in wrong)
        before = _connected(wrong, lambda r: (q for q in r.reads if q.place > first))
        after = _connected([region], lambda r: (q for q in r.read_by if q.place < last))
        places = sorted(r.place for r in (*before, *after))
        for r, place in zip((*before, *after), places, strict=True):
            r.place = place


def _connected(start: list[Region], near: Callable[[Region], Iterable[Region]]) -> list[Region]:
    """`start`, and what `near` leads to from there, in order of places."""
    seen, stack = set(start), list(start)
    while stack:
        new = {r for r in near(stack.pop()) if r not in seen}
        seen |= new
        stack += new
    return sorted(seen, key=lambda r: r.place)


def in_order(regions: list[Region]) -> list[Region]:
    """Regions after everything they read, otherwise by age."""
    done: set[Region] = set()
    order: list[Region] = []

    def visit(region: Region) -> None:
        stack = [(region, iter(sorted(region.reads, key=lambda r: r.first)))]
        done.add(region)
        while stack:
            top, reads = stack[-1]
            for r in reads:
                if r not in done:
                    done.add(r)
                    stack.append((r, iter(sorted(r.reads, key=lambda q: q.first))))
                    break
            else:
                order.append(top)
                stack.pop()

    for region in sorted(regions, key=lambda r: r.last):
        if region not in done:
            visit(region)
    return order
