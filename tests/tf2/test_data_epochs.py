"""Whole epochs of a tf.data.Dataset in few native calls, and functions of many elements at once."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_lamella.src.step import Block
from tensorflow_lamella.data.adapter import DatasetAdapter

x = np.arange(70, dtype=np.float32).reshape(35, 2) / 70
y = x.sum(axis=1, keepdims=True)


def linear():
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


@pytest.fixture
def slices(tf):
    return tf.data.Dataset.from_tensor_slices((x, y))


def pipelines(slices, tf):
    """Datasets of the rows in order, in batches of 8."""
    yield slices.batch(8)
    yield slices.map(lambda a, b: (a * 2.0 / 2.0, b)).batch(8)
    yield slices.batch(8).map(lambda a, b: (a, b + 0.0))
    yield slices.batch(8).repeat(1)
    yield slices.map(lambda a, b: (a, b)).cache().batch(8)
    yield slices.filter(lambda a, b: a[0] >= 0.0).batch(8)
    yield tf.data.Dataset.from_tensor_slices((x.astype("float64"), y)).batch(8)


def test_training_is_that_on_the_arrays(tf, slices):
    expected = linear()
    expected.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    for ds in pipelines(slices, tf):
        model = linear()
        history = model.fit(ds, epochs=3, verbose=0)
        assert history.history["loss"] == pytest.approx(expected.history.history["loss"], rel=1e-5)
        np.testing.assert_allclose(model.predict(ds, verbose=0), expected.predict(x, verbose=0),
                                   rtol=1e-5)  # fmt: skip
        assert model.evaluate(ds, verbose=0) == pytest.approx(
            expected.evaluate(x, y, batch_size=8, verbose=0), rel=1e-5
        )


def blocks(ds, steps=100):
    epoch = DatasetAdapter(ds).epoch()
    while epoch.available(steps):
        yield epoch.take(steps)


def test_batches_come_many_at_once(tf, slices):
    for ds in pipelines(slices, tf):
        found = list(blocks(ds))
        assert [(type(b), b.steps, b.batch) for b in found] == [(Block, 4, 8), (Block, 1, 3)]
        rows = np.concatenate([a for b in found for a, _ in b.batches()])
        np.testing.assert_allclose(rows, x)
        assert rows.dtype == np.float32
    dropped = list(blocks(slices.batch(8, drop_remainder=True)))
    assert [b.steps for b in dropped] == [4]


def test_what_is_no_rows_of_arrays_comes_batch_by_batch(tf):
    ds = tf.data.Dataset.from_tensor_slices(["a", "b", "c"]).batch(2)
    assert [b.tolist() for b in blocks(ds)] == [[b"a", b"b"], [b"c"]]


def test_shuffled_rows_are_those_of_the_dataset(slices):
    for buffer in (7, 100):
        ds = slices.shuffle(buffer).batch(8)
        first, second = (
            np.concatenate([b[0] for block in blocks(ds) for b in block.batches()])
            for _ in range(2)
        )
        assert first.tolist() != x.tolist()
        assert first.tolist() != second.tolist()
        assert sorted(first.tolist()) == sorted(second.tolist()) == x.tolist()


def test_steps_per_epoch_go_on_in_the_data(tf):
    seen = []

    class Watching(keras.Model):
        def train_step(self, data):
            return {"first": data[0, 0]}

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(float(logs["first"]))

    ds = tf.data.Dataset.from_tensor_slices(x).batch(7)
    model = Watching()
    model.compile()
    with pytest.warns(UserWarning, match="ran out of data"):
        model.fit(ds, steps_per_epoch=3, epochs=2, verbose=0, callbacks=[Watch()])
    firsts = x[::7, 0].tolist()
    assert seen == firsts
    seen.clear()
    model.fit(ds.repeat(), steps_per_epoch=3, epochs=3, verbose=0, callbacks=[Watch()])
    assert seen == [*firsts, *firsts[:4]]


def test_a_function_of_elements_draws_for_each_of_them(tf):
    ds = tf.data.Dataset.range(500).map(lambda i: tf.random.uniform([]))
    first, second = (np.array(list(ds.as_numpy_iterator())) for _ in range(2))
    assert len(np.unique(first)) > 490
    assert not np.intersect1d(first, second).size > 10
    batches = ds.batch(100)
    model = keras.Sequential([keras.layers.Identity()])
    drawn = model.predict(batches, verbose=0)
    assert len(np.unique(drawn)) > 490


def test_a_function_of_elements_may_give_another_structure(tf, slices):
    ds = slices.map(lambda a, b: {"sum": tf.reduce_sum(a), "pair": (b, tf.constant(3))}).batch(35)
    (found,) = ds.as_numpy_iterator()
    np.testing.assert_allclose(found["sum"], y[:, 0], rtol=1e-6)
    assert found["pair"][0].shape == (35, 1)
    assert found["pair"][1].tolist() == [3] * 35


def test_functions_that_need_python_still_run_element_by_element(tf):
    numbers = tf.data.Dataset.range(4)
    printed = []
    assert list(numbers.map(lambda i: tf.strings.as_string(i)).as_numpy_iterator())[1] == b"1"
    doubled = numbers.map(
        lambda i: tf.py_function(lambda v: printed.append(int(v)) or 2 * v, [i], tf.int64)
    )
    assert list(doubled.as_numpy_iterator()) == [0, 2, 4, 6]
    assert printed == [0, 1, 2, 3]
    pairs = numbers.batch(2).map(lambda b: tf.reduce_sum(b))
    assert list(pairs.as_numpy_iterator()) == [1, 5]
