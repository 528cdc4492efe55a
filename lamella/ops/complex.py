"""Complex numbers and Fourier transforms, by callback.

Arithmetic on complex arrays uses the elementwise primitives, which also run by callback then.
Cotangents are paired without conjugation (lamella.autodiff): y = f(z) changes by Re(g * dz).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamella import ops
from lamella.ops import checks
from lamella.ops.host import host
from lamella.types import COMPLEX, Type

SINGLE, DOUBLE = np.dtype("float32"), np.dtype("float64")
PARTS = dict(zip(COMPLEX, (SINGLE, DOUBLE)))
WHOLE = {part: whole for whole, part in PARTS.items()}


def complex_sample(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return np.asarray(rng.normal(size=shape) + 1j * rng.normal(size=shape))


def _part(name: str) -> Any:
    def typing(z: Type) -> Type:
        checks.floating(name, z, COMPLEX)
        return Type(z.shape, PARTS[z.dtype])

    return typing


def _complex_typing(re: Type, im: Type) -> Type:
    checks.floating("complex", re, WHOLE)
    if re != im:
        raise TypeError(f"complex: the parts must have one type, got {re} and {im}")
    return Type(re.shape, WHOLE[re.dtype])


def _zero(x: Any) -> Any:
    return ops.full(shape=x.type.shape, dtype=x.type.dtype.name, value=0)


real = host(
    "real",
    typing=_part("real"),
    numpy=np.real,
    vjp=lambda g, y, z: ops.complex(g, _zero(g)),
    samples=lambda rng: [((complex_sample(rng, 3),), {})],
)

imag = host(
    "imag",
    typing=_part("imag"),
    numpy=np.imag,
    vjp=lambda g, y, z: ops.complex(_zero(g), ops.neg(g)),
    samples=lambda rng: [((complex_sample(rng, 3),), {})],
)

complex_ = host(
    "complex",
    typing=_complex_typing,
    numpy=lambda re, im: (re + 1j * im.astype(WHOLE[im.dtype])).astype(WHOLE[re.dtype]),
    vjp=lambda g, y, re, im: (ops.real(g), ops.neg(ops.imag(g))),
    samples=lambda rng: [((rng.normal(size=3), rng.normal(size=3)), {})],
)


def conjugate(z: Any) -> Any:
    """The complex conjugate; a real array is its own."""
    if z.type.dtype not in COMPLEX:
        return z
    return ops.complex(ops.real(z), ops.neg(ops.imag(z)))


# ------------------------------------------------------------------ Fourier transforms
# Normalised as np.fft's default: the inverse divides by the length. The matrix of the transform is
# symmetric, so that it is its own transpose.


def _fft_typing(name: str) -> Any:
    def typing(x: Type, *, axis: int) -> Type:
        checks.floating(name, x, COMPLEX)
        _nonempty(name, x, axis)
        return x

    return typing


def _nonempty(name: str, x: Type, axis: int) -> None:
    if x.shape[checks.axis_in(name, axis, x)] == 0:
        raise ValueError(f"{name}: axis {axis} of {x} is empty")


def _next_axis(get: Any) -> Any:
    """Batching of a transform along `axis`."""
    return lambda size, batched, x, *, axis, **attrs: get()(x, axis=axis + 1, **attrs)


def _samples(rng: np.random.Generator) -> list[Any]:
    return [
        ((complex_sample(rng, 4),), {"axis": 0}),
        ((complex_sample(rng, 2, 5, 3),), {"axis": 1}),
    ]


fft = host(
    "fft",
    typing=_fft_typing("fft"),
    numpy=lambda x, *, axis: np.fft.fft(x, axis=axis),
    vjp=lambda g, y, x, *, axis: ops.fft(g, axis=axis),
    batch=_next_axis(lambda: fft),
    samples=_samples,
)

ifft = host(
    "ifft",
    typing=_fft_typing("ifft"),
    numpy=lambda x, *, axis: np.fft.ifft(x, axis=axis),
    vjp=lambda g, y, x, *, axis: ops.ifft(g, axis=axis),
    batch=_next_axis(lambda: ifft),
    samples=_samples,
)


def _with_length(t: Type, axis: int, n: int, dtype: np.dtype) -> Type:
    return Type((*t.shape[:axis], n, *t.shape[axis + 1 :]), dtype)


def _rfft_typing(x: Type, *, axis: int) -> Type:
    checks.floating("rfft", x, WHOLE)
    _nonempty("rfft", x, axis)
    return _with_length(x, axis, x.shape[axis] // 2 + 1, WHOLE[x.dtype])


def _rfft_vjp(g: Any, y: Any, x: Any, *, axis: int) -> Any:
    """The real part of the transform of the cotangents, zeros for the frequencies left out."""
    missing = [0] * x.type.ndim
    missing[axis] = x.type.shape[axis] - g.type.shape[axis]
    padded = ops.pad(g, low=(0,) * x.type.ndim, high=tuple(missing), value=0)
    return ops.real(ops.fft(padded, axis=axis))


rfft = host(
    "rfft",
    typing=_rfft_typing,
    numpy=lambda x, *, axis: np.fft.rfft(x, axis=axis),
    vjp=_rfft_vjp,
    batch=_next_axis(lambda: rfft),
    samples=lambda rng: [
        ((rng.normal(size=4),), {"axis": 0}),
        ((rng.normal(size=(2, 5, 3)),), {"axis": 1}),
        ((rng.normal(size=1),), {"axis": 0}),
    ],
)


def _irfft_typing(x: Type, *, axis: int, n: int) -> Type:
    checks.floating("irfft", x, COMPLEX)
    checks.axis_in("irfft", axis, x)
    if n < 1 or x.shape[axis] != n // 2 + 1:
        raise ValueError(
            f"irfft: n={n} real values come from {n // 2 + 1} frequencies, "
            f"but axis {axis} of {x} has {x.shape[axis]}; pad or slice first"
        )
    return _with_length(x, axis, n, PARTS[x.dtype])


def _irfft_vjp(g: Any, y: Any, x: Any, *, axis: int, n: int) -> Any:
    """conj(rfft(g)) / n; frequencies that stand for two, +k and -k, count twice."""
    count = np.full(x.type.shape[axis], 2 / n)
    count[0] = 1 / n
    if n % 2 == 0:
        count[-1] = 1 / n
    weight = np.broadcast_to(
        count.reshape([-1] + [1] * (x.type.ndim - axis - 1)), x.type.shape
    ).astype(x.type.dtype)
    return ops.mul(conjugate(ops.rfft(g, axis=axis)), weight)


irfft = host(
    "irfft",
    typing=_irfft_typing,
    numpy=lambda x, *, axis, n: np.fft.irfft(x, n, axis=axis),
    vjp=_irfft_vjp,
    batch=_next_axis(lambda: irfft),
    samples=lambda rng: [
        ((complex_sample(rng, 3),), {"axis": 0, "n": 4}),
        ((complex_sample(rng, 2, 3, 2),), {"axis": 1, "n": 5}),
        ((complex_sample(rng, 1),), {"axis": 0, "n": 1}),
    ],
)
