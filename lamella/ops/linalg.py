"""Linear algebra by callback into LAPACK, over the last two axes; leading axes are batch axes.

References for the gradients
[G] M. Giles, Collected matrix derivative results for forward and reverse mode AD, 2008.
[M] I. Murray, Differentiation of the Cholesky decomposition, 2016, arXiv:1602.07527.
[T] J. Townsend, Differentiating the singular value decomposition, 2016.
[W] S. Walter, L. Lehmann, Algorithmic differentiation of linear algebra functions, 2010.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamella import ops
from lamella.ops import checks
from lamella.ops.complex import PARTS
from lamella.ops.host import host
from lamella.types import COMPLEX, Type

REALS = (np.dtype("float32"), np.dtype("float64"))
INT32 = np.dtype("int32")


def matrices(name: str, *types: Type) -> None:
    """Errors unless all are stacks of matrices of one dtype that LAPACK knows."""
    checks.equal_dtypes(name, *types)
    for t in types:
        checks.floating(name, t, (*REALS, *COMPLEX))
        if t.ndim < 2:
            raise ValueError(f"{name}: expected matrices (2 axes or more), got {t}")


def square(name: str, a: Type) -> Type:
    matrices(name, a)
    if a.shape[-1] != a.shape[-2]:
        raise ValueError(f"{name}: expected square matrices, got {a}")
    return a


def only_real(name: str, a: Any) -> None:
    """TypeError where a gradient is known for real matrices only."""
    if a.type.dtype in COMPLEX:
        raise TypeError(f"{name}: the gradient is implemented for real matrices, got {a.type}")


def or_zero(g: Any, y: Any) -> Any:
    return ops.full(shape=y.type.shape, dtype=y.type.dtype.name, value=0) if g is None else g


def invertible(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Well-conditioned matrices without symmetry."""
    return rng.normal(size=shape) + 3 * np.eye(shape[-1])


