"""Padding, convolution, interpolation and window functions of one axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamella import ops
from lamella.frontend.numpy import promotion as p
from lamella.frontend.numpy.registry import implements
from lamella.frontend.tracer import Tracer


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: str = "constant", **options: Any) -> Tracer:
    array = p.value(array)
    widths = _per_axis(pad_width, array.ndim, int)
    if isinstance(pad_width, dict):
        widths = [(0, 0)] * array.ndim
        for axis, width in pad_width.items():
            widths[p.normalize_axis(axis, array.ndim)] = _per_axis(width, 1, int)[0]
    if min((n for pair in widths for n in pair), default=0) < 0:
        raise ValueError(f"np.pad: widths must not be negative, got {pad_width}")
    if mode == "constant":
        return _pad_constant(array, widths, options.pop("constant_values", 0))
    if mode == "empty":
        return _pad_constant(array, widths, 0)
    if mode in _INDEX_MODES:
        if options.pop("reflect_type", "even") != "even":
            raise TypeError("np.pad: reflect_type='odd' is not supported on traced arrays")
        for axis, (low, high) in enumerate(widths):
            array = _pad_by_index(array, axis, low, high, mode)
        return array
    if mode in _EDGE_VALUES:
        return _pad_statistic(array, widths, mode, options)
    raise ValueError(f"np.pad: mode {mode!r} is not one of constant, empty, linear_ramp, maximum, "
                     "mean, median, minimum, edge, reflect, symmetric, wrap")  # fmt: skip


def _per_axis(x: Any, ndim: int, kind: Any) -> list[tuple[Any, Any]]:
    """NumPy's shorthands: one number, one pair, or a pair per axis."""
    if isinstance(x, dict):
        return []
    if not any(isinstance(leaf, Tracer) for leaf in _leaves(x)):
        rows = np.broadcast_to(np.asarray(x), (ndim, 2)).tolist()
        return [(kind(low), kind(high)) for low, high in rows]
    if isinstance(x, Tracer) and x.ndim == 0:
        return [(x, x)] * ndim
    pairs: Any = [item if isinstance(item, (tuple, list)) else (item, item) for item in x]
    return pairs * ndim if len(pairs) == 1 else pairs


def _leaves(x: Any) -> list[Any]:
    return [leaf for item in x for leaf in _leaves(item)] if isinstance(x, (list, tuple)) else [x]


def _pad_constant(array: Tracer, widths: list[tuple[int, int]], values: Any) -> Tracer:
    pairs = _per_axis(values, array.ndim, lambda v: v)
    numbers = {v for pair in pairs for v in pair if not isinstance(v, Tracer)}
    traced = any(isinstance(v, Tracer) for pair in pairs for v in pair)
    if len(numbers) <= 1 and not traced:
        fill = p.python_scalar(next(iter(numbers), 0), array.dtype)
        low, high = tuple(a for a, _ in widths), tuple(b for _, b in widths)
        return ops.pad(array, low=low, high=high, value=fill) if any(low + high) else array
    for axis, (counts, fills) in enumerate(zip(widths, pairs)):
        array = _attach(array, axis, [
            np.broadcast_to(p.value(v, array.dtype), _resized(array, axis, n))
            for n, v in zip(counts, fills)
        ])  # fmt: skip
    return array


def _resized(array: Tracer, axis: int, n: int) -> tuple[int, ...]:
    return (*array.shape[:axis], n, *array.shape[axis + 1 :])


def _attach(array: Tracer, axis: int, ends: list[Any]) -> Tracer:
    parts = [ends[0], array, ends[1]]
    return np.concatenate([x for x in parts if x.shape[axis]] or [array], axis)


_INDEX_MODES = ("edge", "reflect", "symmetric", "wrap")


def _pad_by_index(array: Tracer, axis: int, low: int, high: int, mode: str) -> Tracer:
    """The padding repeats elements: NumPy says which, on a row of positions."""
    n = array.shape[axis]
    if low == high == 0:
        return array
    source = np.pad(np.arange(n), (low, high), mode)
    return _attach(
        array, axis, [_pick(array, axis, source[:low]), _pick(array, axis, source[low + n :])]
    )


def _pick(array: Tracer, axis: int, source: np.ndarray) -> Tracer:
    """`array` at `source` along `axis`: a (flipped) slice where they are neighbours."""
    head = (slice(None),) * axis
    steps = set(np.diff(source).tolist())
    if len(source) and steps <= {1}:
        return array[(*head, slice(source[0], source[-1] + 1))]
    if len(source) and steps <= {-1}:
        return np.flip(array[(*head, slice(source[-1], source[0] + 1))], axis)
    return np.take(array, source, axis)


_EDGE_VALUES = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median,
                "linear_ramp": None}  # fmt: skip


