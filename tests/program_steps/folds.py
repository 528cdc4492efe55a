"""Reductions, running folds, windows, sorting."""

from lamella import ops
from lamella.types import is_float


def _nonempty(v):
    return v.type.size > 0


def reduced(s):
    name = s.choices.among(["sum", "sum", "sum", "max", "min", "prod"])
    keep = _nonempty if name in ("max", "min") else lambda v: v.type.dtype != bool
    x = s.value(keep)
    if x is None:
        return None
    axes = tuple(s.choices.some(range(x.type.ndim)))
    if s.choices.once_in(3):
        axes = tuple(range(x.type.ndim))
    return getattr(ops, name)(x, axes=axes)


def spread(s):
    """A reduction, brought back to the shape that it came from: softmax, normalisation."""
    x = s.floating(lambda v: v.type.size > 0 and v.type.ndim > 0)
    if x.type.size == 0:
        return None
    axes = tuple(s.choices.some(range(x.type.ndim), min(1, x.type.ndim)))
    kept = tuple(a for a in range(x.type.ndim) if a not in axes)
    y = getattr(ops, s.choices.among(["sum", "max"]))(x, axes=axes)
    back = ops.broadcast(y, shape=x.type.shape, axes=kept)
    return y, getattr(ops, s.choices.among(["sub", "maximum", "mul"]))(x, back)


def best(s):
    x = s.value(lambda v: v.type.size > 0 and v.type.ndim > 0 and v in s.exact)
    if x is None:
        return None
    axis = s.choices.integer(0, x.type.ndim - 1)
    return getattr(ops, s.choices.among(["argmax", "argmin"]))(x, axis=axis)


def running(s):
    x = s.value(lambda v: v.type.ndim > 0 and v.type.dtype != bool)
    if x is None:
        return None
    name = s.choices.among(["cumsum", "cumprod", "cummax", "cummin"])
    axis = s.choices.integer(0, x.type.ndim - 1)
    return getattr(ops, name)(x, axis=axis, reverse=bool(s.choices.integer(0, 1)))


def _window(s, x):
    attrs = {"size": [], "strides": [], "low": [], "high": []}
    for n in x.type.shape:
        pooled = s.choices.once_in(2) and n > 0
        size = s.choices.integer(1, min(n + 1, 3)) if pooled else 1
        attrs["size"].append(size)
        attrs["strides"].append(s.choices.integer(1, 3) if pooled else 1)
        for side in ("low", "high"):
            attrs[side].append(s.choices.integer(0, 2) if pooled and s.choices.once_in(3) else 0)
    return {k: tuple(v) for k, v in attrs.items()}


def pooled(s):
    name = s.choices.among(["window_max", "window_sum", "window_max_gradient", "window_max_take"])
    exact = name not in ("window_max", "window_sum")

    def fits(v):
        return v.type.ndim > 0 and v.type.dtype != bool and (v in s.exact or not exact)

    x = s.value(fits)
    if x is None:
        return None
    attrs = _window(s, x)
    if not exact:
        return getattr(ops, name)(x, **attrs)
    windows = ops.window_max(x, **attrs).type
    first = s.like(windows if name == "window_max_gradient" else x.type)
    return getattr(ops, name)(first, x, **attrs)


def sorted_(s):
    x = s.any(lambda v: v.type.ndim > 0)
    if x.type.ndim == 0:
        return None
    axis = s.choices.integer(0, x.type.ndim - 1)
    if x in s.exact and s.choices.once_in(2):
        if s.choices.once_in(2):
            return ops.argsort(x, axis=axis)
        return ops.top_k(x, k=s.choices.integer(0, x.type.shape[-1]))
    return ops.sort(x, axis=axis)


def mean(s):
    x = s.floating(lambda v: v.type.size > 0)
    total = ops.sum(x, axes=tuple(range(x.type.ndim)))
    n = ops.full(shape=(), dtype=x.type.dtype.name, value=float(max(1, x.type.size)))
    return ops.div(total, n) if is_float(x.type.dtype) else total


STEPS = [reduced, reduced, reduced, spread, spread, mean, best, running, pooled, sorted_]
