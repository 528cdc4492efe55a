"""The second half of a split sum: add the parts, in order, and round.

The scratch array holds [part][element of the result] as wide sums.
"""

from __future__ import annotations

from lamella.kernels.arithmetic import Arithmetic, mask_of
from lamella.kernels.emit_code import Code
from lamella.kernels.text import Int, vector_type

#: Vectors in flight.
VECTORS = 4
#: Elements of all parts that one chunk reads.
CHUNK = 1 << 14
MAX_CHUNKS = 32


def combine_chunks(size: int, parts: int, lanes: int) -> int:
    """How many chunks the result of `size` elements is split into."""
    return max(1, min(MAX_CHUNKS, size * parts // CHUNK, size // (VECTORS * lanes)))


def combine_text(math: Arithmetic, size: int, parts: int, lanes: int) -> str:
    """out[i] = sum(scratch[p][i] for p in parts); arguments: scratch, out."""
    code = Code()
    scratch, out = code.array(0), code.array(1)
    step = VECTORS * lanes
    tiles = -(-size // step)
    block = -(-tiles // combine_chunks(size, parts, lanes))
    whole, rest = size // step, size % step

    def tile(at: Int, elements: int) -> None:
        vectors = -(-elements // lanes)
        used = elements - (vectors - 1) * lanes
        totals = _totals(code, math, scratch, at, size, parts, vectors, lanes)
        for v, total in enumerate(totals):
            place = code.at(code.at(out, at, math.element), v * lanes, math.element)
            mask = mask_of(lanes, used) if v == vectors - 1 else None
            math.store(code, place, total, lanes, mask)

    def chunk(number: Int, _: list[str]) -> None:
        first = code.mul(number, block)
        end = code.add(first, block)
        code.loop(
            code.minimum(end, whole), lambda i, _: tile(code.mul(i, step), step), start=first
        )
        if rest:
            has_rest = code.let(f"icmp sle i64 {first}, {whole}")
            is_last = code.let(f"icmp sgt i64 {end}, {whole}")
            here = code.let(f"and i1 {has_rest}, {is_last}")
            code.when(here, lambda: tile(whole * step, rest))

    code.loop("%hi", chunk, start="%lo")
    return code.kernel()


def _totals(code: Code, math: Arithmetic, scratch: str, at: Int, size: int, parts: int,
            vectors: int, lanes: int) -> list[str]:  # fmt: skip
    """The sums over the parts of `vectors` vectors of elements from `at` on."""
    t = vector_type(math.sum, lanes)
    start = code.at(scratch, at, math.sum)

    def add(part: Int, sums: list[str]) -> list[str]:
        row = code.at(start, code.mul(part, size), math.sum)
        loaded = [
            math.load_sum(code, code.at(row, v * lanes, math.sum), lanes) for v in range(vectors)
        ]
        return [math.add(code, total, x, lanes) for total, x in zip(sums, loaded)]

    return code.loop(parts, add, [(t, math.zero(lanes))] * vectors)
