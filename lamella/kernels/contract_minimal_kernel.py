"""The kernels of minimal filtering (contract_minimal.py): filters, patches, products, results."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamella.kernels.arithmetic import Arithmetic
from lamella.kernels.contract_blocks import Blocks
from lamella.kernels.contract_ending import Store
from lamella.kernels.contract_kernel import ContractionKernel, Ending
from lamella.kernels.contract_minimal import POINTS, Minimal
from lamella.kernels.contract_nest import strides_of
from lamella.kernels.contract_stage import SLACK, BoxCopy
from lamella.kernels.contract_tile import Shape
from lamella.kernels.emit_code import Code
from lamella.kernels.text import Int, vector_type


class Registers:
    """Sums and differences of vectors of float32."""

    def __init__(self, code: Code, lanes: int) -> None:
        self.code, self.lanes, self.type = code, lanes, vector_type("float", lanes)

    def load(self, pointer: str, index: Int) -> str:
        place = self.code.at(pointer, index, "float")
        return self.code.let(f"load {self.type}, ptr {place}, align 4")

    def store(self, pointer: str, index: Int, x: str) -> None:
        place = self.code.at(pointer, index, "float")
        self.code.do(f"store {self.type} {x}, ptr {place}, align 4")

    def add(self, x: str, y: str) -> str:
        return self.code.let(f"fadd {self.type} {x}, {y}")

    def sub(self, x: str, y: str) -> str:
        return self.code.let(f"fsub {self.type} {x}, {y}")

    def half(self, x: str) -> str:
        return self.code.let(f"fmul {self.type} {x}, {_splat('0.5', self.lanes)}")

    # Each of these maps a row or column of vectors.

    def patch(self, d: Sequence[str]) -> list[str]:
        """B' d."""
        return [
            self.sub(d[0], d[2]), self.add(d[1], d[2]),
            self.sub(d[2], d[1]), self.sub(d[1], d[3]),
        ]  # fmt: skip

    def filter(self, g: Sequence[str]) -> list[str]:
        """G g."""
        ends = self.add(g[0], g[2])
        return [g[0], self.half(self.add(ends, g[1])), self.half(self.sub(ends, g[1])), g[2]]

    def result(self, m: Sequence[str]) -> list[str]:
        """A' m."""
        return [self.add(self.add(m[0], m[1]), m[2]), self.sub(self.sub(m[1], m[2]), m[3])]


def _splat(x: str, lanes: int) -> str:
    return x if lanes == 1 else f"splat (float {x})"


def filters_text(form: Minimal) -> str:
    """The kernel of U; a chunk is one channel. Lanes are result channels where these are dense."""
    code = Code()
    source, target = code.array(0), code.array(1)
    row, column, channel, result = form.filter_strides
    registers = Registers(code, form.lanes if result == 1 else 1)

    def one(s: Int, o: Int) -> None:
        start = code.linear([(s, channel), (o, result)])
        taps = [[(i if sign > 0 else 2 - i) for i in range(3)] for sign in form.signs]
        g = [[registers.load(source, code.add(start, i * row + j * column)) for j in taps[1]]
             for i in taps[0]]  # fmt: skip
        u = in_both(registers.filter, g)
        to = code.add(code.mul(s, form.results), o)
        for k, x in enumerate(x for line in u for x in line):
            registers.store(target, code.add(to, k * form.channels * form.results), x)

    def chunk(s: Int, _: list[str]) -> None:
        count = form.results // registers.lanes
        code.loop(count, lambda o, _: one(s, code.mul(o, registers.lanes)))

    code.loop("%hi", chunk, start="%lo")
    return code.kernel()


def in_both(f: Callable[[Sequence[str]], list[str]], x: Sequence[Sequence[str]]
            ) -> list[list[str]]:  # fmt: skip
    """`f` of every column of x, then of every row."""
    columns = [f(column) for column in zip(*x)]
    return [f(row) for row in zip(*columns)]


