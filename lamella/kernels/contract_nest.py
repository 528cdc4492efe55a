"""Linear form: each array of a contraction is addressed by one stride per loop axis.

An operand that may be read out of bounds is staged: a box of it, zeros outside the array, is copied
to memory of the chunk's own, so that the inner loops need no tests. The box belongs to the current
blocks of its blocked axes (an image, or a band of its rows).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lamella.indexmap import Shape
from lamella.kernels.contract_gather import Dims, Extents, Nest

#: Bytes of the boxes and panels that one chunk keeps on its stack.
STAGE_BYTES = 192 << 10
#: Elements of a box that is worth the loops around it.
IMAGE = 1024
#: A band of fewer result rows would copy too much twice.
BAND_ROWS = 4


@dataclass(frozen=True)
class Linear:
    """Element `offset + sum(stride * position)`; axes that are not in `strides` have stride 0."""

    strides: dict[str, int]
    offset: int = 0

    def __getitem__(self, axis: str) -> int:
        return self.strides.get(axis, 0)


@dataclass(frozen=True)
class Box:
    """A staged box: element r of dimension d is source element `low[d] + start(dims[d]) + r`.

    start(dim) is the dimension's value at the starts of the blocked axes, without its offset.
    """

    dims: Dims
    shape: Shape
    low: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def size(self) -> int:
        return _product(self.sizes)


@dataclass(frozen=True)
class Operand:
    """How the loops read an operand: from the array, or from its staged box.

    The positions of blocked axes count from the start of their block in a box.
    """

    access: Linear
    box: Box | None = None


@dataclass(frozen=True)
class Loops:
    """A nest in linear form. `blocked` are the axes whose blocks the boxes belong to."""

    extents: Extents
    a: Operand
    b: Operand
    out: Linear
    out_size: int
    blocked: dict[str, int]
    empty: bool
    #: points of a merged axis for each of its outermost
    grains: dict[str, int] = field(default_factory=dict)

    @property
    def operands(self) -> tuple[Operand, Operand]:
        return self.a, self.b

    def summed(self, axis: str) -> bool:
        return self.out[axis] == 0


def summed_axes(loops: Loops, lane: str | None = None) -> list[str]:
    """Outermost first: the longest strides; the lane axis of a dot tile is the innermost."""
    axes = [x for x in loops.extents if loops.summed(x)]
    a, b = loops.a.access, loops.b.access
    return sorted(axes, key=lambda x: (x == lane, -abs(a[x]) - abs(b[x])))


def linear_form(
    nest: Nest, a: Shape, b: Shape, out: Shape, itemsize: int, keep: str | None = None,
    computed: tuple[bool, bool] = (False, False),
) -> Loops | None:  # fmt: skip
    """The nest with strides, boxes where needed and axes merged; None where boxes are too large.

    Axis `keep` is not merged with others. Operands that are `computed` need boxes whose last
    dimension is whole.
    """
    if nest.empty:
        return _empty(nest, out, keep)
    blocked: dict[str, int] = {}
    for dims, shape, own in ((nest.maps.a, a, computed[0]), (nest.maps.b, b, computed[1])):
        if own or ragged(dims, shape, nest.extents):
            blocks = _blocks(dims, nest, itemsize)
            if blocks is None or (own and not _is_image(dims, shape, nest, blocks)):
                return None
            for axis, block in blocks.items():
                blocked[axis] = min(block, blocked.get(axis, block))
    x = _operand(nest.maps.a, a, nest.extents, blocked, computed[0])
    y = _operand(nest.maps.b, b, nest.extents, blocked, computed[1])
    target = _strided(nest.maps.out, out)
    return _merged(Loops(nest.extents, x, y, target, _product(out), blocked, False), keep)


def _empty(nest: Nest, out: Shape, keep: str | None) -> Loops:
    """Only the result's axes: nothing is read."""
    target, nothing = _strided(nest.maps.out, out), Operand(Linear({}))
    extents = {x: nest.extents[x] for x in target.strides}
    return _merged(Loops(extents, nothing, nothing, target, _product(out), {}, True), keep)


def ragged(dims: Dims, shape: Shape, extents: Extents) -> bool:
    """Whether some index may be out of bounds."""
    bounds = [(dim.bounds(extents), n) for dim, n in zip(dims, shape)]
    return any(low < 0 or high >= n for (low, high), n in bounds)


def strides_of(shape: Shape) -> list[int]:
    """Row-major strides, in elements."""
    strides = [1] * len(shape)
    for i in range(len(shape) - 1, 0, -1):
        strides[i - 1] = strides[i] * shape[i]
    return strides


