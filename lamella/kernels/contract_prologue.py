"""Prologues: an operand is computed while a box of it is staged, and is nowhere else.

    z = maximum(y * scale + shift, 0);  contract(z, w)

A box of z, an image, is computed from y into memory of the chunk's own, with zeros where it reaches
out of bounds; the tiles read it there.
"""

from __future__ import annotations

from lamella.kernels.arithmetic import Arithmetic
from lamella.kernels.contract_nest import Box
from lamella.kernels.contract_stage import BoxFill
from lamella.kernels.emit import Emitter
from lamella.kernels.emit_index import Index, Var, lane
from lamella.kernels.emit_memory import address, offset_of
from lamella.kernels.kernel import CannotFuse
from lamella.kernels.loop_plan import needed_by
from lamella.kernels.text import Int
from lamella.program import Equation, Program, Value


def prologue_of(body: Program, eq: Equation) -> set[Equation]:
    """The equations that compute operands of the contraction `eq`.

    Raises CannotFuse where they are more than elementwise equations and views.
    """
    missing = {v for v in eq.operands if v not in body.inputs}
    found = set()
    for e in reversed(body.equations):
        if missing.intersection(e.results):
            missing.update(e.operands)
            found.add(e)
    if any(e.primitive.family not in ("elementwise", "view") for e in found):
        raise CannotFuse("only elementwise equations and views can be a contraction's prologue")
    return found


class Prologue(BoxFill):
    """Computes the box, of operand `value`."""

    def __init__(self, emitter: Emitter, math: Arithmetic, value: Value, box: Box, lanes: int
                 ) -> None:  # fmt: skip
        super().__init__(emitter.code, math, box, lanes)
        self.code, self.emitter, self.value = emitter.code, emitter, value
        #: what is read as fast as the box is written
        read = {v for eq in needed_by(emitter.body, [value]) for v in eq.operands}
        self.arrays = [v for v in emitter.body.inputs if v in read and v.type == value.type]

    def fill(self, starts: dict[str, Int], source: str, target: str) -> None:
        self._dimension(0, self.first(starts), [], target)

    def _dimension(self, d: int, first: list[Int], at: list[Index], target: str) -> None:
        """What lies in bounds along dimension d, zeros in front of it and behind it."""
        code, size, extent = self.code, self.box.sizes[d], self.box.shape[d]
        if d == len(self.box.sizes) - 1:
            self._vectors(at, target)
            return
        stride = self.target_strides[d]
        begin = code.minimum(code.maximum(code.sub(0, first[d]), 0), size)
        end = code.maximum(code.minimum(code.sub(extent, first[d]), size), begin)
        self.zeros(target, 0, code.mul(begin, stride))

        def row(r: Int, _: list[str]) -> None:
            index = self._index(code.add(first[d], r), extent)
            place = code.at(target, code.mul(r, stride), self.math.sum)
            self._dimension(d + 1, first, [*at, index], place)

        code.loop(end, row, start=begin)
        self.zeros(target, code.mul(end, stride), size * stride)

    def _vectors(self, at: list[Index], target: str) -> None:
        """Along the last dimension, which the box holds whole."""
        code, n, extent = self.code, self.lanes, self.box.shape[-1]

        def vector(i: Int, valid: int) -> None:
            index = (self._index(i, extent) * n + lane(code, n, valid)).within(extent)
            x = self.emitter.value(self.value, [*at, index]).widened(n)
            self.math.store_sum(code, code.at(target, code.mul(i, n), self.math.sum), x.ref, n)
            for v in self.arrays if self.step else ():
                here = offset_of(code, v.type, [*at, index]).without_lanes()
                code.prefetch(address(code, self.emitter.pointers[v], v.type, here + self.step))

        code.loop(extent // n, lambda i, _: vector(i, n))
        if extent % n:
            vector(extent // n, extent % n)

    def _index(self, i: Int, extent: int) -> Index:
        return Index.of(self.code, i if isinstance(i, int) else Var(extent, self.code.depth, i))
