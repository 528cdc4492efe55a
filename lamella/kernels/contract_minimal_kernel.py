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


class Patches:
    """Loops over bands of tiles of an image, and makes V of each."""

    def __init__(self, code: Code, math: Arithmetic, form: Minimal, images: str) -> None:
        self.code, self.math, self.form, self.images = code, math, form, images
        self.registers = Registers(code, form.lanes)
        self.box = self.stack(form.box.size)
        self.patches = self.stack(POINTS * form.step(form.channels))

    def stack(self, elements: int) -> str:
        """Memory of this thread for float32."""
        with self.code.hoisted(0):
            return self.code.let(f"alloca [{4 * elements + SLACK} x i8], align 64")

    def each_band(self, image: Int, body: Callable[[Int], None]) -> None:
        """body(first row of tiles) for every band, when its V is there."""
        code, form = self.code, self.form
        copy = BoxCopy(code, self.math, form.box, form.lanes)

        def band(number: Int, _: list[str]) -> None:
            first = code.mul(number, form.band)
            starts = {form.axes[0]: image, form.axes[1]: code.mul(first, 2)}
            copy.fill(starts, self.images, self.box)
            self._each_patch()
            body(first)

        code.loop(form.tiles[0] // form.band, band)

    def _each_patch(self) -> None:
        code, form = self.code, self.form

        def patches(r: Int, x: Int) -> None:
            vectors = form.channels // form.lanes
            code.loop(vectors, lambda s, _: self._patch(r, x, code.mul(s, form.lanes)))

        code.loop(form.band, lambda r, _: code.loop(form.tiles[1], lambda x, _: patches(r, x)))

    def each_tile(self, body: Callable[[Int, Int, Int, tuple[int, int]], None]) -> None:
        """body(row of the band, column, result channel, results down and across) of every tile.

        The last of an odd number of results is half a tile.
        """
        code, form = self.code, self.form
        height, width = (form.extents[x] for x in form.axes[1:3])

        def tile(r: Int, x: Int, used: tuple[int, int]) -> None:
            vectors = form.results // form.lanes
            code.loop(vectors, lambda o, _: body(r, x, code.mul(o, form.lanes), used))

        def row(r: Int, down: int) -> None:
            code.loop(width // 2, lambda x, _: tile(r, x, (down, 2)))
            if width % 2:
                tile(r, width // 2, (down, 1))

        code.loop(form.band - height % 2, lambda r, _: row(r, 2))
        if height % 2:
            row(form.band - 1, 1)

    def _patch(self, r: Int, x: Int, s: Int) -> None:
        code, form = self.code, self.form
        _, row, column, _ = strides_of(form.box.sizes)
        start = code.linear([(r, 2 * row), (x, 2 * column), (s, 1)])
        d = [[self.registers.load(self.box, code.add(start, i * row + j * column))
              for j in range(4)] for i in range(4)]  # fmt: skip
        self.put(self.patches, form.channels, (r, x, s), in_both(self.registers.patch, d))

    def put(self, target: str, channels: int, at: tuple[Int, Int, Int],
            points: Sequence[Sequence[str]]) -> None:  # fmt: skip
        """Store vectors to target[point][tile][channel]."""
        to = self.place(channels, at)
        for k, v in enumerate(v for line in points for v in line):
            self.registers.store(target, self.code.add(to, k * self.form.step(channels)), v)

    def place(self, channels: int, at: tuple[Int, Int, Int]) -> Int:
        """The element of [tile][channel] at (row of the band, column, channel)."""
        code, (r, x, s) = self.code, at
        tile = code.add(code.mul(r, self.form.tiles[1]), x)
        return code.add(code.mul(tile, channels), s)


class MinimalKernel(Patches):
    """Emits the loops of a convolution; `ending` takes the results of a tile."""

    def __init__(self, code: Code, math: Arithmetic, form: Minimal, arrays: Sequence[str]) -> None:
        """arrays: the images, and the filters U."""
        super().__init__(code, math, form, arrays[0])
        self.filters, self.plan = arrays[1], form.plan
        self.loops, self.tile = self.plan.loops, self.plan.tile
        self.first: str | None = None
        self.products = self.stack(POINTS * form.step(form.results))

    def chunk(self, number: Int, ending: Ending) -> None:
        """The images of chunk `number`."""
        image = self.form.axes[0]
        self.blocks = blocks = Blocks(self.code, dict(self.loops.extents))
        blocks.chunk(self.plan.grid, number)
        ending.start_of_chunk(blocks)

        def band(first: Int) -> None:
            arrays = [self.patches, self.filters]
            product = ContractionKernel(self.code, self.math, self.form.product, arrays)
            product.chunk(0, Store(product, self.products, wide=True))
            self.each_tile(lambda r, x, o, used: self._result((first, r, x, o), used, ending))

        blocks.each(image, 1, lambda _: self.each_band(blocks.start[image], band))

    def _result(self, at: tuple[Int, Int, Int, Int], used: tuple[int, int],
                ending: Ending) -> None:  # fmt: skip
        code, form, (first, r, x, o) = self.code, self.form, at
        start, step = self.place(form.results, (r, x, o)), form.step(form.results)
        m = [[self.registers.load(self.products, code.add(start, (4 * i + j) * step))
              for j in range(4)] for i in range(4)]  # fmt: skip
        results = in_both(self.registers.result, m)
        values = [results[i][j] for i in range(used[0]) for j in range(used[1])]
        n, row, column, channel = form.axes
        where = {n: 0, row: code.mul(code.add(first, r), 2), column: code.mul(x, 2), channel: o}
        shape = Shape(((row, used[0]), (column, used[1])), 1, form.lanes)
        ending(self.blocks, shape, where, values)
