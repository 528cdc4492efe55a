"""np.linalg: shapes and conventions around the factorizations (lamella.ops.linalg)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamella import ops
from lamella.frontend.numpy import promotion as p
from lamella.frontend.numpy.registry import implements
from lamella.frontend.numpy.shaping import reshape_to
from lamella.frontend.tracer import Tracer

EighResult = type(np.linalg.eigh(np.eye(1)))
EigResult = type(np.linalg.eig(np.eye(1)))
QRResult = type(np.linalg.qr(np.eye(1)))
SVDResult = type(np.linalg.svd(np.eye(1)))
SlogdetResult = type(np.linalg.slogdet(np.eye(1)))


def matrices(*arrays: Any) -> list[Tracer]:
    """The arrays in their common inexact dtype; integers become float64 as in NumPy."""
    dtype = p.result_type(*arrays)
    if dtype.kind in "biu":
        dtype = np.dtype(np.float64)
    if dtype not in (np.float32, np.float64, np.complex64, np.complex128):
        raise TypeError(f"np.linalg does not work on dtype {dtype}; cast to float32 with astype")
    return [p.value(x, dtype) for x in arrays]


def adjoint(x: Any) -> Any:
    """Conjugate transpose of the last two axes."""
    return np.conj(np.swapaxes(x, -1, -2))


def _stacks(a: Tracer, b: Tracer) -> tuple[Tracer, Tracer]:
    """Both with the same leading axes."""
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return tuple(np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (a, b))  # type: ignore[return-value]


@implements(np.linalg.inv)
def inv(a: Any) -> Tracer:
    return ops.inv(*matrices(a))


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Tracer:
    a, b = matrices(a, b)
    if b.ndim == 1:
        return solve(a, b[:, None])[..., 0]
    return ops.solve(*_stacks(a, b))


@implements(np.linalg.det)
def det(a: Any) -> Tracer:
    return ops.det(*matrices(a))


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    return SlogdetResult(*ops.slogdet(*matrices(a)))


@implements(np.linalg.cholesky)
def cholesky(a: Any, *, upper: bool = False) -> Tracer:
    """Of (a + a')/2, so that the gradient is symmetric."""
    lower = ops.cholesky(*matrices(a))
    return adjoint(lower) if upper else lower


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"np.linalg.qr: mode must be 'reduced', 'complete' or 'r', got {mode!r}")
    q, r = ops.qr(*matrices(a), mode="reduced" if mode == "r" else mode)
    return r if mode == "r" else QRResult(q, r)


@implements(np.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    (a,) = matrices(a)
    out = ops.svd(a, full_matrices=bool(full_matrices), compute_uv=bool(compute_uv))
    return SVDResult(*out) if compute_uv else out


@implements(np.linalg.svdvals)
def svdvals(x: Any) -> Tracer:
    return svd(x, compute_uv=False)


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    """Of (a + a')/2, so that the gradient is symmetric."""
    return EighResult(*ops.eigh(*matrices(a)))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Tracer:
    return eigh(a).eigenvalues


@implements(np.linalg.eig)
def eig(a: Any) -> Any:
    """Always complex: whether the eigenvalues are real depends on the data."""
    return EigResult(*ops.eig(*matrices(a)))


@implements(np.linalg.eigvals)
def eigvals(a: Any) -> Tracer:
    return eig(a).eigenvalues


@implements(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, rtol: Any = 1e-15) -> Tracer:
    (a,) = matrices(a)
    rcond = rtol if rcond is None else rcond
    rcond = max(a.shape[-2:]) * np.finfo(a.dtype).eps if rcond is None else rcond
    u, s, vh = svd(a, full_matrices=False)
    keep = s > rcond * np.max(s, -1, keepdims=True)
    inverse = np.where(keep, 1 / np.where(keep, s, 1), 0)
    return adjoint(vh) @ (inverse[..., :, None] * adjoint(u))


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, rtol: Any = None) -> Tracer:
    (a,) = matrices(A)
    if a.ndim < 2:
        return np.any(a != 0).astype(np.int64)
    s = svd(a, compute_uv=False)
    if tol is None:
        rtol = max(a.shape[-2:]) * np.finfo(a.dtype).eps if rtol is None else rtol
        tol = np.max(s, -1, keepdims=True) * rtol
    return np.sum(s > tol, -1)


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Tracer, Tracer, Tracer, Tracer]:
    """(solution, residuals, rank, singular values); residuals as for a matrix of full rank, since
    their shape must be static."""
    a, b = matrices(a, b)
    rcond = max(a.shape) * np.finfo(a.dtype).eps if rcond is None else rcond
    x = pinv(a, rcond) @ b
    s = svd(a, compute_uv=False)
    if a.shape[0] <= a.shape[1]:
        residuals = p.full((0,), a.dtype, 0)
    else:
        residuals = np.atleast_1d(np.sum(np.abs(b - a @ x) ** 2, 0))
    return x, residuals, np.sum(s > rcond * s[0]).astype(np.int32), s


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Tracer:
    a = p.value(a)
    if n < 0:
        a, n = inv(a), -n
    out: Any = None
    while n:
        if n & 1:
            out = a if out is None else out @ a
        n >>= 1
        a = a @ a if n else a
    return (
        out
        if out is not None
        else np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape) + 0 * a
    )


