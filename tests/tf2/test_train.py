"""Checkpoints and summaries."""

import keras
import numpy as np
import pytest


def net():
    return keras.Sequential([keras.layers.Dense(3, "relu"), keras.layers.Dense(1)])


def train(tf, model, optimizer):
    x = np.ones((4, 2), "float32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model(x) ** 2)
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    return float(loss)


def test_training_goes_on_from_a_checkpoint(tf, tmp_path):
    model, optimizer, step = net(), keras.optimizers.Adam(0.1), tf.Variable(0)
    checkpoint = tf.train.Checkpoint(step=step, optimizer=optimizer, net=model)
    manager = tf.train.CheckpointManager(checkpoint, tmp_path, max_to_keep=2)
    for _ in range(3):
        train(tf, model, optimizer)
        step.assign_add(1)
        manager.save()
    assert [p.rpartition("-")[2] for p in manager.checkpoints] == ["2", "3"]
    assert tf.train.latest_checkpoint(tmp_path) == manager.latest_checkpoint

    other, other_optimizer, other_step = net(), keras.optimizers.Adam(0.1), tf.Variable(0)
    restored = tf.train.Checkpoint(step=other_step, optimizer=other_optimizer, net=other)
    status = restored.restore(tf.train.latest_checkpoint(tmp_path))
    assert other_step.numpy() == 3
    for _ in range(3):
        assert train(tf, other, other_optimizer) == train(tf, model, optimizer)
    status.assert_consumed()


def test_restoring_what_does_not_fit(tf, tmp_path):
    path = tf.train.Checkpoint(v=tf.Variable([1.0, 2.0])).save(tmp_path / "ckpt")
    with pytest.raises(ValueError, match="shape"):
        tf.train.Checkpoint(v=tf.Variable([1.0])).restore(path)
    status = tf.train.Checkpoint(w=tf.Variable([1.0])).restore(path)
    with pytest.raises(AssertionError, match="v"):
        status.assert_consumed()
    with pytest.raises(tf.errors.NotFoundError):
        tf.train.Checkpoint(v=tf.Variable(1.0)).restore(tmp_path / "nothing")
    tf.train.Checkpoint(v=tf.Variable(1.0)).restore(None)


def test_a_model_with_a_constant_is_saved(tf, tmp_path):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, inputs * 2.0 + tf.constant([1.0, 2.0, 3.0]))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.predict(np.ones((2, 3)), verbose=0).tolist() == [[3, 4, 5]] * 2


def test_layers_inside_of_layers_keep_variables_of_tensorflow(tf):
    class Inner(keras.layers.Layer):
        def build(self, shape):
            self.shift = tf.Variable(tf.range(float(shape[-1])), trainable=False)

        def call(self, x):
            return x + self.shift

    class Outer(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = Inner()

        def call(self, x):
            return 2.0 * self.inner(x)

    inputs = keras.Input((3,))
    model = keras.Model(inputs, Outer()(inputs))
    assert model.predict(np.ones((2, 3)), verbose=0).tolist() == [[2, 4, 6]] * 2


def test_modules_and_lists(tf, tmp_path):
    class Model(tf.Module):
        def __init__(self, start):
            super().__init__()
            self.parts = [tf.Variable(start), {"b": tf.Variable(start + 1)}]

    path = tf.train.Checkpoint(model=Model(1.0)).write(tmp_path / "one")
    other = Model(0.0)
    tf.train.Checkpoint(model=other).read(path).assert_consumed()
    assert [v.numpy() for v in other.variables] == [1.0, 2.0]


def events(folder):
    """(step, tag, plugin, tensor) of the events in a folder."""
    from tensorflow_lamella.io import protobuf as pb
    from tensorflow_lamella.io import records

    (file,) = folder.glob("events.out.tfevents.*")
    with open(file, "rb") as stream:
        for record in records.read(stream):
            fields = {n: v for n, _, v in pb.fields(record)}
            if 5 in fields:
                value = {n: v for n, _, v in pb.fields(dict_of(pb, fields[5])[1])}
                about = dict_of(pb, dict_of(pb, value[9])[1])
                tensor = dict_of(pb, value[8])
                yield fields.get(2, 0), value[1].decode(), about[1].decode(), tensor


def dict_of(pb, message):
    return {n: v for n, _, v in pb.fields(message)}


def test_scalars_in_event_files(tf, tmp_path):
    writer = tf.summary.create_file_writer(str(tmp_path))

    @tf.function
    def step(x, i):
        y = tf.reduce_sum(x)
        tf.summary.scalar("compiled", y, step=i)
        return y

    with writer.as_default():
        for i in range(3):
            tf.summary.scalar("loss", 0.5 * i, step=i)
            step(tf.constant([1.0, float(i)]), tf.constant(i, tf.int64))
        with tf.summary.record_if(False):
            tf.summary.scalar("loss", 9.0, step=9)
        tf.summary.text("note", "hello", step=0)
    found = list(events(tmp_path))
    numbers = [(s, tag, np.frombuffer(t[4], "<f4")[0]) for s, tag, kind, t in found
               if kind == "scalars"]  # fmt: skip
    assert numbers == [(0, "loss", 0.0), (0, "compiled", 1.0), (1, "loss", 0.5),
                       (1, "compiled", 2.0), (2, "loss", 1.0), (2, "compiled", 3.0)]  # fmt: skip
    assert found[-1][3][8] == b"hello"


def test_a_scalar_needs_a_step(tf, tmp_path):
    with (
        tf.summary.create_file_writer(str(tmp_path)).as_default(),
        pytest.raises(ValueError, match="step"),
    ):
        tf.summary.scalar("loss", 1.0)
    assert not tf.summary.scalar("without a writer", 1.0, step=0)


def test_checksums():
    from tensorflow_lamella.io.records import crc32c

    assert crc32c(b"123456789") == 0xE3069283
