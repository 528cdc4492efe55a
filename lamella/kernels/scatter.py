"""Scatter kernels: out = x, then every update is combined into the row that its index names.

    x, out   [outer, rows, inner]
    indices  [count, k]               the coordinates of a row, shared by all outer
    updates  [outer, count, inner]

A chunk owns a block of outer, of rows and of columns of the result, copies x there, and then goes
through all indices in order: the same sums for any number of threads, and no two chunks meet.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from lamella.kernels.emit_code import Code
from lamella.kernels.emit_index import Index, Var
from lamella.kernels.emit_lanes import INT64, Lanes
from lamella.kernels.emit_memory import load, store
from lamella.kernels.kernel import Kernel, Launch, Lowered
from lamella.kernels.text import Int
from lamella.native import target
from lamella.program import Equation
from lamella.types import FLOATS, Type

COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda old, new: old + new,
    "mul": lambda old, new: old * new,
    "max": lambda old, new: old.maximum_(new),
    "min": lambda old, new: old.minimum_(new),
    "set": lambda old, new: new,
}
#: Elements read and written by a chunk, at least, and how many chunks there are at most.
CHUNK, MAX_CHUNKS = 1 << 14, 32
FLOAT32, UINT64 = np.dtype("float32"), np.dtype("uint64")


@dataclass(frozen=True)
class Scatter:
    """The shapes of a scatter, and into how many blocks its result is cut."""

    outer: int
    axes: tuple[int, ...]  # the indexed axes; rows = prod(axes)
    inner: int
    count: int
    dtype: np.dtype
    index_dtype: np.dtype
    mode: str
    lanes: int

    @property
    def rows(self) -> int:
        return math.prod(self.axes)

    @property
    def narrow(self) -> bool:
        """Half floats are accumulated as float32 in scratch, and rounded once."""
        return self.dtype in FLOATS and self.dtype.itemsize == 2

    def grid(self) -> tuple[int, int, int]:
        """Blocks of outer, rows and columns.

        Every block of rows looks at all indices, which must stay a small part of the work.
        """
        work = self.outer * self.inner * (self.rows + 2 * self.count)
        wanted = max(1, min(MAX_CHUNKS, work // CHUNK))
        outer = min(self.outer, wanted)
        looking = 8 * self.lanes * max(self.count, 1)
        by_row = max(1, min(wanted // outer, self.rows, self.inner * self.rows // looking))
        columns = 1
        while outer * by_row * columns < wanted and self.inner % (2 * columns * self.lanes) == 0:
            columns *= 2
        return max(outer, 1), by_row, columns


def lower_scatter_add(eq: Equation) -> Lowered:
    """scatter_add(x, indices, updates): one axis, all others shared."""
    x, indices, _ = (v.type for v in eq.operands)
    axis = eq.attrs["axis"]
    return _lower(Scatter(
        math.prod(x.shape[:axis]), (x.shape[axis],), math.prod(x.shape[axis + 1 :]), indices.size,
        x.dtype, indices.dtype, "add", _lanes(x.dtype),
    ))  # fmt: skip


def lower_scatter_nd(eq: Equation) -> Lowered:
    """scatter_nd(x, indices, updates): the leading axes."""
    x, indices, _ = (v.type for v in eq.operands)
    k = indices.shape[-1]
    return _lower(Scatter(
        1, x.shape[:k], math.prod(x.shape[k:]), math.prod(indices.shape[:-1]),
        x.dtype, indices.dtype, eq.attrs["mode"], _lanes(x.dtype),
    ))  # fmt: skip


def _lanes(dtype: np.dtype) -> int:
    return target().vector_bytes // max(dtype.itemsize, 4)


def _lower(s: Scatter) -> Lowered:
    size = s.outer * s.rows * s.inner
    if size == 0:
        return Lowered(())
    updates = s.outer * s.count * s.inner
    nbytes = (2 * size + 3 * updates) * s.dtype.itemsize
    n_chunks = math.prod(s.grid())
    arguments = (0, 1, 2, 3, *((4,) if s.narrow else ()))
    kernel = Kernel(
        f"{s.mode} scatter {s}", partial(scatter_text, s), n_chunks,
        (None,) * len(arguments), updates, nbytes,
    )  # fmt: skip
    scratch = (4 * size,) if s.narrow else ()
    return Lowered((Launch(kernel, arguments),), scratch, frozenset({(0, 0)}))


def scatter_text(s: Scatter) -> str:
    """Arguments: x, indices, updates, out, and scratch for sums of half floats."""
    return _Writer(s).text()


class _Writer:
    """The text of one kernel; `first` and `end` bound the rows of the current chunk."""

    def __init__(self, s: Scatter) -> None:
        self.s, self.code = s, Code()
        code = self.code
        self.x, self.indices, self.updates, self.out = (code.array(j) for j in range(4))
        self.sums = code.array(4) if s.narrow else self.out
        self.sum_dtype = FLOAT32 if s.narrow else s.dtype
        self.by_outer, self.by_row, self.by_column = s.grid()
        self.columns = s.inner // self.by_column
        self.index_type = Type((max(s.count, 1), max(len(s.axes), 1)), s.index_dtype)

    def text(self) -> str:
        self.code.loop("%hi", self._chunk, start="%lo")
        return self.code.kernel()

    def _chunk(self, number: Int, _: list[str]) -> None:
        code, s = self.code, self.s
        column = code.mul(code.mod(number, self.by_column), self.columns)
        number = code.div(number, self.by_column)
        row, number = code.mod(number, self.by_row), code.div(number, self.by_row)
        first, end = self._block(row, s.rows, self.by_row)
        low, high = self._block(number, s.outer, self.by_outer)
        code.loop(high, lambda o, _: self._outer(o, first, end, column), start=low)

    def _block(self, number: Int, size: int, parts: int) -> tuple[Int, Int]:
        code, length = self.code, -(-size // parts)
        first = code.minimum(code.mul(number, length), size)
        return first, code.minimum(code.add(first, length), size)

    def _outer(self, o: Int, first: Int, end: Int, column: Int) -> None:
        code, s = self.code, self.s
        base = code.add(code.mul(o, s.rows * s.inner), column)
        if s.narrow:
            self._each_row(base, first, end, self.x, s.dtype, self.sums, FLOAT32)
        else:
            different = code.let(f"icmp ne ptr {self.x}, {self.out}")
            code.when(different, lambda: self._copy(base, first, end))
        from_ = code.add(code.mul(o, s.count * s.inner), column)
        code.loop(s.count, lambda j, _: self._update(j, base, from_, first, end))
        if s.narrow:
            self._each_row(base, first, end, self.sums, FLOAT32, self.out, s.dtype)

    # ------------------------------------------------------------------------------ copies

    def _copy(self, base: Int, first: Int, end: Int) -> None:
        """x -> out, whole rows at once."""
        code, s = self.code, self.s
        if self.by_column == 1:
            at = code.add(base, code.mul(first, s.inner))
            self._move(at, code.mul(code.sub(end, first), s.inner))
            return
        code.loop(
            end,
            lambda row, _: self._move(code.add(base, code.mul(row, s.inner)), self.columns),
            start=first,
        )

    def _move(self, at: Int, elements: Int) -> None:
        code, size = self.code, self.s.dtype.itemsize
        source, destination = (code.at(p, code.mul(at, size), "i8") for p in (self.x, self.out))
        name = "llvm.memcpy.p0.p0.i64"
        code.declared[name] = f"declare void @{name}(ptr, ptr, i64, i1)"
        nbytes = code.mul(elements, size)
        code.do(f"call void @{name}(ptr {destination}, ptr {source}, i64 {nbytes}, i1 false)")

    def _each_row(self, base: Int, first: Int, end: Int, source: str, from_dtype: np.dtype,
                  destination: str, to_dtype: np.dtype) -> None:  # fmt: skip
        def row(i: Int, _: list[str]) -> None:
            at = self.code.add(base, self.code.mul(i, self.s.inner))
            self._columns(lambda column: self._put(
                destination, to_dtype, at, column, self._get(source, from_dtype, at, column)
            ))  # fmt: skip

        self.code.loop(end, row, start=first)

    # ------------------------------------------------------------------------------ updates

    def _update(self, j: Int, base: Int, from_: Int, first: Int, end: Int) -> None:
        code, s = self.code, self.s
        row, valid = self._row(j)
        if self.by_row > 1:
            for limit, op in ((first, "sge"), (end, "slt")):
                valid.append(code.let(f"icmp {op} i64 {row}, {limit}"))
        condition = valid[0] if valid else "true"
        for other in valid[1:]:
            condition = code.let(f"and i1 {condition}, {other}")

        def combine() -> None:
            to = code.add(base, code.mul(row, s.inner))
            source = code.add(from_, code.mul(j, s.inner))
            self._columns(lambda column: self._combine(to, source, column))

        code.when(condition, combine)

    def _row(self, j: Int) -> tuple[Int, list[str]]:
        """The row that index j names, and the conditions under which there is one."""
        code, valid = self.code, []
        row: Int = 0
        for axis, size in enumerate(self.s.axes):
            lanes = load(
                code, self.indices, self.index_type, [self._var(j), Index.of(code, axis)], None
            )
            i = lanes.convert_(INT64)
            valid.append((i.with_dtype(UINT64) < size).ref)
            row = code.add(code.mul(row, size), i.ref)
        return row, valid

    def _combine(self, to: Int, source: Int, column: Index) -> None:
        old = self._get(self.sums, self.sum_dtype, to, column)
        new = self._get(self.updates, self.s.dtype, source, column).with_dtype(self.sum_dtype)
        self._put(self.sums, self.sum_dtype, to, column, COMBINE[self.s.mode](old, new))

    # -------------------------------------------------------------------------- elements

    def _var(self, x: Int, extent: int = 1 << 40) -> Index:
        code = self.code
        return Index.of(code, x if isinstance(x, int) else Var(extent, code.depth, x))

    def _columns(self, body: Callable[[Index], None]) -> None:
        """body(column) for vectors of the block's columns, four at a time where there are many."""
        code, lanes = self.code, self.s.lanes
        if self.columns == 1:
            body(Index.of(code, 0))
            return
        whole, rest = divmod(self.columns, lanes)
        every = Index.of(code, Var(lanes, 0, width=lanes))
        step = 4 if whole >= 8 else 1

        def vectors(i: Int, _: list[str]) -> None:
            start = self._var(i) * (step * lanes)
            for v in range(step):
                body(start + v * lanes + every)

        code.loop(whole // step, vectors)
        for v in range(whole - whole % step, whole):
            body(every + v * lanes)
        if rest:
            body(Index.of(code, Var(rest, 0, width=lanes)) + whole * lanes)

    def _get(self, pointer: str, dtype: np.dtype, row: Int, column: Index) -> Lanes:
        return load(self.code, pointer, Type((1 << 41,), dtype), [self._var(row) + column], None)

    def _put(self, pointer: str, dtype: np.dtype, row: Int, column: Index, x: Lanes) -> None:
        at = [self._var(row) + column]
        store(self.code, pointer, Type((1 << 41,), dtype), at, x.with_dtype(dtype))
