"""Minimal filtering: 3x3 convolutions of stride 1 with 16 multiplications where there were 36.

Two neighbouring results of a filter of three taps need four products instead of six (S. Winograd,
Arithmetic complexity of computations, 1980; A. Lavin and S. Gray, Fast algorithms for convolutional
neural networks, 2016). In two dimensions a tile of 2x2 results is made of a patch d of 4x4 inputs:

    V = B' d B,  U = G g G',  M[u] = sum over channels of V[u] U[u]  for each of the 16 points u,
    result = A' M A.

    filters, once:         U[u][channel][result channel]
    for image in chunk:
        for band of tiles: a box of the image, with zeros around it; V[u][tile][channel];
                           16 matrix products to M[u][tile][result channel];
                           A' M A to registers and to the ending

Results differ from the direct form's by roundings (measured: by 1e-6 of the largest). A number that
is not finite makes all four results of its tiles NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from lamella.indexmap import Affine, Shape
from lamella.kernels.contract_gather import Dims, Nest
from lamella.kernels.contract_nest import Box, Linear, Loops, Operand, strides_of
from lamella.kernels.contract_plan import Plan, best_tile
from lamella.kernels.contract_split import MAX_CHUNKS, Tile
from lamella.kernels.contract_stage import SLACK
from lamella.native import Target

POINTS = 16
#: Elements.
CACHE_LINE = 16
#: Fewer images are left to the direct form, which can share out parts of an image.
MIN_IMAGES = 16
MIN_SIZE = 4
#: Filters that do not fit the cache are read for so many tiles at once.
MIN_TILES = 16
#: Bytes of V and M of a band: they stay in the second-level cache.
BAND_BYTES = 240 << 10
MAX_BAND_BYTES = 384 << 10
MAX_BOX_BYTES = 256 << 10


@dataclass(frozen=True)
class Minimal:
    """A convolution that can be computed so.

    axes: those of (images, rows, columns, result channels); extents: theirs. low: the first row and
    column that a filter touches; signs: -1 where taps run backwards, as in the gradient.
    filter_strides: of (row tap, column tap, channel, result channel).
    """

    axes: tuple[str, str, str, str]
    extents: dict[str, int]
    channels: int
    dims: tuple[Affine, ...]
    image: Shape
    low: tuple[int, int]
    signs: tuple[int, int]
    filter_strides: tuple[int, int, int, int]
    target: Target

    @classmethod
    def of(
        cls, nest: Nest, image: Shape, results: tuple[Dims, Shape], filters: tuple[Dims, Shape],
        target: Target,
    ) -> Self | None:  # fmt: skip
        """The nest over images, results and filters; None for any other, and where it takes longer.

        image: the shape of operand a. The other two may be operand b and the result in any order.
        """
        dims, extents = nest.maps.a, nest.extents
        if nest.empty or [len(x) for x in (image, results[1], filters[1])] != [4, 4, 4]:
            return None
        n, y, x, o = (dim.axis or "" for dim in results[0])
        s = dims[3].axis or ""
        if "" in (n, y, x, o, s) or len({n, y, x, o, s}) != 5 or dims[0].axis != n:
            return None
        rows, columns = tap_of(dims[1], y, extents), tap_of(dims[2], x, extents)
        if rows is None or columns is None:
            return None
        strides = {dim.axis: k for dim, k in zip(filters[0], strides_of(filters[1]))}
        if strides.keys() != {rows.axis, columns.axis, s, o}:
            return None
        if (extents[n], extents[y], extents[x], extents[o]) != results[1] or extents[s] != image[3]:
            return None
        found = cls(
            axes=(n, y, x, o), extents={axis: extents[axis] for axis in (n, y, x, o)},
            channels=image[3], dims=dims, image=image, low=(rows.low, columns.low),
            signs=(rows.sign, columns.sign), target=target,
            filter_strides=(strides[rows.axis], strides[columns.axis], strides[s], strides[o]),
        )  # fmt: skip
        return found if found.pays() else None

    @cached_property
    def lanes(self) -> int:
        return max(1, self.target.vector_bytes // 4)

    @property
    def results(self) -> int:
        return self.extents[self.axes[3]]

    @property
    def tiles(self) -> tuple[int, int]:
        """Tiles down and across."""
        _, y, x, _ = self.axes
        return -(-self.extents[y] // 2), -(-self.extents[x] // 2)

    @property
    def box(self) -> Box:
        """All rows and columns that the tiles of a band read."""
        sizes = (1, 2 * self.band + 2, 2 * self.tiles[1] + 2, self.channels)
        return Box(self.dims, self.image, (0, *self.low, 0), sizes)

    @property
    def band(self) -> int:
        """Rows of tiles that are worked on together; all of them where the last is cut."""
        down, _ = self.tiles
        if self.extents[self.axes[1]] % 2:
            return down
        fits = [r for r in range(1, down + 1) if down % r == 0 and self._nbytes(r) <= BAND_BYTES]
        return max(fits, default=1)

    def step(self, channels: int) -> int:
        """Elements from one point to the next in [point][tile][channel].

        A tile's 16 vectors must not fall on one set of the cache, as powers of two would have it.
        """
        return self.band * self.tiles[1] * channels + CACHE_LINE

    def _nbytes(self, rows: int) -> int:
        return 4 * POINTS * rows * self.tiles[1] * (self.channels + self.results)

    def pays(self) -> bool:
        """Whether vectors are full, there is enough to share out, and everything fits the cache."""
        n, y, x, _ = (self.extents[axis] for axis in self.axes)
        whole = self.channels % self.lanes == 0 and self.results % self.lanes == 0
        fits = self._nbytes(self.band) <= MAX_BAND_BYTES and 4 * self.box.size <= MAX_BOX_BYTES
        again = self.band * self.tiles[1]  # how often a band uses U
        near = again >= MIN_TILES or 2 * self.filter_nbytes <= self.target.l2
        enough = n >= MIN_IMAGES and min(y, x) >= MIN_SIZE
        return whole and fits and near and enough and self.lanes > 1

    @cached_property
    def plan(self) -> Plan:
        """Chunks are some images each."""
        n, y, x, o = self.axes
        shape = tuple(self.extents[axis] for axis in self.axes)
        image = Operand(Linear({n: strides_of(self.image)[0]}))
        out = Linear(dict(zip(self.axes, strides_of(shape))))
        size = int(np.prod(shape))
        loops = Loops(self.extents, image, Operand(Linear({})), out, size, {}, False)
        tile = Tile(o, self.lanes, 1, ((y, 2), (x, 2)))
        grid = {n: -(-self.extents[n] // MAX_CHUNKS)}
        return Plan(loops, tile, grid, (), (False, False), (False, False))

    @cached_property
    def product(self) -> Plan:
        """M[u][tile][result] = sum of V[u][tile][channel] * U[u][channel][result]."""
        t, s, o = self.band * self.tiles[1], self.channels, self.results
        a = Linear({"u": self.step(s), "t": s, "s": 1})
        b = Linear({"u": s * o, "s": o, "o": 1})
        out = Linear({"u": self.step(o), "t": o, "o": 1})
        extents = {"u": POINTS, "t": t, "s": s, "o": o}
        loops = Loops(extents, Operand(a), Operand(b), out, POINTS * t * o, {}, False)
        tile = best_tile(loops, 4, self.target, None)
        assert tile is not None
        return Plan(loops, tile, {}, (), (False, False), (False, False))

    @property
    def flops(self) -> int:
        """Operations of the products, for a profile to compare with the processor's limit."""
        down, across = self.tiles
        images = self.extents[self.axes[0]]
        return 2 * POINTS * images * down * across * self.channels * self.results

    @property
    def filter_nbytes(self) -> int:
        return 4 * POINTS * self.channels * self.results + SLACK


def minimal_form(nest: Nest, a: Shape, b: Shape, out: Shape, target: Target) -> Minimal | None:
    """The nest as a 3x3 convolution of stride 1, channels last, where minimal filtering pays."""
    return Minimal.of(nest, a, (nest.maps.out, out), (nest.maps.b, b), target)


@dataclass(frozen=True)
class Tap:
    """A dimension `position + sign * axis + ...`, whose lowest element is `position + low`."""

    axis: str
    sign: int
    low: int


def tap_of(dim: Affine, position: str, extents: dict[str, int]) -> Tap | None:
    """The dimension as a Tap of three; None for any other."""
    terms = dict(dim.terms)
    if len(terms) != 2 or terms.pop(position, 0) != 1:
        return None
    ((axis, sign),) = terms.items()
    if abs(sign) != 1 or extents[axis] != 3:
        return None
    return Tap(axis, sign, dim.offset - (2 if sign < 0 else 0))
