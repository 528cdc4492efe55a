"""Pooling: maxima and sums over windows that slide along every axis.

Attributes of all: size, strides, low, high, one entry per axis; low and high count elements of
padding, which never win and add nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from lamella import ops
from lamella.ops import checks
from lamella.ops.layout import crop, spread
from lamella.ops.lowering import FirstMaximum, WindowFold
from lamella.ops.reduction import extreme, max_, sum_, wide
from lamella.primitive import Primitive
from lamella.types import Type, bfloat16

Shape = tuple[int, ...]


def _windows(name: str, x: Type, size: Shape, strides: Shape, low: Shape, high: Shape) -> Shape:
    """How many windows there are along each axis."""
    checks.same_length(name, x, size=size, strides=strides, low=low, high=high)
    checks.ordered(name, x)
    if any(k < 1 or s < 1 for k, s in zip(size, strides)) or any(p < 0 for p in (*low, *high)):
        raise ValueError(
            f"{name}: size={size} and strides={strides} must be at least 1, "
            f"low={low} and high={high} at least 0"
        )
    padded = [n + a + b for n, a, b in zip(x.shape, low, high)]
    return tuple(max(0, (n - k) // s + 1) for n, k, s in zip(padded, size, strides))


def _offsets(x: np.ndarray, fill: Any, count: Shape, attrs: dict[str, Shape]) -> Any:
    """For every offset in a window, in order: the padded array, and the index of its elements."""
    low, high, size, strides = (attrs[k] for k in ("low", "high", "size", "strides"))
    padded = np.full([n + a + b for n, a, b in zip(x.shape, low, high)], fill, x.dtype)
    padded[tuple(slice(a, a + n) for a, n in zip(low, x.shape))] = x
    for offset in itertools.product(*map(range, size)):
        index = tuple(slice(o, o + s * n, s) for o, s, n in zip(offset, strides, count))
        yield padded, index


def _batch(get: Callable[[], Primitive]) -> Callable[..., Any]:
    """A window of size 1 along the batch axis."""

    def batch(n: int, batched: Any, /, *operands: Any, **attrs: Shape) -> Any:
        from lamella.batching import with_batch_axis

        xs = (with_batch_axis(x, n, b) for x, b in zip(operands, batched))
        first = {"size": 1, "strides": 1, "low": 0, "high": 0}
        return get()(*xs, **{k: (first[k], *v) for k, v in attrs.items()})

    return batch


def _attrs(size: Shape, strides: Shape, low: Shape, high: Shape) -> dict[str, Shape]:
    return {"size": size, "strides": strides, "low": low, "high": high}


_CASES = (
    ((4, 6), _attrs((2, 2), (2, 2), (0, 0), (0, 0))),
    ((1, 5, 6, 2), _attrs((1, 3, 2, 1), (1, 2, 1, 1), (0, 1, 0, 0), (0, 1, 1, 0))),
    ((7,), _attrs((3,), (1,), (2,), (0,))),
    ((8,), _attrs((2,), (3,), (0,), (0,))),
    ((2,), _attrs((3,), (1,), (0,), (0,))),
    ((0, 4), _attrs((1, 2), (1, 2), (0, 0), (0, 0))),
)


def _count(x: np.ndarray, attrs: dict[str, Shape]) -> Shape:
    return _windows("window", Type(x.shape, np.dtype("float32")), **attrs)


# ----------------------------------------------------------------- window_sum


def _sum_typing(x: Type, **attrs: Shape) -> Type:
    checks.numeric("window_sum", x)
    return Type(_windows("window_sum", x, **attrs), x.dtype)


def _sum_numpy(x: np.ndarray, **attrs: Shape) -> np.ndarray:
    count = _count(x, attrs)
    out = np.zeros(count, wide(x.dtype))
    for padded, index in _offsets(x, 0, count, attrs):
        out += padded[index]
    return out.astype(x.dtype)


def _sum_vjp(
    g: Any, y: Any, x: Any, *, size: Shape, strides: Shape, low: Shape, high: Shape
) -> Any:
    """Every element receives the cotangents of the windows that hold it.

    They begin size-1 places before it: spread the cotangents by the strides, pad, and sum windows.
    """
    if y.type.size == 0 or x.type.size == 0:
        return ops.full(shape=x.type.shape, dtype=x.type.dtype.name, value=0)
    ones = (1,) * x.type.ndim
    if size == strides and not any((*low, *high)):
        return _repeat_blocks(g, x, size)
    last = tuple((n - 1) * s + 1 for n, s in zip(g.type.shape, strides))
    wide_g = crop(spread(g, strides), last)
    before, after, cut = [], [], []
    for n, k, a, m in zip(x.type.shape, size, low, last):
        before.append(max(0, k - 1 - a))
        cut.append(max(0, a - (k - 1)))
        after.append(max(0, n + a - m))
    stop = tuple(min(m, n + a) for n, a, m in zip(x.type.shape, low, last))
    inner = ops.slice(wide_g, start=tuple(cut), stop=tuple(map(max, cut, stop)), step=ones)
    padded = ops.pad(inner, low=tuple(before), high=tuple(after), value=0)
    summed = ops.window_sum(
        padded, size=tuple(size), strides=ones, low=(0,) * x.type.ndim, high=(0,) * x.type.ndim
    )
    return crop(summed, x.type.shape)


def _repeat_blocks(g: Any, x: Any, size: Shape) -> Any:
    """Each cotangent repeated over its block; zeros where no whole block fits."""
    shape = tuple(v for n, k in zip(g.type.shape, size) for v in (n, k))
    paired = ops.broadcast(g, shape=shape, axes=tuple(range(0, 2 * g.type.ndim, 2)))
    whole = tuple(n * k for n, k in zip(g.type.shape, size))
    out = ops.reshape(paired, shape=whole)
    rest = tuple(n - m for n, m in zip(x.type.shape, whole))
    return ops.pad(out, low=(0,) * len(rest), high=rest, value=0) if any(rest) else out


window_sum = Primitive(
    name="window_sum",
    family="window",
    typing=_sum_typing,
    numpy=_sum_numpy,
    vjp=_sum_vjp,
    batch=_batch(lambda: window_sum),
    lower=WindowFold(sum_.lower),
    samples=lambda rng: [((rng.normal(size=s),), attrs) for s, attrs in _CASES],
)

# ----------------------------------------------------------------- window_max


def _max_numpy(x: np.ndarray, **attrs: Shape) -> np.ndarray:
    count = _count(x, attrs)
    fill = extreme(x.dtype, False)
    out = np.full(count, fill, x.dtype)
    for padded, index in _offsets(x, fill, count, attrs):
        out = np.maximum(out, padded[index])
    return out


window_max = Primitive(
    name="window_max",
    family="window",
    typing=lambda x, **attrs: Type(_windows("window_max", x, **attrs), x.dtype),
    numpy=_max_numpy,
    vjp=lambda g, y, x, **attrs: ops.window_max_gradient(g, x, **attrs),
    batch=_batch(lambda: window_max),
    lower=WindowFold(max_.lower),
    samples=lambda rng: [((rng.normal(size=s),), attrs) for s, attrs in _CASES],
)


def _first_maxima(x: np.ndarray, attrs: dict[str, Shape]) -> Any:
    """For every offset in order: the index into the padded array, and which windows choose it.

    A window chooses its first maximum, or its first NaN; padding is never chosen before an element.
    """
    count = _count(x, attrs)
    exact = x.astype(np.float32) if x.dtype == bfloat16 else x
    inside = np.zeros(count, bool)
    best = np.full(count, extreme(exact.dtype, False), exact.dtype)
    chosen = np.full(count, -1)
    real = _offsets(np.ones(x.shape, bool), False, count, attrs)
    for k, ((padded, index), (mask, _)) in enumerate(zip(_offsets(exact, 0, count, attrs), real)):
        value = padded[index]
        better = (value > best) | ((value != value) & (best == best)) | ~inside
        take = mask[index] & better
        best, chosen = np.where(take, value, best), np.where(take, k, chosen)
        inside |= mask[index]
    for k, (_, index) in enumerate(_offsets(exact, 0, count, attrs)):
        yield index, chosen == k


def _like_windows(name: str) -> Callable[..., Shape]:
    def check(g: Type, x: Type, **attrs: Shape) -> Shape:
        count = _windows(name, x, **attrs)
        if g != Type(count, x.dtype):
            raise ValueError(f"{name}: expected the first operand to be "
                             f"{Type(count, x.dtype)}, got {g}")  # fmt: skip
        return count

    return check


def _gradient_typing(g: Type, x: Type, **attrs: Shape) -> Type:
    _like_windows("window_max_gradient")(g, x, **attrs)
    return x


def _gradient_numpy(g: np.ndarray, x: np.ndarray, **attrs: Shape) -> np.ndarray:
    padded = [n + a + b for n, a, b in zip(x.shape, attrs["low"], attrs["high"])]
    out = np.zeros(padded, wide(x.dtype))
    for index, chosen in _first_maxima(x, attrs):
        out[index] += np.where(chosen, g, 0)
    inner = tuple(slice(a, a + n) for a, n in zip(attrs["low"], x.shape))
    return out[inner].astype(x.dtype)


def _pair_samples(first: str) -> Callable[..., Any]:
    """(windows or elements, x) for every case."""

    def samples(rng: np.random.Generator) -> list[Any]:
        cases = []
        for shape, attrs in _CASES:
            x = rng.normal(size=shape)
            count = _count(x, attrs)
            cases.append(((rng.normal(size=count if first == "windows" else shape), x), attrs))
        return cases

    return samples


window_max_gradient = Primitive(
    name="window_max_gradient",
    family="window",
    typing=_gradient_typing,
    numpy=_gradient_numpy,
    vjp=lambda h, y, g, x, **attrs: (ops.window_max_take(h, x, **attrs), None),
    batch=_batch(lambda: window_max_gradient),
    lower=FirstMaximum(to_elements=True),
    samples=_pair_samples("windows"),
)

# ------------------------------------------------------------ window_max_take


def _take_typing(h: Type, x: Type, **attrs: Shape) -> Type:
    if h != x:
        raise ValueError(f"window_max_take: operands must have one type, got {h} and {x}")
    return Type(_windows("window_max_take", x, **attrs), x.dtype)


def _take_numpy(h: np.ndarray, x: np.ndarray, **attrs: Shape) -> np.ndarray:
    count = _count(x, attrs)
    out = np.zeros(count, x.dtype)
    maxima = _first_maxima(x, attrs)
    for (padded, index), (_, chosen) in zip(_offsets(h, 0, count, attrs), maxima):
        out = np.where(chosen, padded[index], out)
    return out


#: Each window's element of `h` at the place of its first maximum in `x`; transposes
#: window_max_gradient.
window_max_take = Primitive(
    name="window_max_take",
    family="window",
    typing=_take_typing,
    numpy=_take_numpy,
    vjp=lambda g, y, h, x, **attrs: (ops.window_max_gradient(g, x, **attrs), None),
    batch=_batch(lambda: window_max_take),
    lower=FirstMaximum(to_elements=False),
    samples=_pair_samples("elements"),
)