def positive(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Symmetric positive definite matrices."""
    a = rng.normal(size=shape)
    return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])


def _squares(make: Callable[..., np.ndarray]) -> Callable[..., Any]:
    return lambda rng: [((make(rng, *shape),), {}) for shape in ((3, 3), (2, 4, 4), (0, 2, 2))]


def t(a: Any) -> Any:
    """The matrices transposed."""
    return np.swapaxes(a, -1, -2)


def as_matrix(d: Any) -> Any:
    """Diagonal matrices."""
    return d[..., None] * np.eye(d.shape[-1], dtype=d.dtype)


# ---------------------------------------------------------------- inv, solve, det


def _inv_vjp(g: Any, y: Any, a: Any) -> Any:
    """-y' g y'  [G 2.2.3]"""
    return -(t(y) @ g @ t(y))


inv = host(
    "inv",
    typing=lambda a: square("inv", a),
    numpy=np.linalg.inv,
    vjp=_inv_vjp,
    samples=_squares(invertible),
)


def _solve_typing(name: str) -> Callable[..., Type]:
    def typing(a: Type, b: Type, **attrs: bool) -> Type:
        matrices(name, square(name, a), b)
        if b.shape[:-1] != a.shape[:-1]:
            raise ValueError(f"{name}: {a} and {b} do not match; expected b[..., n, k]")
        return b

    return typing


def _solve_vjp(g: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """b: inv(a)' g; a: -(that) y'  [G 2.3.1]"""
    g_b = ops.solve(t(a), g)
    return -(g_b @ t(y)), g_b


solve = host(
    "solve",
    typing=_solve_typing("solve"),
    numpy=np.linalg.solve,
    vjp=_solve_vjp,
    samples=lambda rng: [
        ((invertible(rng, 3, 3), rng.normal(size=(3, 2))), {}),
        ((invertible(rng, 2, 3, 3), rng.normal(size=(2, 3, 1))), {}),
    ],
)


def _triangle(a: Any, lower: bool) -> Any:
    return np.tril(a) if lower else np.triu(a)


def _triangular_vjp(g: Any, y: Any, a: Any, b: Any, *, lower: bool) -> tuple[Any, Any]:
    g_b = ops.triangular_solve(t(a), g, lower=not lower)
    return _triangle(-(g_b @ t(y)), lower), g_b


triangular_solve = host(
    "triangular_solve",
    typing=_solve_typing("triangular_solve"),
    numpy=lambda a, b, *, lower: np.linalg.solve(_triangle(a, lower), b),
    vjp=_triangular_vjp,
    samples=lambda rng: [
        ((invertible(rng, 3, 3), rng.normal(size=(3, 2))), {"lower": True}),
        ((invertible(rng, 2, 3, 3), rng.normal(size=(2, 3, 2))), {"lower": False}),
    ],
)


def _det_typing(a: Type) -> Type:
    return Type(square("det", a).shape[:-2], a.dtype)


det = host(
    "det",
    typing=_det_typing,
    numpy=np.linalg.det,
    vjp=lambda g, y, a: (g * y)[..., None, None] * t(ops.inv(a)),  # [G 2.2.4]
    samples=_squares(invertible),
)


def _slogdet_typing(a: Type) -> tuple[Type, Type]:
    shape = square("slogdet", a).shape[:-2]
    return Type(shape, a.dtype), Type(shape, PARTS.get(a.dtype, a.dtype))


def _slogdet_vjp(gs: Any, ys: Any, a: Any) -> Any:
    only_real("slogdet", a)
    return None if gs[1] is None else gs[1][..., None, None] * t(ops.inv(a))


slogdet = host(
    "slogdet",
    typing=_slogdet_typing,
    numpy=lambda a: tuple(np.linalg.slogdet(a)),
    vjp=_slogdet_vjp,
    samples=_squares(invertible),
)

# ------------------------------------------------------------------------- cholesky


def _hermitian(a: np.ndarray) -> np.ndarray:
    return (a + np.swapaxes(a, -1, -2).conj()) / 2


def _lower_half(a: Any) -> Any:
    """The lower triangle with the diagonal halved."""
    n = a.shape[-1]
    weight = np.tril(np.ones((n, n), a.dtype)) - np.eye(n, dtype=a.dtype) / 2
    return a * weight.astype(a.dtype)


def _cholesky_vjp(g: Any, y: Any, a: Any) -> Any:
    """[M eq. 10], symmetric like `a`."""
    only_real("cholesky", a)
    half = ops.triangular_solve(t(y), _lower_half(t(y) @ g), lower=False)
    s = t(ops.triangular_solve(t(y), t(half), lower=False))
    return (s + t(s)) * 0.5


#: The lower factor of (a + a')/2.
cholesky = host(
    "cholesky",
    typing=lambda a: square("cholesky", a),
    numpy=lambda a: np.linalg.cholesky(_hermitian(a)),
    vjp=_cholesky_vjp,
    samples=_squares(positive),
)

# ----------------------------------------------------------------------- eigenvalues


def _eigh_typing(a: Type) -> tuple[Type, Type]:
    square("eigh", a)
    return Type(a.shape[:-1], PARTS.get(a.dtype, a.dtype)), a


def _inverse_gaps(values: Any) -> Any:
    """1 / (values[j] - values[i]), zero on the diagonal."""
    eye = np.eye(values.shape[-1], dtype=values.dtype)
    gaps = values[..., None, :] - values[..., :, None]
    return (1 - eye) / (gaps + eye)


def _eigh_vjp(gs: Any, ys: Any, a: Any) -> Any:
    """v (diag(g_w) + F * (v' g_v)) v', symmetric  [G 3.1]"""
    only_real("eigh", a)
    w, v = ys
    inner = as_matrix(or_zero(gs[0], w))
    if gs[1] is not None:
        inner = inner + _inverse_gaps(w) * (t(v) @ gs[1])
    s = v @ inner @ t(v)
    return (s + t(s)) * 0.5


#: Eigenvalues, ascending, and eigenvectors of (a + a')/2.
eigh = host(
    "eigh",
    typing=_eigh_typing,
    numpy=lambda a: tuple(np.linalg.eigh(_hermitian(a))),
    vjp=_eigh_vjp,
    samples=_squares(positive),
)


def _complex_dtype(dtype: np.dtype) -> np.dtype:
    return dtype if dtype in COMPLEX else COMPLEX[REALS.index(dtype)]


def _eig_typing(a: Type) -> tuple[Type, Type]:
    dtype = _complex_dtype(square("eig", a).dtype)
    return Type(a.shape[:-1], dtype), Type(a.shape, dtype)


def _eig_numpy(a: np.ndarray) -> tuple[np.ndarray, ...]:
    dtype = _complex_dtype(a.dtype)
    return tuple(x.astype(dtype) for x in np.linalg.eig(a))


def _eig_vjp(gs: Any, ys: Any, a: Any) -> Any:
    """inv(v)' diag(g_w) v'  [G 3.1]"""
    if gs[1] is not None:
        raise TypeError("eig: the gradient of eigenvectors is not defined here (their length and "
                        "phase are arbitrary); use eigh, or the eigenvalues only")  # fmt: skip
    v = ys[1]
    g = ops.solve(t(v), as_matrix(gs[0]) @ t(v))
    return g if a.type.dtype in COMPLEX else ops.real(g)


eig = host(
    "eig",
    typing=_eig_typing,
    numpy=_eig_numpy,
    vjp=_eig_vjp,
    samples=lambda rng: [((rng.normal(size=shape),), {}) for shape in ((3, 3), (2, 3, 3))],
)

# ------------------------------------------------------------------------------ svd


def _svd_typing(a: Type, *, full_matrices: bool, compute_uv: bool) -> Any:
    matrices("svd", a)
    *lead, m, n = a.shape
    k = min(m, n)
    s = Type((*lead, k), PARTS.get(a.dtype, a.dtype))
    if not compute_uv:
        return s
    rows, columns = (m, n) if full_matrices else (k, k)
    return Type((*lead, m, rows), a.dtype), s, Type((*lead, columns, n), a.dtype)


def _svd_numpy(a: np.ndarray, *, full_matrices: bool, compute_uv: bool) -> Any:
    out = np.linalg.svd(a, full_matrices, compute_uv)
    return tuple(out) if compute_uv else out


def _svd_vjp(gs: Any, ys: Any, a: Any, *, full_matrices: bool, compute_uv: bool) -> Any:
    only_real("svd", a)
    if not compute_uv:
        u, _, vh = ops.svd(a, full_matrices=False, compute_uv=True)
        return (u * gs[..., None, :]) @ vh
    if full_matrices and a.type.shape[-1] != a.type.shape[-2]:
        if gs[0] is not None or gs[2] is not None:
            raise TypeError("svd: the gradient of full matrices is not defined (the additional "
                            "vectors are arbitrary); use full_matrices=False")  # fmt: skip
        return _svd_vjp(gs[1], ys[1], a, full_matrices=False, compute_uv=False)
    return _thin_svd_vjp(gs, ys)


def _thin_svd_vjp(gs: Any, ys: Any) -> Any:
    """[T eq. 23 to 25]"""
    u, s, vh = ys
    g_u, g_s, g_vh = (or_zero(g, y) for g, y in zip(gs, ys))
    v, g_v = t(vh), t(g_vh)
    row, column = s[..., None, :], s[..., :, None]
    f = _inverse_gaps(s * s)
    left, right = t(u) @ g_u, t(v) @ g_v
    inner = (f * (left - t(left))) * row + column * (f * (right - t(right))) + as_matrix(g_s)
    outside_u = (g_u - u @ left) / row
    outside_v = (g_v - v @ right) / row
    return u @ inner @ vh + outside_u @ vh + u @ t(outside_v)


def _svd_samples(rng: np.random.Generator) -> list[Any]:
    cases = [((4, 3), False, True), ((2, 3, 4), False, True), ((3, 3), True, True)]
    cases += [((3, 4), False, False), ((2, 4, 3), True, False)]
    return [((rng.normal(size=shape),), {"full_matrices": full, "compute_uv": uv})
            for shape, full, uv in cases]  # fmt: skip


svd = host("svd", typing=_svd_typing, numpy=_svd_numpy, vjp=_svd_vjp, samples=_svd_samples)

# ---------------------------------------------------------------------------- qr, lu


def _qr_typing(a: Type, *, mode: str) -> tuple[Type, Type]:
    matrices("qr", a)
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: mode {mode!r} is neither 'reduced' nor 'complete'")
    *lead, m, n = a.shape
    k = m if mode == "complete" else min(m, n)
    return Type((*lead, m, k), a.dtype), Type((*lead, k, n), a.dtype)


def _qr_vjp(gs: Any, ys: Any, a: Any, *, mode: str) -> Any:
    only_real("qr", a)
    q, r = ys
    g_q, g_r = (or_zero(g, y) for g, y in zip(gs, ys))
    m, n = a.type.shape[-2:]
    if m > n and mode == "complete":
        raise TypeError("qr: the gradient of mode='complete' is not defined for tall matrices "
                        "(the additional columns are arbitrary); use mode='reduced'")  # fmt: skip
    if m >= n:
        return _tall_qr_vjp(q, r, g_q, g_r)
    # [x y] = q [u v]: u is the factor of x, and v = q' y
    y, g_u, g_v = a[..., m:], g_r[..., :m], g_r[..., m:]
    g_x = _tall_qr_vjp(q, r[..., :m], g_q + y @ t(g_v), g_u)
    return np.concatenate([g_x, q @ g_v], -1)


def _tall_qr_vjp(q: Any, r: Any, g_q: Any, g_r: Any) -> Any:
    """(g_q + q copyltu(r g_r' - g_q' q)) inv(r)'  [W 3.2]"""
    m = r @ t(g_r) - t(g_q) @ q
    symmetric = np.tril(m) + t(np.tril(m, -1))
    return t(ops.triangular_solve(r, t(g_q + q @ symmetric), lower=False))


qr = host(
    "qr",
    typing=_qr_typing,
    numpy=lambda a, *, mode: tuple(np.linalg.qr(a, mode)),
    vjp=_qr_vjp,
    samples=lambda rng: [
        ((rng.normal(size=(4, 3)),), {"mode": "reduced"}),
        ((rng.normal(size=(2, 3, 3)),), {"mode": "complete"}),
        ((rng.normal(size=(2, 4)),), {"mode": "reduced"}),
    ],
)


def _lu_typing(a: Type) -> tuple[Type, Type]:
    matrices("lu", a)
    return a, Type((*a.shape[:-2], min(a.shape[-2:])), INT32)


def _lu_one(a: np.ndarray) -> np.ndarray:
    """Factorises `a` in place; returns the row that each row was exchanged with."""
    pivots = np.zeros(min(a.shape), INT32)
    for k in range(len(pivots)):
        pivots[k] = best = k + int(np.argmax(np.abs(a[k:, k])))
        a[[k, best]] = a[[best, k]]
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    return pivots


def _lu_numpy(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    out = a.copy()
    pivots = np.zeros((*a.shape[:-2], min(a.shape[-2:])), INT32)
    for index in np.ndindex(a.shape[:-2]):
        pivots[index] = _lu_one(out[index])
    return out, pivots


def _lu_vjp(gs: Any, ys: Any, a: Any) -> Any:
    """P' inv(L)' (tril(L' g_L, -1) + triu(g_U U')) inv(U)', from P a = L U"""
    factors, pivots = ys
    n = a.type.shape[-1]
    if a.type.shape[-2] != n:
        raise TypeError(f"lu: the gradient is implemented for square matrices, got {a.type}")
    g = gs[0]
    lower = np.tril(factors, -1) + np.eye(n, dtype=a.dtype)
    upper = np.triu(factors)
    inner = np.tril(t(lower) @ np.tril(g, -1), -1) + np.triu(np.triu(g) @ t(upper))
    left = ops.triangular_solve(t(lower), inner, lower=False)
    out = t(ops.triangular_solve(upper, t(left), lower=False))
    order = ops.pivots_to_permutation(pivots, n=n)
    p = (order[..., None] == np.arange(n, dtype=INT32)).astype(a.dtype)
    return t(p) @ out


#: Packed factors L (unit diagonal) and U, and LAPACK's row exchanges.
lu = host(
    "lu",
    typing=_lu_typing,
    numpy=_lu_numpy,
    vjp=_lu_vjp,
    samples=lambda rng: [((rng.normal(size=shape),), {}) for shape in ((3, 3), (2, 4, 4))],
)


def _permutation_typing(pivots: Type, *, n: int) -> Type:
    checks.indices("pivots_to_permutation", pivots)
    return Type((*pivots.shape[:-1], n), INT32)


def _permutation_numpy(pivots: np.ndarray, *, n: int) -> np.ndarray:
    out = np.broadcast_to(np.arange(n, dtype=INT32), (*pivots.shape[:-1], n)).copy()
    for index in np.ndindex(pivots.shape[:-1]):
        for i, j in enumerate(pivots[index]):
            out[(*index, [i, j])] = out[(*index, [j, i])]
    return out


#: The order of the rows after LAPACK's row exchanges.
pivots_to_permutation = host(
    "pivots_to_permutation",
    typing=_permutation_typing,
    numpy=_permutation_numpy,
    vjp=lambda g, y, pivots, *, n: None,
    samples=lambda rng: [((np.array([[2, 2, 2, 3], [0, 3, 2, 3]], INT32),), {"n": 4})],
)
