"""Fold kernels: long reductions in fixed chunks, joined in order by a second kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from lamella.kernels.emit import Emitter, Leaf
from lamella.kernels.emit_code import Code
from lamella.kernels.emit_fold import UNROLL, Accumulator, Runs, State, accumulator, references
from lamella.kernels.emit_index import Index, Var, lane
from lamella.kernels.emit_lanes import Lanes, register_type
from lamella.kernels.emit_memory import load, store, tail_mask
from lamella.kernels.emit_probe import Axis
from lamella.kernels.kernel import Kernel, Launch
from lamella.kernels.loop_map import Map
from lamella.kernels.loop_plan import (
    Outputs,
    Space,
    block_of,
    chunk_count,
    lanes_of,
    needed_by,
    split,
)
from lamella.kernels.loop_tile import Tiles, window_tiles
from lamella.kernels.text import Int
from lamella.native import Target
from lamella.program import Program, Value
from lamella.types import FLOATS, Type

At = dict[int, Index]
#: Vectors of a row that are folded side by side.
COLUMNS = 8


class Fold:
    """Partial results of every chunk in scratch, then a Map over the kept axes that joins them.

    Lanes run along a kept axis (then several vectors of it at once), or along a folded one.

    Where the images of a batch are kept, chunks are whole images: there is one part, and the Map
    has the same chunks, so that what the folds read and give stays with a thread.
    """

    def __init__(
        self, body: Program, outputs: Outputs, target: Target, key: str, first_scratch: int
    ) -> None:
        self.body, self.outputs, self.target, self.key = body, outputs, target, key
        self.first_scratch = first_scratch
        self.space = Space(body, outputs)
        self.lanes = lanes_of(body, target.vector_bytes)
        args = any(len(self._state_types(eq)) > 1 for eq in outputs.folds)
        self.kept = self.space.axes(outputs.kept)
        self.folded = self.space.axes(outputs.folded, mergeable=not args)
        self.size = math.prod(outputs.domain[i] for i in outputs.kept)
        self._choose_lanes()
        self.needed = needed_by(
            body, [*outputs.inner, *(v for eq in outputs.folds for v in eq.results)]
        )
        self.tiles = Tiles(self.folded, window_tiles(self.needed, self.folded), outputs.domain)
        self._plan_units()
        self._plan_images()

    # ----------------------------------------------------------------------------- the plan

    def _choose_lanes(self) -> None:
        axes = [*self.folded, *self.kept]
        best = max(axes, key=lambda a: (self.space.lane_score(a), min(a.extent, self.lanes)))
        self.lane_axis, self.along_kept = best, best in self.kept
        (self.kept if self.along_kept else self.folded).remove(best)
        extent = best.extent
        self.width = min(self.lanes, 1 << (extent - 1).bit_length())
        vectors = -(-extent // self.width)
        self.unroll = min(COLUMNS if self.along_kept else UNROLL, vectors)

    def _plan_units(self) -> None:
        """Units are points of the leading folded loops, or blocks of lanes where there are none."""
        wanted = chunk_count(math.prod(self.outputs.domain))
        self.in_blocks = not self.folded
        block = self.width * self.unroll
        self.prefix, self.units = 0, 1
        if self.in_blocks:
            self.units = self.lane_axis.extent // block
        while self.prefix < len(self.folded) and self.units < wanted:
            if self.folded[self.prefix].extent % self.tiles.size(self.prefix):
                break
            self.units *= self.tiles.count(self.prefix)
            self.prefix += 1
        # partial results are memory traffic too: each chunk folds at least eight elements into one
        length = math.prod(self.outputs.domain[i] for i in self.outputs.folded)
        parts = min(wanted, max(1, length // 8))
        images = self.outputs.domain[0] if self.prefix and self.folded[0].members[0] == 0 else 1
        self.per_chunk, self.n_chunks = split(max(self.units, 1), parts, images)

    def _plan_images(self) -> None:
        """Chunks of whole images, if there are enough."""
        self.parts, self.images = self.n_chunks, 0
        kept = self.kept[0] if self.kept and self.along_kept and not self.outputs.inner else None
        wanted = chunk_count(math.prod(self.outputs.domain))
        if kept is not None and kept.members == (0,) and 1 < wanted <= kept.extent:
            self.parts, (self.images, self.n_chunks) = 1, split(kept.extent, wanted)

    @staticmethod
    def _state_types(eq: Any) -> list[np.dtype]:
        """The dtypes of an accumulator in memory."""
        dtype = eq.operands[0].type.dtype
        wide = np.dtype(np.float32) if dtype in FLOATS and dtype.itemsize == 2 else dtype
        if "axes" in eq.attrs:
            return [wide]
        return [wide, np.dtype(np.int64)]

    @property
    def states(self) -> list[tuple[Any, int, Type]]:
        """(equation, number of the state, type of its partial results), one scratch buffer each."""
        return [(eq, k, Type((self.parts, self.size), dtype)) for eq in self.outputs.folds
                for k, dtype in enumerate(self._state_types(eq))]  # fmt: skip

    @property
    def scratch(self) -> tuple[int, ...]:
        return tuple(t.nbytes for _, _, t in self.states)

    @property
    def _scratch_numbers(self) -> tuple[int, ...]:
        return tuple(range(self.first_scratch, self.first_scratch + len(self.scratch)))

    def inplace(self) -> frozenset[tuple[int, int]]:
        return frozenset()

    # --------------------------------------------------------------------------- the launches

    def launches(self) -> list[Launch]:
        values = (*self.body.inputs, *self.body.outputs)
        arguments = (*range(len(values)), *self._scratch_numbers)
        nbytes = sum(v.type.nbytes for v in values)
        flops = math.prod(self.outputs.domain) * sum(
            eq.primitive.family != "view" for eq in self.body.equations
        )
        blocks = (*map(self._block, values), *self._scratch_blocks())
        kernel = Kernel(self.key, self.text, self.n_chunks, blocks, flops, nbytes)
        return [Launch(kernel, arguments), self._joining().launch()]

    def _block(self, v: Value) -> int | None:
        """Bytes of array `v` that belong to each chunk alone, where they do."""
        accesses = [a for a in self.space.inside if a.value is v]
        if not accesses:
            return 0
        if self.images:
            return block_of(self.space, accesses, self.kept[:1], self.images)
        if self.kept or not self.prefix or self.n_chunks == 1 or self.tiles:
            return None
        return block_of(self.space, accesses, self.folded[: self.prefix], self.per_chunk)

    def _scratch_blocks(self) -> tuple[int | None, ...]:
        """Bytes of partial results that belong to each chunk alone, where they do."""
        rows = self.size // self.outputs.domain[0] if self.images else 0
        return tuple(rows * self.images * t.dtype.itemsize or None for _, _, t in self.states)

    def _joining(self) -> Map:
        reduced = tuple(self.outputs.domain[i] for i in self.outputs.kept)
        outputs = Outputs("map", reduced, tuple(range(len(reduced))), self.outputs.outer)
        results = [eq.results[0] for eq in self.outputs.folds]
        work = math.prod(self.outputs.domain) if self.images else self.n_chunks * self.size
        join = Map(self.body, outputs, self.target, f"{self.key} join", self._joined, results,
                   self._scratch_numbers, work)  # fmt: skip
        rows = self.images * self.size // self.outputs.domain[0] if self.images else 0
        if rows and join.points_per_chunk() == rows and join.n_chunks == self.n_chunks:
            join.scratch_blocks = self._scratch_blocks()
        return join

    def _joined(self, emitter: Emitter) -> Mapping[Value, Leaf]:
        """The results of the folds: the chunks' partial results joined in order."""
        code, first = emitter.code, len(self.body.inputs) + len(self.body.outputs)
        buffers: dict[Any, list[tuple[str, Type]]] = {}
        for j, (eq, _, t) in enumerate(self.states):
            buffers.setdefault(eq, []).append((code.array(first + j), t))

        def leaf(eq: Any) -> Leaf:
            return lambda at: self._join_chunks(emitter, accumulator(emitter, eq), buffers[eq], at)

        return {eq.results[0]: leaf(eq) for eq in self.outputs.folds}

    def _join_chunks(
        self, emitter: Emitter, a: Accumulator, buffers: list[tuple[str, Type]],
        at: tuple[Index, ...],
    ) -> Lanes:  # fmt: skip
        code = emitter.code
        linear = self._linear(code, at)

        def read(c: Any, like: State) -> State:
            chunk = Index.of(code, c if isinstance(c, int) else Var(self.parts, code.depth, c))
            state = [load(code, p, t, (chunk, linear), None) for p, t in buffers]
            return [_as_register(x, y.dtype) for x, y in zip(state, like)]

        width = linear.width
        like = a.initial(width)
        start = read(0, like)

        def body(c: Any, refs: list[str]) -> list[str]:
            mine = [Lanes(code, x.dtype, x.width, r) for x, r in zip(start, refs)]
            return [x.ref for x in a.join(mine, read(c, like))]

        refs = code.loop(self.parts, body, [(x.type, x.ref) for x in start], start=1)
        return a.result([Lanes(code, x.dtype, x.width, r) for x, r in zip(start, refs)])

    def _linear(self, code: Code, at: Sequence[Index]) -> Index:
        """The number of a kept point."""
        total = Index.of(code, 0)
        for i, axis in zip(at, self.outputs.kept):
            total = total * self.outputs.domain[axis] + i
        return total

    # ----------------------------------------------------------------------------- the text

    def text(self) -> str:
        """The LLVM text of the first kernel."""
        self.code = code = Code(self.target)
        values = [*self.body.inputs, *self.body.outputs]
        used = {a.value for a in self.space.accesses}
        pointers = {v: code.array(j) for j, v in enumerate(values) if v in used}
        self.outputs_at = [
            (v, code.array(len(self.body.inputs) + j))
            for j, v in enumerate(self.body.outputs)
            if v in self.outputs.inner
        ]
        self.partial = [code.array(len(values) + j) for j in range(len(self.states))]
        self.emitter = Emitter(self.body, code, pointers, self.lanes, needed=self.needed)
        self.group = [accumulator(self.emitter, eq) for eq in self.outputs.folds]
        code.loop("%hi", self._chunk, start="%lo", nonempty=True)
        return code.kernel()

    def _var(self, i: Any, extent: int) -> Index:
        return Index.of(self.code, i if isinstance(i, int) else Var(extent, self.code.depth, i))

    def _chunk(self, c: Any, _: list[str]) -> None:
        self.chunk = self._var(c, self.n_chunks)
        self._kept(0, {})

    def _kept(self, k: int, at: At) -> None:
        """The loops over kept axes; innermost, the columns that are folded side by side."""
        if k < len(self.kept):
            axis, first, last = self.kept[k], *self._kept_range(k)

            def point(i: Int, _: list[str]) -> None:
                self._kept(k + 1, {**at, **self._split(axis, self._var(i, axis.extent))})

            self.code.loop(last, point, start=first)
            return
        if not self.along_kept:
            self._strip(at, [])
            return
        block = self.width * self.unroll
        whole = self.lane_axis.extent // block

        def columns(i: Any, _: list[str]) -> None:
            start = self._var(i, whole) * block
            self._strip(at, [(start + u * self.width, self.width) for u in range(self.unroll)])

        self.code.loop(whole, columns)
        rest = range(whole * block, self.lane_axis.extent, self.width)
        if rest:
            self._strip(at, [
                (Index.of(self.code, i), min(self.width, self.lane_axis.extent - i)) for i in rest
            ])  # fmt: skip

    def _kept_range(self, k: int) -> tuple[Int, Int]:
        extent = self.kept[k].extent
        if k or not self.images:
            return 0, extent
        first = (self.chunk * self.images).scalar()
        return first, self.code.minimum(self.code.add(first, self.images), extent)

    def _split(self, axis: Axis, counter: Index) -> At:
        return axis.split(counter, self.outputs.domain)

    def _strip(self, at: At, columns: list[tuple[Index, int]]) -> None:
        """Fold this chunk's units for one kept point, or for some columns of lanes; store them."""
        lanes_at = [self._lanes(start, valid) for start, valid in columns]
        n = len(columns) or self.unroll
        self.runs = Runs(self.code, self.group, n, self.width)
        chunk = self.chunk
        first = (chunk * self.per_chunk).scalar()
        last = self.code.minimum(self.code.add(first, self.per_chunk), self.units)
        if self.parts == 1:
            first, last = 0, self.units

        def unit(i: Int, states: list[State]) -> list[State]:
            return self._unit(self._var(i, self.units), at, lanes_at, states)

        each = 1 if self.in_blocks else self._additions(self.prefix)
        states = self.runs.initial()
        longest = self.units if self.parts == 1 else self.per_chunk
        states = self.runs.loop(last, unit, states, each, first, longest=longest)
        if self.in_blocks:
            states = self._leftover(at, states)
        self._store_partial(at, lanes_at, states)

    def _lanes(self, start: Index, valid: int) -> Index:
        return start + lane(self.code, self.width, valid)

    def _additions(self, k: int) -> int:
        """How often the loops from the k-th folded one on add to an accumulator."""
        inside = math.prod(axis.extent for axis in self.folded[k:])
        return inside if self.along_kept else inside * max(self._row_blocks(), 1)

    def _row_blocks(self) -> int:
        return self.lane_axis.extent // (self.width * self.unroll)

    def _unit(self, unit: Index, at: At, lanes_at: list[Index], states: list[State]) -> list[State]:
        if self.in_blocks and not self.along_kept:
            start = unit * (self.width * self.unroll)
            for u in range(self.unroll):
                states = self._fold_at(at, self._lanes(start + u * self.width, self.width), u,
                                       states, self.width)  # fmt: skip
            return states
        counters, rest = {}, unit
        for k in reversed(range(self.prefix)):
            counters[k] = rest % self.tiles.count(k)
            rest = rest // self.tiles.count(k)
        with ExitStack() as stack:
            for k, counter in counters.items():
                if self.tiles.size(k) > 1:
                    tile = self.tiles.whole(k, counter.scalar(), self.code.depth)
                    stack.enter_context(tile)
                else:
                    at = {**at, **self._split(self.folded[k], counter)}
            return self._inner(self.prefix, at, lanes_at, states)

    def _inner(self, k: int, at: At, lanes_at: list[Index], states: list[State]) -> list[State]:
        """The folded loops that are not cut into chunks."""
        if k < len(self.folded):
            return self._folded_loop(k, at, lanes_at, states)
        if self.along_kept:
            for u, lanes in enumerate(lanes_at):
                states = self._fold_at(at, lanes, u, states, self.width)
            return states
        return self._along_row(at, states)

    def _folded_loop(
        self, k: int, at: At, lanes_at: list[Index], states: list[State]
    ) -> list[State]:
        axis, size = self.folded[k], self.tiles.size(k)

        def body(i: Int, states: list[State]) -> list[State]:
            if size > 1:
                with self.tiles.whole(k, i, self.code.depth):
                    return self._inner(k + 1, at, lanes_at, states)
            here = {**at, **self._split(axis, self._var(i, axis.extent))}
            return self._inner(k + 1, here, lanes_at, states)

        each = size * self._additions(k + 1)
        states = self.runs.loop(axis.extent // size, body, states, each)
        if axis.extent % size:
            with self.tiles.rest(k):
                states = self._inner(k + 1, at, lanes_at, states)
        return states

    def _along_row(self, at: At, states: list[State]) -> list[State]:
        """Lanes along a folded axis: blocks of several vectors, then the rest."""
        block, whole = self.width * self.unroll, self._row_blocks()

        def body(i: Int, states: list[State]) -> list[State]:
            start = self._var(i, whole) * block
            for u in range(self.unroll):
                lanes = self._lanes(start + u * self.width, self.width)
                states = self._fold_at(at, lanes, u, states, self.width)
            return states

        states = self.runs.loop(whole, body, states)
        return self._rest_of_row(at, states)

    def _rest_of_row(self, at: At, states: list[State]) -> list[State]:
        extent, block = self.lane_axis.extent, self.width * self.unroll
        for u, i in enumerate(range(extent // block * block, extent, self.width)):
            valid = min(self.width, extent - i)
            lanes = self._lanes(Index.of(self.code, i), valid)
            states = self._fold_at(at, lanes, u, states, valid)
        return states

    def _leftover(self, at: At, states: list[State]) -> list[State]:
        """The lanes that do not fill a unit belong to the last chunk."""
        if self.along_kept or self.lane_axis.extent % (self.width * self.unroll) == 0:
            return states
        if self.parts == 1:
            return self._rest_of_row(at, states)
        c = self.chunk.scalar()
        last = self.code.let(f"icmp eq i64 {c}, {self.n_chunks - 1}")
        carried = [(x.type, x.ref) for state in states for x in state]
        refs = self.code.when(last, lambda: references(self._rest_of_row(at, states)), carried)
        return self.runs.restored(states, refs)

    def _fold_at(
        self, at: At, lanes: Index, u: int, states: list[State], valid: int
    ) -> list[State]:
        """Fold a vector of elements, at every point of the tiles."""
        at = {**at, **self._split(self.lane_axis, lanes)}
        for here, tile in self.tiles.points(self.code, at):
            self.emitter.tile = tile
            states = self._fold_point(here, u, states, valid)
        return states

    def _fold_point(self, at: At, u: int, states: list[State], valid: int) -> list[State]:
        where = [at.get(i, Index.of(self.code, 0)) for i in range(len(self.outputs.domain))]
        states, n = list(states), len(self.group)
        results = [(v, p, self.emitter.value(v, where)) for v, p in self.outputs_at]
        for k, a in enumerate(self.group):
            x = self.emitter.value(a.operand, where).widened(self.width)
            new = [y.widened(self.width) for y in a.element(x, where)]
            mask = None if self.along_kept else tail_mask(self.code, self.width, valid)
            if mask is not None:
                new = [mask.select_(y, z) for y, z in zip(new, a.initial(self.width))]
            states[u * n + k] = a.join(states[u * n + k], new)
        for v, pointer, x in results:
            store(self.code, pointer, v.type, where, x)
        return states

    def _store_partial(self, at: At, lanes_at: list[Index], states: list[State]) -> None:
        n, part = len(self.group), Index.of(self.code, 0) if self.parts == 1 else self.chunk
        if not self.along_kept:
            states = [self._joined_lanes(a, states[k::n]) for k, a in enumerate(self.group)]
            lanes_at = [Index.of(self.code, 0)]
        for u, lanes in enumerate(lanes_at):
            here = {**at, **self._split(self.lane_axis, lanes)} if self.along_kept else at
            kept = [here.get(i, Index.of(self.code, 0)) for i in self.outputs.kept]
            linear = self._linear(self.code, kept)
            values = [x for state in states[u * n : (u + 1) * n] for x in state]
            for x, pointer, (_, _, t) in zip(values, self.partial, self.states):
                store(self.code, pointer, t, (part, linear), _as_register(x, t.dtype))

    def _joined_lanes(self, a: Accumulator, mine: list[State]) -> State:
        while len(mine) > 1:
            half = -(-len(mine) // 2)
            mine = [a.join(x, y) for x, y in zip(mine, mine[half:])] + mine[len(mine) - half : half]
        state = mine[0]
        while state[0].width > 1:
            halves = [x.halves() for x in state]
            state = a.join([h[0] for h in halves], [h[1] for h in halves])
        return state


def _as_register(x: Lanes, dtype: np.dtype) -> Lanes:
    """x as `dtype`, unrounded where they share a register type."""
    if register_type(x.dtype) == register_type(dtype):
        return x.with_dtype(dtype)
    return x.convert_(dtype)
