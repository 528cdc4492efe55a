"""fit, evaluate, predict and their single-batch forms, as a user of Keras sees them."""

import re

import keras
import numpy as np
import pytest
from keras import layers

from lamella.keras import gradients

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 50)


def network(seed=0, **compile_arguments):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(5, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(**{
        "optimizer": keras.optimizers.Adam(0.01), "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"], **compile_arguments,
    })  # fmt: skip
    return model


def expected_loss(model, x=X, y=Y):
    """The mean cross-entropy in NumPy, from the weights."""
    w1, b1, w2, b2 = model.get_weights()
    z = np.maximum(x @ w1 + b1, 0) @ w2 + b2
    z = z - z.max(1, keepdims=True)
    logs = z - np.log(np.exp(z).sum(1, keepdims=True))
    return -logs[np.arange(len(y)), y].mean()


def same(a, b, **tolerance):
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_allclose(x, y, **({"rtol": 1e-5, "atol": 1e-6} | tolerance))


# -- fit, evaluate, predict ------------------------------------------------------------------


def test_fit_learns_and_evaluate_tells_the_loss_of_the_weights():
    model = network()
    history = model.fit(X, Y, batch_size=8, epochs=60, verbose=0).history
    assert len(history["loss"]) == 60
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    loss, accuracy = model.evaluate(X, Y, batch_size=8, verbose=0)
    assert loss == pytest.approx(expected_loss(model), rel=1e-5)
    assert accuracy == pytest.approx((model.predict(X, verbose=0).argmax(1) == Y).mean())
    assert model.optimizer.iterations == 60 * 7


def test_losses_of_an_epoch_are_means_over_rows():
    model = network(optimizer=keras.optimizers.SGD(0.0))
    history = model.fit(X, Y, batch_size=16, epochs=2, verbose=0).history
    np.testing.assert_allclose(history["loss"], expected_loss(model), rtol=1e-5)


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 50])
def test_predict_of_any_number_of_rows(rows):
    model = network()
    one_by_one = np.concatenate([model.predict_on_batch(X[i : i + 1]) for i in range(rows)])
    found = model.predict(X[:rows], batch_size=8, verbose=0)
    np.testing.assert_allclose(found, one_by_one, rtol=1e-5)
    np.testing.assert_allclose(found, np.asarray(model(X[:rows])), rtol=1e-5)


def test_on_batch_methods():
    a, b = network(), network()
    a.fit(X[:8], Y[:8], batch_size=8, shuffle=False, verbose=0)
    before = expected_loss(b, X[:8], Y[:8])
    logs = b.train_on_batch(X[:8], Y[:8], return_dict=True)
    assert logs["loss"] == pytest.approx(before, rel=1e-5)
    same(a, b)
    assert b.test_on_batch(X, Y)[0] != pytest.approx(logs["loss"])
    assert b.test_on_batch(X, Y, return_dict=True).keys() == {"loss", "accuracy"}


def test_shuffling_changes_the_order_and_keeps_the_rows():
    seen = []

    class Watching(keras.Model):
        def __init__(self):
            super().__init__()
            self.last = layers.Dense(1)
            self.rows = self.add_weight(shape=(8,), initializer="zeros", trainable=False)

        def call(self, x):
            self.rows.assign(x[:, 0])
            return self.last(x)

    model = Watching()
    model.compile("sgd", "mse")
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.extend(np.array(model.rows))
    )
    numbers = np.arange(40, dtype=np.float32)[:, None]
    for shuffle in (False, True):
        seen.clear()
        model.fit(numbers, numbers, 8, epochs=2, shuffle=shuffle, verbose=0, callbacks=[watch])
        epochs = np.reshape(seen, (2, 40))
        assert [sorted(e) for e in epochs] == [list(range(40))] * 2
        assert (epochs == np.arange(40)).all() != shuffle


def test_validation_split_and_data():
    model = network(optimizer=keras.optimizers.SGD(0.0))
    history = model.fit(X, Y, validation_split=0.2, batch_size=7, epochs=2, verbose=0).history
    np.testing.assert_allclose(history["val_loss"], expected_loss(model, X[40:], Y[40:]), rtol=1e-5)
    np.testing.assert_allclose(history["loss"], expected_loss(model, X[:40], Y[:40]), rtol=1e-5)
    data = (X[:9], Y[:9])
    history = model.fit(
        X, Y, validation_data=data, epochs=4, validation_freq=2, verbose=0, validation_batch_size=4
    ).history
    np.testing.assert_allclose(history["val_loss"], [expected_loss(model, *data)] * 2, rtol=1e-5)


