"""Order statistics, statistics that skip NaN, and covariance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamella.frontend.numpy import promotion as p
from lamella.frontend.numpy.reductions import lowest
from lamella.frontend.numpy.registry import implements
from lamella.frontend.numpy.shaping import reshape_to
from lamella.frontend.tracer import Tracer
from lamella.types import is_float


def _last(a: Any, axis: Any) -> tuple[Tracer, tuple[int, ...], tuple[int, ...]]:
    """`a` as float with the reduced axes merged into a last one, those axes, the kept shape."""
    a = p.value(a)
    a = a if is_float(a.dtype) else p.convert(a, np.float64)
    axes = p.normalize_axes(axis, a.ndim)
    kept = tuple(i for i in range(a.ndim) if i not in axes)
    shape = tuple(a.shape[i] for i in kept)
    merged = np.transpose(a, (*kept, *axes))
    return reshape_to(merged, (*shape, p.static_size(a.shape, axes))), axes, shape


def _quantile(a: Any, q: Any, axis: Any, method: str, keepdims: bool, skip_nan: bool) -> Tracer:
    rows, axes, _ = _last(a, axis)
    n = rows.shape[-1]
    if n == 0:
        raise ValueError(f"quantile of no elements: shape {p.shape_of(a)}, axis {axis}")
    ordered = np.sort(rows, -1)  # NaN sorts last
    dtype = ordered.dtype
    q = np.asarray(q, np.float64) if not isinstance(q, Tracer) else q
    missing = np.sum(np.isnan(rows), -1)
    count = n - missing if skip_nan else n
    out = _at_quantile(ordered, q, count, method)
    bad = missing == n if skip_nan else missing > 0
    out = np.where(bad, np.nan, out).astype(p.result_type(dtype))
    if not keepdims:
        return out
    shape = tuple(1 if i in axes else m for i, m in enumerate(p.shape_of(a)))
    return reshape_to(out, (*p.shape_of(q), *shape))


def _at_quantile(ordered: Tracer, q: Any, count: Any, method: str) -> Tracer:
    """Elements at fraction `q` of each sorted row's first `count`; axes of q come first."""
    lead = ordered.shape[:-1]
    q = np.reshape(q, (*np.shape(q), *(1,) * len(lead)))
    place = q * (np.maximum(count, 1) - 1)
    place = np.broadcast_to(place, np.broadcast_shapes(np.shape(place), lead)) if lead else place
    picks = {
        "lower": np.floor, "higher": np.ceil, "nearest": np.rint, "linear": np.floor,
        "midpoint": np.floor,
    }  # fmt: skip
    if method not in picks:
        raise ValueError(f"quantile: method must be one of {', '.join(picks)}, got {method!r}")
    below = _pick(ordered, picks[method](place))
    if method in ("lower", "higher", "nearest"):
        return below
    above = _pick(ordered, np.ceil(place))
    share = place - np.floor(place) if method == "linear" else 0.5 * (place != np.floor(place))
    share = np.astype(share, ordered.dtype)
    gap = above - below
    return np.where(share < 0.5, below + gap * share, above - gap * (1 - share))


def _pick(ordered: Tracer, place: Any) -> Tracer:
    """ordered[..., place] for places of shape (*q, *lead)."""
    lead = ordered.shape[:-1]
    place = np.astype(place, np.int32)
    extra = len(np.shape(place)) - len(lead)
    rows = np.moveaxis(place, range(extra), range(-extra, 0)) if extra else place[..., None]
    flat = np.reshape(rows, (*lead, -1))
    found = np.take_along_axis(ordered, flat, -1)
    if not extra:
        return found[..., 0]
    found = np.reshape(found, (*lead, *np.shape(place)[:extra]))
    return np.moveaxis(found, range(-extra, 0), range(extra))


@implements(np.quantile)
def quantile(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
             method: str = "linear", keepdims: bool = False) -> Tracer:  # fmt: skip
    return _quantile(a, q, axis, method, keepdims, False)


@implements(np.nanquantile)
def nanquantile(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
                method: str = "linear", keepdims: bool = False) -> Tracer:  # fmt: skip
    return _quantile(a, q, axis, method, keepdims, True)


@implements(np.percentile)
def percentile(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
               method: str = "linear", keepdims: bool = False) -> Tracer:  # fmt: skip
    return _quantile(a, np.true_divide(q, 100), axis, method, keepdims, False)


@implements(np.nanpercentile)
def nanpercentile(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
                  method: str = "linear", keepdims: bool = False) -> Tracer:  # fmt: skip
    return _quantile(a, np.true_divide(q, 100), axis, method, keepdims, True)


