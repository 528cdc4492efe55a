"""Any contraction at all, element by element: what the tiled generator does not take.

for every point l of the axes: out[c(l)] += a[a(l)] * b[b(l)]     where all three are in bounds
"""

from __future__ import annotations

from functools import partial

import numpy as np

from lamella.indexmap import Affine, IndexMap
from lamella.kernels.arithmetic import Arithmetic
from lamella.kernels.kernel import Kernel, Launch, Lowered
from lamella.kernels.text import Int, Text
from lamella.types import Type


def lower_generic(maps: IndexMap, a: Type, b: Type, out: Type) -> Lowered:
    """One chunk of scalar loops, in a scratch array where the sum is wider than the result.

    The kernel's arguments are a, b, the result and the scratch array.
    """
    math = Arithmetic(out.dtype)
    wide = math.sum_dtype != out.dtype
    key = f"contract generic {maps} {a} {b} {out}"
    make = partial(_text, maps, a, b, out)
    nbytes = a.nbytes + b.nbytes + out.nbytes
    kernel = Kernel(key, make, 1, (None,) * (4 if wide else 3), nbytes=nbytes)
    scratch = (out.size * math.sum_dtype.itemsize,) if wide else ()
    return Lowered((Launch(kernel, (0, 1, 2, 3)[: 4 if wide else 3]),), scratch)


def _text(maps: IndexMap, a: Type, b: Type, out: Type) -> str:
    text, math = Text(), Arithmetic(out.dtype)
    total = Type(out.shape, math.sum_dtype)
    x, y, z = text.array(0), text.array(1), text.array(2)
    sums = text.array(3) if total.dtype != out.dtype else z

    def clear(i: Int, _: list[str]) -> None:
        math.store_sum(text, text.at(sums, i, math.sum), math.zero(1))

    def add(point: dict[str, Int]) -> None:
        p = _element(text, x, maps.a, a, point)
        q = _element(text, y, maps.b, b, point)
        r = _element(text, sums, maps.out, total, point)
        old = math.load_sum(text, r)
        new = math.multiply_add(text, math.load(text, p), math.load(text, q), old)
        math.store_sum(text, r, new)

    def convert(i: Int, _: list[str]) -> None:
        value = math.load_sum(text, text.at(sums, i, math.sum))
        math.store(text, text.at(z, i, math.element), value)

    text.loop(out.size, clear)
    extents = maps.extents(a.shape, b.shape, out.shape)
    checks = [(dim, n) for dims, t in ((maps.a, a), (maps.b, b), (maps.out, out))
              for dim, n in zip(dims, t.shape) if 0 not in extents.values()]  # fmt: skip
    _nest(text, list(extents.items()), {}, [c for c in checks if _ragged(*c, extents)], add)
    if total.dtype != out.dtype:
        text.loop(out.size, convert)
    return text.kernel()


def _ragged(dim: Affine, size: int, extents: dict[str, int]) -> bool:
    low, high = dim.bounds(extents)
    return low < 0 or high >= size


def _nest(text: Text, axes: list[tuple[str, int]], point: dict[str, Int],
          checks: list[tuple[Affine, int]], body) -> None:  # fmt: skip
    """Loops over `axes`; a check stands as far out as its axes are known."""
    now = [c for c in checks if all(x in point for x, _ in c[0].terms)]
    if now:
        later = [c for c in checks if c not in now]
        condition = _all_within(text, now, point)
        text.when(condition, lambda: _nest(text, axes, point, later, body))
        return
    if not axes:
        body(point)
        return
    (axis, extent), rest = axes[0], axes[1:]
    text.loop(extent, lambda i, _: _nest(text, rest, {**point, axis: i}, checks, body))


def _all_within(text: Text, checks: list[tuple[Affine, int]], point: dict[str, Int]) -> str:
    condition = "true"
    for dim, size in checks:
        index = text.linear([(point[x], k) for x, k in dim.terms], dim.offset)
        inside = text.let(f"icmp ult i64 {index}, {size}")
        condition = text.let(f"and i1 {condition}, {inside}")
    return condition


def _element(text: Text, pointer: str, dims: tuple[Affine, ...], t: Type,
             point: dict[str, Int]) -> str:  # fmt: skip
    """The address of the element that the index map gives."""
    strides = np.cumprod([1, *t.shape[:0:-1]])[::-1].tolist() if t.shape else []
    index: Int = 0
    for dim, stride in zip(dims, strides):
        value = text.linear([(point[x], k) for x, k in dim.terms], dim.offset)
        index = text.add(index, text.mul(value, stride))
    return text.at(pointer, index, Arithmetic(t.dtype).element)
