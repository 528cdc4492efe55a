"""Minimal filtering of the gradient of a 3x3 filter: sums over images of patches times results.

With V = B' d B of a patch of the images (contract_minimal.py), and Z = A z A' of the cotangents z
of its 2x2 results, the gradient is G' (sum of V[u] Z[u] over all tiles) G: a product of channels by
result channels for each of the 16 points u.

    for image in part:
        for band of tiles:  a box of the image, with zeros around it; V[u][tile][channel];
                            Z[u][tile][result channel]; D[u] += V[u]' Z[u]
    G' D G to [part][row][column][channel][result channel]
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from lamella.indexmap import Shape
from lamella.kernels.arithmetic import Arithmetic
from lamella.kernels.contract_blocks import Blocks
from lamella.kernels.contract_ending import Store
from lamella.kernels.contract_gather import Nest
from lamella.kernels.contract_kernel import ContractionKernel
from lamella.kernels.contract_minimal import POINTS, Minimal
from lamella.kernels.contract_minimal_kernel import Patches, Registers, in_both
from lamella.kernels.contract_nest import Linear, Loops, Operand, strides_of
from lamella.kernels.contract_plan import Plan, best_tile
from lamella.kernels.emit_code import Code
from lamella.kernels.text import Int
from lamella.native import Target

#: Parts of the sum over the images, each a chunk.
PARTS = 16
#: Bytes of D.
MAX_SUMS = 512 << 10


class MinimalGradient(Minimal):
    """A gradient that can be computed so; filter_strides are those of the result."""

    @property
    def images(self) -> int:
        """Images of a part."""
        return -(-self.extents[self.axes[0]] // PARTS)

    @property
    def parts(self) -> int:
        return -(-self.extents[self.axes[0]] // self.images)

    @cached_property
    def product(self) -> Plan:
        """D[u][channel][result] += sum of V[u][tile][channel] * Z[u][tile][result]."""
        t, s, o = self.band * self.tiles[1], self.channels, self.results
        a = Linear({"u": self.step(s), "t": s, "s": 1})
        b = Linear({"u": self.step(o), "t": o, "o": 1})
        out = Linear({"u": s * o, "s": o, "o": 1})
        extents = {"u": POINTS, "t": t, "s": s, "o": o}
        loops = Loops(extents, Operand(a), Operand(b), out, POINTS * s * o, {}, False)
        tile = best_tile(loops, 4, self.target, None)
        assert tile is not None
        return Plan(loops, tile, {}, (("t", t),), (False, False), (False, False))

    def pays(self) -> bool:
        fits = 4 * POINTS * self.channels * self.results <= MAX_SUMS
        dense = list(self.filter_strides) == strides_of((3, 3, self.channels, self.results))
        return self.signs == (1, 1) and dense and fits and super().pays()


def gradient_form(
    nest: Nest, a: Shape, b: Shape, out: Shape, target: Target
) -> MinimalGradient | None:
    """The nest as the gradient of the filter of a 3x3 convolution of stride 1, where this pays."""
    return MinimalGradient.of(nest, a, (nest.maps.b, b), (nest.maps.out, out), target)


def gradient_text(form: MinimalGradient, math: Arithmetic) -> str:
    """The kernel; its arguments are the images, the cotangents and the parts of the sums."""
    code = Code()
    images, cotangents, sums = (code.array(j) for j in range(3))
    kernel = GradientKernel(code, math, form, images, cotangents)
    code.loop("%hi", lambda number, _: kernel.part(number, sums), start="%lo")
    return code.kernel()


class GradientKernel(Patches):
    """Emits the loops of a part."""

    form: MinimalGradient

    def __init__(self, code: Code, math: Arithmetic, form: MinimalGradient, images: str,
                 cotangents: str) -> None:  # fmt: skip
        super().__init__(code, math, form, images)
        self.cotangents = cotangents
        self.lifted = self.stack(POINTS * form.step(form.results))
        self.sums = self.stack(POINTS * form.channels * form.results)

    def part(self, number: Int, sums: str) -> None:
        """Part `number`, to `sums` [part][row][column][channel][result channel]."""
        form, code = self.form, self.code
        image = form.axes[0]
        blocks = Blocks(code, dict(form.extents))
        blocks.chunk({image: form.images}, number)
        self._clear()

        def band(first: Int) -> None:
            self.each_tile(lambda r, x, o, used: self._lift(
                (blocks.start[image], first, r, x, o), used))  # fmt: skip
            product = ContractionKernel(code, self.math, form.product, [self.patches, self.lifted])
            product.chunk(0, Store(product, self.sums, wide=True))

        blocks.each(image, 1, lambda _: self.each_band(blocks.start[image], band))
        size = 9 * form.channels * form.results
        self._finish(code.at(sums, code.mul(number, size), "float"))

    def _clear(self) -> None:
        count, lanes = POINTS * self.form.channels * self.form.results, self.form.lanes
        self.code.loop(count // lanes, lambda i, _: self.registers.store(
            self.sums, self.code.mul(i, lanes), "zeroinitializer"))  # fmt: skip

    def _lift(self, at: tuple[Int, Int, Int, Int, Int], used: tuple[int, int]) -> None:
        """Z of one tile; results that do not exist count as 0."""
        form, code, (n, first, r, x, o) = self.form, self.code, at
        shape = tuple(form.extents[axis] for axis in form.axes)
        image, row, column, _ = strides_of(shape)
        y = code.mul(code.add(first, r), 2)
        start = code.linear([(n, image), (y, row), (x, 2 * column), (o, 1)])
        z = [[self.registers.load(self.cotangents, code.add(start, i * row + j * column))
              if i < used[0] and j < used[1] else "zeroinitializer"
              for j in range(2)] for i in range(2)]  # fmt: skip
        self.put(self.lifted, form.results, (r, x, o), in_both(self._lifted, z))

    def _lifted(self, z: Sequence[str]) -> list[str]:
        """A z."""
        registers = self.registers
        return [z[0], registers.add(*z), registers.sub(*z), registers.sub("zeroinitializer", z[1])]

    def _finish(self, target: str) -> None:
        """G' D G of every channel and result channel."""
        form, code = self.form, self.code
        row, column, channel, _ = form.filter_strides
        step = form.channels * form.results

        def one(s: Int, o: Int) -> None:
            start = code.add(code.mul(s, form.results), o)
            d = [[self.registers.load(self.sums, code.add(start, (4 * i + j) * step))
                  for j in range(4)] for i in range(4)]  # fmt: skip
            to = code.add(code.mul(s, channel), o)
            for i, line in enumerate(in_both(self._finished, d)):
                for j, x in enumerate(line):
                    self.registers.store(target, code.add(to, i * row + j * column), x)

        vectors = form.results // form.lanes
        code.loop(form.channels, lambda s, _: code.loop(
            vectors, lambda o, _: one(s, code.mul(o, form.lanes))))  # fmt: skip

    def _finished(self, m: Sequence[str]) -> list[str]:
        """G' m."""
        registers: Registers = self.registers
        even = registers.half(registers.add(m[1], m[2]))
        odd = registers.half(registers.sub(m[1], m[2]))
        return [registers.add(m[0], even), odd, registers.add(even, m[3])]
