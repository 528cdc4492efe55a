"""Lamella on one page: read this first."""

import numpy as np

import lamella  # before keras

import keras  # isort: skip


def loss(w, x, y):
    return np.mean((np.tanh(x @ w) - y) ** 2)


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3))
    return x, np.tanh(x @ np.array([1.0, -2.0, 0.5]))


def test_jit_is_the_function_compiled():
    x, y = data()
    w = np.ones(3)
    np.testing.assert_allclose(lamella.jit(loss)(w, x, y), loss(w, x, y), rtol=1e-12)


def test_grad_is_the_slope():
    x, y = data()
    w, step = np.ones(3), np.array([0.0, 1e-6, 0.0])
    slope = (loss(w + step, x, y) - loss(w - step, x, y)) / 2e-6
    np.testing.assert_allclose(lamella.grad(loss)(w, x, y)[1], slope, rtol=1e-6)


def test_scan_trains_in_one_call():
    x, y = data()

    @lamella.jit
    def train(w):
        def step(w, _):
            value, gradient = lamella.value_and_grad(loss)(w, x, y)
            return w - 0.5 * gradient, value

        return lamella.scan(step, w, length=300)

    w, losses = train(np.zeros(3))
    assert losses.shape == (300,)
    np.testing.assert_allclose(w, [1.0, -2.0, 0.5], atol=0.05)


def test_keras_fits():
    x, y = data()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(1, activation="tanh")])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    history = model.fit(x, y[:, None], epochs=60, verbose=0).history["loss"]
    assert keras.backend.backend() == "lamella"
    assert history[-1] < 0.05 * history[0]
