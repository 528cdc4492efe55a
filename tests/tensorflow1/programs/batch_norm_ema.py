"""Batch normalisation written out: moments, ExponentialMovingAverage, tf.cond on the phase."""
import numpy as np
import tensorflow as tf


def batch_norm(x, n_out, phase_train):
    with tf.variable_scope('bn'):
        beta = tf.Variable(tf.constant(0.0, shape=[n_out]), name='beta', trainable=True)
        gamma = tf.Variable(tf.constant(1.0, shape=[n_out]), name='gamma', trainable=True)
        batch_mean, batch_var = tf.nn.moments(x, [0], name='moments')
        ema = tf.train.ExponentialMovingAverage(decay=0.9)

        def mean_var_with_update():
            ema_apply_op = ema.apply([batch_mean, batch_var])
            with tf.control_dependencies([ema_apply_op]):
                return tf.identity(batch_mean), tf.identity(batch_var)

        mean, var = tf.cond(phase_train, mean_var_with_update,
                            lambda: (ema.average(batch_mean), ema.average(batch_var)))
        return tf.nn.batch_normalization(x, mean, var, beta, gamma, 1e-3)


rng = np.random.RandomState(0)
x = tf.placeholder(tf.float32, [None, 3])
y = tf.placeholder(tf.float32, [None, 1])
phase = tf.placeholder(tf.bool, name='phase_train')
h = batch_norm(x, 3, phase)
out = tf.layers.dense(h, 1)
loss = tf.reduce_mean(tf.square(out - y))
train_step = tf.train.AdamOptimizer(0.05).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(200):
        data = rng.randn(64, 3) * [1., 10., 100.] + [5., -3., 50.]
        target = ((data - [5., -3., 50.]) / [1., 10., 100.]).sum(1, keepdims=True)
        sess.run(train_step, {x: data, y: target, phase: True})
    data = rng.randn(256, 3) * [1., 10., 100.] + [5., -3., 50.]
    target = ((data - [5., -3., 50.]) / [1., 10., 100.]).sum(1, keepdims=True)
    first = sess.run(loss, {x: data, y: target, phase: False})
    again = sess.run(loss, {x: data, y: target, phase: False})
    assert first == again
    print("test loss %.4f" % first)
    print("one row", sess.run(out, {x: data[:1], y: target[:1], phase: False}).shape)