@implements(np.median)
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
           keepdims: bool = False) -> Tracer:  # fmt: skip
    return _quantile(a, 0.5, axis, "midpoint", keepdims, False)


@implements(np.nanmedian)
def nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
              keepdims: bool = False) -> Tracer:  # fmt: skip
    return _quantile(a, 0.5, axis, "midpoint", keepdims, True)


# NaN is skipped: a mask, and the same function without the NaN.


def _present(a: Any) -> tuple[Tracer, Any]:
    a = p.value(a)
    return a, (~np.isnan(a) if a.dtype.kind in "fcV" else True)


def _skipping(function: Any, plain: Callable[..., Any]) -> None:
    @implements(function)
    def f(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
          initial: Any = None, where: Any = True) -> Tracer:  # fmt: skip
        a, present = _present(a)
        where = present if where is True else np.logical_and(present, where)
        return plain(a, axis, dtype=dtype, keepdims=keepdims, where=where, initial=initial)


_skipping(np.nansum, np.sum)
_skipping(np.nanprod, np.prod)


@implements(np.nanmean)
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
) -> Tracer:
    a, present = _present(a)
    return np.mean(a, axis, dtype=dtype, keepdims=keepdims, where=present)


def _spread_skipping(function: Any, plain: Callable[..., Any]) -> None:
    @implements(function)
    def f(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0,
          keepdims: bool = False) -> Tracer:  # fmt: skip
        a, present = _present(a)
        spread = plain(a, axis, dtype=dtype, ddof=ddof, keepdims=keepdims, where=present)
        enough = np.sum(present, axis, keepdims=keepdims) > ddof if present is not True else True
        return np.where(enough, spread, np.nan).astype(spread.dtype)


_spread_skipping(np.nanvar, np.var)
_spread_skipping(np.nanstd, np.std)


def _extremum_skipping(function: Any, plain: Callable[..., Any], sign: int) -> None:
    @implements(function)
    def f(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Tracer:
        a, present = _present(a)
        if present is True:
            return plain(a, axis, keepdims=keepdims)
        fill = sign * lowest(a.dtype)
        best = plain(np.where(present, a, fill), axis, keepdims=keepdims)
        return np.where(np.any(present, axis, keepdims=keepdims), best, np.nan).astype(a.dtype)


_extremum_skipping(np.nanmax, np.max, 1)
_extremum_skipping(np.nanmin, np.min, -1)


def _arg_skipping(function: Any, plain: Callable[..., Any], sign: int) -> None:
    @implements(function)
    def f(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Tracer:
        """0 where all elements are NaN (NumPy raises an error)."""
        a, present = _present(a)
        filled = a if present is True else np.where(present, a, sign * lowest(a.dtype))
        return plain(filled, axis, keepdims=keepdims)


_arg_skipping(np.nanargmax, np.argmax, 1)
_arg_skipping(np.nanargmin, np.argmin, -1)


@implements(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None) -> Tracer:
    a, present = _present(a)
    return np.cumsum(a if present is True else np.where(present, a, 0), axis, dtype)


@implements(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None) -> Tracer:
    a, present = _present(a)
    return np.cumprod(a if present is True else np.where(present, a, 1), axis, dtype)


# Covariance


@implements(np.cov)
def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None,
        fweights: Any = None, aweights: Any = None, *, dtype: Any = None) -> Tracer:  # fmt: skip
    dtype = p.dtype_of(dtype) if dtype else p.result_type(m, np.dtype(np.float64), *_some(y))
    x = np.atleast_2d(p.value(m, dtype))
    x = x if rowvar or x.shape[0] == 1 else x.T
    if y is not None:
        second = np.atleast_2d(p.value(y, dtype))
        x = np.concatenate([x, second if rowvar or second.shape[0] == 1 else second.T], 0)
    w = _weights(fweights, aweights)
    ddof = int(not bias) if ddof is None else ddof
    if w is None:
        gap = x - np.mean(x, 1, keepdims=True)
        weighted, norm = gap, x.shape[1] - ddof
    else:
        gap = x - np.average(x, 1, w)[:, None]
        total = np.sum(w)
        factor = np.sum(w * aweights) / total if aweights is not None else 1
        weighted, norm = gap * w, total - ddof * factor
    return np.squeeze(weighted @ np.conj(gap).T / norm)


def _some(y: Any) -> tuple[Any, ...]:
    return () if y is None else (y,)


def _weights(fweights: Any, aweights: Any) -> Any:
    if fweights is None or aweights is None:
        return aweights if fweights is None else fweights
    return np.multiply(fweights, aweights)


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Tracer:
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    spread = np.sqrt(np.diagonal(c))
    return np.clip(c / spread[:, None] / spread[None, :], -1, 1)
