"""How the outputs of a loop body are grouped into loop nests, and nests into chunks."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from lamella.kernels.emit_index import Index, Var
from lamella.kernels.emit_memory import FAR_BYTES, offset_of
from lamella.kernels.emit_probe import Access, Axis, Probe, group_axes
from lamella.kernels.kernel import CannotFuse
from lamella.program import Equation, Program, Value
from lamella.types import FLOATS

SMALL = 1 << 14  # up to this many elements one chunk does all
CHUNK = 1 << 13  # elements of one chunk, about
CHUNK_COST = 40_000  # operations of one chunk, about: two microseconds of them
MANY, FEW = 1 << 12, 64  # so many results of so few elements each are folded where they are used
COSTLY = 8  # operations that an exp, a division or a square root counts as
FAR = 16  # operations that an element counts as that is gathered from memory
WINDOW = 4  # operations on each element that a window holds
CHUNKS = 64  # at most
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Piece:
    """`value` is the part of an output that begins at `start` of `axis`."""

    value: Value
    axis: int = 0
    start: int = 0

    def place(self, at: Sequence[Index]) -> list[Index]:
        """Where in the output an element of the piece is."""
        return [i + self.start if axis == self.axis else i for axis, i in enumerate(at)]


@dataclass
class Outputs:
    """Outputs that one nest computes.

    inner: Values over the whole `domain`; outer: Values over its `kept` axes; the other axes are
    folded by the reductions. A map visits kept axes outside, the others inside. pieces: outputs
    that are inner Values side by side, each stored where it is computed.
    """

    kind: str  # "map" or "fold"
    domain: Shape
    kept: tuple[int, ...]
    inner: list[Value] = field(default_factory=list)
    outer: list[Value] = field(default_factory=list)
    folds: list[Equation] = field(default_factory=list)
    pieces: dict[Value, list[Piece]] = field(default_factory=dict)

    def pieces_of(self, output: Value) -> list[Piece]:
        """Most outputs are one piece."""
        return self.pieces.get(output) or [Piece(output)]

    @property
    def folded(self) -> tuple[int, ...]:
        return tuple(i for i in range(len(self.domain)) if i not in self.kept)


def axes_of(eq: Equation) -> tuple[int, ...]:
    """The axes that a reduction folds."""
    axes = eq.attrs["axes"] if "axes" in eq.attrs else (eq.attrs["axis"],)
    return tuple(sorted(axes))


def needed_by(body: Program, outputs: Sequence[Value], known: Collection[Value] = ()
              ) -> list[Equation]:  # fmt: skip
    """The equations that `outputs` depend on, in order; not those behind `known` Values."""
    wanted, found = set(outputs).difference(known), []
    for eq in reversed(body.equations):
        if any(v in wanted for v in eq.results):
            wanted.update(v for v in eq.operands if v not in known)
            found.append(eq)
    return found[::-1]


def classify(body: Program) -> list[Outputs]:
    """The outputs in groups, one nest each; an output of no elements needs none."""
    outputs = [v for v in body.outputs if v.type.size]
    reductions = [eq for eq in needed_by(body, outputs) if eq.primitive.family == "reduction"]
    if not reductions:
        return _by_shape(outputs, pieces_in(body))
    signatures = {(eq.operands[0].type.shape, axes_of(eq)) for eq in reductions}
    size = max(eq.operands[0].type.size for eq in reductions)
    if len(signatures) > 1 or any(eq.operands[0].type.size == 0 for eq in reductions):
        return _each_alone(body, outputs, size)
    ((domain, axes),) = signatures
    kept = tuple(i for i in range(len(domain)) if i not in axes)
    reduced = tuple(domain[i] for i in kept)
    rows, length = math.prod(reduced), math.prod(domain[i] for i in axes)
    after = {v: bool([e for e in needed_by(body, [v]) if e in reductions]) for v in outputs}
    inner = [v for v in outputs if v.type.shape == domain and (domain != reduced)]
    outer = [v for v in outputs if v.type.shape == reduced and v not in inner]
    if len(inner) + len(outer) < len(outputs):
        return _each_alone(body, outputs, size)
    by_row = _is_last(domain, axes)
    short = not inner and rows >= MANY and length <= FEW
    if size > SMALL and not (by_row and rows >= 16) and not short and length > 1:
        if any(after[v] for v in inner):
            if by_row or rows * length <= 4 * SMALL:
                return [Outputs("map", domain, kept, inner, outer)]
            raise CannotFuse("a long reduction and its use over the folded axes")
        folds = [eq for eq in reductions if eq in needed_by(body, outer)]
        if any(e in needed_by(body, f.operands) for e in folds for f in folds):
            raise CannotFuse("reductions that depend on each other")
        return [Outputs("fold", domain, kept, inner, outer, folds)]
    if inner:
        return [Outputs("map", domain, kept, inner, outer)]
    return [Outputs("map", reduced, tuple(range(len(reduced))), outer)]


def _is_last(domain: Shape, axes: Sequence[int]) -> bool:
    wide = [i for i, n in enumerate(domain) if n != 1 or i in axes]
    return tuple(wide[len(wide) - len(axes) :]) == tuple(axes)


def _by_shape(
    outputs: Sequence[Value], pieces: Mapping[Value, list[Piece]] | None = None
) -> list[Outputs]:
    groups: dict[Shape, Outputs] = {}
    for v in outputs:
        parts = (pieces or {}).get(v) or [Piece(v)]
        shape = parts[0].value.type.shape
        group = groups.setdefault(shape, Outputs("map", shape, tuple(range(len(shape)))))
        group.inner += [p.value for p in parts if p.value not in group.inner]
        if v is not parts[0].value:
            group.pieces[v] = parts
    return list(groups.values())


def pieces_in(body: Program) -> dict[Value, list[Piece]]:
    """Outputs that put Values of one shape side by side, which the body computes."""
    made = {eq.results[0] for eq in body.equations if eq.primitive.family == "elementwise"}
    found = {}
    for eq in body.equations:
        shapes = {v.type.shape for v in eq.operands}
        if ("joins" in eq.primitive.traits and eq.results[0] in body.outputs
                and len(shapes) == 1 and made.issuperset(eq.operands)):  # fmt: skip
            axis, size = eq.attrs["axis"], eq.operands[0].type.shape[eq.attrs["axis"]]
            found[eq.results[0]] = [Piece(v, axis, k * size) for k, v in enumerate(eq.operands)]
    return found


def _each_alone(body: Program, outputs: Sequence[Value], size: int) -> list[Outputs]:
    """A nest for each shape, which computes what it needs anew: right for small bodies only."""
    if size > SMALL and len(body.equations) > 1:
        raise CannotFuse("reductions over different axes")
    return _by_shape(outputs)


def lanes_of(body: Program, vector_bytes: int) -> int:
    """How many lanes a vector of this body has: by its widest floats, four bytes at least."""
    values = [*body.inputs, *(v for eq in body.equations for v in eq.results)]
    sizes = [v.type.dtype.itemsize for v in values if v.type.dtype in FLOATS]
    if not sizes:
        sizes = [v.type.dtype.itemsize for v in values]
    return max(vector_bytes // max([4, *sizes]), 2)


class Space:
    """The loops over a domain: its axes grouped into as few loops as all accesses allow."""

    def __init__(self, body: Program, outputs: Outputs, leaves: Sequence[Value] = ()) -> None:
        self.domain = outputs.domain
        self.probe = Probe(body, leaves)
        self.variables = [self.probe.variable(n) for n in outputs.domain]
        kept = [self.variables[i] for i in outputs.kept]

        for v in (*outputs.inner, *(eq.operands[0] for eq in outputs.folds)):
            self.probe.visit(v, self.variables)
        self.stores = self._stores(body, outputs, outputs.inner, self.variables)
        self.inside = [*self.probe.accesses, *self.stores]  # of what is computed over the domain
        for v in outputs.outer:
            self.probe.visit(v, kept)
        self.stores += self._stores(body, outputs, outputs.outer, kept)
        self.accesses = [*self.probe.accesses, *self.stores]

    def _stores(self, body: Program, outputs: Outputs, values: Sequence[Value], at: Sequence[Var]
                ) -> list[Access]:  # fmt: skip
        where = [Index.of(self.probe.code, v) for v in at]
        return [
            Access(v, offset_of(self.probe.code, v.type, piece.place(where)))
            for v in body.outputs for piece in outputs.pieces_of(v) if piece.value in values
        ]  # fmt: skip

    def axes(self, chosen: Sequence[int], mergeable: bool = True) -> list[Axis]:
        return group_axes(self.accesses, self.variables, chosen, mergeable)

    def last(self, axis: Axis) -> Var:
        """The Var of the fastest member of an axis."""
        return self.variables[axis.members[-1]]

    def lane_score(self, axis: Axis) -> float:
        """How well lanes run along an axis: contiguous accesses count for, scattered against."""
        score = 0.0
        for a in self.accesses:
            stride = a.stride(self.last(axis))
            weight = 2.0 if a in self.stores else 1.0
            if stride == 1:
                score += weight
            elif stride != 0:
                score -= weight
        return score


def chunk_count(elements: int, cost: int = 0) -> int:
    """How many chunks to cut this much work into, a power of two as contractions have it; cost:
    operations on each element."""
    wanted = max(elements // CHUNK, elements * cost // CHUNK_COST)
    return 1 << max(1, min(CHUNKS, wanted)).bit_length() - 1


def cost_of(equations: Sequence[Equation]) -> int:
    """Operations that elementwise and window equations and gathers take on an element, roughly."""
    windows = sum(eq.primitive.family == "window" for eq in equations)
    gathers = sum("gather" in eq.primitive.traits and eq.operands[0].type.nbytes >= FAR_BYTES
                  for eq in equations)  # fmt: skip
    found = [eq for eq in equations if eq.primitive.family == "elementwise"]
    return (
        WINDOW * windows
        + FAR * gathers
        + sum(1 if "cheap" in eq.primitive.traits else COSTLY for eq in found)
    )


def split(total: int, parts: int, images: int = 1) -> tuple[int, int]:
    """(size of a part, number of parts) that cover `total`, about `parts` of equal size.

    Where the total is that of enough images, parts are whole images: kernels of all kinds divide
    them alike, and what one writes is still in the cache of the thread that reads it next.
    """
    if 1 < images >= parts and total % images == 0:
        size, count = split(images, parts)
        return size * (total // images), count
    size = -(-total // max(1, min(parts, total)))
    return size, -(-total // size)


def block_of(space: Space, accesses: Sequence[Access], axes: Sequence[Axis], points: int
             ) -> int | None:  # fmt: skip
    """Bytes of an array that belong to each chunk of `points` points of `axes` alone, if any do.

    accesses: all that chunks touch of the array.
    """
    inside = {space.variables[i] for axis in axes for i in axis.members}
    strides = set()
    for a in accesses:
        steps = [a.stride(space.last(axis)) or 0 for axis in axes]
        rest = {t: c for t, c in a.offset.terms.items() if t not in inside}
        other = Index(space.probe.code, rest, a.offset.constant)
        if steps[-1] <= 0 or other.low < 0 or other.high >= steps[-1]:
            return None
        if any(x != y * axis.extent for x, y, axis in zip(steps, steps[1:], axes[1:])):
            return None
        strides.add(steps[-1])
    if len(strides) != 1:
        return None
    return strides.pop() * points * accesses[0].value.type.dtype.itemsize
