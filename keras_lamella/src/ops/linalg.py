"""`keras.ops.linalg` on NumPy arrays and Tracers alike."""

from __future__ import annotations

import numpy as np

from keras_lamella.missing import missing_op
from keras_lamella.src.ops.dtypes import accumulator, as_dtype, axes_of, promote, to_float
from keras_lamella.src.tensor import convert_to_tensor, return_tensors
from lamella import ops
from lamella.frontend.functions import apply


def _matrix(x):
    """`x` at a dtype that LAPACK knows."""
    x = to_float(x)
    return as_dtype(x, accumulator(x.dtype))


def cholesky(a, upper=False):
    a = _matrix(a)
    lower = np.linalg.cholesky(a)
    return np.conjugate(np.swapaxes(lower, -2, -1)) if upper else lower


def cholesky_inverse(a, upper=False):
    """The inverse of the matrix whose Cholesky factor is `a`."""
    a = _matrix(a)
    inverse = solve_triangular(a, np.eye(a.shape[-1], dtype=a.dtype), lower=not upper)
    transposed = np.swapaxes(inverse, -2, -1)
    return np.matmul(inverse, transposed) if upper else np.matmul(transposed, inverse)


def det(a):
    return np.linalg.det(_matrix(a))


def eig(x):
    return tuple(np.linalg.eig(_matrix(x)))


def eigh(x):
    return tuple(np.linalg.eigh(_matrix(x)))


def inv(a):
    return np.linalg.inv(_matrix(a))


def lu_factor(x):
    return apply(ops.lu, _matrix(x))


def qr(x, mode="reduced"):
    if mode not in {"reduced", "complete"}:
        raise ValueError(
            "`mode` argument value not supported. Expected one of {'reduced', 'complete'}. "
            f"Received: mode={mode}"
        )
    return tuple(np.linalg.qr(_matrix(x), mode=mode))


def solve(a, b):
    a, b = promote(_matrix(a), _matrix(b))
    if b.ndim == a.ndim - 1:
        return np.squeeze(np.linalg.solve(a, b[..., None]), -1)
    return np.linalg.solve(a, b)


def solve_triangular(a, b, lower=False):
    a, b = promote(_matrix(a), _matrix(b))
    if b.ndim == a.ndim - 1:
        return np.squeeze(solve_triangular(a, b[..., None], lower), -1)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))
    return apply(ops.triangular_solve, a, b, lower=lower)


def svd(x, full_matrices=True, compute_uv=True):
    result = np.linalg.svd(_matrix(x), full_matrices=full_matrices, compute_uv=compute_uv)
    return tuple(result) if compute_uv else result


def lstsq(a, b, rcond=None):
    a, b = promote(_matrix(a), _matrix(b))
    solution = np.matmul(pinv(a, rcond), b[:, None] if b.ndim == 1 else b)
    return np.squeeze(solution, -1) if b.ndim == 1 else solution


def matrix_rank(x, tol=None):
    x = _matrix(x)
    if x.ndim < 2:
        raise ValueError(f"Expected input to have rank >= 2. Received input with shape {x.shape}.")
    s = np.linalg.svd(x, compute_uv=False)
    limit = _cutoff(x, s) if tol is None else convert_to_tensor(tol, s.dtype)[..., None]
    return np.sum(as_dtype(s > limit, np.dtype(np.int32)), axis=-1, dtype=np.int32)


def _cutoff(x, s, rcond=None):
    """Singular values up to this count as 0: [..., 1]."""
    if rcond is None:
        rcond = np.asarray(max(x.shape[-2:]) * np.finfo(x.dtype).eps, s.dtype)
    return np.max(s, axis=-1, keepdims=True) * convert_to_tensor(rcond, s.dtype)[..., None]


def pinv(x, rcond=None):
    x = _matrix(x)
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    kept = s > _cutoff(x, s, rcond)
    one = np.ones((), s.dtype)
    inverse = np.where(kept, one / np.where(kept, s, one), np.zeros((), s.dtype))
    v, uh = np.swapaxes(vh, -2, -1), np.swapaxes(u, -2, -1)
    return np.matmul(np.conjugate(v) * inverse[..., None, :], np.conjugate(uh))


def norm(x, ord=None, axis=None, keepdims=False):
    x = to_float(x)
    wide = as_dtype(x, accumulator(x.dtype))
    y = _norm(wide, ord, axes_of(axis), keepdims)
    return as_dtype(y, x.real.dtype if x.dtype.kind == "c" else x.dtype)


def _norm(x, ord, axis, keepdims):
    if axis is None:
        if ord is None:
            flat = _vector_norm(np.ravel(x), 2, 0, False)
            return np.reshape(flat, (1,) * x.ndim) if keepdims else flat
        axis = tuple(range(x.ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes[0], keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, "fro" if ord is None else ord, axes, keepdims)
    raise ValueError(f"norm expects 1 or 2 axes. Received: axis={axis}")


def _vector_norm(x, ord, axis, keepdims):
    if isinstance(ord, str):
        raise ValueError(f"Invalid `ord` argument for vector norm. Received: ord={ord}")
    size = np.absolute(x)
    if ord == np.inf:
        return np.max(size, axis=axis, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(as_dtype(size != 0, size.dtype), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(size, axis=axis, keepdims=keepdims)
    if ord == 2:
        return np.sqrt(np.sum(size * size, axis=axis, keepdims=keepdims))
    power = np.asarray(ord, size.dtype)
    total = np.sum(np.power(size, power), axis=axis, keepdims=keepdims)
    return np.power(total, np.asarray(1.0 / ord, size.dtype))


def _matrix_norm(x, ord, axes, keepdims):
    rows, columns = (a % x.ndim for a in axes)
    if ord == "fro":
        size = np.absolute(x)
        return np.sqrt(np.sum(size * size, axis=(rows, columns), keepdims=keepdims))
    if ord in (1, -1, np.inf, -np.inf):
        first = rows if abs(ord) == 1 else columns
        total = np.sum(np.absolute(x), axis=first, keepdims=True)
        y = (np.max if ord > 0 else np.min)(total, axis=(rows, columns), keepdims=True)
    elif ord in (2, -2, "nuc"):
        s = np.linalg.svd(np.moveaxis(x, (rows, columns), (-2, -1)), compute_uv=False)
        combine = np.sum if ord == "nuc" else np.max if ord == 2 else np.min
        y = np.expand_dims(combine(s, axis=-1), tuple(sorted((rows, columns))))
    else:
        raise ValueError(f"Invalid `ord` argument for matrix norm. Received: ord={ord}")
    return y if keepdims else np.squeeze(y, axis=(rows, columns))


def jvp(fun, primals, tangents, has_aux=False):
    from lamella import transforms

    if not has_aux:
        return transforms.jvp(fun, tuple(primals), tuple(tangents))
    aux = fun(*primals)[1]
    y, tangent = transforms.jvp(lambda *xs: fun(*xs)[0], tuple(primals), tuple(tangents))
    return y, tangent, aux


__all__ = [
    "cholesky", "cholesky_inverse", "det", "eig", "eigh", "inv", "jvp", "lstsq", "lu_factor",
    "matrix_rank", "norm", "pinv", "qr", "solve", "solve_triangular", "svd",
]  # fmt: skip

return_tensors(globals())
__getattr__ = missing_op(__name__)
