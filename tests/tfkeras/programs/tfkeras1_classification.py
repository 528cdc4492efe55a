"""tf.keras in TensorFlow 1.13: tf.train.AdamOptimizer in compile, history 'acc', tf.logging."""
from __future__ import absolute_import, division, print_function
import tensorflow as tf
from tensorflow import keras
import numpy as np

tf.logging.set_verbosity(tf.logging.ERROR)
(train_images, train_labels), (test_images, test_labels) = keras.datasets.mnist.load_data()
train_images, train_labels = train_images[:4000] / 255.0, train_labels[:4000]
test_images, test_labels = test_images[:1000] / 255.0, test_labels[:1000]
model = keras.Sequential([
    keras.layers.Flatten(input_shape=(28, 28)),
    keras.layers.Dense(64, activation=tf.nn.relu),
    keras.layers.Dense(10, activation=tf.nn.softmax)
])
model.compile(optimizer=tf.train.AdamOptimizer(), loss='sparse_categorical_crossentropy', metrics=['accuracy'])
history = model.fit(train_images, train_labels, epochs=4, verbose=0)
test_loss, test_acc = model.evaluate(test_images, test_labels, verbose=0)
assert test_acc > 0.85, test_acc
assert 'acc' in history.history
predictions = model.predict(test_images)
assert np.argmax(predictions[0]) == test_labels[0]
