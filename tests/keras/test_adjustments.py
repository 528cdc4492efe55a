"""Keras's layers that need an adjustment to run on Lamella."""

from __future__ import annotations

import keras
import numpy as np
import pytest

rng = np.random.default_rng(3)


def test_equalization_is_the_same_inside_a_compiled_step():
    x = rng.integers(0, 200, (4, 6, 5, 3)).astype("float32")
    layer = keras.layers.Equalization()

    class Wrapped(keras.Model):
        def call(self, x):
            return layer(x)

    eager = layer(x)
    assert eager.max() == 255
    np.testing.assert_allclose(Wrapped().predict(x, verbose=0), eager)


def test_lora_can_be_enabled_on_an_int4_embedding():
    layer = keras.layers.Embedding(10, 16)
    layer.build()
    layer.quantize("int4")
    before = layer(np.arange(10))
    layer.enable_lora(2)
    np.testing.assert_allclose(layer(np.arange(10)), before, atol=1e-6)
    assert [w.name for w in layer.trainable_weights] == ["lora_embeddings_a", "lora_embeddings_b"]


def test_augmented_assignment_leaves_the_arrays_of_others_alone():
    class Shifted(keras.layers.Layer):
        def call(self, x):
            before = x
            x += 1
            return x * 10 + before

    x = np.ones((2, 3), "float32")
    layer = Shifted()
    np.testing.assert_array_equal(layer(x), 21)
    np.testing.assert_array_equal(keras.Sequential([layer]).predict(x, verbose=0), 21)
    np.testing.assert_array_equal(x, 1)
    keras.layers.RandomBrightness(0.5, value_range=(0, 1))(x.reshape(1, 2, 3, 1) / 2)
    variable = keras.Variable([1.0, 2.0])
    value = variable.value
    value += 1
    np.testing.assert_array_equal(variable, [1, 2])
    total = keras.ops.zeros(3)
    total += keras.ops.ones(3)
    assert type(total) is type(keras.ops.convert_to_tensor(x))


def test_without_jit_compile_a_step_may_ask_for_numbers():
    seen = []

    class Watching(keras.Sequential):
        def train_step(self, data):
            seen.append(float(keras.ops.sum(data[0])))
            return super().train_step(data)

    model = Watching([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(np.ones((6, 2), "float32"), np.ones((6, 1)), batch_size=3, verbose=0)
    assert seen == [6.0, 6.0]


def test_numbers_of_python_do_not_widen_bfloat16():
    x = keras.ops.full((2,), 3.0, "bfloat16")
    for result in (x * 2.0, 2.0 * x, x / 2, 1 - x, x**0.5, x @ x, x % 2, x // 2, x + x):
        assert result.dtype == x.dtype
    assert (x * np.float32(2)).dtype == "float32"
    assert (x > 0.5).dtype == bool
    x *= 2.0
    assert x.dtype.name == "bfloat16"


@pytest.fixture
def double():
    for set_default in (keras.config.set_floatx, keras.config.set_dtype_policy):
        set_default("float64")
    yield
    for set_default in (keras.config.set_floatx, keras.config.set_dtype_policy):
        set_default("float32")


def test_float64_as_floatx_is_kept(double):
    layers = [keras.layers.Conv1D(3, 2, activation="tanh"), keras.layers.GlobalAveragePooling1D()]
    model = keras.Sequential([keras.Input((5, 2)), *layers, keras.layers.Dense(1)])
    x, y = rng.normal(size=(8, 5, 2)), rng.normal(size=(8, 1))
    kernel, bias, matrix, shift = model.get_weights()
    terms = np.einsum("ntic,icf->ntf", np.stack([x[:, :-1], x[:, 1:]], axis=2), kernel) + bias
    expected = np.tanh(terms).mean(axis=1) @ matrix + shift
    for out in (model(x), model.predict(x, verbose=0)):
        assert out.dtype == np.float64
        np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-13)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    assert model.train_on_batch(x, y) == pytest.approx(np.mean((expected - y) ** 2), rel=1e-13)
    stepped = shift - 0.1 * 2 * np.mean(expected - y)
    np.testing.assert_allclose(model.get_weights()[-1], stepped, rtol=1e-12)
