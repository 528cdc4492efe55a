"""Rematerialization: a smaller step with the same results."""

import numpy as np
import pytest

import lamella
from lamella.compile.rematerialize import peak_nbytes, rematerialize
from lamella.passes import run_pipeline

ROWS, WIDTH, LAYERS = 16_384, 64, 6


def loss(weights, x):
    """Layers normalized over the batch: each must keep what it normalizes, not what it returns."""
    for w in weights:
        y = x @ w
        centred = y - y.mean(0)
        x = np.maximum(centred / np.sqrt((centred * centred).mean(0) + 1e-3), 0)
    return x.sum()


def arrays(rows):
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(WIDTH, WIDTH)).astype("float32") for _ in range(LAYERS)]
    return weights, rng.normal(size=(rows, WIDTH)).astype("float32")


def fused_step(rows):
    step = lamella.jit(lamella.value_and_grad(loss))
    return run_pipeline(step.program(*arrays(rows)))


def test_the_same_numbers_from_less_memory():
    program = fused_step(ROWS)
    smaller = rematerialize(program)
    kept = ROWS * WIDTH * 4
    assert peak_nbytes(program) - peak_nbytes(smaller) >= (LAYERS - 2) * kept
    smaller.verify()
    weights, x = arrays(ROWS)
    for one, two in zip(program.run(*weights, x), smaller.run(*weights, x)):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("rows", [256, 16 * ROWS], ids=["all in the caches", "never in the caches"])
def test_what_would_not_gain_stays(rows):
    program = fused_step(rows)
    assert rematerialize(program) is program


def test_the_gradient_of_a_compiled_step():
    weights, x = arrays(ROWS)
    value, gradients = lamella.jit(lamella.value_and_grad(loss))(weights, x)
    wide = [w.astype("float64") for w in weights]
    expected, exact = lamella.value_and_grad(loss)(wide, x.astype("float64"))
    np.testing.assert_allclose(value, expected, rtol=1e-4)
    for g, e in zip(gradients, exact):
        np.testing.assert_allclose(g, e, atol=2e-3 * np.abs(e).max())


def test_an_update_does_not_come_between():
    """An input that is read again must not have been overwritten by then."""

    def step(weights, scale, x):
        def scaled(weights):
            y, total = x, 0.0
            for w in weights:
                h = y @ w
                total = total + (h * h).mean()
                y = np.maximum((h - h.mean(0)) * scale, 0)
            return y.sum() + total

        value, gradients = lamella.value_and_grad(scaled)(weights)
        return value, [w - 0.1 * g for w, g in zip(weights, gradients)], scale + value

    weights, x = arrays(ROWS)
    scale = np.full(WIDTH, 0.1, "float32")
    plain = lamella.jit(step)(weights, scale, x)
    donated = lamella.jit(step, donate_argnums=(0, 1))([w.copy() for w in weights], scale.copy(), x)
    assert float(plain[0]) == float(donated[0])
    np.testing.assert_array_equal(plain[2], donated[2])
    for one, two in zip(plain[1], donated[1]):
        np.testing.assert_array_equal(one, two)
