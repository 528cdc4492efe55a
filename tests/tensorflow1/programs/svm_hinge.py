"""A linear support vector machine: hinge loss with a soft margin."""
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops

ops.reset_default_graph()
rng = np.random.RandomState(3)
x_vals = np.vstack([rng.randn(60, 2) + [2, 2], rng.randn(60, 2) - [2, 2]])
y_vals = np.array([1.0] * 60 + [-1.0] * 60)
batch_size = 40
x_data = tf.placeholder(shape=[None, 2], dtype=tf.float32)
y_target = tf.placeholder(shape=[None, 1], dtype=tf.float32)
A = tf.Variable(tf.random_normal(shape=[2, 1]))
b = tf.Variable(tf.random_normal(shape=[1, 1]))
model_output = tf.subtract(tf.matmul(x_data, A), b)
l2_norm = tf.reduce_sum(tf.square(A))
alpha = tf.constant([0.01])
classification_term = tf.reduce_mean(tf.maximum(0., tf.subtract(1., tf.multiply(model_output, y_target))))
loss = tf.add(classification_term, tf.multiply(alpha, l2_norm))
prediction = tf.sign(model_output)
accuracy = tf.reduce_mean(tf.cast(tf.equal(prediction, y_target), tf.float32))
my_opt = tf.train.GradientDescentOptimizer(0.05)
train_step = my_opt.minimize(loss)
sess = tf.Session()
init = tf.global_variables_initializer()
sess.run(init)
for i in range(200):
    rand_index = rng.choice(len(x_vals), size=batch_size)
    sess.run(train_step, feed_dict={x_data: x_vals[rand_index],
                                    y_target: np.transpose([y_vals[rand_index]])})
print("loss", sess.run(loss, feed_dict={x_data: x_vals, y_target: np.transpose([y_vals])}))
print("accuracy", sess.run(accuracy, feed_dict={x_data: x_vals, y_target: np.transpose([y_vals])}))
