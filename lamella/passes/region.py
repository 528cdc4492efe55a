"""Regions: equations that fusion puts into one kernel."""

from __future__ import annotations

from dataclasses import dataclass, field

from lamella.program import Equation, Value


@dataclass(eq=False)
class Region:
    """Equations that will be one kernel."""

    kind: str  # "loop", "contraction" or "other"
    domain: tuple[int, ...]
    first: int  # position of its oldest equation
    last: int
    newest: int  # the last of itself and of all that it reads, directly or through others
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


def renew(region: Region, position: int) -> None:
    """`position` is the newest of `region` and of all that depend on it."""
    stack = [region]
    while stack:
        region = stack.pop()
        region.newest = position
        stack += [r for r in region.read_by if r.newest < position]


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
