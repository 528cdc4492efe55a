"""TensorFlow 2 (2019): the beginner's quickstart; logits, a probability model of model and Softmax."""
import numpy as np
import tensorflow as tf

print("TensorFlow version:", tf.__version__)
(x_train, y_train), (x_test, y_test) = tf.keras.datasets.mnist.load_data()
x_train, x_test = x_train[:6000] / 255.0, x_test[:1000] / 255.0
y_train, y_test = y_train[:6000], y_test[:1000]

model = tf.keras.models.Sequential([
  tf.keras.layers.Flatten(input_shape=(28, 28)),
  tf.keras.layers.Dense(64, activation='relu'),
  tf.keras.layers.Dropout(0.2),
  tf.keras.layers.Dense(10)
])
predictions = model(x_train[:1]).numpy()
assert np.allclose(tf.nn.softmax(predictions).numpy().sum(), 1, atol=1e-5)
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
untrained = loss_fn(y_train[:1], predictions).numpy()
model.compile(optimizer='adam', loss=loss_fn, metrics=['accuracy'])
model.fit(x_train, y_train, epochs=3, verbose=0)
loss, accuracy = model.evaluate(x_test, y_test, verbose=2)
assert accuracy > 0.85 and untrained > loss
probability_model = tf.keras.Sequential([model, tf.keras.layers.Softmax()])
answers = probability_model(x_test[:5])
assert answers.shape == (5, 10)
assert np.allclose(tf.reduce_sum(answers, axis=1).numpy(), 1, atol=1e-5)
