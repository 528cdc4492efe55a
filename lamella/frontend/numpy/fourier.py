"""np.fft: lengths, axes and norms around the transforms along one axis (lamella.ops.complex)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamella import ops
from lamella.frontend.numpy import promotion as p
from lamella.frontend.numpy.registry import implements
from lamella.frontend.tracer import Tracer


def _complex(a: Any) -> Tracer:
    a = p.value(a)
    return p.convert(a, np.complex64 if a.dtype in _SINGLE else np.complex128)


def _real(a: Any) -> Tracer:
    a = p.value(a)
    if a.dtype.kind == "c":
        raise TypeError("rfft: expected a real array; use fft for a complex one")
    return p.convert(a, np.float32 if a.dtype in _SINGLE else np.float64)


_SINGLE = (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.complex64))


def _resized(a: Tracer, n: Any, axis: int) -> Tracer:
    """`a` cut or filled with zeros to length `n` along `axis`."""
    size = a.shape[axis]
    if n is None or n == size:
        return a
    if n < 1:
        raise ValueError(f"np.fft: n must be positive, got {n}")
    if n < size:
        return a[(*(slice(None),) * axis, slice(0, n))]
    high = tuple(n - size if i == axis else 0 for i in range(a.ndim))
    return ops.pad(a, low=(0,) * a.ndim, high=high, value=0)


def _scaled(a: Tracer, norm: Any, n: int, inverse: bool) -> Tracer:
    """`a` is normalised as norm='backward'; the inverse has the factor 1/n in it."""
    if norm not in (None, "backward", "ortho", "forward"):
        raise ValueError(f"np.fft: norm must be 'backward', 'ortho' or 'forward', got {norm!r}")
    power = {None: 0.0, "backward": 0.0, "ortho": 0.5, "forward": 1.0}[norm]
    return a if power == 0 else a * float(n) ** (power if inverse else -power)


def _transform(
    function: Any, primitive: Any, prepare: Callable[..., Tracer], inverse: bool
) -> None:
    @implements(function)
    def f(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Tracer:
        a = prepare(a)
        axis = p.normalize_axis(axis, a.ndim)
        a = _resized(a, n, axis)
        return _scaled(primitive(a, axis=axis), norm, a.shape[axis], inverse)


_transform(np.fft.fft, ops.fft, _complex, False)
_transform(np.fft.ifft, ops.ifft, _complex, True)
_transform(np.fft.rfft, ops.rfft, _real, False)


@implements(np.fft.irfft)
def irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Tracer:
    a = _complex(a)
    axis = p.normalize_axis(axis, a.ndim)
    n = 2 * (a.shape[axis] - 1) if n is None else int(n)
    return _scaled(ops.irfft(_resized(a, n // 2 + 1, axis), axis=axis, n=n), norm, n, True)


_SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


@implements(np.fft.hfft)
def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Tracer:
    return irfft(np.conj(_complex(a)), n, axis, _SWAPPED[norm])


@implements(np.fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Tracer:
    return np.conj(np.fft.rfft(p.value(a), n, axis, _SWAPPED[norm]))


def _sizes_and_axes(a: Any, s: Any, axes: Any) -> tuple[Sequence[Any], Sequence[int]]:
    rank = len(p.shape_of(a))
    if axes is None:
        axes = tuple(range(rank)) if s is None else tuple(range(rank - len(s), rank))
    return (None,) * len(axes) if s is None else s, axes


def _over_axes(function: Any, last: Any, others: Any, default: Any = None) -> None:
    """The transform along the last of several axes, then along the others."""

    @implements(function)
    def f(a: Any, s: Any = None, axes: Any = default, norm: Any = None) -> Tracer:
        sizes, axes = _sizes_and_axes(a, s, axes)
        out = last(p.value(a), sizes[-1], axes[-1], norm)
        for n, axis in zip(sizes[:-1], axes[:-1]):
            out = others(out, n, axis, norm)
        return out


_over_axes(np.fft.fftn, np.fft.fft, np.fft.fft)
_over_axes(np.fft.fft2, np.fft.fft, np.fft.fft, (-2, -1))
_over_axes(np.fft.ifftn, np.fft.ifft, np.fft.ifft)
_over_axes(np.fft.ifft2, np.fft.ifft, np.fft.ifft, (-2, -1))
_over_axes(np.fft.rfftn, np.fft.rfft, np.fft.fft)
_over_axes(np.fft.rfft2, np.fft.rfft, np.fft.fft, (-2, -1))


def _inverse_real_over_axes(function: Any, default: Any = None) -> None:
    @implements(function)
    def f(a: Any, s: Any = None, axes: Any = default, norm: Any = None) -> Tracer:
        sizes, axes = _sizes_and_axes(a, s, axes)
        out = p.value(a)
        for n, axis in zip(sizes[:-1], axes[:-1]):
            out = np.fft.ifft(out, n, axis, norm)
        return np.fft.irfft(out, sizes[-1], axes[-1], norm)


_inverse_real_over_axes(np.fft.irfftn)
_inverse_real_over_axes(np.fft.irfft2, (-2, -1))


@implements(np.fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Tracer:
    axes = p.normalize_axes(axes, len(p.shape_of(x)))
    return np.roll(x, tuple(p.shape_of(x)[i] // 2 for i in axes), axes)


@implements(np.fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Tracer:
    axes = p.normalize_axes(axes, len(p.shape_of(x)))
    return np.roll(x, tuple(-(p.shape_of(x)[i] // 2) for i in axes), axes)
