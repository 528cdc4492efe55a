"""The first example of the first releases: tf.initialize_all_variables, tf.random_uniform."""
import tensorflow as tf
import numpy as np

x_data = np.random.rand(100).astype(np.float32)
y_data = x_data * 0.1 + 0.3

W = tf.Variable(tf.random_uniform([1], -1.0, 1.0))
b = tf.Variable(tf.zeros([1]))
y = tf.add(tf.mul(x_data, W), b)

loss = tf.reduce_mean(tf.square(tf.sub(y, y_data)))
optimizer = tf.train.GradientDescentOptimizer(0.5)
train = optimizer.minimize(loss)

init = tf.initialize_all_variables()
sess = tf.Session()
sess.run(init)
for step in range(201):
    sess.run(train)
    if step % 50 == 0:
        print(step, sess.run(W), sess.run(b))
print("W %.3f b %.3f" % (sess.run(W)[0], sess.run(b)[0]))
