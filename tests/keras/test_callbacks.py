"""Callbacks, saving and cloning around training."""

import csv

import keras
import numpy as np
import pytest
from keras import callbacks, layers

RNG = np.random.default_rng(1)
X = RNG.normal(size=(40, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 40)


def network(optimizer="adam"):
    keras.utils.set_random_seed(5)
    model = keras.Sequential([
        layers.Input((6,)), layers.Dense(5, activation="relu"), layers.BatchNormalization(),
        layers.Dropout(0.2), layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(model, *watchers, epochs=4, **arguments):
    arguments = {"batch_size": 8, "verbose": 0, "epochs": epochs} | arguments
    return model.fit(X, Y, callbacks=list(watchers), **arguments).history


# -- callbacks -------------------------------------------------------------------------------


class Recorder(callbacks.Callback):
    """Keeps the names of the events, in order."""

    def __init__(self):
        super().__init__()
        self.seen = []
        for name in dir(self):
            if name.startswith("on_") and name not in ("on_batch_begin", "on_batch_end"):
                setattr(self, name, lambda *_, name=name, logs=None: self.seen.append(name))


def test_order_of_events():
    watch = Recorder()
    train(network(), watch, epochs=1, validation_data=(X, Y))
    steps = ["on_train_batch_begin", "on_train_batch_end"] * 5
    tests = ["on_test_batch_begin", "on_test_batch_end"] * 5
    assert watch.seen == [
        "on_train_begin", "on_epoch_begin", *steps, "on_test_begin", *tests, "on_test_end",
        "on_epoch_end", "on_train_end",
    ]  # fmt: skip


def test_batch_callbacks_see_current_weights_and_losses():
    model = network("sgd")
    kernels, losses, iterations = [], [], []

    class Watch(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            kernels.append(self.model.layers[0].kernel.numpy())
            losses.append(logs["loss"])
            iterations.append(int(self.model.optimizer.iterations))

    train(model, Watch(), epochs=1)
    assert iterations == [1, 2, 3, 4, 5]
    assert all((a != b).any() for a, b in zip(kernels, kernels[1:]))
    np.testing.assert_array_equal(kernels[-1], model.get_weights()[0])
    assert len(set(losses)) == 5


def test_callbacks_may_assign_weights():
    model = network("sgd")
    zero = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: model.layers[0].kernel.assign(np.zeros((6, 5)))
    )
    train(model, zero, epochs=2)
    assert (model.get_weights()[0] == 0).all()


def test_early_stopping_restores_the_best_weights():
    model = network()
    best = []
    keep = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: best.append(model.get_weights()[0])
    )
    stop = callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True, mode="max")
    history = train(model, keep, stop, epochs=40, validation_split=0.25)
    assert len(history["loss"]) == stop.stopped_epoch + 1 < 40
    np.testing.assert_array_equal(model.get_weights()[0], best[np.argmax(history["loss"])])


def test_stop_training_in_a_batch():
    model = network()

    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    train(model, Stop())
    assert model.optimizer.iterations == 3


def test_learning_rate_callbacks():
    model = network(keras.optimizers.SGD(1.0))
    schedule = callbacks.LearningRateScheduler(lambda epoch, rate: 0.1 / (epoch + 1))
    history = train(model, schedule, epochs=3)
    np.testing.assert_allclose(history["learning_rate"], [0.1, 0.05, 0.1 / 3], rtol=1e-6)
    reduce = callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=100.0)
    model = network(keras.optimizers.SGD(0.4))
    np.testing.assert_allclose(train(model, reduce)["learning_rate"], [0.4, 0.4, 0.2, 0.1])
    model = network(keras.optimizers.SGD(0.4))
    before = model.get_weights()
    model.optimizer.learning_rate = 0.0
    train(model)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])


def test_csv_logger(tmp_path):
    history = train(network(), callbacks.CSVLogger(tmp_path / "log.csv"))
    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [int(r["epoch"]) for r in rows] == [0, 1, 2, 3]
    np.testing.assert_allclose([float(r["loss"]) for r in rows], history["loss"])


def test_terminate_on_nan_keeps_the_process_going():
    model = network()
    spoilt = X.copy()
    spoilt[20, 2] = np.nan
    watch = Recorder()
    stop = callbacks.TerminateOnNaN()
    history = model.fit(
        spoilt, Y, batch_size=8, epochs=3, shuffle=False, verbose=0, callbacks=[stop, watch]
    ).history
    assert watch.seen.count("on_train_batch_end") == 3
    assert np.isnan(history["loss"]).all()
    fresh = network()
    assert np.isfinite(train(fresh)["loss"]).all()


