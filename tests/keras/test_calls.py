"""model(x) outside of steps: compiled when it comes often, and what it means does not change."""

import keras
import numpy as np
import pytest
from keras import layers
from keras.src.backend import get_keras_mask

from keras_lamella.src.calls import OFTEN
from lamella.frontend.trace import trace
from lamella.types import type_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6)).astype("float32")


def network(*more):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((6,)), layers.Dense(5, "relu"), *more, layers.Dense(3, "softmax")]
    )


def often(model, *args, **kwargs):
    """The results of a first call, and of one after it has come often."""
    first = model(*args, **kwargs)
    for _ in range(OFTEN):
        last = model(*args, **kwargs)
    return first, last


def is_compiled(model):
    return len(model._calls._compiled) > 0


def same(model, x=X, **kwargs):
    first, last = often(model, x, **kwargs)
    assert is_compiled(model)
    assert type(last) is np.ndarray
    assert last.dtype == first.dtype
    np.testing.assert_allclose(last, first, rtol=1e-5, atol=1e-6)


def test_calls_are_compiled_and_give_the_same():
    model = network()
    same(model)
    same(model, training=False)
    same(model, X.astype("float64"))
    same(model, X[:1])
    assert len(model._calls._compiled) == 4


def test_weights_are_read_at_every_call():
    model = network()
    same(model)
    before = model(X)
    model.layers[0].kernel.assign(2 * model.layers[0].kernel)
    assert np.abs(model(X) - before).max() > 1e-3
    np.testing.assert_allclose(model(X), model.predict(X, verbose=0), rtol=1e-5)
    model.compile("sgd", "mse")
    before = model(X)
    model.fit(X, np.zeros((4, 3)), verbose=0)
    assert np.abs(model(X) - before).max() > 1e-4
    assert is_compiled(model)


def test_layers_that_change_are_noticed():
    model = network()
    same(model)
    model.layers[0].activation = keras.activations.linear
    expected = keras.ops.softmax(
        (X @ model.weights[0].numpy() + model.weights[1].numpy()) @ model.weights[2].numpy()
        + model.weights[3].numpy()
    )
    np.testing.assert_allclose(model(X), expected, rtol=1e-5)
    same(model)
    model.add(layers.Rescaling(2.0))
    np.testing.assert_allclose(model(X), 2 * expected, rtol=1e-5)
    same(model)
    model.pop()
    np.testing.assert_allclose(model(X), expected, rtol=1e-5)


def test_batch_normalization_learns_only_in_training():
    model = network(layers.BatchNormalization())
    norm = model.layers[1]
    often(model, X, training=True)
    assert is_compiled(model)
    before = norm.moving_mean.numpy()
    model(X, training=True)
    assert np.abs(norm.moving_mean.numpy() - before).max() > 0
    norm.trainable = False
    before = norm.moving_mean.numpy()
    for _ in range(OFTEN + 1):
        model(X, training=True)
    np.testing.assert_array_equal(norm.moving_mean.numpy(), before)


def test_dropout_draws_anew_and_what_keras_draws():
    drawn = []
    for compiled in (False, True):
        model = network(layers.Dropout(0.5, seed=3))
        if not compiled:
            model._calls = None
        drawn.append([model(X, training=True) for _ in range(OFTEN + 4)])
        assert compiled == (model._calls is not None and is_compiled(model))
    assert np.abs(drawn[1][-1] - drawn[1][-2]).max() > 1e-3
    for a, b in zip(*drawn, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_several_inputs_and_outputs():
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    total = layers.Add()([a, b])
    model = keras.Model({"a": a, "b": b}, {"sum": total, "gate": layers.Dense(2)(total)})
    first, last = often(model, {"a": X, "b": 2 * X})
    assert is_compiled(model)
    assert first.keys() == last.keys()
    np.testing.assert_allclose(last["sum"], 3 * X, rtol=1e-6)
    np.testing.assert_allclose(last["gate"], first["gate"], rtol=1e-5)


class Counter(layers.Layer):
    calls = 0

    def call(self, x):
        self.calls += 1
        return x


def counted(x):
    counted.calls += 1
    return x


def test_python_of_the_user_runs_at_every_call():
    model = network(Counter())
    before = model.layers[1].calls
    often(model, X)
    assert model.layers[1].calls == before + OFTEN + 1
    model = network(layers.Activation(counted))
    counted.calls = 0
    often(model, X)
    assert counted.calls == OFTEN + 1


def test_losses_and_masks_stay():
    model = network(layers.Dense(4, activity_regularizer="l2"))
    often(model, X)
    assert not is_compiled(model)
    assert float(model.losses[0]) > 0
    model = keras.Sequential([keras.Input((3,)), layers.Embedding(5, 2, mask_zero=True)])
    out = often(model, np.array([[1, 2, 0]]))[1]
    assert not is_compiled(model)
    np.testing.assert_array_equal(get_keras_mask(out), [[True, True, False]])


def test_inside_a_trace_calls_are_traced():
    model = network()
    same(model)
    program, _ = trace(lambda x: [model(x)], [type_of(X)])
    assert any(eq.primitive.name == "contract" for eq in program.equations)
    outer = keras.Model(inputs := keras.Input((6,)), model(inputs))
    same(outer)


def test_mistakes_are_told_as_ever():
    model = network()
    same(model)
    for _ in range(2 * OFTEN):
        with pytest.raises(ValueError, match="incompatible with the layer"):
            model(X[:, :5])
