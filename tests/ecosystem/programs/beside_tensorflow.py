"""A program that imports tensorflow, beside an installed one: which of the two is it given?

Its argument says which is expected: ours, or the real one with Keras on the engine named after it.
"""

import sys
import tempfile

import keras
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

expected, *engine = sys.argv[1:]
ours = tf.__version__.endswith("lamella")
assert ours == (expected == "ours"), tf.__version__
assert keras.backend.backend() == (engine or ["lamella"])[0]

x = np.linspace(0, 1, 64, dtype="float32").reshape(32, 2)
y = x.sum(axis=1, keepdims=True)
model = tf.keras.Sequential([tf.keras.Input((2,)), layers.Dense(4), layers.Dense(1)])
model.compile(tf.keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
rows = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
history = model.fit(rows, validation_data=(x, y), epochs=20, verbose=0).history
assert history["loss"][-1] < history["loss"][0]

with tf.GradientTape() as tape:
    v = tf.Variable(3.0)
    tape.watch(v)
    square = v * v
assert float(tape.gradient(square, v)) == 6.0
assert float(tf.function(lambda a: tf.reduce_sum(a))(tf.ones(3))) == 3.0

graph = tf.compat.v1.Graph()
with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
    fed = tf.compat.v1.placeholder("float32")
    assert session.run(fed * 2, {fed: 3.0}) == 6.0

path = tempfile.mkdtemp() + "/model.keras"
model.save(path)
loaded = tf.keras.models.load_model(path)
np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)
