"""Gather form: every element of the result is written once, by one point of the result's axes.

A result dimension such as `2y+i-1` scatters: several (y, i) add to one element. Its inverse
gathers: with Y = 2Y'+r the element's index, y = Y' + (r+1-i)/2 for those i that make it whole. So
one scatter with stride s becomes s nests, one for each remainder r, each over every s-th element:

    n y o, i c o -> n 2y+i-1 c      =      r=0:  n Y o,    1  c o -> n 2Y   c     (i = 1)
                                           r=1:  n Y-I+1 o, 2I c o -> n 2Y+1 c     (i = 0, 2)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lamella.indexmap import Affine, IndexMap, Shape

Extents = dict[str, int]
Dims = tuple[Affine, ...]

#: Elements of a box that a chunk can keep: contract_nest.py allows 384 KB, of float64 too.
BOX = 48 << 10


@dataclass(frozen=True)
class Nest:
    """A contraction in gather form: result dimensions are `step*axis + start`, each in bounds.

    Operand indices may be out of bounds, where the element counts as 0. An empty nest sums nothing:
    it writes zeros.
    """

    maps: IndexMap
    extents: Extents
    empty: bool = False


def gather_form(maps: IndexMap, a: Shape, b: Shape, out: Shape) -> list[Nest] | None:
    """Nests that together write every element of the result once; None where there are none."""
    extents = maps.extents(a, b, out)
    nests = [Nest(maps, extents, empty=0 in extents.values())]
    for d, size in enumerate(out):
        solved = [_solve(nest, d, size) for nest in nests]
        if any(s is None for s in solved):
            return None
        nests = [nest for s in solved if s is not None for nest in s]
    return [_without_unit_axes(nest) for nest in nests]


def substitute(dim: Affine, values: dict[str, Affine]) -> Affine:
    """`dim` with some axes replaced by expressions."""
    terms: dict[str, int] = {}
    offset = dim.offset
    for axis, k in dim.terms:
        value = values.get(axis, Affine(((axis, 1),)))
        offset += k * value.offset
        for x, c in value.terms:
            terms[x] = terms.get(x, 0) + k * c
    return Affine(tuple((x, k) for x, k in terms.items() if k), offset)


def _substituted(dims: Dims, values: dict[str, Affine]) -> Dims:
    return tuple(substitute(dim, values) for dim in dims)


def _without_unit_axes(nest: Nest) -> Nest:
    unit = {x: Affine((), 0) for x, n in nest.extents.items() if n == 1}
    maps = IndexMap(*(_substituted(d, unit) for d in (nest.maps.a, nest.maps.b, nest.maps.out)))
    extents = {x: n for x, n in nest.extents.items() if n != 1}
    return Nest(maps, extents, nest.empty)


def _solve(nest: Nest, d: int, size: int) -> list[Nest] | None:
    """Nests in which result dimension d is `step*axis + start` with an axis of its own."""
    dim, maps = nest.maps.out[d], nest.maps
    elsewhere = {x for i, other in enumerate(maps.out) if i != d for x, _ in other.terms}
    if dim.axis and dim.axis not in elsewhere:
        return [nest]
    bare = {other.axis for other in (*maps.a, *maps.b)}
    free = [(nest.extents[x], x, k) for x, k in dim.terms if x in bare and x not in elsewhere]
    if not free:
        return None
    _, axis, k = max(free, key=lambda x: (_has_boxes(nest, x[1]), x))
    step = abs(k)
    rest = tuple((x, c) for x, c in dim.terms if x != axis)
    split = [(x, c) for x, c in rest if c % step]
    if len(split) > 1 or any(x in elsewhere for x, _ in split):
        return None
    out_of = Affine(rest, dim.offset)
    classes = [_class(nest, d, axis, k, out_of, split, r, size) for r in range(min(step, size))]
    return classes


def _has_boxes(nest: Nest, axis: str) -> bool:
    """Whether the operand that is read out of bounds, if `axis` is solved for, has small boxes: its
    first dimension is one of the result's, as of images, or it is small as a whole."""
    maps = nest.maps
    dims = next(dims for dims in (maps.a, maps.b) if any(dim.axis == axis for dim in dims))
    if any(dims[0].axis == dim.axis is not None for dim in maps.out):
        return True
    bounds = [dim.bounds(nest.extents) for dim in dims]
    return math.prod(high - low + 1 for low, high in bounds) <= BOX


def _class(nest: Nest, d: int, axis: str, k: int, rest: Affine, split: list[tuple[str, int]],
           r: int, size: int) -> Nest:  # fmt: skip
    """The nest of the elements step*Y + r, where k*axis + rest = step*Y + r."""
    step, extents = abs(k), dict(nest.extents)
    values: dict[str, Affine] = {}
    wanted: int | None = 0 if (r - rest.offset) % step == 0 else None
    if split:
        x, c = split[0]
        period = step // math.gcd(c, step)
        wanted = next((q for q in range(period) if (r - rest.offset - c * q) % step == 0), None)
        if wanted is not None:
            values[x] = Affine(((x, period),), wanted)
            extents[x] = -(-(extents[x] - wanted) // period)
    extents[axis] = -(-(size - r) // step)
    out = (*nest.maps.out[:d], Affine(((axis, step),), r), *nest.maps.out[d + 1 :])
    if wanted is None or 0 in extents.values():
        return Nest(IndexMap(nest.maps.a, nest.maps.b, out), extents, empty=True)
    moved = substitute(rest, values)
    sign = k // step
    inverse = [(axis, sign), *((x, -sign * c // step) for x, c in moved.terms)]
    values[axis] = Affine(tuple(inverse), sign * (r - moved.offset) // step)
    a, b = _substituted(nest.maps.a, values), _substituted(nest.maps.b, values)
    return Nest(IndexMap(a, b, out), extents, nest.empty)
