"""keras.random: distributions, and the same numbers eagerly and traced."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops, random
from scipy import stats

import lamella
from keras_lamella.src import variates
from lamella.frontend.trace import trace
from lamella.types import type_of

N = 50_000


def fits(sample: Any, distribution: Any) -> None:
    assert stats.kstest(np.asarray(sample, "float64"), distribution.cdf).pvalue > 1e-3


def test_continuous_distributions() -> None:
    fits(random.uniform((N,), -1, 3, seed=1), stats.uniform(-1, 4))
    fits(random.normal((N,), 2, 3, seed=2), stats.norm(2, 3))
    fits(random.truncated_normal((N,), seed=3), stats.truncnorm(-2, 2))
    fits(random.beta((N,), 0.5, 2.0, seed=4), stats.beta(0.5, 2))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 7.5])
def test_gamma(alpha: float) -> None:
    fits(random.gamma((N,), alpha, seed=5), stats.gamma(alpha))


@pytest.mark.parametrize(("n", "p"), [(1, 0.5), (10, 0.2), (40, 0.9), (100, 0.5), (5000, 0.01)])
def test_binomial(n: int, p: float) -> None:
    sample = random.binomial((N,), float(n), p, seed=6).astype(int)
    values, counts = np.unique(sample, return_counts=True)
    expected = N * stats.binom(n, p).pmf(values)
    common = expected > 5
    chi2 = np.sum((counts - expected)[common] ** 2 / expected[common])
    assert stats.chi2(np.sum(common)).sf(chi2) > 1e-3


def test_integers_and_categories() -> None:
    counts = np.bincount(random.randint((N,), 3, 9, seed=7))
    assert not np.any(counts[:3])
    assert stats.chisquare(counts[3:]).pvalue > 1e-3
    chosen = random.categorical(np.log([[0.1, 0.2, 0.7]]), N, seed=8)
    assert stats.chisquare(np.bincount(chosen[0]), N * np.array([0.1, 0.2, 0.7])).pvalue > 1e-3
    wide = random.randint((100,), -(2**40), 2**40, dtype="int64", seed=9)
    assert np.max(np.abs(wide)) > 2**38


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_uniform_never_reaches_its_end(dtype: str) -> None:
    u = random.uniform((N,), dtype=dtype, seed=1)
    assert u.dtype == np.dtype(dtype)
    assert 0 <= np.min(u) < np.max(u) < 1


@pytest.mark.parametrize("size", [30_000, 30_001, 30_003])
@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5, 0.9, 1e-4])
def test_masks_have_their_rate_everywhere(size: int, rate: float) -> None:
    """Any part of a mask, and any distance between its elements."""
    mask = variates.kept(np.array([3, 5], "uint32"), (size,), rate, beside=None)
    for part in (mask, *np.array_split(mask, 5), *(mask[k::4] for k in range(4))):
        n, dropped = part.size, int((~part).sum())
        assert stats.binomtest(dropped, n, rate).pvalue > 1e-4
    for distance in (1, 2, 4, size // 4, -(-size // 4), size // 2):
        both = int((~mask[distance:] & ~mask[:-distance]).sum())
        assert stats.binomtest(both, size - distance, rate**2).pvalue > 1e-4


@pytest.mark.parametrize("shape", [(64, 17, 16), (3, 7, 1001)])
def test_masks_are_the_same_eagerly_and_traced(shape: tuple[int, ...]) -> None:
    x = np.ones(shape, "float32")
    traced = lamella.jit(lambda x: random.dropout(x, 0.3, seed=8))
    np.testing.assert_array_equal(traced(x), random.dropout(x, 0.3, seed=8))


def test_dropout_keeps_the_mean() -> None:
    x = np.ones((400, 400), "float32")
    y = random.dropout(x, 0.25, seed=1)
    assert set(np.unique(y)) == {0, np.float32(1 / 0.75)}
    assert abs(np.mean(y == 0) - 0.25) < 0.01
    rows = random.dropout(x, 0.5, noise_shape=(None, 1), seed=1)
    assert np.all(rows == rows[:, :1])


def test_shuffle_is_a_permutation() -> None:
    x = np.arange(100)
    y = random.shuffle(x, seed=1)
    assert np.any(x != y)
    np.testing.assert_array_equal(np.sort(y), x)


def test_a_generator_gives_new_numbers_and_a_seed_the_same() -> None:
    generator = random.SeedGenerator(1)
    first, second = (random.normal((8,), seed=generator) for _ in range(2))
    assert np.all(first != second)
    np.testing.assert_array_equal(random.normal((8,), seed=1), random.normal((8,), seed=1))
    np.testing.assert_array_equal(first, random.normal((8,), seed=1))


def test_traced_words_are_the_eager_ones() -> None:
    seed = np.array([5, 9], "uint32")
    program, _ = trace(lambda s: [variates.bits(s, (3, 7), 11)], [type_of(seed)])
    np.testing.assert_array_equal(program.run(seed)[0], variates.bits(seed, (3, 7), 11))
    assert not program.constants  # the counter is computed, not stored


def test_elastic_transform_moves_pixels_by_a_smooth_random_field():
    image = np.tile(np.arange(32, dtype="float32")[:, None, None], (1, 32, 1))
    moved = ops.image.elastic_transform(image, 20.0, 4.0, seed=3)
    again = ops.image.elastic_transform(image, 20.0, 4.0, seed=3)
    np.testing.assert_array_equal(moved, again)
    shift = (moved - image)[8:-8, 8:-8, 0]  # an image of row numbers shows the shift along rows
    assert 0.1 < np.abs(shift).max() < 16
    assert np.abs(np.diff(shift, axis=0)).max() < np.abs(shift).max() / 2
    still = ops.image.elastic_transform(image, 1e-4, 4.0, seed=3)
    np.testing.assert_allclose(still, image, atol=1e-3)
    layer = keras.layers.RandomElasticTransform(factor=1.0, scale=1.0, seed=1)
    assert not np.array_equal(layer(image[None], training=True), image[None])
