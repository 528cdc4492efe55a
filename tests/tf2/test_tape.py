"""tf.GradientTape outside of compiled functions, and in train_step."""

import keras
import numpy as np
import pytest


def test_watched_tensor(tf):
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x + tf.sin(x)
    assert float(tape.gradient(y, x)) == pytest.approx(6 + np.cos(3.0))


def test_structure_of_sources_and_unconnected_ones(tf):
    a, b, c = tf.Variable(2.0), tf.Variable(3.0), tf.Variable(1.0)
    with tf.GradientTape() as tape:
        y = a * b
    grads = tape.gradient(y, {"a": a, "rest": [b, c]})
    assert (grads["a"].numpy(), grads["rest"][0].numpy(), grads["rest"][1]) == (3.0, 2.0, None)
    with tf.GradientTape() as tape:
        y = a * 1.0
    zero = tape.gradient(y, c, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert zero.numpy() == 0.0


def test_constant_that_is_not_watched_has_no_gradient(tf):
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        y = x * x
    assert tape.gradient(y, x) is None


def test_tape_answers_once_unless_persistent(tf):
    v = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = v * v
    tape.gradient(y, v)
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.gradient(y, v)
    with tf.GradientTape(persistent=True) as tape:
        y, z = v * v, v * 3.0
    assert (tape.gradient(y, v).numpy(), tape.gradient(z, v).numpy()) == (4.0, 3.0)


def test_watch_nothing_by_itself(tf):
    a, b = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(a)
        y = a * b
    grads = tape.gradient(y, [a, b])
    assert (grads[0].numpy(), grads[1]) == (3.0, None)


def test_second_derivative(tf):
    x = tf.Variable(2.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = x**3
        first = inner.gradient(y, x)
    assert first.numpy() == pytest.approx(12.0)
    assert outer.gradient(first, x).numpy() == pytest.approx(12.0)


def test_several_targets_and_output_gradients(tf):
    x = tf.Variable([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        y, z = x * 2.0, x * x
    assert tape.gradient([y, z], x).numpy().tolist() == [4.0, 6.0]
    given = tape.gradient(z, x, output_gradients=tf.constant([10.0, 1.0]))
    assert given.numpy().tolist() == [20.0, 4.0]


def test_jacobians(tf):
    x = tf.constant([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.stack([x[0] * x[1], x[2] ** 2])
    assert tape.jacobian(y, x).numpy().tolist() == [[2.0, 1.0, 0.0], [0.0, 0.0, 6.0]]
    rows = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape() as tape:
        tape.watch(rows)
        y = rows**2
    found = tape.batch_jacobian(y, rows)
    assert found.numpy().tolist() == [[[2.0, 0.0], [0.0, 4.0]], [[6.0, 0.0], [0.0, 8.0]]]


def test_stop_recording_and_stop_gradient(tf):
    x = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        with tape.stop_recording():
            c = x * 10.0
        y = x * c + tf.stop_gradient(x * x)
    assert tape.gradient(y, x).numpy() == 20.0


def test_assignment_inside_a_tape(tf):
    v = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        v.assign(3.0)
        y = v * v
    assert v.numpy() == 3.0
    assert tape.gradient(y, v).numpy() == 6.0


def test_values_of_an_ended_tape_are_plain_numbers(tf):
    v = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        y = v * 2.0
    tape.gradient(y, v)
    assert (y + 1.0).numpy().tolist() == [3.0, 5.0]
    assert np.asarray(y).tolist() == [2.0, 4.0]
    with tf.GradientTape() as tape:
        z = v * y
    assert tape.gradient(z, v).numpy().tolist() == [2.0, 4.0]


def test_recorded_equations_are_dropped_after_the_gradient(tf):
    v = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        y = tf.sin(v)
    trace = y._array.owner
    assert trace.equations
    tape.gradient(y, v)
    assert not trace.equations


def test_through_keras_layers_called_eagerly(tf):
    layer = keras.layers.Dense(1, use_bias=False)
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(layer(x))
    (g,) = tape.gradient(y, layer.trainable_variables)
    assert g.numpy().tolist() == [[4.0], [6.0]]


def test_batch_normalisation_updates_its_state_in_a_tape(tf):
    layer = keras.layers.BatchNormalization(momentum=0.5)
    x = tf.constant([[1.0], [3.0]])
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(layer(x, training=True) ** 2)
    assert layer.moving_mean.numpy().tolist() == [1.0]
    assert len(tape.gradient(y, layer.trainable_variables)) == 2


def test_custom_gradient(tf):
    @tf.custom_gradient
    def clipped(x):
        return x * 2.0, lambda dy: tf.clip_by_value(dy, -1.0, 1.0)

    for run in (clipped, tf.function(clipped)):
        v = tf.Variable(3.0)
        with tf.GradientTape() as tape:
            y = run(v) * 5.0
        assert tape.gradient(y, v).numpy() == 1.0


def test_results_of_keras_are_tensors(tf):
    x = tf.constant([[1.0], [2.0]])
    model = keras.Sequential([keras.layers.Dense(1)])
    assert isinstance(model(x), tf.Tensor)
    assert isinstance(keras.losses.MeanSquaredError()(x, x + 1.0), tf.Tensor)
    metric = keras.metrics.Mean()
    metric.update_state(x)
    assert metric.result().numpy() == 1.5
    assert isinstance(keras.initializers.Ones()((2,)), tf.Tensor)


def test_ops_on_symbolic_tensors_become_layers(tf):
    inputs = keras.Input((4,))
    hidden = tf.nn.relu(keras.layers.Dense(3)(inputs)) * 2.0
    model = keras.Model(inputs, tf.reduce_sum(tf.concat([hidden, inputs], 1), axis=1))
    x = np.ones((2, 4), "float32")
    assert model(x).shape == (2,)
    np.testing.assert_allclose(model.predict(x, verbose=0), model(x).numpy(), rtol=1e-5)


def test_tape_in_train_step(tf):
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            assert isinstance(x, tf.Tensor)
            return self.dense(x)

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(y - self(x, training=True)))
            grads = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
            return {"squares": loss}

    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    for eagerly in (False, True):
        model = Model()
        model.compile(keras.optimizers.SGD(0.1), run_eagerly=eagerly)
        history = model.fit(x, y, epochs=20, batch_size=16, verbose=0).history["squares"]
        assert history[-1] < 1e-3 < history[0]


def test_minimize(tf):
    v = tf.Variable(3.0)
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.minimize(lambda: v * v, [v])
    assert v.numpy() == pytest.approx(2.4)
    with tf.GradientTape() as tape:
        loss = v * 2.0
    optimizer.minimize(loss, [v], tape=tape)
    assert v.numpy() == pytest.approx(2.2)
    with pytest.raises(ValueError, match="tape"):
        optimizer.minimize(loss, [v])


def test_initial_state_of_a_recurrent_layer(tf):
    layer = keras.layers.GRU(3, return_state=True)
    x = tf.zeros([2, 4, 5])
    for given in (x, 2, tf.shape(x)[0]):
        (state,) = layer.get_initial_state(given)
        assert state.shape == (2, 3)


def test_numpy_functions_of_recorded_tensors_give_numpy_arrays(tf):
    v = tf.Variable([1.0, 3.0])
    with tf.GradientTape():
        y = tf.nn.softmax(v * 2.0)
        assert type(np.squeeze(y)) is np.ndarray
        assert type(np.exp(y)) is np.ndarray
        assert isinstance(np.ones(2) * y, tf.Tensor)
        assert np.random.default_rng(0).choice(2, p=np.squeeze(y)) in (0, 1)


def test_variables_that_are_not_trainable_must_be_watched(tf):
    v = tf.Variable(3.0, trainable=False)
    with tf.GradientTape() as tape:
        y = v * v
    assert tape.gradient(y, v) is None
    with tf.GradientTape() as tape:
        tape.watch(v)
        y = v * v
    assert tape.gradient(y, v).numpy() == 6.0


def test_gradients_of_recurrences_outside_of_functions(tf):
    """The gradient asks the scan of CTC for further results when it has run already."""
    x = tf.Variable(np.random.default_rng(3).normal(size=(2, 5, 4)).astype("float32"))

    def gradient():
        with tf.GradientTape() as tape:
            labels, lengths = tf.constant([[1, 1], [2, 0]]), tf.constant([2, 1])
            losses = tf.nn.ctc_loss(labels, x, lengths, tf.constant([5, 4]),
                                    logits_time_major=False, blank_index=-1)  # fmt: skip
            loss = tf.reduce_sum(losses)
        return tape.gradient(loss, x)

    found = gradient().numpy()
    assert np.abs(found).max() > 0.1
    np.testing.assert_allclose(found, tf.function(gradient)().numpy(), rtol=1e-5, atol=1e-6)
