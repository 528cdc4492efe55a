"""Linear algebra and Fourier transforms beyond what their samples show."""

import numpy as np
import pytest
import scipy.linalg

from lamella import ops
from lamella.autodiff import backward
from lamella.frontend.trace import trace
from lamella.types import type_of


def gradient(f, x, g):
    """The cotangent of x for the cotangent g of f(x)."""

    def run(x, g):
        return backward(0, [f(x)], [g], [x])

    return trace(run, [type_of(x), type_of(g)])[0].run(x, g)[0]


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_gradient_of_eigenvalues(rng):
    a, d = rng.normal(size=(2, 4, 4))
    w, h = np.linalg.eigvals, 1e-6
    g = rng.normal(size=4) + 1j * rng.normal(size=4)
    found = gradient(lambda a: ops.eig(a)[0], a, g)
    expected = np.sum(g * (w(a + h * d) - w(a - h * d))).real / (2 * h)
    np.testing.assert_allclose(np.sum(found * d), expected, rtol=1e-6)


def test_gradient_of_eigenvectors_is_refused(rng):
    a = rng.normal(size=(3, 3))
    with pytest.raises(TypeError, match="use eigh"):
        gradient(lambda a: ops.eig(a)[1], a, a + 0j)


def test_lu_is_lapacks(rng):
    a = rng.normal(size=(2, 5, 5))
    packed, pivots = ops.lu.numpy(a)
    for k in range(2):
        expected, rows = scipy.linalg.lu_factor(a[k])
        np.testing.assert_allclose(packed[k], expected, rtol=1e-12)
        np.testing.assert_array_equal(pivots[k], rows)
        order = ops.pivots_to_permutation.numpy(pivots[k], n=5)
        lower, upper = np.tril(packed[k], -1) + np.eye(5), np.triu(packed[k])
        np.testing.assert_allclose(lower @ upper, a[k][order], rtol=1e-12)


def test_singular_matrix_is_numpys_error():
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        trace(lambda a: [ops.inv(a)], [type_of(np.zeros((2, 2)))])[0].run(np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("f", "match"),
    [
        (lambda a: ops.inv(a), "square"),
        (lambda a: ops.cholesky(ops.convert(a, dtype="float16")), "float16 is not supported"),
        (lambda a: ops.solve(a, a), "square"),
        (lambda a: ops.qr(a, mode="full"), "reduced"),
        (lambda a: ops.fft(a, axis=0), "float64 is not supported"),
        (lambda a: ops.rfft(a, axis=2), "out of bounds"),
    ],
)
def test_mistakes_are_named(f, match):
    with pytest.raises((TypeError, ValueError), match=match):
        trace(lambda a: [f(a)], [type_of(np.zeros((2, 3)))])


def test_fourier_transforms_keep_single_precision():
    x = np.arange(6, dtype=np.float32)
    y = ops.rfft.numpy(x, axis=0)
    assert (y.dtype, ops.irfft.numpy(y, axis=0, n=6).dtype) == (np.complex64, np.float32)
    np.testing.assert_allclose(ops.irfft.numpy(y, axis=0, n=6), x, atol=1e-6)


def test_complex_arithmetic_has_gradients(rng):
    """d/dz of a polynomial, through the elementwise primitives at a complex dtype."""
    z = rng.normal(size=3) + 1j * rng.normal(size=3)
    g = rng.normal(size=3) + 1j * rng.normal(size=3)
    found = gradient(lambda z: z * z * z + z / (z + 2), z, g)
    np.testing.assert_allclose(found, g * (3 * z * z + 2 / (z + 2) ** 2), rtol=1e-12)
