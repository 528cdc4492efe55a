"""Fusion: equations become regions, and a region becomes one kernel.

A region is a `fused` equation whose body holds the fused equations. There are two kinds:

loop         elementwise, reduction, gather and window equations over one `domain` shape. Reductions
             of a region share the axes they fold; if these are the last ones, values of the reduced
             shape may be used again in the same region (softmax: row by row).
contraction  one contract equation, followed by elementwise equations on its result.

Views belong to nobody: every region that reads through a view repeats it as an index map, and only
what leaves the loops (operands of other equations, outputs) is copied. Equations of other families
stay as they are. One forward sweep lets each equation join the youngest region that it can join
without making a cycle.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from lamella import ops
from lamella.passes.recompute import light_roots, worthwhile
from lamella.passes.region import Region, depends, in_order, let_read
from lamella.passes.rewrite import with_nested
from lamella.passes.views import axis_map
from lamella.program import Builder, Equation, Program, Value

JOINABLE = ("elementwise", "reduction", "window", "gather")
#: Horizontal fusion looks at this many of the youngest regions that read the same array.
SIBLINGS = 4
#: LLVM's time grows faster than linearly in the size of a function.
MAX_MEMBERS = 80
#: A concatenation of more arrays, counted through those in front of it, is an array: a region that
#: reads it through views holds code for each of them.
MAX_PIECES = 4


def family(eq: Equation) -> str:
    """What the equation is to fusion: complex numbers go to the host, a gather is a loop."""
    for v in (*eq.operands, *eq.results):
        if v.type.dtype.kind == "c":
            return "host"
    return "gather" if "gather" in eq.primitive.traits else eq.primitive.family


def folded_axes(eq: Equation) -> tuple[int, ...]:
    """The axes that a reduction equation folds."""
    axes = eq.attrs["axes"] if "axes" in eq.attrs else (eq.attrs["axis"],)
    return tuple(sorted(axes))


def fuse(program: Program) -> Program:
    """a = f(x); b = g(a) -> b = fused(x) {a = f(x); b = g(a)}, for every region."""
    return Fusion(program).run()


def seen_through(program: Program) -> dict[Value, Equation]:
    """The views that the regions that read them repeat: {result: equation}."""
    views: dict[Value, Equation] = {}
    pieces: dict[Value, int] = {}
    for eq in program.equations:
        if family(eq) == "view":
            (result,) = eq.results
            pieces[result] = sum(pieces.get(v, 1) for v in eq.operands)
            if pieces[result] > MAX_PIECES:
                pieces[result] = 1
            else:
                views[result] = eq
    return views


class Fusion:
    """One run of the pass over one Program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.family = {eq: family(eq) for eq in program.equations}.__getitem__
        self.views = seen_through(program)
        values = (*program.inputs, *program.constants,
                  *(v for eq in program.equations for v in eq.results))  # fmt: skip
        self.age = {v: i for i, v in enumerate(values)}
        self.region_of: dict[Value, Region] = {}
        self.made: dict[Value, Equation] = {}
        self.readers: dict[Value, list[Region]] = {}
        self.folds: dict[Region, list[Region]] = {}  # those that reduce what a region makes
        self.regions: list[Region] = []
        self.scalars: list[Region] = []  # loops over one element
        self.roots_behind: dict[Value, list[Value]] = {}
        self.copied = self._copied_views()
        self.extremes = self._operands_of_extremes()

    def run(self) -> Program:
        for position, eq in enumerate(self.program.equations):
            if eq.results[0] in self.views and eq.results[0] not in self.copied:
                continue
            self._place(eq, position)
        self._sink()
        self._recompute()
        return self._rebuild()

    # ---- which region ----------------------------------------------------------------------

    def _copied_views(self) -> set[Value]:
        """Views that must be arrays: outputs, and operands of what is not a loop."""
        wanted = set(self.program.outputs)
        for eq in self.program.equations:
            if self.family(eq) not in (*JOINABLE, "view"):
                wanted.update(eq.operands)
            elif self.family(eq) == "gather":
                wanted.add(eq.operands[0])
        return {v for v in self.views if v in wanted}

    def _operands_of_extremes(self) -> set[Value]:
        """What a maximum is taken of is never computed again: two kernels round alike only almost,
        and the elements that are equal to the maximum would be none."""
        return {
            root
            for eq in self.program.equations
            if self.family(eq) == "reduction" and "chooses" in eq.primitive.traits
            for root in self._roots(eq)
        }

    def _place(self, eq: Equation, position: int) -> None:
        roots = self._roots(eq)
        sources = {self.region_of[r] for r in roots if r in self.region_of}
        region = None
        if self.family(eq) in JOINABLE:
            candidates = sorted(sources, key=lambda r: -r.last) + self._siblings(eq, roots)
            region = next((r for r in candidates if self._can_join(eq, r, sources)), None)
        elif "joins" in eq.primitive.traits and len(sources) == 1:
            (source,) = sources
            region = source if self._makes_pieces(source, eq) else None
        self._join(eq, region or self._open(eq, position), position, roots, sources)

    def _makes_pieces(self, region: Region, eq: Equation) -> bool:
        """May `region` store the operands of a concatenation side by side, instead of a copy?"""
        return region.kind == "loop" and region.axes is None and all(
            v in self.made and v not in self.views and self.family(self.made[v]) == "elementwise"
            and v.type.shape == region.domain for v in eq.operands
        )  # fmt: skip

    def _open(self, eq: Equation, position: int) -> Region:
        shape, kind = eq.results[0].type.shape, "other"
        if self.family(eq) == "contraction":
            kind = "contraction"
        elif self.family(eq) in JOINABLE or (self.family(eq) == "view" and not self._is_alias(eq)):
            kind = "loop"
        if self.family(eq) == "reduction":
            shape = eq.operands[0].type.shape
        region = Region(kind, shape, position, position, len(self.regions))
        self.regions.append(region)
        if kind == "loop" and all(n == 1 for n in shape):
            self.scalars.append(region)
        return region

    def _is_alias(self, eq: Equation) -> bool:
        """A reshape of an array needs no copy: the bytes stay where they are."""
        (x, *_) = eq.operands or (None,)
        is_array = x not in self.views or x in self.copied
        return "alias" in eq.primitive.traits and is_array

    def _join(self, eq: Equation, region: Region, position: int, roots: set[Value],
              sources: set[Region]) -> None:  # fmt: skip
        region.members.append(eq)
        region.last = position
        sources = sources - {region}
        let_read(region, sources)
        if self.family(eq) == "reduction":
            region.axes = folded_axes(eq)
            for source in sources:
                self.folds.setdefault(source, []).append(region)
        for value in eq.results:
            self.region_of[value] = region
            self.made[value] = eq
        for root in roots:
            region.roots.add(root)
            self.readers.setdefault(root, []).append(region)

    def _siblings(self, eq: Equation, roots: set[Value]) -> list[Region]:
        """Regions that read an array that `eq` reads as well; scalars sit with any scalars.

        Two folds of what one region makes are siblings too: both may compute it again.
        """
        if eq.results[0].type.size == 1 and self.family(eq) == "elementwise":
            shape = eq.results[0].type.shape
            return [r for r in self.scalars[: -SIBLINGS - 1 : -1] if r.domain == shape]
        found: list[Region] = []
        for root in roots:
            if root.type.size > 1:
                found += self.readers.get(root, [])[-SIBLINGS:]
                if self.family(eq) == "reduction" and root in self.region_of:
                    found += self.folds.get(self.region_of[root], [])[-SIBLINGS:]
        return sorted(set(found), key=lambda r: -r.last)[:SIBLINGS]

    # ---- may it join -------------------------------------------------------------------------

    def _can_join(self, eq: Equation, region: Region, sources: set[Region]) -> bool:
        return (
            region.kind != "other"
            and len(region.members) < MAX_MEMBERS
            and self._fits(eq, region)
            and not depends(sources - {region}, region)
        )

    def _fits(self, eq: Equation, region: Region) -> bool:
        shape = eq.results[0].type.shape
        if region.kind == "contraction":
            return (self.family(eq) == "elementwise" and shape == region.domain
                    and self._aligned(eq, region, full=True))  # fmt: skip
        if self.family(eq) == "reduction":
            same_axes = region.axes in (None, folded_axes(eq)) and not region.stores_pieces
            return (eq.operands[0].type.shape == region.domain and same_axes
                    and self._aligned(eq, region, full=True))  # fmt: skip
        if self.family(eq) in ("window", "gather"):
            return shape == region.domain and not any(
                self.region_of.get(r) is region for r in self._roots(eq)
            )
        if shape == region.domain:
            return self._aligned(eq, region, full=True)
        return shape == region.reduced and region.by_row and self._aligned(eq, region, full=False)

    def _aligned(self, eq: Equation, region: Region, full: bool) -> bool:
        """Every value of the region that `eq` reads is needed at the very index being computed."""
        return all(self._operand_aligned(v, region, full) for v in eq.operands)

    def _operand_aligned(self, operand: Value, region: Region, full: bool) -> bool:
        inside = [r for r in self._roots_of(operand) if self.region_of.get(r) is region]
        if not inside:
            return True
        found = axis_map(operand, lambda v: v in self.region_of and v not in self.views, self.views)
        if found is None:
            return False
        root, axes = found
        here = range(len(region.domain))
        if root.type.shape == region.domain and root.type.shape != region.reduced:
            return full and all(a is None or a == i for i, a in enumerate(axes))
        if root.type.shape != region.reduced or not region.by_row:
            return False
        kept = [i for i in here if i not in (region.axes or ())] if full else list(range(len(axes)))
        return all(a is None or a == kept[i] for i, a in enumerate(axes))

    def _sink(self) -> None:
        """A region of elementwise equations that only one other one reads moves into that one."""
        outputs = {self.region_of[v] for v in self._outputs_seen() if v in self.region_of}
        for region in self.regions[::-1]:
            if (
                len(region.read_by) == 1
                and region not in outputs
                and self._only_elementwise(region)
            ):
                (consumer,) = region.read_by
                if self._accepts(consumer, region):
                    self._merge(region, consumer)
        self.regions = [r for r in self.regions if r.members]

    def _recompute(self) -> None:
        """Let regions compute values again instead of reading them from another region."""
        kept = self._outputs_seen()
        for region in self.regions:
            kept |= self._fixed(region)
        stored = kept | {r for region in self.regions for r in region.roots
                         if self.region_of.get(r) is not region}  # fmt: skip
        for region in sorted(self.regions, key=lambda r: r.last):
            if region.kind == "other":
                continue
            waiting = self._by_age(region.roots - self._fixed(region))
            while waiting:
                light = self._light(waiting, self.extremes | self._fixed(region))
                waiting = []
                for values in light:
                    if worthwhile(values, region.roots - set(values), stored, kept):
                        waiting += self._compute_again(region, values)
                        stored |= region.roots
            region.reads = {self.region_of[r] for r in region.roots if r in self.region_of}

    def _by_age(self, values: set[Value]) -> list[Value]:
        """Sets have no order that the next process would find again."""
        return sorted(values, key=self.age.__getitem__)

    def _fixed(self, region: Region) -> set[Value]:
        """What a region must read as arrays."""
        if region.kind != "loop":
            return set(region.members[0].operands)
        data = [eq.operands[:1] for eq in region.members if self.family(eq) == "gather"]
        windows = [eq.operands for eq in region.members if self.family(eq) == "window"]
        return {v for operands in (*data, *windows) for v in operands}

    def _light(self, values: Sequence[Value], arrays: set[Value]) -> list[dict[Value, set[Value]]]:
        """Values and the roots that they could be computed from: by region, then one by one.
        A root in `arrays` is read in any case."""
        found: dict[Region, dict[Value, set[Value]]] = {}
        for value in values:
            source = self.region_of.get(value)
            if source is None or source.kind == "other":
                continue
            inside = partial(self._inside, source)
            roots = light_roots(value, inside, self.views, arrays)
            if roots is not None:
                found.setdefault(source, {})[value] = roots
        singles = [{v: rs} for group in found.values() if len(group) > 1 for v, rs in group.items()]
        return [*found.values(), *singles]

    def _inside(self, region: Region, value: Value) -> Equation | None:
        """The equation of `value` where it is a member of `region`."""
        return self.made[value] if self.region_of.get(value) is region else None

    def _compute_again(self, region: Region, values: dict[Value, set[Value]]) -> list[Value]:
        """`region` computes `values` from now on; returns what it reads for the first time."""
        new: list[Value] = []
        for value, roots in values.items():
            if value in region.roots:
                region.roots.discard(value)
                region.again.add(value)
                new += self._by_age(roots - region.roots)
                region.roots |= roots
        return new

    def _outputs_seen(self) -> set[Value]:
        """Outputs of the Program, and the arrays behind copied or aliased views."""
        return {r for v in (*self.program.outputs, *self.copied) for r in (v, *self._roots_of(v))}

    def _only_elementwise(self, region: Region) -> bool:
        return region.kind == "loop" and all(
            self.family(e) == "elementwise" for e in region.members
        )

    def _accepts(self, consumer: Region, region: Region) -> bool:
        made = {v for e in region.members for v in e.results}
        if consumer.kind == "other" or consumer.domain != region.domain:
            return False
        if len(consumer.members) + len(region.members) > MAX_MEMBERS:
            return False
        return all(
            self._reads_in_place(v, made)
            for e in consumer.members
            for v in e.operands
            if self.family(e) != "contraction" or v in made
        ) and not (consumer.kind == "contraction" and made & set(consumer.members[0].operands))

    def _reads_in_place(self, operand: Value, made: set[Value]) -> bool:
        """Does `operand` look at what `made` holds at the very index being computed, if at all?"""
        if not made & set(self._roots_of(operand)):
            return True
        found = axis_map(operand, lambda v: v in made, self.views)
        return (
            found is not None
            and operand.type.shape == found[0].type.shape
            and all(a is None or a == i for i, a in enumerate(found[1]))
        )

    def _merge(self, region: Region, consumer: Region) -> None:
        head = consumer.members[:1] if consumer.kind == "contraction" else []
        consumer.members = [*head, *region.members, *consumer.members[len(head) :]]
        consumer.reads = (consumer.reads | region.reads) - {region, consumer}
        consumer.roots |= region.roots
        consumer.first = min(consumer.first, region.first)
        for source in region.reads:
            source.read_by = (source.read_by - {region}) | {consumer}
        for e in region.members:
            for v in e.results:
                self.region_of[v] = consumer
        region.members = []

    # ---- views ---------------------------------------------------------------------------------

    def _roots(self, eq: Equation) -> set[Value]:
        """The arrays that `eq` reads: its operands, seen through views where it is a loop."""
        if self.family(eq) in JOINABLE or (self.family(eq) == "view" and not self._is_alias(eq)):
            return {r for v in eq.operands for r in self._roots_of(v)}
        return set(eq.operands)

    def _roots_of(self, value: Value) -> list[Value]:
        if value not in self.views:
            return [value]
        if value not in self.roots_behind:
            roots = (r for v in self.views[value].operands for r in self._roots_of(v))
            self.roots_behind[value] = list(dict.fromkeys(roots))
        return self.roots_behind[value]

    # ---- the new Program -----------------------------------------------------------------------

    def _rebuild(self) -> Program:
        used_by: dict[Value, set[Region]] = {}
        for region in self.regions:
            for root in region.roots:
                used_by.setdefault(root, set()).add(region)
        outputs = set(self.program.outputs)
        equations = []
        for region in in_order(self.regions):
            if region.kind == "other":
                equations.append(with_nested(region.members[0], fuse))
                continue
            results = tuple(
                v for eq in region.members for v in eq.results
                if v in outputs or used_by.get(v, set()) - {region}
            )  # fmt: skip
            if results:
                again = {v: self.made[v] for v in self._chains(region)}
                views = ChainMap(self.views, again) if again else self.views
                equations.append(build_region(region.kind, region.members, views, results))
        return Program(self.program.inputs, equations, self.program.outputs, self.program.constants)

    def _chains(self, region: Region) -> list[Value]:
        """Every value of other regions that `region` computes: the chains behind `again`."""
        found, stack = [], list(region.again)
        while stack:
            v = stack.pop()
            if v in self.views:
                stack += self.views[v].operands
            elif v not in region.roots and self.region_of.get(v) not in (None, region):
                found.append(v)
                stack += self.made[v].operands
        return found


