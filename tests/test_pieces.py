"""What a loop computes and a concatenation puts side by side is stored there at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella
from lamella import ops
from lamella.passes import run_pipeline


def gates(x: Any) -> Any:
    a, b, c = np.split(x, 3, axis=-1)
    return (np.tanh(a) * b + c * c * a).sum()


def stacked(x: Any) -> Any:
    y = np.concatenate([x * 2, x + 1, -x], axis=0)
    return np.cumsum(y, axis=0)  # reads an array


def with_piece(x: Any) -> Any:
    y = x * x
    return np.concatenate([y, x + 1], axis=1), y


def twice(x: Any) -> Any:
    y, z = x * x, x + 3
    return np.concatenate([y, z, y], axis=1), np.concatenate([z, y], axis=0)


def of_unequal_shapes(x: Any) -> Any:
    return np.concatenate([x * 2, (x * 3)[:, :1]], axis=1)


@pytest.mark.parametrize("shape", [(4, 6), (7, 30), (33, 300), (3, 5, 12)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("f", [lamella.grad(gates), stacked, with_piece, twice, of_unequal_shapes])
def test_agrees_with_the_interpreter(f: Callable[..., Any], shape: tuple[int, ...], dtype: str):
    x = np.random.default_rng(3).normal(size=shape).astype(dtype)
    expected = lamella.jit(f).program(x).run(x)
    y = lamella.jit(f)(x)
    for a, b in zip(y if isinstance(y, tuple) else (y,), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-6)


def test_gradient_of_a_split_is_one_kernel():
    program = run_pipeline(lamella.jit(lamella.grad(gates)).program(np.ones((8, 48), "float32")))
    (loop,) = program.equations
    assert loop.primitive is ops.fused
    assert [v.type.shape for v in loop.results] == [(8, 48)]


@pytest.mark.parametrize("gap", [0, 1])
def test_only_pads_that_fill_the_axis_are_pieces(gap: int):
    """A gap between the pieces is zeros, an overlap a sum."""

    def f(x: Any) -> Any:
        left, right = np.tanh(x[:, :4]), x[:, 4:] * 2
        low = np.pad(left, ((0, 0), (0, 4 + gap)))
        return low + np.pad(right, ((0, 0), (4 + gap, 0))), low + np.pad(right, ((0, 0), (gap, 4)))

    x = np.random.default_rng(4).normal(size=(5, 8)).astype("float32")
    for a, b in zip(lamella.jit(f)(x), f(x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def dense_block(x: Any, layers: int) -> Any:
    """Each layer reads all layers before it and puts its own part beside them."""
    for k in range(layers):
        x = np.concatenate([x, np.cumsum(x, axis=1)[:, -3:] * 0.1 + k], axis=1)
    return x.sum(axis=0), (x * x).max(axis=1)


def test_a_long_row_of_concatenations_is_not_repeated_in_every_kernel():
    x = np.random.default_rng(4).normal(size=(50, 3)).astype("float32")

    def repeated(layers: int) -> int:
        program = run_pipeline(lamella.jit(dense_block).program(x, layers))
        bodies = [eq.attrs["body"] for eq in program.equations if eq.primitive is ops.fused]
        return sum(e.primitive is ops.concatenate for b in bodies for e in b.equations)

    assert repeated(24) <= 3 * repeated(12)
    for a, b in zip(lamella.jit(dense_block)(x, 24), dense_block(x, 24), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4)
