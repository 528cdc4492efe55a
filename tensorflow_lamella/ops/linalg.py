"""Products of matrices, decompositions, norms."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras.src import backend

from tensorflow_lamella.core.dispatch import Array, Arrays, T, Ts, op
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.errors import InvalidArgumentError
from tensorflow_lamella.names import export
from tensorflow_lamella.ops.reduce import axes_of


def _turned(x: Any, transpose: bool, adjoint: bool) -> Any:
    if adjoint:
        return np.conj(np.swapaxes(x, -1, -2))
    return np.swapaxes(x, -1, -2) if transpose else x


@op("matmul", "linalg.matmul")
def matmul(a: T, b: T, transpose_a: bool = False, transpose_b: bool = False,
           adjoint_a: bool = False, adjoint_b: bool = False, a_is_sparse: bool = False,
           b_is_sparse: bool = False, output_type: Any = None, grad_a: bool = False,
           grad_b: bool = False) -> Any:  # fmt: skip
    """The matrix product over the last two axes, rows of matrices broadcast."""
    if a.ndim < 2 or b.ndim < 2:
        raise InvalidArgumentError(
            f"tf.matmul wants matrices (at least 2 axes), got shapes {a.shape} and {b.shape}; "
            "use tf.linalg.matvec or tf.tensordot, or tf.expand_dims"
        )
    a, b = _turned(a, transpose_a, adjoint_a), _turned(b, transpose_b, adjoint_b)
    if a.shape[-1] != b.shape[-2]:
        raise InvalidArgumentError(f"Matrix size-incompatible: In[0]: {list(a.shape)}, In[1]: "
                                   f"{list(b.shape)}")  # fmt: skip
    product = np.matmul(a, b)
    return product if output_type is None else product.astype(numpy_dtype(output_type))


@op("linalg.matvec")
def matvec(a: T, b: T, transpose_a: bool = False, adjoint_a: bool = False,
           a_is_sparse: bool = False, b_is_sparse: bool = False) -> Any:  # fmt: skip
    return np.matmul(_turned(a, transpose_a, adjoint_a), b[..., None])[..., 0]


@op("tensordot", "linalg.tensordot")
def tensordot(a: T, b: T, axes: Any) -> Any:
    if np.ndim(axes) == 0:
        return np.tensordot(a, b, int(axes))
    first, second = axes
    pair = [[int(i) for i in np.reshape(part, -1)] for part in (first, second)]
    return np.tensordot(a, b, pair)


@export("einsum", "linalg.einsum")
def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Any:
    """Sums of products as `equation` says; see numpy.einsum."""
    return _einsum(list(inputs), equation, name=kwargs.get("name"))


@op("_einsum")
def _einsum(inputs: Ts, equation: str) -> Any:
    return np.einsum(equation.replace(" ", ""), *inputs)


def _norm(x: Any, ord: Any, axis: Any, keepdims: Any) -> Any:
    axis = axes_of(axis)
    if ord in ("euclidean", 2) and not isinstance(axis, tuple):
        return np.sqrt(np.sum(np.square(np.abs(x)), axis=axis, keepdims=bool(keepdims)))
    if ord in ("euclidean", "fro"):
        return np.sqrt(np.sum(np.square(np.abs(x)), axis=axis, keepdims=bool(keepdims)))
    flat = np.reshape(x, -1) if axis is None else x
    return backend.linalg.norm(flat, ord=ord, axis=axis, keepdims=bool(keepdims))


@op("norm", "linalg.norm")
def norm(tensor: Array, ord: Any = "euclidean", axis: Any = None, keepdims: Any = None) -> Any:
    return _norm(tensor, ord, axis, keepdims).astype(tensor.dtype)


@op("linalg.normalize")
def normalize(tensor: Array, ord: Any = "euclidean", axis: Any = None) -> Any:
    length = _norm(tensor, ord, axis, True).astype(tensor.dtype)
    if axis is None:
        length = np.reshape(length, (1,) * tensor.ndim)
    return tensor / length, length


@op("math.l2_normalize", "nn.l2_normalize", "linalg.l2_normalize")
def l2_normalize(x: Array, axis: Any = None, epsilon: float = 1e-12, dim: Any = None) -> Any:
    axis = axes_of(dim if axis is None else axis)
    total = np.sum(np.square(x), axis=axis, keepdims=True)
    return x / np.sqrt(np.maximum(total, x.dtype.type(epsilon)))


@op("linalg.global_norm")
def global_norm(t_list: Arrays) -> Any:
    return _global_norm(t_list)


def _global_norm(tensors: list[Any]) -> Any:
    return np.sqrt(sum(np.sum(np.square(t)) for t in tensors))


@op("clip_by_norm")
def clip_by_norm(t: Array, clip_norm: Array, axes: Any = None) -> Any:
    limit = clip_norm.astype(t.dtype)
    squares = np.sum(np.square(t), axis=axes_of(axes), keepdims=True)
    positive = squares > 0
    length = np.where(positive, np.sqrt(np.where(positive, squares, 1)), squares)
    return np.reshape(t * limit / np.maximum(length, limit), t.shape)


@export("clip_by_global_norm")
def clip_by_global_norm(t_list: Any, clip_norm: Any, use_norm: Any = None, name: Any = None) -> Any:
    """The tensors scaled so that their common norm is at most `clip_norm`, and that norm."""
    kept = [t for t in t_list if t is not None]
    clipped, total = _clip_by_global_norm(kept, clip_norm, use_norm)
    found = iter(clipped)
    return [None if t is None else next(found) for t in t_list], total


@op("_clip_by_global_norm")
def _clip_by_global_norm(t_list: Arrays, clip_norm: Array, use_norm: Array | None = None) -> Any:
    total = _global_norm(t_list) if use_norm is None else use_norm
    limit = clip_norm.astype(np.float32)
    scale = limit / np.maximum(total, limit)
    return [t * scale.astype(t.dtype) for t in t_list], total


@op("linalg.trace")
def trace(x: Array) -> Any:
    return np.trace(x, axis1=-2, axis2=-1)


@op("linalg.matrix_transpose")
def matrix_transpose(a: Array, conjugate: bool = False) -> Any:
    return _turned(a, True, conjugate)


@op("linalg.adjoint")
def adjoint(matrix: Array) -> Any:
    return _turned(matrix, True, matrix.dtype.kind == "c")


def _diagonal(x: Any) -> Any:
    eye = np.eye(x.shape[-1], dtype=x.dtype)
    return x[..., None] * eye


@op("linalg.diag")
def diag(diagonal: Array, k: Any = 0) -> Any:
    """Matrices with the last axis on their (k-th) diagonal."""
    n, k = diagonal.shape[-1], int(k)
    main = _diagonal(diagonal)
    if k == 0:
        return main
    before = [(0, 0)] * (main.ndim - 2)
    return np.pad(main, [*before, (max(-k, 0), max(k, 0)), (max(k, 0), max(-k, 0))])[
        ..., : n + abs(k), : n + abs(k)
    ]


@op("linalg.diag_part")
def diag_part(input: Array, k: Any = 0) -> Any:
    return np.diagonal(input, int(k), -2, -1)


@op("linalg.set_diag")
def set_diag(input: Array, diagonal: Array, k: Any = 0) -> Any:
    rows, columns = input.shape[-2:]
    mask = np.eye(rows, columns, int(k), dtype=bool)
    place = np.clip(np.arange(rows) + min(int(k), 0), 0, diagonal.shape[-1] - 1)
    return np.where(mask, diagonal[..., place][..., None], input)


@op("linalg.tensor_diag")
def tensor_diag(diagonal: Array) -> Any:
    flat = np.reshape(diagonal, -1)
    return np.reshape(_diagonal(flat), diagonal.shape * 2)


@op("linalg.tensor_diag_part")
def tensor_diag_part(input: Array) -> Any:
    shape = input.shape[: input.ndim // 2]
    n = int(np.prod(shape))
    return np.reshape(np.diagonal(np.reshape(input, (n, n))), shape)


@op("linalg.band_part")
def band_part(input: Array, num_lower: Any, num_upper: Any) -> Any:
    """The diagonals from num_lower below to num_upper above the main one (-1: all); else 0."""
    rows, columns = np.ogrid[: input.shape[-2], : input.shape[-1]]
    low, high = int(num_lower), int(num_upper)
    keep = ((low < 0) | (rows - columns <= low)) & ((high < 0) | (columns - rows <= high))
    return np.where(keep, input, np.zeros_like(input))


@op("linalg.cross")
def cross(a: T, b: T) -> Any:
    return np.cross(a, b)


@op("linalg.det")
def det(input: Array) -> Any:
    return backend.linalg.det(input)


@op("linalg.slogdet")
def slogdet(input: Array) -> Any:
    sign, value = np.linalg.slogdet(input)
    return sign, value


@op("linalg.logdet")
def logdet(matrix: Array) -> Any:
    return backend.math.logdet(matrix)


@op("linalg.inv")
def inv(input: Array, adjoint: bool = False) -> Any:
    return backend.linalg.inv(_turned(input, False, adjoint))


@op("linalg.pinv")
def pinv(a: Array, rcond: Any = None, validate_args: bool = False) -> Any:
    return backend.linalg.pinv(a, rcond)


@op("linalg.solve")
def solve(matrix: T, rhs: T, adjoint: bool = False) -> Any:
    return backend.linalg.solve(_turned(matrix, False, adjoint), rhs)


@op("linalg.triangular_solve")
def triangular_solve(matrix: T, rhs: T, lower: bool = True, adjoint: bool = False) -> Any:
    triangle = _turned(matrix, False, adjoint)
    return backend.linalg.solve_triangular(triangle, rhs, lower=lower != adjoint)


@op("linalg.cholesky")
def cholesky(input: Array) -> Any:
    return backend.linalg.cholesky(input)


@op("linalg.cholesky_solve")
def cholesky_solve(chol: T, rhs: T) -> Any:
    half = backend.linalg.solve_triangular(chol, rhs, lower=True)
    return backend.linalg.solve_triangular(_turned(chol, False, True), half, lower=False)


@op("linalg.qr")
def qr(input: Array, full_matrices: bool = False) -> Any:
    return tuple(backend.linalg.qr(input, "complete" if full_matrices else "reduced"))


@op("linalg.svd")
def svd(tensor: Array, full_matrices: bool = False, compute_uv: bool = True) -> Any:
    """(s, u, v), with v not transposed, as TensorFlow gives them."""
    if not compute_uv:
        return backend.linalg.svd(tensor, full_matrices, False)
    u, s, vt = backend.linalg.svd(tensor, full_matrices, True)
    return s, u, _turned(vt, True, vt.dtype.kind == "c")


@op("linalg.eigh")
def eigh(tensor: Array) -> Any:
    return tuple(backend.linalg.eigh(tensor))


@op("linalg.eigvalsh")
def eigvalsh(tensor: Array) -> Any:
    return next(iter(backend.linalg.eigh(tensor)))


@op("linalg.eig", "eig")
def eig(tensor: Array) -> Any:
    return tuple(backend.linalg.eig(tensor))


@op("linalg.eigvals", "eigvals")
def eigvals(tensor: Array) -> Any:
    return next(iter(backend.linalg.eig(tensor)))


@op("linalg.lstsq")
def lstsq(matrix: T, rhs: T, l2_regularizer: float = 0.0, fast: bool = True) -> Any:
    """The least squares solution, by the normal equations where they are regularised."""
    if l2_regularizer == 0.0:
        return np.matmul(backend.linalg.pinv(matrix), rhs)
    turned = _turned(matrix, False, True)
    weight = matrix.dtype.type(l2_regularizer) * np.eye(matrix.shape[-1], dtype=matrix.dtype)
    return backend.linalg.solve(np.matmul(turned, matrix) + weight, np.matmul(turned, rhs))


@op("linalg.matrix_rank")
def matrix_rank(a: Array, tol: Any = None, validate_args: bool = False) -> Any:
    return backend.linalg.matrix_rank(a, tol)


@op("linalg.expm")
def expm(input: Array) -> Any:
    """The matrix exponential: scaling, Taylor's series, squaring."""
    halvings, terms = 10, 18
    x = input / input.dtype.type(2**halvings)
    term = total = np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape)
    for k in range(1, terms):
        term = np.matmul(term, x) / x.dtype.type(k)
        total = total + term
    for _ in range(halvings):
        total = np.matmul(total, total)
    return total


@op("linalg.lu")
def lu(input: Array, output_idx_type: Any = "int32") -> Any:
    """The factors in one matrix, and the permutation of rows."""
    factors, pivots = backend.linalg.lu_factor(input)
    order = np.arange(input.shape[-2])
    for i, j in enumerate(np.asarray(pivots)):
        order[[i, j]] = order[[j, i]]
    return factors, order.astype(numpy_dtype(output_idx_type))


@op("linalg.tridiagonal_matmul")
def tridiagonal_matmul(diagonals: Ts, rhs: Array) -> Any:
    upper, main, lower = diagonals
    after = np.concatenate([rhs[..., 1:, :], np.zeros_like(rhs[..., :1, :])], -2)
    before = np.concatenate([np.zeros_like(rhs[..., :1, :]), rhs[..., :-1, :]], -2)
    return upper[..., None] * after + main[..., None] * rhs + lower[..., None] * before
