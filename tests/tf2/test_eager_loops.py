"""Loops of one's own without tf.function: what comes again is compiled, and gives the same."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_lamella.src import optimizer, sweeps

rng = np.random.default_rng(0)
x = rng.normal(size=(16, 5)).astype("float32")
labels = rng.integers(0, 3, 16)


@pytest.fixture(autouse=True)
def nothing_compiled(monkeypatch):
    monkeypatch.setattr(sweeps, "_compiled", {})
    monkeypatch.setattr(sweeps, "_counts", {})


def losses(tf, steps, make=lambda: keras.optimizers.Adam(0.01)):
    """The losses of an eager loop over a small classifier."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(3)])
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    opt, found = make(), []
    for k in range(steps):
        with tf.GradientTape() as tape:
            loss = loss_fn(labels, model(x, training=True))
        grads = tape.gradient(loss, model.trainable_variables)
        if k == 12:
            opt.learning_rate = 0.002
        opt.apply_gradients(zip(grads, model.trainable_variables))
        found.append(float(loss))
    return found


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.optimizers.Adam(0.01),
        lambda: keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=0.5),
        lambda: keras.optimizers.AdamW(0.01, weight_decay=0.01, use_ema=True),
    ],
    ids=["adam", "sgd", "adamw"],
)
def test_compiled_steps_are_those_of_the_first(tf, monkeypatch, make):
    with monkeypatch.context() as never:
        never.setattr(sweeps, "OFTEN", 10**6)
        never.setattr(optimizer, "OFTEN", 10**6)
        plain = losses(tf, 20, make)
    assert not any(sweeps._compiled.values())
    sweeps._counts.clear()
    compiled = losses(tf, 20, make)
    assert sum(s is not None for s in sweeps._compiled.values()) == 1
    np.testing.assert_allclose(compiled, plain, rtol=1e-5)
    assert plain[-1] < plain[0]


def test_the_update_is_compiled_for_the_same_settings_only(tf):
    opt = keras.optimizers.SGD(1.0)
    v = tf.Variable(0.0)
    for _ in range(10):
        opt.apply_gradients([(tf.constant(1.0), v)])
    assert len(opt._updates[1]) == 1
    opt.clipvalue = 0.5
    opt.apply_gradients([(tf.constant(1.0), v)])
    assert v.numpy() == -10.5
    opt.learning_rate = 2.0
    opt.apply_gradients([(tf.constant(0.25), v)])
    assert v.numpy() == -11.0
    assert opt.iterations.numpy() == 12


def test_an_optimizer_of_the_program_computes_every_update(tf):
    seen = []

    class Watched(keras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            seen.append(float(gradient))
            super().update_step(gradient, variable, learning_rate)

    opt, v = Watched(1.0), tf.Variable(0.0)
    for k in range(12):
        opt.apply_gradients([(tf.constant(float(k)), v)])
    assert seen == list(range(12))


def derivative(tf, function, value):
    v = tf.constant(value)
    with tf.GradientTape() as tape:
        tape.watch(v)
        y = function(v)
    return tape.gradient(y, v)


def test_attributes_types_and_branches_are_told_apart(tf):
    for _ in range(12):
        assert derivative(tf, lambda v: tf.reduce_sum(v**2), [1.0, 2.0]).numpy().tolist() == [2, 4]
        assert derivative(tf, lambda v: tf.reduce_sum(v**3), [1.0, 2.0]).numpy().tolist() == [3, 12]
        assert derivative(tf, lambda v: tf.reduce_sum(v**2), [1.0]).numpy().tolist() == [2]
        assert derivative(tf, lambda v: v * 2.0 if v > 0 else v * 3.0, -1.0).numpy() == 3
        assert derivative(tf, lambda v: v * 2.0 if v > 0 else v * 3.0, 1.0).numpy() == 2
        assert derivative(tf, lambda v: tf.constant(1.0), 1.0) is None
        softmax = derivative(tf, lambda v: tf.nn.softmax(v)[0], [0.0, 0.0])
        np.testing.assert_allclose(softmax, [0.25, -0.25])
    assert sum(s is not None for s in sweeps._compiled.values()) == 7


def test_seeds_and_unconnected_sources(tf):
    v, w = tf.Variable([1.0, 2.0]), tf.Variable(1.0)
    for k in range(12):
        with tf.GradientTape() as tape:
            y = v * v
        got = tape.gradient(y, [v, w], output_gradients=tf.constant([1.0, float(k)]))
        assert got[0].numpy().tolist() == [2.0, 4.0 * k]
        assert got[1] is None


def test_gradients_of_gradients_stay_as_they_are(tf):
    v = tf.Variable(2.0)
    for _ in range(12):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                y = v**3
            first = inner.gradient(y, v)
        assert outer.gradient(first, v).numpy() == 12
