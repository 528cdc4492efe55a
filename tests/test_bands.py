"""Contractions leave out products that a constant mask makes zero or hides."""

import numpy as np
import pytest

import lamella
from lamella.passes import run_pipeline

rng = np.random.default_rng(0)

#: (queries, keys, depth, which differences key - query count)
MASKS = [
    (128, 128, 32, (-128, 0)),  # causal
    (37, 37, 8, (-37, 0)),
    (20, 40, 5, (-40, 20)),
    (300, 300, 24, (-9, 9)),  # a window
    (64, 64, 16, (1, 64)),
]


def attention(keep, zeros):
    """Softmax attention as a user writes it; `zeros`: also says that masked weights are zero."""

    def f(q, k, v):
        scores = np.where(
            keep, np.einsum("bth,bsh->bts", q, k) / np.sqrt(np.float32(q.shape[-1])), -1e30
        )
        e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
        weights = e / np.sum(e, axis=-1, keepdims=True)
        if zeros:
            weights = np.where(keep, weights, np.float32(0))
        return np.einsum("bts,bsh->bth", weights, v)

    return f


def mask(t, s, reach):
    difference = np.arange(s) - np.arange(t)[:, None]
    return (difference >= reach[0]) & (difference <= reach[1])


def operands(t, s, h):
    return [rng.normal(size=(2, n, h)).astype("float32") for n in (t, s, s)]


@pytest.mark.parametrize("zeros", [True, False])
@pytest.mark.parametrize(("t", "s", "h", "reach"), MASKS)
def test_attention_and_its_gradients(t, s, h, reach, zeros):
    f, x, g = attention(mask(t, s, reach), zeros), operands(t, s, h), operands(t, s, h)[0]

    def both(*x):
        return f(*x), *lamella.grad(lambda *x: np.sum(f(*x) * g), argnums=(0, 1, 2))(*x)

    compiled = lamella.jit(both)
    program = compiled.program(*x)
    assert str(run_pipeline(program)).count("band=") == (6 if zeros else 3)
    for got, expected in zip(compiled(*x), program.run(*x), strict=True):
        np.testing.assert_allclose(got, expected, atol=2e-5)


def test_what_the_mask_hides_is_not_multiplied():
    q, k, v = operands(128, 128, 16)
    v[:, -1] = np.nan  # 0 * nan would be nan
    out = lamella.jit(attention(mask(128, 128, (-128, 0)), zeros=True))(q, k, v)
    assert np.isfinite(out[:, :96]).all()
    assert np.isnan(out[:, -1]).all()


def test_scores_that_are_read_elsewhere_are_whole():
    keep, (q, k, _) = mask(64, 64, (-64, 0)), operands(64, 64, 16)

    def f(q, k):
        scores = np.einsum("bth,bsh->bts", q, k)
        return np.where(keep, scores, np.float32(0)), scores

    np.testing.assert_allclose(lamella.jit(f)(q, k)[1], f(q, k)[1], rtol=1e-4, atol=1e-5)


def test_a_long_sum_in_blocks():
    keep = mask(96, 3000, (-96, 1500))
    a = rng.normal(size=(96, 3000)).astype("float32")
    b = rng.normal(size=(3000, 512)).astype("float32")
    compiled = lamella.jit(lambda a, b: np.where(keep, a, np.float32(0)) @ b)
    assert "band=" in str(run_pipeline(compiled.program(a, b)))
    np.testing.assert_allclose(compiled(a, b), np.where(keep, a, 0) @ b, rtol=1e-3, atol=1e-3)