def build_region(
    kind: str, members: list[Equation], views: Mapping[Value, Equation], results: tuple[Value, ...]
) -> Equation:
    """results = fused(...) over `members`; `views` are repeated in the body where they are read."""
    body = Builder()
    inner: dict[Value, Value] = {}
    inputs: list[Value] = []

    def array(value: Value) -> Value:
        if value not in inner:
            inputs.append(value)
            inner[value] = body.make_value(value.type)
        return inner[value]

    def through_views(value: Value) -> Value:
        if value in inner or value not in views:
            return array(value)
        eq = views[value]
        repeat(eq, through_views)
        return inner[value]

    def repeat(eq: Equation, read: Callable[[Value], Value]) -> None:
        operands = tuple(read(v) for v in eq.operands)
        copies = tuple(body.make_value(v.type) for v in eq.results)
        body.equations.append(Equation(eq.primitive, operands, eq.attrs, copies, eq.source))
        inner.update(zip(eq.results, copies))

    for eq in members:
        if eq.results[0] not in inner:  # else a copied view that the region has already read
            repeat(eq, array if family(eq) == "contraction" else through_views)
    program = body.finish([inner[v] for v in inputs], [inner[v] for v in results])
    return Equation(
        ops.fused, tuple(inputs), {"body": program, "kind": kind}, results, members[0].source
    )
