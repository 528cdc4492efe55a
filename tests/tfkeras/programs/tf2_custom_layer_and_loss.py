"""TensorFlow 2: layers and losses written with tf.*: add_weight, tf.matmul, self.add_loss, tf.where."""
import numpy as np
import tensorflow as tf
from tensorflow import keras

class Linear(keras.layers.Layer):
    def __init__(self, units=32):
        super(Linear, self).__init__()
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True)
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True)

    def call(self, inputs):
        return tf.matmul(inputs, self.w) + self.b

class ActivityRegularizationLayer(keras.layers.Layer):
    def __init__(self, rate=1e-3):
        super().__init__()
        self.rate = rate

    def call(self, inputs):
        self.add_loss(self.rate * tf.reduce_mean(inputs ** 2))
        return inputs

def huber(y_true, y_pred):
    error = y_true - y_pred
    small = tf.abs(error) <= 1.0
    return tf.where(small, tf.square(error) / 2, tf.abs(error) - 0.5)

class MLPBlock(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.linear_1, self.linear_2 = Linear(16), Linear(1)
        self.penalty = ActivityRegularizationLayer()

    def call(self, inputs):
        x = tf.nn.relu(self.linear_1(inputs))
        return self.linear_2(self.penalty(x))

mlp = MLPBlock()
y = mlp(tf.ones(shape=(3, 8)))
assert y.shape == (3, 1) and len(mlp.weights) == 4 and len(mlp.losses) == 1
x = np.random.RandomState(0).normal(size=(256, 8)).astype('float32')
target = np.abs(x[:, :1]) * 2
model = keras.Sequential([MLPBlock()])
model.compile(optimizer=keras.optimizers.Adam(0.02), loss=huber, metrics=[keras.metrics.MeanAbsoluteError()])
history = model.fit(x, target, epochs=40, verbose=0)
assert history.history['mean_absolute_error'][-1] < 0.35 * history.history['mean_absolute_error'][0]
