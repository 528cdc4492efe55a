"""Matrix products and einsum: every one is a chain of `contract` equations of two operands."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamella import ops
from lamella.frontend.numpy import promotion as p
from lamella.frontend.numpy.registry import implements
from lamella.frontend.numpy.shaping import reshape_to
from lamella.frontend.tracer import Tracer
from lamella.types import BOOL


class Term:
    """An operand of einsum: an array and one letter per axis."""

    def __init__(self, array: Tracer, letters: str) -> None:
        self.array, self.letters = array, letters

    def without_unit_axes(self, sizes: dict[str, int]) -> Term:
        """Axes of size 1 that stand for a longer one are dropped: they repeat by themselves."""
        kept = [i for i, x in enumerate(self.letters) if self.array.shape[i] == sizes[x]]
        if len(kept) == len(self.letters):
            return self
        shape = tuple(self.array.shape[i] for i in kept)
        return Term(reshape_to(self.array, shape), "".join(self.letters[i] for i in kept))

    def arranged(self, letters: str, sizes: dict[str, int]) -> Tracer:
        """The sum over the letters that are missing in `letters`, with axes in that order."""
        term = self._diagonal()
        drop = tuple(i for i, x in enumerate(term.letters) if x not in letters)
        array = ops.sum(term.array, axes=drop) if drop else term.array
        left = [x for x in term.letters if x in letters]
        array = np.transpose(array, [left.index(x) for x in letters if x in left])
        axes = tuple(i for i, x in enumerate(letters) if x in left)
        shape = tuple(sizes[x] for x in letters)
        return array if array.shape == shape else ops.broadcast(array, shape=shape, axes=axes)

    def _diagonal(self) -> Term:
        array, letters = self.array, self.letters
        for x in dict.fromkeys(letters):
            while letters.count(x) > 1:
                i = letters.index(x)
                j = letters.index(x, i + 1)
                array = np.diagonal(array, 0, i, j)  # the diagonal becomes the last axis
                letters = letters[:i] + letters[i + 1 : j] + letters[j + 1 :] + x
        return Term(array, letters)


def contract_terms(terms: Sequence[Term], out: str) -> Tracer:
    """einsum: the product of `terms`, summed over all letters that `out` lacks."""
    sizes = _sizes(terms)
    terms = [t.without_unit_axes(sizes) for t in terms]
    for i, j in _path(terms, out):
        a, b = terms[i], terms[j]
        rest = [t for k, t in enumerate(terms) if k not in (i, j)]
        wanted = {x for t in rest for x in t.letters} | set(out)
        letters = "".join(x for x in dict.fromkeys(a.letters + b.letters) if x in wanted)
        if not rest and set(letters) == set(out):
            letters = out
        terms = [*rest, Term(_pair(a, b, letters, sizes), letters)]
    return terms[0].arranged(out, sizes)


def _sizes(terms: Sequence[Term]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for term in terms:
        for x, n in zip(term.letters, term.array.shape, strict=True):
            if sizes.get(x, 1) not in (1, n) and n != 1:
                raise ValueError(f"einsum: axis {x!r} has sizes {sizes[x]} and {n}")
            sizes[x] = n if sizes.get(x, 1) == 1 else sizes[x]
    return sizes


def _path(terms: Sequence[Term], out: str) -> Sequence[tuple[int, int]]:
    """Pairs to contract, in a cheap order; positions as in np.einsum_path."""
    if len(terms) < 3:
        return [(0, 1)] * (len(terms) - 1)
    subscripts = ",".join(t.letters for t in terms) + "->" + out
    arrays = [np.broadcast_to(np.float32(0), t.array.shape) for t in terms]
    path = np.einsum_path(subscripts, *arrays, optimize="greedy")[0][1:]
    if any(len(step) != 2 for step in path):
        return [(0, 1)] * (len(terms) - 1)
    return path


def _pair(a: Term, b: Term, letters: str, sizes: dict[str, int]) -> Tracer:
    spec = f"{' '.join(a.letters)}, {' '.join(b.letters)} -> {' '.join(letters)}"
    shape = tuple(sizes[x] for x in letters)
    return ops.contract(a.array, b.array, spec=spec, shape=shape)


def _operands(*arrays: Any) -> tuple[list[Tracer], bool]:
    """The arrays in their common dtype; bool is computed as int32 (the flag says so)."""
    dtype = p.result_type(*arrays)
    as_bool = dtype == BOOL
    return [p.value(p.value(x, dtype), np.int32 if as_bool else dtype) for x in arrays], as_bool


def _product(arrays: Sequence[Any], letters: Sequence[str], out: str) -> Tracer:
    values, as_bool = _operands(*arrays)
    result = contract_terms([Term(x, s) for x, s in zip(values, letters, strict=True)], out)
    return result != 0 if as_bool else result


# einsum


@implements(np.einsum)
def einsum(*operands: Any, out: Any = None, optimize: Any = False, dtype: Any = None,
           **storage: Any) -> Tracer:  # fmt: skip
    if out is not None:
        raise TypeError("np.einsum: out= is not supported on traced arrays; use the returned value")
    subscripts, arrays = _parse_operands(operands)
    if dtype is not None:
        arrays = [p.value(x, dtype) for x in arrays]
    inputs, result = _resolve(subscripts, [len(p.shape_of(x)) for x in arrays])
    return _product(arrays, inputs, result)


def _parse_operands(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """Both of NumPy's forms: a string first, or arrays each followed by a list of axis numbers."""
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), list(operands[1:])
    arrays, lists = list(operands[0 : len(operands) // 2 * 2 : 2]), list(operands[1::2])
    terms = ",".join(map(_letters_of, lists))
    if len(operands) % 2:
        terms += "->" + _letters_of(operands[-1])
    return terms, arrays


def _letters_of(axes: Sequence[Any]) -> str:
    return "".join("..." if x is Ellipsis else string.ascii_letters[x] for x in axes)


def _resolve(subscripts: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Letters of each operand and of the result, ellipses spelled out."""
    left, arrow, result = subscripts.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise ValueError(f"einsum {subscripts!r} names {len(terms)} operands, got {len(ranks)}")
    free = [x for x in string.ascii_letters[::-1] if x not in subscripts]
    widths = [rank - len(t.replace("...", "")) for t, rank in zip(terms, ranks)]
    dots = "".join(free[: max((w for w, t in zip(widths, terms) if "..." in t), default=0)])
    for term, width, rank in zip(terms, widths, ranks):
        if width < 0 or (width > 0 and "..." not in term):
            raise ValueError(
                f"einsum {subscripts!r}: {term!r} does not fit an operand of {rank} axes"
            )
    inputs = [t.replace("...", dots[len(dots) - w :]) for t, w in zip(terms, widths)]
    if not arrow:
        letters = left.replace(",", "").replace(".", "")
        result = dots + "".join(sorted(x for x in set(letters) if letters.count(x) == 1))
    result = result.replace("...", dots)
    unknown = set(result) - set("".join(inputs))
    if unknown or len(set(result)) != len(result):
        raise ValueError(f"einsum {subscripts!r}: result letters must be unique and in an operand")
    return inputs, result


# Products of two arrays


_BATCH = "bcdefgh" + string.ascii_uppercase


def matmul(x1: Any, x2: Any) -> Tracer:
    """np.matmul: the last two axes are matrices, the others broadcast."""
    n1, n2 = len(p.shape_of(x1)), len(p.shape_of(x2))
    if n1 == 0 or n2 == 0:
        raise ValueError("matmul: operands need at least one axis; use * for scalars")
    s1, s2 = p.shape_of(x1), p.shape_of(x2)
    if s1[-1] != s2[-2 if n2 > 1 else 0]:
        raise ValueError(
            f"matmul: shapes {s1} and {s2} do not fit: {s1[-1]} columns of the first against "
            f"{s2[-2 if n2 > 1 else 0]} rows of the second"
        )
    batch = _BATCH[: max(n1 - 2, n2 - 2, 0)]
    left = batch[len(batch) - max(n1 - 2, 0) :] + ("ik" if n1 > 1 else "k")
    right = batch[len(batch) - max(n2 - 2, 0) :] + ("kj" if n2 > 1 else "k")
    out = batch + ("i" if n1 > 1 else "") + ("j" if n2 > 1 else "")
    return _product((x1, x2), (left, right), out)


def _axes(x: Any, letters: str = string.ascii_lowercase) -> str:
    return letters[: len(p.shape_of(x))]


def _check_contraction(name: str, a: Any, b: Any, i: int, j: int) -> None:
    s, t = p.shape_of(a), p.shape_of(b)
    if s[i] != t[j]:
        raise ValueError(f"{name}: shapes {s} and {t} do not fit: axis sizes {s[i]} and {t[j]}")


@implements(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Tracer:
    n, m = len(p.shape_of(a)), len(p.shape_of(b))
    if n == 0 or m == 0:
        return np.multiply(a, b)
    _check_contraction("np.dot", a, b, -1, -2 if m > 1 else 0)
    left = _axes(a)
    right = list(string.ascii_uppercase[:m])
    right[-2 if m > 1 else 0] = left[-1]
    rest = "".join(x for x in right if x != left[-1])
    return _product((a, b), (left, "".join(right)), left[:-1] + rest)


@implements(np.inner)
def inner(a: Any, b: Any) -> Tracer:
    n, m = len(p.shape_of(a)), len(p.shape_of(b))
    if n == 0 or m == 0:
        return np.multiply(a, b)
    _check_contraction("np.inner", a, b, -1, -1)
    left, right = _axes(a), _axes(b, string.ascii_uppercase)[:-1]
    return _product((a, b), (left, right + left[-1]), left[:-1] + right)


@implements(np.vdot)
def vdot(a: Any, b: Any) -> Tracer:
    return _product((np.conj(np.ravel(a)), np.ravel(b)), ("a", "a"), "")


@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Tracer:
    return np.ravel(a)[:, None] * np.ravel(b)[None, :]


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Tracer:
    n, m = len(p.shape_of(a)), len(p.shape_of(b))
    if np.ndim(axes) == 0 and not isinstance(axes, (tuple, list)):
        axes = (range(n - int(axes), n), range(int(axes)))
    ours, theirs = (
        [p.normalize_axis(i, rank) for i in (x if np.iterable(x) else (x,))]
        for x, rank in zip(axes, (n, m))
    )
    left, right = list(_axes(a)), list(string.ascii_uppercase[:m])
    for i, j in zip(ours, theirs, strict=True):
        _check_contraction("np.tensordot", a, b, i, j)
        right[j] = left[i]
    shared = {left[i] for i in ours}
    out = "".join(x for x in left + right if x not in shared)
    return _product((a, b), ("".join(left), "".join(right)), out)


@implements(np.kron)
def kron(a: Any, b: Any) -> Tracer:
    a, b = p.value(a), p.value(b)
    rank = max(a.ndim, b.ndim)
    s, t = ((1,) * (rank - x.ndim) + x.shape for x in (a, b))
    left = reshape_to(a, tuple(n for x in s for n in (x, 1)))
    right = reshape_to(b, tuple(n for x in t for n in (1, x)))
    return np.reshape(left * right, tuple(x * y for x, y in zip(s, t)))


@implements(np.cross)
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Tracer:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(p.value(a), axisa, -1), np.moveaxis(p.value(b), axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ValueError(f"np.cross: vectors must have 2 or 3 components, got {a.shape}, {b.shape}")
    flat = a.shape[-1] == b.shape[-1] == 2
    (a1, a2, a3), (b1, b2, b3) = (
        (x[..., 0], x[..., 1], x[..., 2] if x.shape[-1] == 3 else 0) for x in (a, b)
    )
    if flat:
        return a1 * b2 - a2 * b1
    parts = np.broadcast_arrays(a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1)
    return np.moveaxis(np.stack(parts, -1), -1, axisc)


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any) -> Tracer:
    """Any order gives the same product; einsum's path picks a cheap one."""
    ranks = [len(p.shape_of(x)) for x in arrays]
    letters = [string.ascii_lowercase[i : i + 2] for i in range(len(arrays))]
    letters[0] = letters[0][2 - ranks[0] :]
    letters[-1] = letters[-1][: ranks[-1]]
    return _product(arrays, letters, letters[0][: ranks[0] - 1] + letters[-1][1:])


@implements(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Tracer:
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)