def test_sample_and_class_weights():
    model = network(optimizer=keras.optimizers.SGD(0.0), weighted_metrics=["accuracy"])
    single = np.array([expected_loss(model, X[i : i + 1], Y[i : i + 1]) for i in range(50)])
    weights = RNG.random(50)
    history = model.fit(X, Y, sample_weight=weights, batch_size=50, verbose=0).history
    assert history["loss"][0] == pytest.approx((single * weights).mean(), rel=1e-5)
    hits = model.predict(X, verbose=0).argmax(1) == Y
    assert history["weighted_accuracy"][0] == pytest.approx(
        np.average(hits, weights=weights), rel=1e-5
    )
    per_class = {0: 0.5, 1: 2.0, 2: 0.0}
    history = model.fit(X, Y, class_weight=per_class, batch_size=50, verbose=0).history
    of_rows = np.array([per_class[k] for k in Y])
    assert history["loss"][0] == pytest.approx((single * of_rows).mean(), rel=1e-5)
    assert model.evaluate(X, Y, sample_weight=weights, batch_size=50, verbose=0)[
        0
    ] == pytest.approx((single * weights).mean(), rel=1e-5)


@pytest.mark.parametrize("steps", [2, 5, 100])
def test_steps_per_execution_changes_nothing_but_the_number_of_calls(steps):
    a, b = network(), network(steps_per_execution=steps)
    calls = []
    count = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: calls.append(batch)
    )
    for model in (a, b):
        keras.utils.set_random_seed(1)
        calls.clear()
        history = model.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[count]).history
    same(a, b, rtol=0, atol=0)
    assert len(history["loss"]) == 2
    assert len(calls) <= 2 * (6 // min(steps, 6) + 1)
    np.testing.assert_allclose(b.predict(X, 8, verbose=0), a.predict(X, 8, verbose=0), rtol=1e-6)


def test_run_eagerly_gives_the_same_and_shows_numbers(capsys):
    class Printing(keras.Sequential):
        def train_step(self, data):
            logs = super().train_step(data)
            print("loss of the step", float(logs["loss"]))
            if logs["loss"] < 0:
                raise AssertionError
            return logs

    def build(eager):
        keras.utils.set_random_seed(3)
        cls = Printing if eager else keras.Sequential
        model = cls([layers.Input((6,)), layers.Dense(4, activation="tanh"), layers.Dropout(0.3),
                     layers.BatchNormalization(), layers.Dense(3)])  # fmt: skip
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, run_eagerly=eager, metrics=["accuracy"])
        return model

    eager, compiled = build(True), build(False)
    for model in (eager, compiled):
        keras.utils.set_random_seed(4)
        history = model.fit(X, Y, batch_size=10, epochs=2, verbose=0).history
    same(eager, compiled, rtol=2e-4, atol=2e-5)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert float(lines[-1].split()[-1]) == pytest.approx(history["loss"][-1], rel=1e-3)
    np.testing.assert_allclose(
        eager.predict(X, verbose=0), compiled.predict(X, verbose=0), rtol=1e-3, atol=1e-4
    )


# -- kinds of data ---------------------------------------------------------------------------


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 5

    def __getitem__(self, k):
        return X[10 * k : 10 * k + 10], Y[10 * k : 10 * k + 10]


def test_generators_and_datasets_train_like_arrays():
    def generator():
        for k in range(5):
            yield X[10 * k : 10 * k + 10], Y[10 * k : 10 * k + 10]

    reference = network()
    reference.fit(X, Y, batch_size=10, shuffle=False, verbose=0)
    for data in (generator(), Batches(), list(generator())):
        model = network()
        if isinstance(data, list):
            for x, y in data:
                model.train_on_batch(x, y)
        else:
            model.fit(data, shuffle=False, verbose=0)
        same(model, reference)
    assert model.evaluate(Batches(), verbose=0) == pytest.approx(
        reference.evaluate(X, Y, batch_size=10, verbose=0), rel=1e-4
    )
    np.testing.assert_allclose(
        model.predict(Batches(), verbose=0), reference.predict(X, verbose=0), rtol=1e-4
    )


def test_endless_generator_with_steps_per_epoch():
    def endless():
        while True:
            yield X[:8], Y[:8]

    model = network()
    model.fit(endless(), steps_per_epoch=3, epochs=2, verbose=0,
              validation_data=endless(), validation_steps=2)  # fmt: skip
    assert model.optimizer.iterations == 6
    assert model.predict(((X[:8],) for _ in range(9)), steps=2, verbose=0).shape == (16, 3)


