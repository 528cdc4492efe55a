"""`contract`: sums of products over index maps (lamella.indexmap). Matrix products, einsum, every
convolution and each of their gradients are instances; a gradient permutes the roles.

Products with elements out of bounds are left out. A kernel may multiply by 0 instead: NaN where the
other factor is infinite or NaN.

`band=(x, y, low, high)`, which a pass sets, says that points of the loops with y - x below `low` or
above `high` may be left out: they add zeros, or to elements that nobody reads.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np

from lamella import indexmap, ops
from lamella.indexmap import Affine, IndexMap
from lamella.ops import checks
from lamella.ops.reduction import wide
from lamella.primitive import Primitive
from lamella.types import Type

Shape = tuple[int, ...]
Band = tuple[str, str, int, int]


def _typing(a: Type, b: Type, *, spec: str, shape: Shape, band: Band | None = None) -> Type:
    checks.equal_dtypes("contract", a, b)
    checks.numeric("contract", a)
    indexmap.parse(spec).extents(a.shape, b.shape, tuple(shape))
    return Type(tuple(shape), a.dtype)


# ----------------------------------------------- the meaning: einsum over slices


def _looped(maps: IndexMap, extents: dict[str, int]) -> tuple[str, ...]:
    """Axes to loop over, so that each dimension keeps at most one and the result repeats none."""
    looped: set[str] = set()
    for dim in (*maps.a, *maps.b, *maps.out):
        rest = sorted((x for x, _ in dim.terms if x not in looped), key=extents.__getitem__)
        looped.update(rest[:-1])
    uses = Counter(x for dim in maps.out for x, _ in dim.terms)
    looped.update(x for x, n in uses.items() if n > 1)
    return tuple(looped)


def _ranges(maps: IndexMap, shapes: tuple[Shape, ...], extents: dict[str, int],
            point: dict[str, int]) -> dict[str, range] | None:  # fmt: skip
    """For a point of the looped axes, the values of the others that keep every index in bounds."""
    ranges = {x: range(n) for x, n in extents.items() if x not in point}
    for dims, shape in zip((maps.a, maps.b, maps.out), shapes):
        for dim, size in zip(dims, shape):
            at = dim.offset + sum(k * point[x] for x, k in dim.terms if x in point)
            free = [(x, k) for x, k in dim.terms if x not in point]
            if not free and not 0 <= at < size:
                return None
            for x, k in free:
                low, high = sorted((-at / k, (size - 1 - at) / k))
                r = ranges[x]
                ranges[x] = range(max(r.start, int(np.ceil(low))), min(r.stop, int(high // 1) + 1))
    return ranges


def _select(dims: tuple[Affine, ...], ranges: dict[str, range], point: dict[str, int],
            names: dict[str, int]) -> tuple[tuple[Any, ...], list[int]]:  # fmt: skip
    """The basic index that picks the points of `ranges`, and the axis labels of what it picks."""
    index: list[Any] = []
    labels = []
    for dim in dims:
        at = dim.offset + sum(k * point[x] for x, k in dim.terms if x in point)
        free = [(x, k) for x, k in dim.terms if x not in point]
        if not free:
            index.append(at)
            continue
        x, k = free[0]
        first, stop = at + k * ranges[x].start, at + k * ranges[x].stop
        index.append(slice(first, stop if stop >= 0 else None, k))
        labels.append(names[x])
    return tuple(index), labels


def _numpy(
    a: np.ndarray, b: np.ndarray, *, spec: str, shape: Shape, band: Band | None = None
) -> np.ndarray:
    maps = indexmap.parse(spec)
    shapes = (a.shape, b.shape, tuple(shape))
    extents = maps.extents(*shapes)
    names = {x: i for i, x in enumerate(extents)}
    out = np.zeros(shape, wide(a.dtype))
    x, y = a.astype(out.dtype), b.astype(out.dtype)
    looped = _looped(maps, extents)
    for values in itertools.product(*(range(extents[axis]) for axis in looped)):
        point = dict(zip(looped, values))
        ranges = _ranges(maps, shapes, extents, point)
        if ranges is None or any(len(r) == 0 for r in ranges.values()):
            continue
        (at_a, in_a), (at_b, in_b), (at_out, in_out) = (
            _select(dims, ranges, point, names) for dims in (maps.a, maps.b, maps.out)
        )
        summed = [label for label in in_out if label in in_a or label in in_b]
        product = np.einsum(x[at_a], in_a, y[at_b], in_b, summed, optimize=True)
        repeated = [slice(None) if label in summed else None for label in in_out]
        out[at_out] += product[tuple(repeated)] * _unseen(ranges, names, in_a, in_b, in_out)
    return out.astype(a.dtype)


def _unseen(ranges: dict[str, range], names: dict[str, int], *labels: list[int]) -> int:
    """How many points fall on each element because of axes that stand in no free dimension."""
    seen = set().union(*labels)
    return int(np.prod([len(r) for x, r in ranges.items() if names[x] not in seen], dtype=int))


# ------------------------------------------------------------------- the rules


def _vjp(g: Any, y: Any, a: Any, b: Any, *, spec: str, shape: Shape) -> tuple[Any, Any]:
    maps = indexmap.parse(spec)
    to_a, to_b = maps.permuted("out", "b", "a"), maps.permuted("a", "out", "b")
    return (
        ops.contract(g, b, spec=str(to_a), shape=a.type.shape),
        ops.contract(a, g, spec=str(to_b), shape=b.type.shape),
    )


def _batch(size: int, batched: tuple[bool, ...], a: Any, b: Any, *, spec: str, shape: Shape) -> Any:
    maps = indexmap.parse(spec).batched(*batched)
    return ops.contract(a, b, spec=str(maps), shape=(size, *shape))


_CASES: tuple[tuple[str, Shape, Shape, Shape], ...] = (
    ("i k, k j -> i j", (3, 4), (4, 2), (3, 2)),
    ("b i k, b j k -> b i j", (2, 3, 4), (2, 5, 4), (2, 3, 5)),
    ("i k, k ->", (2, 3), (3,), ()),
    ("i i, k -> i k", (3, 3), (2,), (3, 2)),
    ("n x+i-1 c, i c o -> n x o", (2, 5, 3), (3, 3, 2), (2, 5, 2)),
    ("n 2x+3i-2 c, i c o -> n x o", (2, 7, 2), (2, 2, 3), (2, 4, 3)),
    ("n x o, i c o -> n 2x+i-1 c", (2, 3, 2), (3, 2, 2), (2, 6, 2)),
    ("n 2y+i-1 x+j c, i j c -> n y x c", (1, 5, 4, 2), (3, 2, 2), (1, 3, 3, 2)),
    ("n g c x+i, g o c i -> n g o x", (2, 2, 2, 4), (2, 3, 2, 3), (2, 2, 3, 2)),
    ("2-x, x -> x", (3,), (3,), (3,)),
    ("i k, k j -> i j", (0, 4), (4, 2), (0, 2)),
    ("i k, k j -> i j", (3, 0), (0, 2), (3, 2)),
)

contract = Primitive(
    name="contract",
    family="contraction",
    typing=_typing,
    numpy=_numpy,
    vjp=_vjp,
    batch=_batch,
    lower=None,
    samples=lambda rng: [
        ((rng.normal(size=a), rng.normal(size=b)), {"spec": spec, "shape": shape})
        for spec, a, b, shape in _CASES
    ],
)
