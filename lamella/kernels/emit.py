"""The Emitter: the LLVM value of any Value of a body Program at any index, on demand.

    code = Code()                                  # levels of loops: lamella/kernels/emit_code.py
    pointers = {v: code.array(j) for j, v in enumerate([*body.inputs, *body.outputs])}
    emitter = Emitter(body, code, pointers)
    lanes = lane(code, width=16, valid=16)         # Index of lanes 0 .. 15; valid < width: a tail
    def column(t, _):                              # a loop: code.loop names the counter
        j = Index.of(code, Var(8, code.depth, t)) * 16 + lanes
        emitter.store(body.outputs[0], (row, j))   # evaluates the output there and stores it

`emitter.value(v, index)` returns Lanes: a vector if the index has lanes, else a scalar. The index
has one Index (or int) per dimension of v. Elementwise equations run their scalar rule, views map
the index, inputs become loads, reductions inner loops, gathers load their index first.

Values are remembered per loop level, and emitted at the outermost level that knows their index: the
maximum of a softmax row is computed once per row, in front of the loop over the row.

leaves={v: callable(index) -> Lanes} overrides Values: a contraction gives its accumulators as the
value of its result. They are asked for at the level that is innermost when `value` is called.
Loads never go outside an array, except up to 64 bytes past its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamella.kernels.emit_code import Code
from lamella.kernels.emit_fold import fold
from lamella.kernels.emit_index import Index, Var, both, compare
from lamella.kernels.emit_lanes import INT64, Lanes
from lamella.kernels.emit_memory import load, prefetch_row, store
from lamella.kernels.emit_tile import Tile, load_transposed
from lamella.kernels.emit_window import window
from lamella.kernels.half_floats import is_half
from lamella.kernels.kernel import CannotFuse
from lamella.program import Equation, Program, Value
from lamella.types import BOOL, Type, is_integer

Leaf = Callable[[tuple[Index, ...]], Lanes]


class Emitter:
    """Evaluates one body in one Code; see the module's docstring."""

    def __init__(
        self,
        body: Program,
        code: Code,
        pointers: Mapping[Value, str],
        width: int = 16,
        leaves: Mapping[Value, Leaf] | None = None,
        needed: Sequence[Equation] | None = None,
    ) -> None:
        self.body, self.code, self.pointers = body, code, pointers
        self.needed = body.equations if needed is None else needed  # what else may be computed
        self.zero = Index.of(code, 0)
        self.width = width  # lanes of the loops that reductions make
        self.straight = 0  # rows of up to so many vectors are folded without a loop
        self.rows: dict[Value, tuple[int, ...]] = {}  # Values of which rows are kept
        self.tile: Tile | None = None  # the points that are being written out, if any
        self.guard: Lanes | None = None  # where loads are allowed; None: everywhere
        self.made_by = {v: eq for eq in body.equations for v in eq.results}
        self.position = {eq: i for i, eq in enumerate(body.equations)}
        self.ancestors: dict[Equation, set[Value]] = {}
        self.override(leaves or {})

    def override(self, leaves: Mapping[Value, Leaf]) -> None:
        """Give these Values by calling `leaves[v](index)`."""
        self.leaves = dict(leaves)
        self._on_leaves = self._reachable()

    def related(self, a: Equation, b: Equation) -> bool:
        """Whether one of two equations depends on the other."""
        first, second = sorted((a, b), key=self.position.__getitem__)
        return first.results[0] in self._sources(second)

    def _sources(self, eq: Equation) -> set[Value]:
        """All Values that an equation depends on."""
        if eq not in self.ancestors:
            found = set(eq.operands)
            for v in eq.operands:
                if v in self.made_by:
                    found |= self._sources(self.made_by[v])
            self.ancestors[eq] = found
        return self.ancestors[eq]

    def _reachable(self) -> set[Value]:
        """Values that depend on a leaf."""
        found = set(self.leaves)
        for eq in self.body.equations:
            if any(v in found for v in eq.operands):
                found.update(eq.results)
        return found

    # ------------------------------------------------------------------------------ values

    def value(self, v: Value, at: Sequence[Any]) -> Lanes:
        """The elements of `v` at an index: one Index or int per dimension."""
        return self._value(v, self._where(v, at))

    def _where(self, v: Value, at: Sequence[Any]) -> tuple[Index, ...]:
        return tuple([
            self.zero if n == 1 else Index.of(self.code, i)
            for i, n in zip(at, v.type.shape, strict=True)
        ])  # fmt: skip

    def _value(self, v: Value, where: tuple[Index, ...]) -> Lanes:
        level = max([i.level for i in where], default=0)
        guard = self._guard_of(where)
        if v in self._on_leaves:
            level = self.code.depth
        elif guard is not None:
            level = max(level, guard.level)
        memo, key = self.code.memo(level), (v, where, guard.ref if guard else None)
        found = memo.get(key)
        if found is None:
            outer, self.guard = self.guard, guard
            with self.code.hoisted(level):
                lanes = self._kept(v, where) or self._compute(v, where)
                found = memo[key] = lanes.with_dtype(v.type.dtype)
            self.guard = outer
        return found

    def is_dear(self, v: Value) -> bool:
        """Whether `v` takes several operations and is used by others than reductions."""
        used = any(v in eq.operands and eq.primitive.family != "reduction" for eq in self.needed)
        if not used or v not in self.made_by:
            return False
        cone = [x for x in self._sources(self.made_by[v]) if x in self.made_by]
        return sum(self.made_by[x].primitive.family == "elementwise" for x in cone) >= 1

    def keep_row(self, v: Value, axes: Sequence[int], where: Sequence[Index], pointer: str) -> None:
        """From here on, the elements of `v` along `axes`, at `where` along the others, are at
        `pointer`."""
        self.rows[v] = tuple(axes)
        self.code.memo(self.code.depth)["row", v, tuple(where)] = pointer

    def _kept(self, v: Value, where: tuple[Index, ...]) -> Lanes | None:
        """The element from a row that is kept, if there is one."""
        if v not in self.rows:
            return None
        axes = self.rows[v]
        kept = tuple(i for axis, i in enumerate(where) if axis not in axes)
        level = max((i.level for i in kept), default=0)
        pointer = self.code.memo(level).get(("row", v, kept))
        if pointer is None:
            return None
        row = Type(tuple(v.type.shape[axis] for axis in axes), v.type.dtype)
        return load(self.code, pointer, row, [where[axis] for axis in axes], self.guard)

    def _guard_of(self, where: Sequence[Index]) -> Lanes | None:
        """The guard; for an index without lanes, whether it holds in any lane."""
        guard = self.guard
        if guard is None or guard.width == 1 or any(i.width > 1 for i in where):
            return guard
        memo, key = self.code.memo(guard.level), ("any", guard.ref)
        if key not in memo:
            with self.code.hoisted(guard.level):
                memo[key] = Lanes(self.code, BOOL, 1, guard.any_())
        return memo[key]

    def _compute(self, v: Value, where: tuple[Index, ...]) -> Lanes:
        if v in self.leaves:
            return self.leaves[v](where)
        if v in self.body.constants:
            return self._constant(self.body.constants[v])
        eq = self.made_by.get(v)
        if eq is None:
            if self.tile is not None and self.guard is None:
                found = load_transposed(self.code, self.pointers[v], v.type, where, self.tile)
                if found is not None:
                    return found
            return load(self.code, self.pointers[v], v.type, where, self.guard)
        family = eq.primitive.family
        if family == "elementwise":
            operands = [self._value(x, where) for x in eq.operands]
            if v.type.dtype == BOOL:
                operands = [self._comparable(x, y) for x, y in zip(eq.operands, operands)]
            return eq.primitive.lower(*operands, **eq.attrs)
        if family == "view":
            return self._view(eq, v, where)
        if family == "reduction":
            return fold(self, eq, v, where)
        if family == "window":
            return window(self, eq, where)
        if "gather" in eq.primitive.traits:
            return self._gather(eq, where)
        raise CannotFuse(f"{eq.primitive} ({family}) cannot be part of a loop")

    def _comparable(self, v: Value, lanes: Lanes) -> Lanes:
        """Half floats as they would be stored: comparisons are the same in every kernel."""
        if not is_half(v.type.dtype) or self._is_rounded(v):
            return lanes
        return lanes.rounded_()

    def _is_rounded(self, v: Value) -> bool:
        eq = self.made_by.get(v)
        if eq is None or v in self.leaves:
            return v not in self.leaves
        if eq.primitive.family == "view" or "chooses" in eq.primitive.traits:
            return all(self._is_rounded(x) for x in eq.operands if is_half(x.type.dtype))
        return "rounds" in eq.primitive.traits

    def _constant(self, array: np.ndarray) -> Lanes:
        if array.size != 1:
            raise CannotFuse(f"a constant of {array.size} elements must be an input of the region")
        return Lanes.of(self.code, array.reshape(()).item(), array.dtype)

    # ------------------------------------------------------------------------------- views

    def _view(self, eq: Equation, v: Value, where: tuple[Index, ...]) -> Lanes:
        types = (x.type for x in eq.operands)
        view = eq.primitive.lower(where, *types, **eq.attrs)
        result = self._otherwise(view.otherwise, v.type.dtype)
        for piece in reversed(view.pieces):
            inside: Lanes | bool = True
            for expression, extent in piece.bounds:
                inside = both(inside, compare(Index.of(self.code, expression), extent))
            if inside is False:
                continue
            operand = eq.operands[piece.operand]
            at = [Index.of(self.code, i).within(n)
                  for i, n in zip(piece.index, operand.type.shape)]  # fmt: skip
            if inside is True:
                result = self.value(operand, at)
                continue
            with self.guarded(inside):
                x = self.value(operand, at)
            result = x if result is None else inside.select_(x, result)
        assert result is not None, f"{eq.primitive} has no element at {where}"
        return result

    def _otherwise(self, x: Any, dtype: np.dtype) -> Lanes | None:
        if x is None:
            return None
        if isinstance(x, Index):
            return x.vector(dtype if is_integer(dtype) else INT64).convert_(dtype)
        return Lanes.of(self.code, x, dtype)

    @contextmanager
    def guarded(self, condition: Lanes) -> Iterator[None]:
        """Loads only where `condition` holds; elsewhere they give anything."""
        outer = self.guard
        guard = both(outer, condition) if outer is not None else condition
        assert isinstance(guard, Lanes)
        self.guard = guard
        yield
        self.guard = outer

    # ----------------------------------------------------------------------------- gathers

    def _gather(self, eq: Equation, where: tuple[Index, ...]) -> Lanes:
        def read(operand: int, at: Sequence[Any], extent: int) -> Index:
            return self.loaded_index(eq.operands[operand], at, extent)

        types = (x.type for x in eq.operands)
        at = eq.primitive.lower(where, read, *types, **eq.attrs)
        table = eq.operands[0]
        if eq.attrs.get("axis") == 0 and table in self.pointers:
            row = Index.of(self.code, at[0])
            prefetch_row(self.code, self.pointers[table], table.type, row)
        return self.value(table, at)

    def loaded_index(self, v: Value, at: Sequence[Any], extent: int) -> Index:
        """The element of an integer Value as an Index, clipped to 0 .. extent-1."""
        lanes = self.value(v, at)
        with self.code.hoisted(lanes.level):
            wide = lanes.convert_(INT64)
            if v.type.dtype.itemsize == 8 and v.type.dtype.kind == "u":
                wide = (wide < 0).select_(extent - 1, wide)
            wide = (wide < 0).select_(0, wide)
            wide = (wide > extent - 1).select_(extent - 1, wide)
        if wide.width == 1:
            return Index.of(self.code, Var(extent, wide.level, wide.ref))
        var = Var(extent, wide.level, width=wide.width, lanes=wide)
        var.valid = min(Index.of(self.code, i).valid if Index.of(self.code, i).width > 1
                        else wide.width for i in at)  # fmt: skip
        return Index.of(self.code, var)

    # ------------------------------------------------------------------------------ stores

    def store(self, v: Value, at: Sequence[Any], pointer: str | None = None) -> None:
        """Evaluate `v` at an index and store it there, in its own buffer unless told."""
        lanes = self.value(v, at)
        where = tuple(Index.of(self.code, i) for i in at)
        store(self.code, pointer or self.pointers[v], v.type, where, lanes)
