"""Functions beside NumPy's: eager and traced agree, and both are right."""

import ml_dtypes
import numpy as np
import pytest
from scipy import special, stats

from lamella.frontend import functions as F
from lamella.frontend.trace import run

KEY = np.array([3, 4], np.uint32)


def both(f, *args):
    """f on arrays and on Tracers: identical results, which are returned."""
    eager, traced = f(*args), run(f, *args)
    pairs = zip(eager, traced) if isinstance(eager, tuple) else [(eager, traced)]
    for a, b in pairs:
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    return eager


@pytest.mark.parametrize(
    ("name", "reference"),
    [("erf", special.erf), ("erfc", special.erfc), ("lgamma", special.gammaln),
     ("digamma", special.digamma), ("sigmoid", special.expit)],
)  # fmt: skip
def test_special_functions(name, reference):
    x = np.linspace(0.1, 5, 7)
    np.testing.assert_allclose(both(getattr(F, name), x), reference(x), rtol=1e-12)
    assert both(getattr(F, name), x.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(
        both(getattr(F, name), np.array([1, 2])), reference([1.0, 2.0]), rtol=1e-12
    )
    np.testing.assert_allclose(getattr(F, name)(2.0), reference(2.0), rtol=1e-12)


def test_erfinv_and_rsqrt():
    u = np.linspace(-0.99, 0.99, 9)
    np.testing.assert_allclose(both(F.erfinv, u), special.erfinv(u), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(both(F.rsqrt, np.array([4.0, 0.25])), [0.5, 2])


def test_large_contractions_and_windows_are_compiled():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4000, 1)).astype(np.float32)
    w = rng.normal(size=(800, 1, 3)).astype(np.float32)
    spec, shape = "n 2x+i c, i c o -> n x o", (2, 1601, 3)
    out = F.contract(x, w, spec, shape)
    windows = np.lib.stride_tricks.sliding_window_view(x[:, :, 0], 800, axis=1)[:, ::2]
    np.testing.assert_allclose(out, windows @ w[:, 0], rtol=1e-4, atol=1e-3)

    image = rng.normal(size=(512, 600)).astype(np.float32)
    pooled = F.window_max(image, (2, 3), (2, 3), (0, 0), (0, 0))
    np.testing.assert_array_equal(pooled, image.reshape(256, 2, 200, 3).max((1, 3)))


def test_contract_and_windows():
    x, w = np.arange(16.0).reshape(1, 4, 4, 1), np.ones((2, 2, 1, 1))
    sums = both(
        lambda x, w: F.contract(x, w, "n 2y+i 2x+j c, i j c o -> n y x o", (1, 2, 2, 1)), x, w
    )
    np.testing.assert_array_equal(sums[0, :, :, 0], [[10, 18], [42, 50]])
    window = {"size": (1, 2, 2, 1), "strides": (1, 2, 2, 1), "low": (0,) * 4, "high": (0,) * 4}
    np.testing.assert_array_equal(both(lambda x: F.window_sum(x, **window), x), sums)
    np.testing.assert_array_equal(
        both(lambda x: F.window_max(x, **window), x)[0, :, :, 0], [[5, 7], [13, 15]]
    )
    assert (
        F.contract(x.astype(np.float32), w, "n y x c, i j c o -> n y x o", (1, 4, 4, 1)).dtype
        == np.float64
    )


def test_gather_and_scatter():
    x = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(both(F.gather, x, np.array([2, 0, 9])), x[[2, 0, 2]])
    np.testing.assert_array_equal(both(F.gather_nd, x, np.array([[1, 1], [2, 0]])), [3, 4])
    added = both(F.scatter_nd, x, np.array([[0], [0], [7]]), np.ones((3, 2)))
    np.testing.assert_array_equal(added, [[2, 3], [2, 3], [4, 5]])
    assert both(F.scatter_nd, x, np.array([[0]]), np.ones((1, 2), int)).dtype == np.float64


def test_dynamic_slices():
    x = np.arange(12.0).reshape(3, 4)
    block = both(lambda x, i: F.dynamic_slice(x, (i, 1), (2, 2)), x, np.int32(1))
    np.testing.assert_array_equal(block, x[1:3, 1:3])
    clamped = both(lambda x, i: F.dynamic_slice(x, (i, i), (2, 2)), x, np.int32(9))
    np.testing.assert_array_equal(clamped, x[1:3, 2:4])
    starts = np.array([0, 2])
    new = both(lambda x, s: F.dynamic_update_slice(x, np.zeros((1, 2)), s), x, starts)
    np.testing.assert_array_equal(new[0], [0, 1, 0, 0])
    with pytest.raises(ValueError, match=r"one start per axis \(2\), got 1"):
        F.dynamic_slice(x, (0,), (1, 1))


def test_top_k():
    values, positions = both(lambda x: F.top_k(x, 2), np.array([[1.0, 3.0, 2.0], [5.0, 5.0, 0.0]]))
    np.testing.assert_array_equal(values, [[3, 2], [5, 5]])
    np.testing.assert_array_equal(positions, [[1, 2], [0, 1]])


def test_bits_are_the_same_eager_and_traced_and_differ_by_key():
    bits = both(lambda k: F.random_bits(k, (2, 3)), KEY)
    assert bits.dtype == np.uint32
    assert len(np.unique(bits)) == 6
    assert not np.array_equal(bits, F.random_bits(KEY + np.uint32(1), (2, 3)))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_uniform(dtype):
    u = both(lambda k: F.uniform(k, (20000,), dtype), KEY)
    assert u.dtype == dtype
    u = u.astype(np.float64)
    assert 0 <= u.min()
    assert u.max() < 1
    assert stats.kstest(u, "uniform").statistic < 0.015


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal(dtype):
    z = both(lambda k: F.normal(k, (20000,), dtype), KEY)
    assert z.dtype == dtype
    assert np.isfinite(z).all()
    assert stats.kstest(z, "norm").pvalue > 0.01


def test_primitives_check_types_eagerly_too():
    with pytest.raises((TypeError, ValueError), match="contract"):
        F.contract(np.ones((2, 3)), np.ones((4, 2)), "i k, k j -> i j", (2, 2))