def _pad_statistic(array: Tracer, widths: list[tuple[int, int]], mode: str, options: Any) -> Tracer:
    lengths = _per_axis(options.pop("stat_length", None) or 0, array.ndim, int)
    targets = _per_axis(options.pop("end_values", 0), array.ndim, lambda v: v)
    for axis, counts in enumerate(widths):
        head = (slice(None),) * axis
        ends = []
        for side, n in enumerate(counts):
            length = min(lengths[axis][side] or array.shape[axis], array.shape[axis])
            cut = slice(0, length) if side == 0 else slice(array.shape[axis] - length, None)
            if mode == "linear_ramp":
                edge = array[(*head, slice(0, 1) if side == 0 else slice(-1, None))]
                ends.append(_ramp(edge, targets[axis][side], n, axis, side))
                continue
            value = _EDGE_VALUES[mode](array[(*head, cut)], axis, keepdims=True)
            value = np.rint(value) if array.dtype.kind in "iu" else value
            ends.append(np.broadcast_to(value.astype(array.dtype), _resized(array, axis, n)))
        array = _attach(array, axis, ends)
    return array


def _ramp(edge: Tracer, target: Any, n: int, axis: int, side: int) -> Tracer:
    if n == 0:
        return np.broadcast_to(edge, _resized(edge, axis, 0))
    line = np.linspace(target, edge, n, endpoint=False, axis=axis)
    line = np.reshape(line, _resized(edge, axis, n)).astype(edge.dtype)
    return line if side == 0 else np.flip(line, axis)


# Convolution


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Tracer:
    if np.size(v) > np.size(a):
        a, v = v, a
    return _slide(a, np.flip(v), mode, "np.convolve")


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Tracer:
    if np.size(v) > np.size(a):
        return np.conj(np.flip(correlate(v, a, mode)))
    return _slide(a, np.conj(v), mode, "np.correlate")


def _slide(a: Any, v: Any, mode: str, name: str) -> Tracer:
    """sum over k of a[x + k] * v[k], as one contraction; v is not longer than a."""
    dtype = p.result_type(a, v)
    a, v = p.value(a, dtype), p.value(v, dtype)
    if a.ndim != 1 or v.ndim != 1 or not v.size:
        raise ValueError(
            f"{name}: expected two arrays of 1 axis, not empty; got {a.type}, {v.type}"
        )
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{name}: mode must be 'full', 'same' or 'valid', got {mode!r}")
    n, m = a.size, v.size
    low = {"full": m - 1, "same": m // 2, "valid": 0}[mode]
    size = {"full": n + m - 1, "same": n, "valid": n - m + 1}[mode]
    spec = f"x+k-{low}, k -> x" if low else "x+k, k -> x"
    return ops.contract(a, v, spec=spec, shape=(size,))


# Interpolation


@implements(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Tracer:
    """In float64, as NumPy's."""
    dtype = p.result_type(x, xp, fp, np.dtype(np.float64))
    x, xp, fp = (p.value(v, dtype) for v in (x, xp, fp))
    if period is not None:
        x, xp, fp = _periodic(x, xp, fp, abs(period))
        left = right = None
    n = xp.size
    if n == 1:
        inner = np.broadcast_to(fp[0], x.shape)
    else:
        i = np.clip(np.searchsorted(xp, x, "right") - 1, 0, n - 2)
        x0, x1, f0, f1 = np.take(xp, i), np.take(xp, i + 1), np.take(fp, i), np.take(fp, i + 1)
        width = np.where(x1 == x0, 1, x1 - x0)
        inner = np.where(x == x1, f1, f0 + (x - x0) * ((f1 - f0) / width))
    inner = np.where(x < xp[0], fp[0] if left is None else p.value(left, dtype), inner)
    inner = np.where(x > xp[-1], fp[-1] if right is None else p.value(right, dtype), inner)
    return np.where(np.isnan(x), x, inner)


def _periodic(x: Tracer, xp: Tracer, fp: Tracer, period: Any) -> tuple[Tracer, Tracer, Tracer]:
    x, xp = x % period, xp % period
    order = np.argsort(xp)
    xp, fp = np.take(xp, order), np.take(fp, order)
    xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
    return x, xp, np.concatenate([fp[-1:], fp, fp[:1]])


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    out: Any = np.zeros_like(x)
    for coefficient in p:
        out = out * x + coefficient
    return out


@implements(np.i0)
def i0(x: Any) -> Tracer:
    """Modified Bessel function: the mean of exp(x cos t), which converges exponentially in the
    number of nodes; 128 on the half circle give all digits up to x = 700."""
    x = p.value(x)
    x = np.abs(x if x.dtype.kind == "f" else p.convert(x, np.float64))
    t = (np.arange(128) + 0.5) * (np.pi / 128)
    return np.exp(x) * np.mean(np.exp(x[..., None] * (np.cos(t) - 1).astype(x.dtype)), -1)