def _strided(dims: Dims, shape: Shape, origin: tuple[int, ...] | None = None) -> Linear:
    terms: dict[str, int] = {}
    offset = 0
    for d, (dim, stride) in enumerate(zip(dims, strides_of(shape))):
        offset += (dim.offset - (origin[d] if origin else 0)) * stride
        for x, k in dim.terms:
            terms[x] = terms.get(x, 0) + k * stride
    return Linear(terms, offset)


def _is_image(dims: Dims, shape: Shape, nest: Nest, blocks: dict[str, int]) -> bool:
    """Is a box the whole array at one index of its first dimension, and not too small?"""
    low, sizes = _box(dims[1:], nest.extents)
    whole = all(i <= 0 and i + n >= m for i, n, m in zip(low, sizes, shape[1:]))
    exact = len(shape) > 1 and (low[-1], sizes[-1]) == (0, shape[-1])
    return whole and exact and blocks == {dims[0].axis: 1} and _product(sizes) >= IMAGE


def _operand(dims: Dims, shape: Shape, extents: Extents, blocked: dict[str, int], boxed: bool
             ) -> Operand:  # fmt: skip
    if not (boxed or ragged(dims, shape, extents)):
        return Operand(_strided(dims, shape))
    low, sizes = _box(dims, {**extents, **blocked})
    return Operand(_strided(dims, sizes, low), Box(dims, shape, low, sizes))


def _box(dims: Dims, lengths: Extents) -> tuple[tuple[int, ...], tuple[int, ...]]:
    bounds = [dim.bounds(lengths) for dim in dims]
    return tuple(low for low, _ in bounds), tuple(high - low + 1 for low, high in bounds)


def _blocks(dims: Dims, nest: Nest, itemsize: int) -> dict[str, int] | None:
    """Blocks that make the operand's box small: one image, then a band of its rows."""
    blocks: dict[str, int] = {}
    kept = {x for dim in nest.maps.out for x, _ in dim.terms}
    others = (*nest.maps.a, *nest.maps.b)
    for dim in dims:
        uses = sum(x == dim.axis for other in dims for x, _ in other.terms)
        if dim.axis is None or uses > 1:
            break
        shared = any(dim.axis == other.axis for other in others if other is not dim)
        if dim.axis in kept or shared:
            blocks[dim.axis] = 1
            break
    banded = next((dim for dim in dims if len(dim.terms) > 1), None)
    if banded:
        _, axis = max((nest.extents[x], x) for x, _ in banded.terms)
        while _box_bytes(dims, nest.extents, blocks, itemsize) > STAGE_BYTES:
            rows = blocks.get(axis, nest.extents[axis])
            if rows <= BAND_ROWS:
                break
            blocks[axis] = -(-rows // 2)
    fits = _box_bytes(dims, nest.extents, blocks, itemsize) <= 2 * STAGE_BYTES
    return blocks if fits else None


def _box_bytes(dims: Dims, extents: Extents, blocks: dict[str, int], itemsize: int) -> int:
    return _product(_box(dims, {**extents, **blocks})[1]) * itemsize


def _product(sizes: tuple[int, ...]) -> int:
    product = 1
    for n in sizes:
        product *= n
    return product


def _merged(loops: Loops, keep: str | None) -> Loops:
    """Axes p, q become one where stepping p is stepping q extent(q) times, in all three arrays."""
    extents = dict(loops.extents)
    arrays = [dict(x.strides) for x in (loops.a.access, loops.b.access, loops.out)]

    def continues(p: str, q: str) -> bool:
        summed = [arrays[2].get(x, 0) == 0 for x in (p, q)]
        return summed[0] == summed[1] and all(
            s.get(p, 0) == s.get(q, 0) * extents[q] for s in arrays
        )

    def pair() -> tuple[str, str] | None:
        able = [x for x in extents if x not in loops.blocked and x != keep]
        return next(((p, q) for p in able for q in able if p != q and continues(p, q)), None)

    grains: dict[str, int] = {}
    while found := pair():
        p, q = found
        grains[q] = grains.pop(p, 1) * extents[q]
        extents[q] *= extents.pop(p)
        for s in arrays:
            s.pop(p, None)
    a, b, out = (
        Linear({x: k for x, k in s.items() if k}, old.offset)
        for s, old in zip(arrays, (loops.a.access, loops.b.access, loops.out))
    )
    return Loops(extents, Operand(a, loops.a.box), Operand(b, loops.b.box), out,
                 loops.out_size, loops.blocked, loops.empty, grains)  # fmt: skip
