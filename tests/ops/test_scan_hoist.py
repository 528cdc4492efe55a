"""Products that do not depend on the carry are computed in front of a scan, for all steps."""

import numpy as np
import pytest

import lamella


def recurrent(w, u, b, x, h):
    """Rows x, weights w and u; the same row is also read next to its product."""

    def step(h, row):
        h = np.tanh(row @ w + b + h @ u)
        return h, h.sum() + row[0]

    return lamella.scan(step, h, x)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_products_of_rows_leave_the_scan(length):
    rng = np.random.default_rng(3)
    w, u, b, x, h = (rng.normal(size=s) for s in ((3, 4), (4, 4), (4,), (length, 3), (4,)))
    expected, ys = h, []
    for row in x:
        expected = np.tanh(row @ w + b + expected @ u)
        ys.append(expected.sum() + row[0])
    last, sums = lamella.jit(recurrent)(w, u, b, x, h)
    np.testing.assert_allclose(last, expected)
    np.testing.assert_allclose(sums, ys)

    def loss(*args):
        last, sums = recurrent(*args)
        return np.sum(last**2) + np.sum(sums**2)

    grads = lamella.jit(lamella.grad(loss, argnums=(0, 1, 2, 3, 4)))(w, u, b, x, h)
    for k, g in enumerate(grads):
        args = [w, u, b, x, h]
        direction, e = rng.normal(size=g.shape), 1e-6
        ends = [loss(*[a + s * e * direction if i == k else a for i, a in enumerate(args)])
                for s in (1, -1)]  # fmt: skip
        np.testing.assert_allclose(np.sum(g * direction), (ends[0] - ends[1]) / 2 / e, rtol=1e-5)


def products_inside(f, *args):
    (eq,) = [e for e in lamella.jit(f).program(*args).equations if e.primitive.name == "scan"]
    return sum(e.primitive.name == "contract" for e in eq.attrs["body"].equations)


def test_what_needs_the_carry_stays_in_the_scan():
    rng = np.random.default_rng(3)
    args = [rng.normal(size=s) for s in ((3, 4), (4, 4), (4,), (5, 3), (4,))]
    assert products_inside(recurrent, *args) == 1

    def gated(w, u, b, x, h):
        return lamella.scan(lambda h, row: (np.tanh((row * h[:3]) @ w + h @ u), row), h, x)

    assert products_inside(gated, *args) == 2
