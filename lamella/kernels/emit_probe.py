"""Where a body reads its arrays, as functions of the loops, without emitting anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamella.kernels.emit_code import Code
from lamella.kernels.emit_index import Index, Quotient, Var
from lamella.kernels.emit_memory import offset_of
from lamella.program import Program, Value

if TYPE_CHECKING:
    from lamella.kernels.emit import Emitter


@dataclass(frozen=True)
class Access:
    """An array read at the element `offset`."""

    value: Value
    offset: Index

    def stride(self, v: Var) -> int | None:
        """How far the element moves when v grows by one; None where that varies."""
        for term in self.offset.terms:
            if depends_on(term, v) and term is not v:
                return None
        return self.offset.terms.get(v, 0)


def depends_on(term: Var, v: Var) -> bool:
    """Whether a Var is v or computed from it."""
    if term is v:
        return True
    if isinstance(term, Quotient):
        return any(depends_on(t, v) for t in term.index.terms)
    return isinstance(term, Loaded) and any(depends_on(t, v) for i in term.at for t in i.terms)


class Loaded(Var):
    """An index that will be loaded from memory at the index `at`."""

    __slots__ = ("at",)

    def __init__(self, extent: int, at: tuple[Index, ...]) -> None:
        super().__init__(extent, 0)
        self.at = at


class Probe:
    """Collects the accesses that evaluating Values of a body makes."""

    def __init__(self, body: Program, leaves: Iterable[Value] = ()) -> None:
        self.body, self.leaves = body, set(leaves)
        self.code = Code()
        self.zero = Index.of(self.code, 0)
        self.made_by = {v: eq for eq in body.equations for v in eq.results}
        self.accesses: list[Access] = []
        self.seen: set[Any] = set()

    def variable(self, extent: int) -> Var:
        return Var(extent, 0)

    def visit(self, v: Value, at: Sequence[Any]) -> None:
        self._visit(v, tuple([
            self.zero if n == 1 else Index.of(self.code, i)
            for i, n in zip(at, v.type.shape, strict=True)
        ]))  # fmt: skip

    def _visit(self, v: Value, where: tuple[Index, ...]) -> None:
        if (v, where) in self.seen or v in self.leaves or v in self.body.constants:
            return
        self.seen.add((v, where))
        eq = self.made_by.get(v)
        if eq is None:
            self.accesses.append(Access(v, offset_of(self.code, v.type, where)))
        elif eq.primitive.family == "elementwise":
            for x in eq.operands:
                self._visit(x, where)
        elif eq.primitive.family == "view":
            self._view(eq, where)
        elif "gather" in eq.primitive.traits:
            self._gather(eq, where)
        elif eq.primitive.family == "reduction":
            self._reduction(eq, where)
        elif eq.primitive.family == "window":
            self._window(eq, where)

    def _view(self, eq: Any, where: tuple[Index, ...]) -> None:
        view = eq.primitive.lower(where, *(x.type for x in eq.operands), **eq.attrs)
        for piece in view.pieces:
            x = eq.operands[piece.operand]
            self.visit(x, [Index.of(self.code, i).within(n)
                           for i, n in zip(piece.index, x.type.shape)])  # fmt: skip

    def _gather(self, eq: Any, where: tuple[Index, ...]) -> None:
        def read(operand: int, at: Sequence[Any], extent: int) -> Index:
            indices = tuple(Index.of(self.code, i) for i in at)
            self.visit(eq.operands[operand], indices)
            return Index.of(self.code, Loaded(extent, indices))

        types = (x.type for x in eq.operands)
        self.visit(eq.operands[0], eq.primitive.lower(where, read, *types, **eq.attrs))

    def _window(self, eq: Any, where: tuple[Index, ...]) -> None:
        """Operands like the result are read around its index, others at strides from it."""
        a = eq.attrs
        sizes = list(zip(where, a["size"], a["strides"]))
        for x in eq.operands:
            if x.type.shape == eq.results[0].type.shape:
                at = [i + self.variable(k) for i, k, s in sizes]
            elif x.type.size >= eq.results[0].type.size:
                at = [i * s + self.variable(k) for i, k, s in sizes]
            else:
                at = [i // s for i, k, s in sizes]
            self.visit(x, at)

    def _reduction(self, eq: Any, where: tuple[Index, ...]) -> None:
        axes = eq.attrs.get("axes", (eq.attrs.get("axis"),))
        kept, shape = iter(where), eq.operands[0].type.shape
        at = [self.variable(n) if i in axes else next(kept) for i, n in enumerate(shape)]
        self.visit(eq.operands[0], at)


@dataclass
class Axis:
    """A loop over one or several adjacent axes as one; how many accesses it makes contiguous."""

    members: tuple[int, ...]
    extent: int
    contiguous: int = 0

    def split(self, counter: Index, shape: Sequence[int]) -> dict[int, Index]:
        """The index along each member axis."""
        out = {}
        for axis in reversed(self.members):
            if axis == self.members[0]:
                out[axis] = counter.within(shape[axis]) if len(self.members) == 1 else counter
            else:
                out[axis] = counter % shape[axis]
                counter = counter // shape[axis]
        return out


def merged_axes(
    emitter: Emitter, values: Sequence[Value], shape: Sequence[int], chosen: Sequence[int],
    mergeable: bool = True,
) -> list[Axis]:  # fmt: skip
    """Loops over the `chosen` axes of values of one shape: adjacent axes that all accesses walk as
    one are one. Axes of extent 1 need no loop."""
    probe = Probe(emitter.body, emitter.leaves)
    variables = [probe.variable(n) for n in shape]
    for v in values:
        probe.visit(v, variables)
    return group_axes(probe.accesses, variables, chosen, mergeable)


def group_axes(
    accesses: Sequence[Access], variables: Sequence[Var], chosen: Sequence[int],
    mergeable: bool = True,
) -> list[Axis]:  # fmt: skip
    """See merged_axes."""
    loops = [i for i in sorted(chosen) if variables[i].extent != 1]
    groups: list[list[int]] = []
    for i in loops:
        last = groups[-1][-1] if groups else None
        adjacent = last is not None and all(variables[j].extent == 1 for j in range(last + 1, i))
        if mergeable and adjacent and _walk_as_one(accesses, variables[last], variables[i]):  # type: ignore[index]
            groups[-1].append(i)
        else:
            groups.append([i])
    axes = []
    for members in groups:
        extent = 1
        for i in members:
            extent *= variables[i].extent
        unit = sum(a.stride(variables[members[-1]]) == 1 for a in accesses)
        axes.append(Axis(tuple(members), extent, unit))
    return axes


def _walk_as_one(accesses: Sequence[Access], outer: Var, inner: Var) -> bool:
    for a in accesses:
        far, near = a.stride(outer), a.stride(inner)
        if far is None or near is None or far != near * inner.extent:
            return False
    return True
