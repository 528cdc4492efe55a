"""Rematerialization: what is cheap to compute again is not kept until the backward sweep.

    z = loop(y) {relu(y * scale + shift)}; a = contract(z, v); ...; g = contract(z, d)
    ->
    z = loop(y) {...}; a = contract(z, v); ...; w = loop(y) {...}; g = contract(w, d)

The operands of a contraction must be arrays, and a training step reads those of the forward sweep
once more, long after. Where y is kept in any case (a normalization reads it again), z need not be:
its place is free for the next layer's. Computing z again moves more bytes, but between cores and
caches; so it pays where the whole step fits the caches without the z, and does not with them.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamella.passes.fuse import build_region
from lamella.passes.recompute import CHEAP, COSTLY, SMALL, budget, is_small
from lamella.program import Equation, Program, Value

#: What is read again before so many bytes have been written is probably still in a cache.
FAR = 8 << 20
#: So many bytes stay in the caches of a step, most of the time.
CACHES = 48 << 20


def rematerialize(program: Program) -> Program:
    """Compute cheap operands of contractions again where they are read much later, if the caches
    hold all that is kept then; the equations stay in their order."""
    if peak_nbytes(program) <= FAR:
        return program
    result = Rematerialization(program).run()
    return result if peak_nbytes(result) <= CACHES else program


def peak_nbytes(program: Program) -> int:
    """The most bytes of results that are still to be read, in front of any equation."""
    made = {v for eq in program.equations for v in eq.results}
    alive: set[Value] = set()
    most = now = 0
    for eq in reversed(program.equations):
        now -= sum(v.type.nbytes for v in eq.results if v in alive)
        new = made.intersection(eq.operands) - alive
        alive |= new
        now += sum(v.type.nbytes for v in new)
        most = max(most, now)
    return most


class Rematerialization:
    """One run of the pass over one fused Program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.readers: dict[Value, list[int]] = {}
        self.written = [0]  # bytes, by the equations in front of each
        for i, eq in enumerate(program.equations):
            for v in dict.fromkeys(eq.operands):
                self.readers.setdefault(v, []).append(i)
            self.written.append(self.written[-1] + sum(v.type.nbytes for v in eq.results))
        self.inputs = set(program.inputs)
        self.again: dict[int, list[Equation]] = {}  # what to compute in front of an equation
        self.renamed: dict[int, dict[Value, Value]] = {}  # what an equation reads instead

    def run(self) -> Program:
        for position, eq in enumerate(self.program.equations):
            if eq.attrs.get("kind") == "loop":
                for k, value in enumerate(eq.results):
                    self._consider(eq, k, value, position)
        equations: list[Equation] = []
        for i, eq in enumerate(self.program.equations):
            equations += self.again.get(i, [])
            if new := self.renamed.get(i):
                operands = tuple(new.get(v, v) for v in eq.operands)
                eq = Equation(eq.primitive, operands, eq.attrs, eq.results, eq.source)
            equations.append(eq)
        return Program(self.program.inputs, equations, self.program.outputs, self.program.constants)

    def _consider(self, eq: Equation, k: int, value: Value, position: int) -> None:
        late = self._late_readers(value, position)
        if not late or value.type.nbytes <= SMALL or value in self.program.outputs:
            return
        if not all(self._contracts(i, value) for i in late):
            return
        copy = recomputed(eq, k)
        if copy is None or not self._has(copy, value, late[0]):
            return
        self.again.setdefault(late[0], []).append(copy)
        for i in late:
            self.renamed.setdefault(i, {})[value] = copy.results[0]
            self.readers[value].remove(i)
        for v in copy.operands:
            self.readers[v] = sorted({*self.readers.get(v, []), late[0]})

    def _late_readers(self, value: Value, position: int) -> list[int]:
        """The readers behind the first long pause without one."""
        before = position + 1
        readers = self.readers.get(value, [])
        for k, i in enumerate(readers):
            if self.written[i] - self.written[before] > FAR:
                return readers[k:]
            before = i
        return []

    def _contracts(self, reader: int, value: Value) -> bool:
        """Is `value` an operand of the reader's contraction?"""
        eq = self.program.equations[reader]
        if eq.attrs.get("kind") != "contraction":
            return False
        body = eq.attrs["body"]
        inner = body.inputs[eq.operands.index(value)]
        return any(e.primitive.family == "contraction" and inner in e.operands
                   for e in body.equations)  # fmt: skip

    def _has(self, copy: Equation, value: Value, position: int) -> bool:
        """Are the large operands of `copy`, hardly more bytes than `value`, kept until `position`?
        So must be inputs: an update overwrites them as soon as nobody reads them any more."""
        large = [v for v in copy.operands if not is_small(v, value)]
        bound = [v for v in copy.operands if v in large or v in self.inputs]
        kept = all(self.readers[v][-1] >= position for v in bound)
        return kept and 2 * sum(v.type.nbytes for v in large) <= 3 * value.type.nbytes


def recomputed(eq: Equation, k: int) -> Equation | None:
    """A loop that computes result `k` of region `eq` alone; None where that takes more than a few
    elementwise equations. Results of the region that are small beside it are read."""
    body: Program = eq.attrs["body"]
    wanted = body.outputs[k]
    outer: dict[Value, Value] = dict(zip(body.inputs, eq.operands))
    outer.update((v, r) for v, r in zip(body.outputs, eq.results) if is_small(r, eq.results[k]))
    members = _needed(body.equations, wanted, outer)
    cost = sum(
        (CHEAP if "cheap" in e.primitive.traits else COSTLY)
        for e in members if e.primitive.family != "view"
    )  # fmt: skip
    families = {e.primitive.family for e in members}
    if not families <= {"elementwise", "view"} or not 0 < cost <= budget(wanted):
        return None
    if body.constants or wanted in outer:
        return None
    views = {e.results[0]: e for e in members if e.primitive.family == "view"}
    rest = [e for e in members if e.results[0] not in views]
    copy = build_region("loop", rest, views, (wanted,))
    inner = copy.operands
    return Equation(copy.primitive, tuple(outer[v] for v in inner), copy.attrs,
                    (Value(wanted.type),), eq.source)  # fmt: skip


def _needed(equations: Sequence[Equation], wanted: Value, known: dict[Value, Value]
            ) -> list[Equation]:  # fmt: skip
    """The equations that compute `wanted` from `known` values, in order."""
    missing, found = {wanted}, []
    for eq in reversed(equations):
        if missing.intersection(eq.results):
            missing.update(v for v in eq.operands if v not in known)
            found.append(eq)
    return found[::-1]
