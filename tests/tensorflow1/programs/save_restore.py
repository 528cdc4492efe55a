"""Training in one session, going on in another: Saver, latest_checkpoint, max_to_keep."""
import os
import tempfile

import numpy as np
import tensorflow as tf

folder = tempfile.mkdtemp()
x = tf.placeholder(tf.float32, [None, 3], name="input")
y = tf.placeholder(tf.float32, [None, 1])
w = tf.Variable(tf.zeros([3, 1]), name="weights")
global_step = tf.Variable(0, name="global_step", trainable=False)
loss = tf.losses.mean_squared_error(y, tf.matmul(x, w))
train_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss, global_step=global_step)
saver = tf.train.Saver(max_to_keep=2)
data = np.random.RandomState(0).randn(64, 3)
target = data.dot([[1.], [-2.], [3.]])

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(30):
        sess.run(train_op, {x: data, y: target})
        step = tf.train.global_step(sess, global_step)
        if step % 10 == 0:
            path = saver.save(sess, os.path.join(folder, "model.ckpt"), global_step=step)
            print("saved", os.path.basename(path))
    first = sess.run(loss, {x: data, y: target})

with tf.Session() as sess:
    ckpt = tf.train.get_checkpoint_state(folder)
    if ckpt and ckpt.model_checkpoint_path:
        saver.restore(sess, ckpt.model_checkpoint_path)
    assert tf.train.latest_checkpoint(folder) == ckpt.model_checkpoint_path
    again = sess.run(loss, {x: data, y: target})
    assert abs(first - again) < 1e-6
    for _ in range(200):
        sess.run(train_op, {x: data, y: target})
    print("step", sess.run(global_step), "loss %.6f" % sess.run(loss, {x: data, y: target}))
kept = sorted(f for f in os.listdir(folder) if f.endswith(".index"))
print("kept", len(kept))