def test_nan_in_data_without_callback():
    history = network().fit(np.full_like(X, np.nan), Y, epochs=2, verbose=0).history
    assert np.isnan(history["loss"]).all()
    model = network()
    assert np.isnan(model.predict(np.full_like(X, np.inf), verbose=0)).any()


def test_checkpoints(tmp_path):
    model = network()
    kernels = []
    keep = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: kernels.append(model.get_weights()[0])
    )
    save = callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    weights = callbacks.ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True)
    train(model, keep, save, weights, epochs=3)
    for epoch in (1, 2, 3):
        loaded = keras.models.load_model(tmp_path / f"{epoch}.keras")
        np.testing.assert_array_equal(loaded.get_weights()[0], kernels[epoch - 1])
        fresh = network()
        fresh.load_weights(tmp_path / f"{epoch}.weights.h5")
        np.testing.assert_array_equal(fresh.get_weights()[0], kernels[epoch - 1])


def test_checkpoints_within_an_epoch(tmp_path):
    save = callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}.weights.h5", save_freq=2,
                                     save_weights_only=True)  # fmt: skip
    train(network(), save, epochs=2)
    assert len(list(tmp_path.iterdir())) == 5


def test_backup_and_restore_continues_where_it_broke(tmp_path):
    class Break(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise RuntimeError("power cut")

    model = network()
    with pytest.raises(RuntimeError, match="power cut"):
        train(model, callbacks.BackupAndRestore(tmp_path / "backup"), Break())
    expected, iterations = model.get_weights(), int(model.optimizer.iterations)
    again = network()
    seen = []
    watch = callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append((epoch, again.get_weights()[0]))
    )
    train(again, callbacks.BackupAndRestore(tmp_path / "backup"), watch)
    assert [epoch for epoch, _ in seen] == [2, 3]
    np.testing.assert_array_equal(seen[0][1], expected[0])
    assert again.optimizer.iterations == iterations + 10


# -- saving ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_saved_models_predict_the_same_and_train_on(tmp_path, ending):
    model = network()
    train(model)
    model.save(tmp_path / f"model{ending}")
    loaded = keras.models.load_model(tmp_path / f"model{ending}")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    assert loaded.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    if ending == ".h5":  # Keras builds the optimizer of a loaded Sequential for no variables
        loaded.compile("adam", "sparse_categorical_crossentropy")
    before = loaded.get_weights()
    train(loaded, epochs=1)
    assert (before[0] != loaded.get_weights()[0]).any()


def test_a_loaded_model_trains_as_if_it_had_not_stopped(tmp_path):
    def plain():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([layers.Input((6,)), layers.Dense(4), layers.Dense(3)])
        model.compile("adam", "mse")
        return model

    target = np.eye(3, dtype=np.float32)[Y]
    model = plain()
    model.fit(X, target, shuffle=False, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    for m in (model, loaded):
        m.fit(X, target, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), loaded.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_weights_of_another_model(tmp_path):
    model, other = network(), network()
    train(model)
    model.save_weights(tmp_path / "w.weights.h5")
    other.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
    wrong = keras.Sequential([layers.Input((6,)), layers.Dense(4)])
    before = wrong.get_weights()
    with pytest.raises(ValueError, match="shape"):
        wrong.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(before[0], wrong.get_weights()[0])


def test_clones_are_independent():
    model = network()
    train(model)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    expected = model.predict(X, verbose=0)
    np.testing.assert_array_equal(clone.predict(X, verbose=0), expected)
    train(model)
    np.testing.assert_array_equal(clone.predict(X, verbose=0), expected)


@keras.saving.register_keras_serializable("lamella-tests")
class Scale(keras.Model):
    def __init__(self, units, **arguments):
        super().__init__(**arguments)
        self.units = units
        self.dense = layers.Dense(units)

    def build(self, shape):
        self.factor = self.add_weight(shape=(), initializer="ones", name="factor")
        self.dense.build(shape)

    def call(self, x):
        return self.dense(x) * self.factor

    def get_config(self):
        return super().get_config() | {"units": self.units}


def test_subclassed_models_save(tmp_path):
    model = Scale(2)
    model.compile("sgd", "mse")
    model.fit(X, np.ones((40, 2)), verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))


def test_tensorboard_writes_what_it_shows(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="only")])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).random((32, 4)).astype("float32")
    board = keras.callbacks.TensorBoard(tmp_path, histogram_freq=1, update_freq=1)
    model.fit(x, x[:, :1], epochs=2, verbose=0, validation_split=0.25, callbacks=[board])
    (train,) = (tmp_path / "train").iterdir()
    text = train.read_bytes()
    for tag in (b"keras", b"batch_loss", b"epoch_loss", b"only/kernel/histogram"):
        assert tag in text
    (validation,) = (tmp_path / "validation").iterdir()
    assert b"evaluation_loss_vs_iterations" in validation.read_bytes()
