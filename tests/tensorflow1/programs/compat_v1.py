"""A graph program kept alive under TensorFlow 2: tensorflow.compat.v1."""
import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
tf.logging.set_verbosity(tf.logging.ERROR)
x = tf.placeholder(tf.float32, [None, 1])
y = tf.placeholder(tf.float32, [None, 1])
hidden = tf.layers.dense(x, 20, activation=tf.nn.tanh)
out = tf.layers.dense(hidden, 1)
loss = tf.losses.mean_squared_error(y, out)
train = tf.train.AdamOptimizer(0.02).minimize(loss)
xs = np.linspace(-3, 3, 100)[:, None]
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(400):
        sess.run(train, {x: xs, y: np.sin(xs)})
    print("loss %.5f" % sess.run(loss, {x: xs, y: np.sin(xs)}))
