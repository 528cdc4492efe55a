"""TensorFlow 2: the one-neuron model of the course: model.predict([10.0])."""
import tensorflow as tf
import numpy as np
from tensorflow import keras

model = tf.keras.Sequential([keras.layers.Dense(units=1, input_shape=[1])])
model.compile(optimizer='sgd', loss='mean_squared_error')
xs = np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0], dtype=float)
ys = np.array([-3.0, -1.0, 1.0, 3.0, 5.0, 7.0], dtype=float)
model.fit(xs, ys, epochs=500, verbose=0)
print(model.predict([10.0]))
assert abs(model.predict([10.0])[0][0] - 19) < 0.2
model.fit(xs.tolist(), ys.tolist(), epochs=1, verbose=0)
