"""Running folds along an axis: one pass, the running values in registers.

x, out [outer, n, inner]: lanes along inner where there are several columns, else one row per
register, several rows in flight.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from lamella.kernels.emit_code import Code
from lamella.kernels.emit_index import Index, Var
from lamella.kernels.emit_lanes import Lanes
from lamella.kernels.emit_memory import load, store
from lamella.kernels.kernel import Kernel, Launch, Lowered
from lamella.kernels.text import Int
from lamella.native import target
from lamella.ops.lowering import Fold
from lamella.program import Equation
from lamella.types import FLOATS, Type

#: Elements of a chunk, at least, and how many chunks there are at most.
CHUNK, MAX_CHUNKS = 1 << 14, 32
#: Running values in flight.
IN_FLIGHT = 4
FLOAT32 = np.dtype("float32")


@dataclass(frozen=True)
class Running:
    """The shapes: columns are folded `width` lanes by `vectors` vectors at a time."""

    outer: int
    n: int
    inner: int
    dtype: np.dtype
    reverse: bool
    width: int
    vectors: int

    @property
    def per_row(self) -> int:
        """Units of work in one outer row (or, of single columns, in `vectors` rows)."""
        return -(-self.inner // (self.width * self.vectors)) if self.width > 1 else 1

    @property
    def units(self) -> int:
        rows = self.outer if self.width > 1 else self.outer // self.vectors
        return rows * self.per_row

    @property
    def n_chunks(self) -> int:
        elements = self.outer * self.n * self.inner
        return max(1, min(MAX_CHUNKS, self.units, elements // CHUNK))


def plan(x: Type, axis: int, reverse: bool) -> Running:
    """How to fold along `axis` of `x`."""
    outer, n, inner = math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
    lanes = target().vector_bytes // max(x.dtype.itemsize, 4)
    width = lanes if inner > 1 else 1
    if width > 1:
        vectors = min(IN_FLIGHT, -(-inner // lanes))
    else:
        vectors = next(v for v in (IN_FLIGHT, 2, 1) if outer % v == 0)
    return Running(outer, n, inner, x.dtype, reverse, width, vectors)


def lower_cumulative(eq: Equation, fold: Fold) -> Lowered:
    """The kernel of a running `fold` along an axis."""
    x = eq.operands[0].type
    if x.size == 0:
        return Lowered(())
    r = plan(x, eq.attrs["axis"], eq.attrs["reverse"])
    kernel = Kernel(
        f"{eq.primitive.name} {r}", partial(running_text, r, fold), r.n_chunks, (None, None),
        x.size, 2 * x.nbytes,
    )  # fmt: skip
    return Lowered((Launch(kernel, (0, 1)),), inplace=frozenset({(0, 0)}))


def running_text(r: Running, fold: Fold) -> str:
    """Arguments: x, out."""
    code = Code()
    x, out = code.array(0), code.array(1)
    t = Type((1 << 41,), r.dtype)
    register = FLOAT32 if r.dtype in FLOATS and r.dtype.itemsize == 2 else r.dtype
    block = -(-r.units // r.n_chunks)

    def var(i: Int) -> Index:
        return Index.of(code, i if isinstance(i, int) else Var(1 << 40, code.depth, i))

    def unit(number: Int, valid: list[int]) -> None:
        """`valid`: how many lanes of each vector mean something."""
        starts = _starts(code, r, number, len(valid))
        lanes = [Index.of(code, Var(k, 0, width=r.width) if k > 1 else 0) for k in valid]
        identity = Lanes.of(code, fold.identity(r.dtype), register)
        initial = [identity.widened(lane.width) for lane in lanes]

        def step(i: Int, refs: list[str]) -> list[str]:
            place = code.sub(r.n - 1, i) if r.reverse else i
            after = []
            for start, lane, ref in zip(starts, lanes, refs):
                at = [var(code.add(start, code.mul(place, r.inner))) + lane]
                new = load(code, x, t, at, None).with_dtype(register)
                total = fold.combine(Lanes(code, register, lane.width, ref), new)
                store(code, out, t, at, total.with_dtype(r.dtype))
                after.append(total.ref)
            return after

        code.loop(r.n, step, [(total.type, total.ref) for total in initial])

    def chunk(number: Int, _: list[str]) -> None:
        first = code.mul(number, block)
        end = code.minimum(code.add(first, block), r.units)
        code.loop(end, lambda i, _: _unit_or_last(code, r, i, unit), start=first)

    code.loop("%hi", chunk, start="%lo")
    return code.kernel()


def _starts(code: Code, r: Running, number: Int, vectors: int) -> list[Int]:
    """Where the vectors of a unit (or its rows) begin."""
    row, part = code.div(number, r.per_row), code.mod(number, r.per_row)
    if r.width > 1:
        first = code.add(code.mul(row, r.n * r.inner), code.mul(part, r.width * r.vectors))
        return [code.add(first, v * r.width) for v in range(vectors)]
    return [code.mul(code.add(code.mul(row, r.vectors), v), r.n) for v in range(vectors)]


def _unit_or_last(
    code: Code, r: Running, number: Int, unit: Callable[[Int, list[int]], None]
) -> None:
    """The last unit of a row may have fewer columns."""
    whole = [r.width] * r.vectors
    rest = r.inner % (r.width * r.vectors)
    if r.width == 1 or not rest:
        unit(number, whole)
        return
    left = [min(r.width, rest - at) for at in range(0, rest, r.width)]
    if r.per_row == 1:
        unit(number, left)
        return
    is_last = code.let(f"icmp eq i64 {code.mod(number, r.per_row)}, {r.per_row - 1}")
    code.when(is_last, lambda: unit(number, left))
    other = code.let(f"xor i1 {is_last}, true")
    code.when(other, lambda: unit(number, whole))
