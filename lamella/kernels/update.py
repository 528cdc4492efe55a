"""dynamic_update_slice: out = x, then the update is copied over a window of it.

A chunk owns a block of the result's leading axis. What is contiguous is moved by memcpy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from lamella.kernels.emit_code import Code
from lamella.kernels.kernel import Kernel, Launch, Lowered
from lamella.kernels.text import Int
from lamella.program import Equation

#: Bytes of a chunk, at least, and how many chunks there are at most.
CHUNK, MAX_CHUNKS = 1 << 16, 32


@dataclass(frozen=True)
class Update:
    """Axes of x and of the update down to the last one that differs; `inner` bytes per element."""

    shape: tuple[int, ...]
    window: tuple[int, ...]
    inner: int

    @property
    def n_chunks(self) -> int:
        return max(1, min(MAX_CHUNKS, self.shape[0], math.prod(self.shape) * self.inner // CHUNK))


def lower_update(eq: Equation) -> Lowered:
    """The kernel of dynamic_update_slice(x, update, *starts)."""
    x, update, *starts = (v.type for v in eq.operands)
    if x.size == 0:
        return Lowered(())
    axes = max((i + 1 for i, (n, m) in enumerate(zip(x.shape, update.shape)) if n != m), default=0)
    inner = math.prod(x.shape[axes:]) * x.dtype.itemsize
    # A leading axis of 1 where the whole of x is replaced.
    u = Update(x.shape[:axes] or (1,), update.shape[:axes] or (1,), inner)
    arguments = tuple(range(len(eq.operands) + 1))
    kernel = Kernel(
        f"update {u} of {len(starts)} starts", partial(update_text, u, len(starts)),
        u.n_chunks, (None,) * len(arguments), 0, x.nbytes + 2 * update.nbytes,
    )  # fmt: skip
    return Lowered((Launch(kernel, arguments),), inplace=frozenset({(0, 0)}))


def update_text(u: Update, n_starts: int) -> str:
    """Arguments: x, update, the starts, out."""
    code = Code()
    x, update, out = code.array(0), code.array(1), code.array(2 + n_starts)
    stride = [math.prod(u.shape[i + 1 :]) * u.inner for i in range(len(u.shape))]
    step = [math.prod(u.window[i + 1 :]) * u.inner for i in range(len(u.window))]
    left = [n - m for n, m in zip(u.shape, u.window)]
    start = [_start(code, code.array(2 + i), last) for i, last in enumerate(left)]
    block = -(-u.shape[0] // u.n_chunks)

    def place(axis: int, to: Int, source: Int, first: Int, end: Int) -> None:
        """Elements first .. end-1 of the window along `axis`, at offsets `to` and `source`."""
        to = code.add(to, code.mul(start[axis], stride[axis]))
        if axis == len(u.shape) - 1:
            nbytes = code.mul(code.sub(end, first), u.inner)
            at = code.mul(first, u.inner)
            _move(code, out, code.add(to, at), update, code.add(source, at), nbytes)
            return

        def inside(i: Int, _: list[str]) -> None:
            deeper, below = code.mul(i, stride[axis]), code.mul(i, step[axis])
            place(axis + 1, code.add(to, deeper), code.add(source, below), 0, u.window[axis + 1])

        code.loop(end, inside, start=first)

    def chunk(number: Int, _: list[str]) -> None:
        first = code.minimum(code.mul(number, block), u.shape[0])
        end = code.minimum(code.add(first, block), u.shape[0])
        at, nbytes = code.mul(first, stride[0]), code.mul(code.sub(end, first), stride[0])
        different = code.let(f"icmp ne ptr {x}, {out}")
        code.when(different, lambda: _move(code, out, at, x, at, nbytes))
        low = code.maximum(code.sub(first, start[0]), 0)
        high = code.minimum(code.sub(end, start[0]), u.window[0])
        some = code.let(f"icmp slt i64 {low}, {high}")
        code.when(some, lambda: place(0, 0, 0, low, high))

    code.loop("%hi", chunk, start="%lo")
    return code.kernel()


def _start(code: Code, pointer: str, last: int) -> Int:
    """The int32 at `pointer`, within 0 .. last."""
    if last == 0:
        return 0
    narrow = code.let(f"load i32, ptr {pointer}")
    wide = code.let(f"sext i32 {narrow} to i64")
    return code.minimum(code.maximum(wide, 0), last)


def _move(code: Code, to: str, at: Int, source: str, from_: Int, nbytes: Int) -> None:
    name = "llvm.memcpy.p0.p0.i64"
    code.declared[name] = f"declare void @{name}(ptr, ptr, i64, i1)"
    a, b = code.at(to, at, "i8"), code.at(source, from_, "i8")
    code.do(f"call void @{name}(ptr {a}, ptr {b}, i64 {nbytes}, i1 false)")
