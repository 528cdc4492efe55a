"""Eager execution as it was switched on in 1.7: tfe, GradientTape, tf.train optimizers."""
import numpy as np
import tensorflow as tf
import tensorflow.contrib.eager as tfe

tf.enable_eager_execution()
print("eager:", tf.executing_eagerly())

x = tf.constant([[1., 2.], [3., 4.]])
print("sum", tf.reduce_sum(tf.matmul(x, x), reduction_indices=[0]).numpy())

NUM_EXAMPLES = 500
training_inputs = tf.random_normal([NUM_EXAMPLES])
noise = tf.random_normal([NUM_EXAMPLES], stddev=0.1)
training_outputs = training_inputs * 3 + 2 + noise


class Model(object):
    def __init__(self):
        self.W = tfe.Variable(5., name='weight')
        self.B = tfe.Variable(10., name='bias')

    def predict(self, inputs):
        return inputs * self.W + self.B


def loss(model, inputs, targets):
    return tf.reduce_mean(tf.square(model.predict(inputs) - targets))


def grad(model, inputs, targets):
    with tf.GradientTape() as tape:
        loss_value = loss(model, inputs, targets)
    return tape.gradient(loss_value, [model.W, model.B])


model = Model()
optimizer = tf.train.GradientDescentOptimizer(learning_rate=0.05)
for i in range(100):
    grads = grad(model, training_inputs, training_outputs)
    optimizer.apply_gradients(zip(grads, [model.W, model.B]),
                              global_step=tf.train.get_or_create_global_step())
print("W = {:.2f}, B = {:.2f}".format(model.W.numpy(), model.B.numpy()))
print("steps", tf.train.get_or_create_global_step().numpy())

square = lambda x: tf.multiply(x, x)
dsquare = tfe.gradients_function(square)
print("derivative", dsquare(3.)[0].numpy())
w = tfe.Variable(2.0)
adam = tf.train.AdamOptimizer(0.1)
for _ in range(200):
    adam.minimize(lambda: (w - 1.0) ** 2)
print("adam %.3f" % w.numpy())
ds = tf.data.Dataset.from_tensor_slices([1, 2, 3, 4]).map(tf.square).batch(2)
for batch in tfe.Iterator(ds):
    print("batch", batch.numpy())


class Net(tfe.Network):
    def __init__(self):
        super(Net, self).__init__()
        self.hidden = self.track_layer(tf.layers.Dense(8, activation=tf.nn.tanh))
        self.out = self.track_layer(tf.layers.Dense(1))

    def call(self, x):
        return self.out(self.hidden(x))


net = Net()
rows = tfe.Iterator(tf.data.Dataset.from_tensor_slices(tf.linspace(-1., 1., 64)).repeat().batch(64))
slopes = tfe.implicit_gradients(lambda x: tf.reduce_mean((net(x) - x * x) ** 2))
adam = tf.train.AdamOptimizer(0.02)
for _ in range(200):
    x = tf.reshape(rows.next(), [-1, 1])
    adam.apply_gradients(slopes(x))
error = tf.reduce_mean((net(x) - x * x) ** 2).numpy()
print("network", len(net.variables), error < 0.01)
assert error < 0.01, error