class MinimalKernel:
    """Emits the loops of a Minimal; `ending` takes the results of a tile."""

    def __init__(self, code: Code, math: Arithmetic, form: Minimal, arrays: Sequence[str]) -> None:
        """arrays: the images, and the filters U."""
        self.code, self.math, self.form, self.plan = code, math, form, form.plan
        self.loops, self.tile = self.plan.loops, self.plan.tile
        self.first: str | None = None
        self.images, self.filters = arrays
        self.registers = Registers(code, form.lanes)
        tiles = form.band * form.tiles[1]
        self.box = self._stack(form.box.size)
        self.patches = self._stack(POINTS * tiles * form.channels)
        self.products = self._stack(POINTS * tiles * form.results)

    def _stack(self, elements: int) -> str:
        with self.code.hoisted(0):
            return self.code.let(f"alloca [{4 * elements + SLACK} x i8], align 64")

    def chunk(self, number: Int, ending: Ending) -> None:
        """The images of chunk `number`."""
        image = self.form.axes[0]
        self.blocks = Blocks(self.code, dict(self.loops.extents))
        self.blocks.chunk(self.plan.grid, number)
        ending.start_of_chunk(self.blocks)
        self.blocks.each(image, 1, lambda _: self._image(ending))

    def _image(self, ending: Ending) -> None:
        code, form = self.code, self.form
        image = form.axes[0]
        copy = BoxCopy(code, self.math, form.box, form.lanes)
        copy.copy({image: self.blocks.start[image]}, self.images, self.box)

        def band(number: Int, _: list[str]) -> None:
            first = code.mul(number, form.band)
            self._each_tile(lambda r, x, s: self._patch(first, r, x, s))
            product = ContractionKernel(code, self.math, form.product, [self.patches, self.filters])
            product.chunk(0, Store(product, self.products, wide=True))
            self._results(first, ending)

        code.loop(form.tiles[0] // form.band, band)

    def _each_tile(self, body: Callable[[Int, Int, Int], None]) -> None:
        """body(row of the band, column, channel) for every tile and vector of channels."""
        code, form = self.code, self.form
        vectors, lanes = form.channels // form.lanes, form.lanes

        def tile(r: Int, x: Int) -> None:
            code.loop(vectors, lambda s, _: body(r, x, code.mul(s, lanes)))

        code.loop(form.band, lambda r, _: code.loop(form.tiles[1], lambda x, _: tile(r, x)))

    def _patch(self, first: Int, r: Int, x: Int, s: Int) -> None:
        """V of one tile."""
        code, form = self.code, self.form
        _, row, column, _ = strides_of(form.box.sizes)
        y = code.mul(code.add(first, r), 2 * row)
        start = code.add(code.linear([(y, 1), (x, 2 * column)]), s)
        d = [[self.registers.load(self.box, code.add(start, i * row + j * column))
              for j in range(4)] for i in range(4)]  # fmt: skip
        to = code.add(code.mul(self._tile(r, x), form.channels), s)
        step = form.band * form.tiles[1] * form.channels
        for k, v in enumerate(v for line in in_both(self.registers.patch, d) for v in line):
            self.registers.store(self.patches, code.add(to, k * step), v)

    def _tile(self, r: Int, x: Int) -> Int:
        return self.code.add(self.code.mul(r, self.form.tiles[1]), x)

    def _results(self, first: Int, ending: Ending) -> None:
        """Rows and columns of tiles; the last of an odd number is half a tile."""
        code, form = self.code, self.form
        height, width = (form.extents[x] for x in form.axes[1:3])

        def rows(r: Int, used: int) -> None:
            code.loop(width // 2, lambda x, _: tile(r, x, used, 2))
            if width % 2:
                tile(r, width // 2, used, 1)

        def tile(r: Int, x: Int, down: int, across: int) -> None:
            code.loop(form.results // form.lanes, lambda o, _: self._result(
                first, r, x, code.mul(o, form.lanes), (down, across), ending))  # fmt: skip

        code.loop(form.band - height % 2, lambda r, _: rows(r, 2))
        if height % 2:
            rows(form.band - 1, 1)

    def _result(self, first: Int, r: Int, x: Int, o: Int, used: tuple[int, int],
                ending: Ending) -> None:  # fmt: skip
        code, form = self.code, self.form
        start = code.add(code.mul(self._tile(r, x), form.results), o)
        step = form.band * form.tiles[1] * form.results
        m = [[self.registers.load(self.products, code.add(start, (4 * i + j) * step))
              for j in range(4)] for i in range(4)]  # fmt: skip
        results = in_both(self.registers.result, m)
        values = [results[i][j] for i in range(used[0]) for j in range(used[1])]
        n, row, column, channel = form.axes
        at = {n: 0, row: code.mul(code.add(first, r), 2), column: code.mul(x, 2), channel: o}
        shape = Shape(((row, used[0]), (column, used[1])), 1, form.lanes)
        ending(self.blocks, shape, at, values)