def test_batches_of_changing_shapes():
    model = keras.Sequential(
        [layers.Embedding(9, 4), layers.GlobalAveragePooling1D(), layers.Dense(1)]
    )
    model.compile("adam", "mse")

    def batches():
        for length in (3, 5, 3, 8):
            yield np.ones((4, length), np.int32), np.ones((4, 1), np.float32)

    model.fit(batches(), verbose=0)
    assert model.optimizer.iterations == 4


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "uint8", "bool"])
def test_dtypes_of_data(dtype):
    x = (RNG.random((20, 6)) * 9).astype(dtype)
    a, b = network(), network()
    a.fit(x, Y[:20], batch_size=8, shuffle=False, verbose=0)
    b.fit(x.astype("float32"), Y[:20].astype("uint8"), batch_size=8, shuffle=False, verbose=0)
    same(a, b)
    assert a.predict(x, verbose=0).dtype == np.float32
    assert {w.dtype.name for w in a.get_weights()} == {"float32"}


def test_image_bytes_through_rescaling():
    model = keras.Sequential(
        [layers.Rescaling(1 / 255), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    images = RNG.integers(0, 256, (12, 6, 6, 1), dtype=np.uint8)
    model.fit(images, np.zeros(12), verbose=0)
    np.testing.assert_allclose(
        model.predict(images, verbose=0), np.asarray(model(images.astype(np.float32))), atol=1e-5
    )


def test_strided_and_transposed_arrays():
    wide = np.repeat(X, 2, axis=1)
    a, b, c = network(), network(), network()
    a.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    b.fit(wide[:, ::2], Y[::-1][::-1], batch_size=8, shuffle=False, verbose=0)
    c.fit(np.asfortranarray(X), Y.astype(">i4"), batch_size=8, shuffle=False, verbose=0)
    same(a, b, rtol=0, atol=0)
    same(a, c, rtol=0, atol=0)


@pytest.mark.parametrize("labels", [(4,), (4, 1)])
def test_one_column_labels(labels):
    model = keras.Sequential([layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([0, 1, 1, 1]).reshape(labels)
    model.fit(x, y, epochs=2, verbose=0)
    p = model.predict(x, verbose=0)[:, 0]
    loss, accuracy = model.evaluate(x, y, verbose=0)
    y = y.ravel()
    assert loss == pytest.approx(-np.mean(np.where(y, np.log(p), np.log(1 - p))), rel=1e-4)
    assert accuracy == pytest.approx(((p > 0.5) == y).mean())


def test_python_lists_of_numbers():
    """As on other backends a list is a list of inputs, not an array; the message shows it."""
    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"Unrecognized data type: x=\[\[0.0\], \[1.0\]\]"):
        model.fit([[0.0], [1.0]], [[0.0], [1.0]], verbose=0)


# -- kinds of models -------------------------------------------------------------------------


def test_custom_train_step():
    class Custom(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.last = layers.Dense(5, activation="relu"), layers.Dense(3)
            self.tracker = keras.metrics.Mean(name="loss")

        def call(self, x):
            return keras.ops.softmax(self.last(self.hidden(x)))

        def train_step(self, data):
            x, y = data
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            weights = self.trainable_variables
            self.optimizer.apply(gradients(loss, weights), weights)
            self.tracker.update_state(loss)
            return {"loss": self.tracker.result(), "twice": 2 * loss}

        @property
        def metrics(self):
            return [self.tracker]

    keras.utils.set_random_seed(0)
    model = Custom()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model(X[:1])
    plain = network(optimizer="sgd")
    plain.set_weights(model.get_weights())
    logs = model.fit(X, Y, batch_size=10, epochs=2, shuffle=False, verbose=0).history
    plain.fit(X, Y, batch_size=10, epochs=2, shuffle=False, verbose=0)
    same(model, plain)
    assert logs.keys() == {"loss", "twice"}


def test_gradients_outside_a_step_say_where_they_work():
    model = network()
    with pytest.raises(RuntimeError, match="train_step"):
        gradients(np.float32(1.0), model.trainable_variables)


def test_two_optimizers_of_an_adversarial_pair():
    class Pair(keras.Model):
        def __init__(self):
            super().__init__()
            self.maker = keras.Sequential([layers.Input((2,)), layers.Dense(6)])
            self.judge = keras.Sequential([layers.Input((6,)), layers.Dense(1)])
            self.seeds = keras.random.SeedGenerator(7)

        def compile(self, maker, judge):
            super().compile()
            self.of_maker, self.of_judge = maker, judge
            self.of_maker.build(self.maker.trainable_variables)
            self.of_judge.build(self.judge.trainable_variables)

        def train_step(self, real):
            ops = keras.ops
            noise = keras.random.normal((len(real), 2), seed=self.seeds)
            made = self.maker(noise)
            loss = ops.mean(ops.softplus(self.judge(made)) + ops.softplus(-self.judge(real)))
            weights = self.judge.trainable_variables
            self.of_judge.apply(gradients(loss, weights), weights)
            fooled = ops.mean(ops.softplus(-self.judge(self.maker(noise))))
            weights = self.maker.trainable_variables
            self.of_maker.apply(gradients(fooled, weights), weights)
            return {"judge": loss, "maker": fooled}

    pair = Pair()
    pair.compile(keras.optimizers.Adam(0.01), keras.optimizers.SGD(0.1))
    before = [w.copy() for w in pair.get_weights()]
    history = pair.fit(X, batch_size=10, epochs=3, verbose=0).history
    assert np.isfinite(history["judge"] + history["maker"]).all()
    assert pair.of_maker.iterations == pair.of_judge.iterations == 15
    assert all((a != b).any() for a, b in zip(before, pair.get_weights()) if a.ndim)


def test_frozen_layers_stay():
    model = network()
    model.layers[0].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.get_weights()
    model.fit(X, Y, epochs=2, verbose=0)
    after = model.get_weights()
    for k in range(2):
        np.testing.assert_array_equal(before[k], after[k])
        assert (before[k + 2] != after[k + 2]).any()


def test_freezing_after_training_takes_effect_with_compile():
    model = network()
    model.fit(X, Y, verbose=0)
    model.layers[0].trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])


def test_nested_inputs_and_outputs():
    a, b = layers.Input((6,)), layers.Input((6,))
    model = keras.Model([a, {"b": b}], [layers.Dense(2)(a), {"both": layers.Dense(1)(a + b)}])
    found = model.predict([X, {"b": X}], batch_size=8, verbose=0)
    assert found[0].shape == (50, 2)
    np.testing.assert_allclose(
        found[1]["both"], np.asarray(model([X, {"b": X}])[1]["both"]), atol=1e-5
    )


def test_assigning_weights_between_fits():
    model = network(optimizer=keras.optimizers.SGD(0.0))
    model.fit(X, Y, verbose=0)
    weights = [w * 0 for w in model.get_weights()]
    model.set_weights(weights)
    assert model.evaluate(X, Y, verbose=0)[0] == pytest.approx(np.log(3), rel=1e-5)
    np.testing.assert_allclose(model.predict(X, verbose=0), 1 / 3, rtol=1e-5)


def test_arrays_handed_out_do_not_change():
    model = network()
    kernel = model.layers[0].kernel
    held = [kernel.numpy(), kernel.value, np.asarray(kernel), model.get_weights()[0],
            keras.ops.convert_to_numpy(kernel), keras.ops.convert_to_tensor(kernel),
            kernel.value[:2], kernel.value.T]  # fmt: skip
    before = [np.array(h) for h in held]
    out = model.predict(X, verbose=0)
    first = out.copy()
    model.fit(X, Y, verbose=0)
    model.predict(X + 1, verbose=0)
    for h, b in zip(held, before):
        np.testing.assert_array_equal(h, b)
    np.testing.assert_array_equal(out, first)
    assert (kernel.numpy() != before[0]).any()


def test_a_variable_used_by_two_models():
    shared = layers.Dense(4)
    first = keras.Sequential([layers.Input((6,)), shared, layers.Dense(3, activation="softmax")])
    second = keras.Sequential([layers.Input((6,)), shared])
    first.compile("adam", "sparse_categorical_crossentropy")
    before = second.predict(X, verbose=0)
    first.fit(X, Y, verbose=0)
    after = second.predict(X, verbose=0)
    assert (before != after).any()
    np.testing.assert_allclose(after, X @ shared.kernel.numpy() + shared.bias.numpy(), atol=1e-5)


def test_unseeded_random_layers_draw_anew_at_each_step():
    model = keras.Sequential([layers.Input((100,)), layers.Dropout(0.5)])
    ones = np.ones((2, 100), np.float32)
    a, b = (np.asarray(model(ones, training=True)) for _ in range(2))
    assert (a != b).any()

    class Noisy(keras.Model):
        def __init__(self):
            super().__init__()
            self.noise = layers.GaussianNoise(1.0)

        def predict_step(self, x):
            return self.noise(x, training=True)

    out = Noisy().predict(np.zeros((6, 4), np.float32), batch_size=2, verbose=0).reshape(3, -1)
    assert len({row.tobytes() for row in out}) == 3


def test_mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = network()
        assert model.layers[0].kernel.dtype == "float32"
        assert model(X[:2]).dtype == "bfloat16"
        history = model.fit(X, Y, batch_size=8, epochs=30, verbose=0).history
        assert history["loss"][-1] < 0.9 * history["loss"][0]
    finally:
        keras.config.set_dtype_policy(before)


def test_the_progress_bar_ends_where_the_epoch_does(capsys):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((330, 3), "float32"), np.ones((330, 1), "float32"), epochs=4, verbose=1)
    steps = [int(step) for step in re.findall(r"(\d+)/11", capsys.readouterr().out)]
    assert max(steps) == 11