# Norms


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tracer:
    x = p.value(x)
    x = p.convert(x, np.float64) if x.dtype.kind in "biu" else x
    if axis is None and (ord is None or (x.ndim == 1 and ord == 2)):
        out = np.sqrt(np.sum(_squares(x)))
        return reshape_to(out, (1,) * x.ndim) if keepdims else out
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes[0], keepdims)
    if len(axes) != 2:
        raise ValueError(f"np.linalg.norm: expected one or two axes, got {axes}")
    return _matrix_norm(x, ord, axes, keepdims)


def _squares(x: Any) -> Any:
    return np.real(x * np.conj(x)) if x.dtype.kind == "c" else x * x


def _vector_norm(x: Tracer, ord: Any, axis: Any, keepdims: bool) -> Tracer:
    if ord in (math.inf, -math.inf):
        return (np.max if ord > 0 else np.min)(np.abs(x), axis, keepdims=keepdims)
    if ord == 0:
        return np.sum((x != 0).astype(np.abs(x).dtype), axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis, keepdims=keepdims)
    if ord == 2:
        return np.sqrt(np.sum(_squares(x), axis, keepdims=keepdims))
    if isinstance(ord, str):
        raise ValueError(f"np.linalg.norm: ord {ord!r} is for matrices; give two axes")
    return np.sum(np.abs(x) ** ord, axis, keepdims=keepdims) ** (1.0 / ord)


def _matrix_norm(x: Tracer, ord: Any, axes: tuple[int, int], keepdims: bool) -> Tracer:
    moved = np.moveaxis(x, axes, (-2, -1))
    if ord in (None, "fro", "f"):
        out = np.sqrt(np.sum(_squares(moved), (-2, -1)))
    elif ord in (2, -2, "nuc"):
        s = svd(moved, compute_uv=False)
        out = {2: np.max, -2: np.min, "nuc": np.sum}[ord](s, -1)
    elif ord in (1, -1, math.inf, -math.inf):
        sums = np.sum(np.abs(moved), -2 if abs(ord) == 1 else -1)
        out = (np.max if ord > 0 else np.min)(sums, -1)
    else:
        raise ValueError(f"np.linalg.norm: ord {ord!r} is not a norm of matrices")
    kept = {p.normalize_axis(i, x.ndim) for i in axes}
    shape = tuple(1 if i in kept else n for i, n in enumerate(x.shape))
    return reshape_to(out, shape) if keepdims else out


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Tracer:
    x = p.value(x)
    x = p.convert(x, np.float64) if x.dtype.kind in "biu" else x
    axes = p.normalize_axes(axis, x.ndim)
    out = _vector_norm(x, ord, axes, True)
    kept = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    return out if keepdims else reshape_to(out, kept)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, keepdims: bool = False, ord: Any = "fro") -> Tracer:
    (x,) = matrices(x)
    return _matrix_norm(x, ord, (-2, -1), keepdims)


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Tracer:
    if p in (None, 2, -2):
        s = svd(x, compute_uv=False)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    (x,) = matrices(x)
    return norm(x, p, (-2, -1)) * norm(inv(x), p, (-2, -1))


# Inverses of tensors, and the functions that np.linalg shares with np


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Tracer:
    a = p.value(a)
    rows, columns = a.shape[:ind], a.shape[ind:]
    return np.reshape(inv(np.reshape(a, (math.prod(rows), -1))), (*columns, *rows))


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Tracer:
    a, b = p.value(a), p.value(b)
    if axes is not None:
        a = np.moveaxis(a, axes, range(a.ndim - len(axes), a.ndim))
    result = a.shape[b.ndim :]
    return np.reshape(solve(np.reshape(a, (b.size, -1)), np.ravel(b)), result)


def _same_as(function: Any, other: Any, **fixed: Any) -> None:
    @implements(function)
    def f(*args: Any, **kwargs: Any) -> Any:
        return other(*args, **{**fixed, **kwargs})


_same_as(np.linalg.matmul, np.matmul)
_same_as(np.linalg.outer, np.outer)
_same_as(np.linalg.cross, np.cross)
_same_as(np.linalg.tensordot, np.tensordot)
_same_as(np.linalg.vecdot, np.vecdot)
_same_as(np.linalg.matrix_transpose, np.matrix_transpose)
_same_as(np.linalg.trace, np.trace, axis1=-2, axis2=-1)
