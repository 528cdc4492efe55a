"""bfloat16 in pairs: one instruction multiplies and adds two neighbours along a summed axis.

vdpbf16ps adds the products of 32 bfloat16 to 16 float32: twice as many as a float32 multiply-add.
A pair is one element of 32 bits, which everything else takes for a float32: strides, boxes and
panels only move it. An operand whose last dimension is the axis of the pairs is read where it lies;
another one is packed first, by a kernel of its own:

    i k, k j -> i j     a: (i, k) is (i, k/2) pairs     b: (k, j) is packed to (k/2, j) pairs
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from lamella.indexmap import IndexMap, Shape
from lamella.kernels.arithmetic import Arithmetic
from lamella.kernels.contract_gather import Dims
from lamella.kernels.text import Int, Text, vector_type
from lamella.native import Target
from lamella.types import bfloat16

#: The instruction's vectors: 16 pairs.
LANES = 16
#: An operand is packed where each of its elements takes part in so many products.
REUSE = 8
#: Chunks of a kernel that packs, and what each packs at least.
PACK_CHUNKS, PACK_BYTES = 16, 64 << 10


class PairProducts(Arithmetic):
    """Operands are pairs of bfloat16 in 32 bits, sums are float32, results are bfloat16."""

    def __init__(self) -> None:
        super().__init__(np.dtype(np.float32))
        self.result = "bfloat"
        self.products = 2

    def multiply_add(self, text: Text, x: str, y: str, z: str, lanes: int = 1) -> str:
        """x[0]*y[0] + x[1]*y[1] + z."""
        assert lanes == LANES, f"pairs come in vectors of {LANES}, not {lanes}"
        wide, pairs = f"<{LANES} x float>", f"<{2 * LANES} x bfloat>"
        x, y = (text.let(f"bitcast {wide} {v} to {pairs}") for v in (x, y))
        name = "llvm.x86.avx512bf16.dpbf16ps.512"
        return text.call(wide, name, (wide, z), (pairs, x), (pairs, y))

    def narrow(self, text: Text, x: str, lanes: int) -> str:
        """`sum`s rounded to results, for which these processors have an instruction."""
        here, there = vector_type(self.result, lanes), vector_type(self.sum, lanes)
        return text.let(f"fptrunc {there} {x} to {here}")


@dataclass(frozen=True)
class Pairs:
    """shapes: of the operands, in pairs; packed: the dimension along which an operand is packed."""

    shapes: tuple[Shape, Shape]
    packed: tuple[int | None, int | None]


def pair_form(maps: IndexMap, a: Shape, b: Shape, out: Shape, dtype: np.dtype, target: Target
              ) -> Pairs | None:  # fmt: skip
    """How to see the operands as pairs; None where the processor or the index map does not allow.

    The axis is summed and stands alone, once, in both operands.
    """
    if dtype != bfloat16 or not target.bf16 or target.vector_bytes != 4 * LANES:
        return None
    extents = maps.extents(a, b, out)
    summed = [x for x, n in extents.items() if n and n % 2 == 0 and _places(maps.out, x) == []]
    found = []
    for x in summed:
        forms = [_form(dims, shape, x, extents) for dims, shape in ((maps.a, a), (maps.b, b))]
        if None not in forms:
            (sa, pa), (sb, pb) = (f for f in forms if f)
            found.append(
                ((pa is not None) + (pb is not None), -extents[x], Pairs((sa, sb), (pa, pb)))
            )
    return min(found, key=lambda form: form[:2])[-1] if found else None


def _form(dims: Dims, shape: Shape, axis: str, extents: dict[str, int]
          ) -> tuple[Shape, int | None] | None:  # fmt: skip
    """The shape in pairs, and the dimension to pack."""
    places = _places(dims, axis)
    if len(places) != 1 or dims[places[0]].axis != axis:
        return None
    (d,) = places
    halved = (*shape[:d], shape[d] // 2, *shape[d + 1 :])
    if d == len(shape) - 1:
        return halved, None
    used = {x for dim in dims for x, _ in dim.terms}
    reuse = math.prod(n for x, n in extents.items() if x not in used)
    return (halved, d) if reuse >= REUSE else None


def _places(dims: Dims, axis: str) -> list[int]:
    return [d for d, dim in enumerate(dims) if any(x == axis for x, _ in dim.terms)]


# ---------------------------------------------------------------------------------------- packing


def pack_chunks(shape: Shape, d: int) -> int:
    """Chunks of the kernel that packs an array of `shape` along dimension d."""
    rows, nbytes = math.prod(shape[:d]) * (shape[d] // 2), 2 * math.prod(shape)
    return max(1, min(PACK_CHUNKS, rows, nbytes // PACK_BYTES))


def pack_text(shape: Shape, d: int) -> str:
    """The kernel: [outer][2k, 2k+1][inner] -> [outer][k][inner][2], k being dimension d."""
    text, inner = Text(), math.prod(shape[d + 1 :])
    source, target = text.array(0), text.array(1)
    rows, chunks = math.prod(shape[:d]) * (shape[d] // 2), pack_chunks(shape, d)
    block = -(-rows // chunks)

    def row(i: Int, _: list[str]) -> None:
        start = text.mul(i, 2 * inner)
        pair = [text.at(source, start, "i16"), text.at(source, text.add(start, inner), "i16")]
        place = text.at(target, start, "i16")
        text.loop(inner // (2 * LANES), partial(_weave, text, pair, place, 2 * LANES))
        rest = inner - inner % (2 * LANES)
        text.loop(inner, partial(_weave, text, pair, place, 1), start=rest)

    def chunk(number: Int, _: list[str]) -> None:
        first = text.minimum(text.mul(number, block), rows)
        text.loop(text.minimum(text.add(first, block), rows), row, start=first)

    text.loop("%hi", chunk, start="%lo")
    return text.kernel()


def _weave(text: Text, rows: list[str], place: str, width: int, i: Int, _: list[str]) -> None:
    """`width` elements of two rows, dealt out in turn."""
    at = text.mul(i, width)
    values = [text.at(row, at, "i16") for row in rows]
    if width == 1:
        for k, value in enumerate(values):
            one = text.let(f"load i16, ptr {value}, align 2")
            to = text.at(place, text.add(text.mul(at, 2), k), "i16")
            text.do(f"store i16 {one}, ptr {to}, align 2")
        return
    t = f"<{width} x i16>"
    x, y = (text.let(f"load {t}, ptr {value}, align 2") for value in values)
    for start in (0, width // 2):
        lanes = [n for k in range(start, start + width // 2) for n in (k, width + k)]
        mask = ", ".join(f"i32 {n}" for n in lanes)
        woven = text.let(f"shufflevector {t} {x}, {t} {y}, <{width} x i32> <{mask}>")
        to = text.at(place, text.add(text.mul(at, 2), 2 * start), "i16")
        text.do(f"store {t} {woven}, ptr {to}, align 2")
