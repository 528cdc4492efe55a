"""Reductions inside a kernel: loops over the folded axes with several accumulators.

Where the result's index has no lanes, the lanes run along a folded axis and are joined at the end
by halves; else every lane folds its own elements. The tree depends on shapes only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lamella.kernels.emit_code import Code
from lamella.kernels.emit_index import Index, Var, lane
from lamella.kernels.emit_lanes import FLOAT32, FLOAT64, INT32, INT64, Lanes, register_type
from lamella.kernels.emit_memory import store, tail_mask
from lamella.kernels.emit_probe import Axis, merged_axes
from lamella.kernels.text import Int
from lamella.ops.lowering import ArgFold, Fold
from lamella.program import Equation, Value
from lamella.types import FLOATS, Type, is_float

if TYPE_CHECKING:
    from lamella.kernels.emit import Emitter

#: Accumulators that a fold keeps at once: enough to hide the latency of an addition.
UNROLL = 4
#: Elements of a row that is kept on the stack for its second use.
LONGEST_ROW = 1 << 14
#: Elements that an accumulator adds one after the other; more are added in runs, which are joined.
RUN = 32
State = list[Lanes]


class Accumulator:
    """How one reduction equation folds: its state is a list of Lanes."""

    def __init__(self, emitter: Emitter, eq: Equation) -> None:
        self.code, self.eq = emitter.code, eq
        self.operand, self.dtype = eq.operands[0], eq.operands[0].type.dtype
        self.rule: Any = eq.primitive.lower
        self.axes: tuple[int, ...] = eq.attrs.get("axes", (eq.attrs.get("axis"),))

    @property
    def rounds(self) -> bool:
        """Does a join round? Sums and products of floats do, extremes do not."""
        return is_float(self.dtype) and bool(np.isfinite(self.rule.identity(self.dtype)))

    def initial(self, width: int) -> State:
        return [Lanes.of(self.code, self.rule.identity(self.dtype), self.dtype).widened(width)]

    def element(self, x: Lanes, at: Sequence[Index]) -> State:
        """The state of one element (or one per lane)."""
        return [x]

    def join(self, a: State, b: State) -> State:
        return [self.rule.combine(a[0], b[0]).with_dtype(self.dtype)]

    def result(self, state: State) -> Lanes:
        return state[0]


class ArgAccumulator(Accumulator):
    """argmax, argmin: the state is the best element and its index; among equals the first wins."""

    def __init__(self, emitter: Emitter, eq: Equation) -> None:
        super().__init__(emitter, eq)
        extent = self.operand.type.shape[self.axes[0]]
        self.index_dtype = INT32 if extent < np.iinfo(INT32).max else INT64

    @property
    def rounds(self) -> bool:
        return False

    def initial(self, width: int) -> State:
        low, high = _least(self.dtype), _greatest(self.dtype)
        kind = np.float32 if is_float(self.dtype) else self.dtype.type
        worst = high if self.rule.better(kind(low), kind(high)) else low
        last = Lanes.of(self.code, np.iinfo(self.index_dtype).max, self.index_dtype)
        return [Lanes.of(self.code, worst, self.dtype).widened(width), last.widened(width)]

    def element(self, x: Lanes, at: Sequence[Index]) -> State:
        i = at[self.axes[0]].vector(self.index_dtype)
        return [x, i.widened(x.width) if i.width == 1 else i]

    def join(self, a: State, b: State) -> State:
        better = self.rule.better
        first = ~better(a[0], b[0]) & (b[1] < a[1])
        wins = better(b[0], a[0]) | first
        return [wins.select_(b[0], a[0]), wins.select_(b[1], a[1])]

    def result(self, state: State) -> Lanes:
        return state[1].convert_(INT64)


def _least(dtype: np.dtype) -> Any:
    return -np.inf if dtype in FLOATS else False if dtype.kind == "b" else np.iinfo(dtype).min


def _greatest(dtype: np.dtype) -> Any:
    return np.inf if dtype in FLOATS else True if dtype.kind == "b" else np.iinfo(dtype).max


def accumulator(emitter: Emitter, eq: Equation) -> Accumulator:
    """The Accumulator of a reduction equation."""
    if isinstance(eq.primitive.lower, ArgFold):
        return ArgAccumulator(emitter, eq)
    assert isinstance(eq.primitive.lower, Fold), f"{eq.primitive} is not a fold"
    return Accumulator(emitter, eq)


@dataclass
class Runs:
    """The loops of a fold, whose `states` hold `copies` accumulators of each of a `group`.

    The rounding error of a sum grows with the additions that follow each other, so a long loop
    folds runs of RUN steps from the identity and joins their results: blocked summation (N. Higham,
    Accuracy and Stability of Numerical Algorithms, section 4.2). The tree depends on shapes only.
    """

    code: Code
    group: Sequence[Accumulator]
    copies: int
    width: int

    def initial(self) -> list[State]:
        return [a.initial(self.width) for _ in range(self.copies) for a in self.group]

    def loop(
        self,
        count: Int,
        body: Callable[[Int, list[State]], list[State]],
        states: list[State],
        each: int = 1,
        start: Int = 0,
        longest: int | None = None,
    ) -> list[State]:
        """`for i in range(start, count): states = body(i, states)`.

        each: how often a step adds to an accumulator; longest: the most steps, where count and
        start are not known.
        """
        steps = count - start if isinstance(count, int) and isinstance(start, int) else longest
        assert steps is not None
        each = min(each, RUN)  # loops inside are cut into runs too
        if steps * each <= RUN or not any(a.rounds for a in self.group):
            return self._plain(count, body, states, start)
        size = max(RUN // each, -(-steps // RUN))

        def run(number: Int, states: list[State]) -> list[State]:
            first = self.code.add(self.code.mul(number, size), start)
            if size == 1:
                return self._joined(states, body(first, self.initial()))
            last = self.code.minimum(self.code.add(first, size), count)
            return self._joined(states, self.loop(last, body, self.initial(), each, first, size))

        runs = self.code.sub(count, start) if size == 1 else -(-steps // size)
        return self._plain(runs, run, states, 0)

    def _plain(
        self, count: Int, body: Callable[[Int, list[State]], list[State]], states: list[State],
        start: Int,
    ) -> list[State]:  # fmt: skip
        def carry(i: Int, refs: list[str]) -> list[str]:
            return references(body(i, self.restored(states, refs)))

        carried = [(x.type, x.ref) for state in states for x in state]
        return self.restored(states, self.code.loop(count, carry, carried, start=start))

    def restored(self, states: list[State], refs: list[str]) -> list[State]:
        """States like `states`, of the SSA values `refs`."""
        names = iter(refs)
        return [[Lanes(self.code, x.dtype, x.width, next(names)) for x in s] for s in states]

    def _joined(self, a: list[State], b: list[State]) -> list[State]:
        return [self.group[k % len(self.group)].join(x, y) for k, (x, y) in enumerate(zip(a, b))]


def references(states: list[State]) -> list[str]:
    """The SSA names of all accumulators, in order."""
    return [x.ref for state in states for x in state]


def fold(emitter: Emitter, eq: Equation, v: Value, where: tuple[Index, ...]) -> Lanes:
    """The element of a reduction; folds of the same elements share the loop."""
    group = [accumulator(emitter, e) for e in _siblings(emitter, eq, where)]
    results = Loops(emitter, group, where).run()
    memo, guard = emitter.code.memo(emitter.code.depth), emitter.guard
    for a, x in zip(group[1:], results[1:]):
        memo[a.eq.results[0], where, guard.ref if guard else None] = x
    return results[0]


def _siblings(emitter: Emitter, eq: Equation, where: tuple[Index, ...]) -> list[Equation]:
    """`eq` and the reductions of operands of its shape over its axes that do not depend on it."""
    axes = eq.attrs.get("axes", (eq.attrs.get("axis"),))
    shape = eq.operands[0].type.shape
    group, memo = [eq], emitter.code.memo(emitter.code.depth)
    for other in emitter.needed:
        if other is eq or other.primitive.family != "reduction":
            continue
        if other.results[0] in emitter.leaves:
            continue
        same = other.operands[0].type.shape == shape and axes == other.attrs.get(
            "axes", (other.attrs.get("axis"),)
        )
        known = (other.results[0], where, emitter.guard.ref if emitter.guard else None) in memo
        if same and not known and not any(emitter.related(e, other) for e in group):
            group.append(other)
    return group


class Loops:
    """The loops of one group of folds over the same axes of operands of one shape."""

    def __init__(
        self, emitter: Emitter, group: list[Accumulator], where: tuple[Index, ...]
    ) -> None:
        self.emitter, self.code, self.group = emitter, emitter.code, group
        self.shape, self.reduced = group[0].operand.type.shape, group[0].axes
        self.where = list(where)
        self.outer_width = max((i.width for i in where), default=1)
        self.axes = self._merged()

    def _merged(self) -> list[Axis]:
        """The folded axes, adjacent ones as one where all accesses allow; lanes' axis last."""
        operands = [a.operand for a in self.group]
        joined = len(self.group) == 1 or not any(isinstance(a, ArgAccumulator) for a in self.group)
        axes = merged_axes(self.emitter, operands, self.shape, self.reduced, joined)
        if self.outer_width == 1 and axes:
            best = max(range(len(axes)), key=lambda i: (axes[i].contiguous, i))
            axes.append(axes.pop(best))
        return axes

    def run(self) -> list[Lanes]:
        if not self.axes:
            return self._results(self._at([]), 1)
        if any(a.extent == 0 for a in self.axes):
            return [a.result(a.initial(self.outer_width)) for a in self.group]
        extent = self.axes[-1].extent
        if self.outer_width > 1:
            self.width, self.lanes = self.outer_width, 1
        else:
            self.width = self.lanes = min(self.emitter.width, 1 << (extent - 1).bit_length())
        vectors = extent // self.lanes
        straight = self.lanes > 1 and vectors <= self.emitter.straight
        self.unroll = max(vectors if straight else min(UNROLL, vectors), 1)
        self.runs = Runs(self.code, self.group, self.unroll, self.width)
        self.rows = [self._row_of(a.operand) for a in self.group]
        states = self._outer(0, [], self.runs.initial())
        for a, row in zip(self.group, self.rows):
            if row is not None:
                self.emitter.keep_row(a.operand, self.reduced, self.where, row)
        return self._finish(states)

    def _row_of(self, v: Value) -> str | None:
        """Memory for the folded row of a Value that is dear and used again; None if it is not."""
        again = self.emitter.is_dear(v) and self.unroll < self.axes[-1].extent // self.lanes
        if not again or len(self.axes) > 1 or self.lanes == 1 or self.axes[0].extent > LONGEST_ROW:
            return None
        if v.type.dtype not in (FLOAT32, FLOAT64):
            return None
        with self.code.hoisted(0):
            t = f"[{self.axes[0].extent} x {register_type(v.type.dtype)}]"
            return self.code.let(f"alloca {t}, align 64")

    # ---- loops

    def _outer(self, k: int, counters: list[Index], states: list[State]) -> list[State]:
        if k == len(self.axes) - 1:
            return self._inner(counters, states)
        inside = math.prod(a.extent for a in self.axes[k + 1 :]) // (self.lanes * self.unroll)

        def body(i: Int, states: list[State]) -> list[State]:
            counter = self._counter(i, self.axes[k].extent)
            return self._outer(k + 1, [*counters, counter], states)

        return self.runs.loop(self.axes[k].extent, body, states, each=max(inside, 1))

    def _counter(self, i: Any, extent: int) -> Index:
        if isinstance(i, int):
            return Index.of(self.code, i)
        return Index.of(self.code, Var(extent, self.code.depth, i))

    def _inner(self, counters: list[Index], states: list[State]) -> list[State]:
        extent, step = self.axes[-1].extent, self.lanes
        whole = extent // step
        rounds = whole // self.unroll

        def body(t: Int, states: list[State]) -> list[State]:
            base = self._counter(t, rounds) * (self.unroll * step)
            for u in range(self.unroll):
                states = self._combine(states, u, [*counters, base + u * step], step)
            return states

        states = self.runs.loop(rounds, body, states)
        for u, t in enumerate(range(rounds * self.unroll, whole)):
            states = self._combine(states, u, [*counters, Index.of(self.code, t * step)], step)
        if extent % step:
            at = Index.of(self.code, whole * step)
            states = self._combine(states, 0, [*counters, at], extent % step)
        return states

    def _combine(
        self, states: list[State], u: int, counters: list[Index], valid: int
    ) -> list[State]:
        """Fold the elements at `counters` (the first `valid` lanes) into accumulators number u."""
        if self.lanes > 1:
            counters = [*counters[:-1], counters[-1] + lane(self.code, self.lanes, valid)]
        at, extent = self._at(counters), self.axes[-1].extent
        states, n = list(states), len(self.group)
        for k, a in enumerate(self.group):
            x = self.emitter.value(a.operand, at).widened(self.width)
            if (row := self.rows[k]) is not None:
                store(self.code, row, Type((extent,), a.dtype), [counters[-1]], x)
            new = a.element(x, at)
            if self.lanes > 1 and valid < self.lanes:
                mask = tail_mask(self.code, self.lanes, valid)
                assert mask is not None
                new = [mask.select_(y.widened(self.width), z)
                       for y, z in zip(new, a.initial(self.width))]  # fmt: skip
            states[u * n + k] = a.join(states[u * n + k], new)
        return states

    def _at(self, counters: list[Index]) -> list[Index]:
        """The operand's index at the folded axes' counters."""
        at: dict[int, Index] = {}
        for axis, counter in zip(self.axes, counters):
            at.update(axis.split(counter, self.shape))
        kept = iter(self.where)
        zero = Index.of(self.code, 0)
        return [at.get(i, zero) if i in self.reduced else next(kept)
                for i in range(len(self.shape))]  # fmt: skip

    def _results(self, at: list[Index], width: int) -> list[Lanes]:
        """The results where nothing has to be folded: the elements themselves."""
        out = []
        for a in self.group:
            x = self.emitter.value(a.operand, at)
            out.append(a.result(a.element(x, at)))
        return out

    def _finish(self, states: list[State]) -> list[Lanes]:
        """Join the accumulators pairwise, then the lanes by halves."""
        n = len(self.group)
        results = []
        for k, a in enumerate(self.group):
            mine = states[k::n]
            while len(mine) > 1:
                pairs = itertools.zip_longest(mine[::2], mine[1::2])
                mine = [x if y is None else a.join(x, y) for x, y in pairs]
            state = mine[0]
            while self.lanes > 1 and state[0].width > 1:
                halves = [x.halves() for x in state]
                state = a.join([h[0] for h in halves], [h[1] for h in halves])
            results.append(a.result(state))
        return results
