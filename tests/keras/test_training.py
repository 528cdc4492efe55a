"""Training beyond the layers: control flow that assigns, steps together, batches, float8."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import ml_dtypes
import numpy as np
import pytest
from keras import ops

import lamella
from keras_lamella.src.float8 import round_to_float8
from keras_lamella.src.step import StepFunction

X = np.linspace(-1, 1, 24, dtype="float32").reshape(12, 2)
Y = 3 * X.sum(axis=1, keepdims=True)


class Counting(keras.Model):
    """A linear model whose step runs `count(self)`, which assigns `self.counter`."""

    def __init__(self, count, **compiled):
        super().__init__()
        self.dense = keras.layers.Dense(1, kernel_initializer="ones")
        self.counter = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.count = count
        self.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse", **compiled)

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        logs = super().train_step(data)
        self.count(self)
        return logs


def by_cond(model):
    even = ops.equal(model.counter % 2, 0)
    ops.cond(even, lambda: model.counter.assign_add(3.0), lambda: model.counter.assign_add(1.0))


def by_nested_cond(model):
    def reset():
        model.counter.assign(0.0)

    def inner():
        model.counter.assign_add(1.0)
        ops.cond(model.counter > 2, reset, lambda: None)

    ops.cond(model.counter > -1, inner, lambda: None)


def by_scan(model):
    def step(carry, x):
        model.counter.assign_add(x)
        return carry + model.counter, None

    total, _ = ops.scan(step, ops.zeros(()), ops.arange(3, dtype="float32"))
    model.counter.assign(total)


def by_while(model):
    def body(i):
        model.counter.assign_add(i)
        return (i + 1.0,)

    ops.while_loop(lambda i: model.counter < 10, body, (ops.ones(()),))


def by_fori(model):
    def body(i, x):
        model.counter.assign_add(2.0)
        return x + 1.0

    model.counter.assign_add(ops.fori_loop(0, 3, body, ops.zeros(())))


@pytest.mark.parametrize("count", [by_cond, by_nested_cond, by_scan, by_while, by_fori])
@pytest.mark.parametrize("run_eagerly", [False, True])
def test_assignments_in_control_flow(count, run_eagerly):
    """What branches and bodies assign is there afterwards, as when Python runs them."""
    model = Counting(count, run_eagerly=run_eagerly)
    model.fit(X, Y, batch_size=3, verbose=0)
    plain = SimpleNamespace(counter=keras.Variable(0.0))
    for _ in range(4):
        count(plain)
    assert float(model.counter) == float(plain.counter) > 0


class StepsSeen(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.steps = []

    def on_train_batch_begin(self, batch, logs=None):
        self.steps.append(batch)

    def on_train_batch_end(self, batch, logs=None):
        self.steps[-1] = (self.steps[-1], batch)


def test_a_partial_batch_counts_as_a_step_of_its_execution():
    model, seen = Counting(lambda model: None, steps_per_execution=2), StepsSeen()
    model.fit(X, Y, batch_size=5, verbose=0, callbacks=[seen])  # 5, 5, 2 rows
    assert seen.steps == [(0, 1), (2, 3)]


def test_metrics_of_single_batches_start_anew():
    model = Counting(lambda model: None)
    first = model.train_on_batch(X, Y)
    model.optimizer.learning_rate = 0.0
    second = model.train_on_batch(X, Y)
    assert second == pytest.approx(model.test_on_batch(X, Y), rel=1e-6)
    assert second < first


def test_float64_data_is_floatx():
    dtypes = []

    class Looking(Counting):
        def train_step(self, data):
            dtypes.extend(str(x.dtype) for x in data[:2])
            return super().train_step(data)

    model = Looking(lambda model: None)
    model.train_on_batch(X.astype("float64"), Y.astype("float64"))
    assert dtypes == ["float32", "float32"]


def test_a_cell_may_assign_variables():
    class Counted(keras.layers.Layer):
        state_size = output_size = 1

        def build(self, shape):
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x, states):
            self.calls.assign_add(1.0)
            return states[0] + x, [states[0] + x]

    cell = Counted()
    model = keras.Sequential([keras.layers.RNN(cell)])
    model.compile(loss="mse", optimizer="sgd")
    model.evaluate(np.ones((4, 3, 1)), np.ones((4, 1)), batch_size=2, verbose=0)
    assert float(cell.calls) == 6.0  # 3 times, 2 batches


class Lookup(keras.layers.Layer):
    """Asks for the numbers of its input, as lookups in TensorFlow do."""

    def __init__(self, supports_jit):
        super().__init__()
        self.supports_jit = supports_jit

    def call(self, x):
        return ops.convert_to_tensor(np.asarray(x) + 1.0)

    def compute_output_shape(self, shape):
        return shape


def test_a_layer_that_cannot_be_traced_and_says_so_runs_eagerly():
    model = keras.Sequential([keras.Input((2,)), Lookup(supports_jit=False)])
    np.testing.assert_allclose(model.predict(X, batch_size=5, verbose=0), X + 1, rtol=1e-6)
    model = keras.Sequential([keras.Input((2,)), Lookup(supports_jit=True)])
    with pytest.raises(TypeError, match="concrete value"):
        model.predict(X, verbose=0)


def test_random_augmentation_is_compiled_though_keras_says_it_cannot_be():
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.RandomRotation(0.1)])
    step = model.make_predict_function()
    assert step([(np.ones((2, 8, 8, 1), "float32"),)]).shape == (2, 8, 8, 1)
    assert isinstance(step._step, StepFunction)


@pytest.mark.parametrize("layer", [keras.layers.LSTM, keras.layers.GRU])
def test_masked_outputs_can_be_zero(layer):
    mask = np.array([[True, False, True]])
    out = layer(2, return_sequences=True, zero_output_for_mask=True)(np.ones((1, 3, 1)), mask=mask)
    assert (np.abs(out).sum(axis=-1) > 0).tolist() == mask.tolist()


def test_learned_positions_of_sequences_of_any_length():
    class Positions(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.table = keras.layers.Embedding(5, 4)

        def call(self, x):
            return x + self.table(ops.arange(0, ops.shape(x)[1], 1))

    inputs = keras.Input((None, 4))
    model = keras.Model(inputs, Positions()(inputs))
    assert model.output_shape == (None, None, 4)
    found = model.predict(np.zeros((2, 3, 4), "float32"), verbose=0)
    np.testing.assert_array_equal(found[1], model.get_weights()[0][:3])


def test_random_crops_are_compiled():
    model = keras.Sequential([keras.Input((9, 8, 1)), keras.layers.RandomCrop(3, 2, seed=0)])
    step = lamella.jit(lambda x: model.stateless_call([], model.non_trainable_variables, x,
                                                      training=True)[0])  # fmt: skip
    x = np.arange(144.0, dtype="float32").reshape(2, 9, 8, 1)
    crop = step(x)[..., 0]
    top, left = divmod(int(crop[0, 0, 0]), 8)
    np.testing.assert_array_equal(crop, x[:, top : top + 3, left : left + 2, 0])


def test_l1_l2_regularization_trains():
    both = keras.regularizers.L1L2(l1=0.01, l2=0.01)
    layer = keras.layers.Dense(1, kernel_regularizer=both, use_bias=False)
    model = keras.Sequential([layer])
    model.compile(loss="mse", optimizer="sgd")
    weights = model.fit(X, Y, verbose=0) and np.asarray(layer.kernel)
    penalty = 0.01 * np.abs(weights).sum() + 0.01 * np.square(weights).sum()
    error = np.square(X @ weights - Y).mean()
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(penalty + error, rel=1e-5)


@pytest.mark.parametrize("dtype", [ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2])
def test_float8_rounds_as_ml_dtypes(dtype):
    rng = np.random.default_rng(1)
    special = [0, -0.0, 448, 464, 465, 57344, 61439, 61441, 1e30, np.nan, np.inf, -np.inf]
    x = np.float32([*rng.normal(size=500) * 10 ** rng.uniform(-6, 5, 500), *special])
    with np.errstate(all="ignore"):
        expected = x.astype(dtype).astype(np.float32)
    rounded = lamella.jit(lambda x: round_to_float8(x, np.dtype(dtype)))(x)
    np.testing.assert_array_equal(rounded, expected)
