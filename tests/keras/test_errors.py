"""What is wrong is told early and clearly, and changes nothing."""

import keras
import numpy as np
import pytest
from keras import layers

RNG = np.random.default_rng(2)
X = RNG.normal(size=(30, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 30)


def network():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Input((6,)), layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, Y, verbose=0)
    return model


def everything(model):
    return [v.numpy() for v in (*model.variables, *model.optimizer.variables)]


WRONG_DATA = {
    "too few columns": (lambda: (X[:, :4], Y), "expected"),
    "too many axes": (lambda: (X[:, None, :, None], Y), r"Expected shape \(None, 6\)"),
    "rows that do not match": (lambda: (X, Y[:-1]), "cardinality"),
    "labels of another shape": (lambda: (X, np.zeros((30, 7, 2))), "shape"),
    "no labels": (lambda: (X, None), "targets"),
    "text": (lambda: (np.array([["a"] * 6] * 30), Y), "dtype|str|string|<U1"),
    "objects": (lambda: (np.array([[None] * 6] * 30), Y), "dtype|object"),
    "a number": (lambda: (3.0, Y), "data type|type"),
}


@pytest.mark.parametrize("name", WRONG_DATA)
def test_wrong_data_changes_nothing(name):
    data, message = WRONG_DATA[name]
    model = network()
    before = everything(model)
    with pytest.raises((ValueError, TypeError), match=message) as error:
        model.fit(*data(), verbose=0, epochs=2)
    assert len(str(error.value)) < 1500
    for a, b in zip(before, everything(model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


def test_wrong_data_for_predict_and_evaluate():
    model = network()
    with pytest.raises(ValueError, match="expected"):
        model.predict(X[:, :5], verbose=0)
    with pytest.raises(ValueError, match="expected"):
        model.evaluate(X[:, :5], Y, verbose=0)
    assert model.predict(X, verbose=0).shape == (30, 3)


def test_a_batch_that_breaks_in_the_middle_of_an_epoch():
    def batches():
        yield X[:10], Y[:10]
        yield X[10:20], Y[10:20]
        raise OSError("disk gone")

    model = network()
    with pytest.raises(OSError, match="disk gone"):
        model.fit(batches(), verbose=0)
    assert model.optimizer.iterations == 3
    assert all(np.isfinite(v).all() for v in everything(model))
    model.fit(X, Y, verbose=0)


def test_an_error_in_a_callback_keeps_the_steps_before_it():
    class Break(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise RuntimeError("from the callback")

    model = network()
    with pytest.raises(RuntimeError, match="from the callback"):
        model.fit(X, Y, batch_size=5, verbose=0, callbacks=[Break()])
    assert model.optimizer.iterations == 3
    model.fit(X, Y, verbose=0)


def test_an_error_while_tracing_leaves_variables_concrete():
    class Broken(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)
            self.broken = True

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            self.count.assign_add(1.0)
            if self.broken:
                raise ZeroDivisionError("in train_step")
            return super().train_step(data)

    model = Broken()
    model.compile("sgd", "mse")
    with pytest.raises(ZeroDivisionError, match="in train_step"):
        model.fit(X, np.zeros((30, 3)), verbose=0)
    assert float(model.count) == 0
    model.broken = False
    model.fit(X, np.zeros((30, 3)), verbose=0)
    assert float(model.count) == 1


def test_asking_a_traced_value_for_its_numbers_names_the_line():
    class Branching(keras.layers.Layer):
        def call(self, x):
            if x.sum() > 0:
                return x
            return -x

    with pytest.raises(Exception, match=r"test_errors\.py:\d+ in call") as error:
        keras.Sequential([layers.Input((6,)), layers.Dense(6), Branching()])
    assert "np.where" in str(error.value)
    assert "lamella.cond" in str(error.value)


def test_fit_before_compile():
    model = keras.Sequential([layers.Dense(1)])
    with pytest.raises(ValueError, match=r"compile\(\)"):
        model.fit(X, Y, verbose=0)


def test_labels_outside_the_classes_do_not_crash():
    model = network()
    labels = Y.copy()
    labels[3] = 17
    loss = model.fit(X, labels, verbose=0).history["loss"][0]
    assert isinstance(loss, float)
    embedding = keras.Sequential([layers.Embedding(5, 2)])
    out = embedding.predict(np.array([[1, 99, -7]]), verbose=0)
    assert out.shape == (1, 3, 2)


def test_empty_data():
    model = network()
    before = everything(model)
    for use in (
        lambda: model.fit(X[:0], Y[:0], verbose=0),
        lambda: model.evaluate(X[:0], Y[:0], verbose=0),
        lambda: model.predict(X[:0], verbose=0),
    ):
        with pytest.raises(ValueError, match="the data has no rows"):
            use()
    with pytest.raises(ValueError, match="at least one batch"):
        model.predict(((X,) for _ in range(0)), verbose=0)
    for a, b in zip(before, everything(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_custom_gradient_that_returns_no_pair():
    @keras.ops.custom_gradient
    def doubled(x):
        return 2 * x

    with pytest.raises(TypeError, match="doubled must return a pair"):
        doubled(X[:2])
