"""Summaries for TensorBoard: scalars, histograms, images, merge_all, FileWriter."""
import os
import tempfile

import numpy as np
import tensorflow as tf

log_dir = tempfile.mkdtemp()


def variable_summaries(var):
    with tf.name_scope('summaries'):
        mean = tf.reduce_mean(var)
        tf.summary.scalar('mean', mean)
        with tf.name_scope('stddev'):
            stddev = tf.sqrt(tf.reduce_mean(tf.square(var - mean)))
        tf.summary.scalar('stddev', stddev)
        tf.summary.histogram('histogram', var)


def nn_layer(input_tensor, input_dim, output_dim, layer_name, act=tf.nn.relu):
    with tf.name_scope(layer_name):
        with tf.name_scope('weights'):
            weights = tf.Variable(tf.truncated_normal([input_dim, output_dim], stddev=0.1))
            variable_summaries(weights)
        with tf.name_scope('biases'):
            biases = tf.Variable(tf.constant(0.1, shape=[output_dim]))
        with tf.name_scope('Wx_plus_b'):
            preactivate = tf.matmul(input_tensor, weights) + biases
            tf.summary.histogram('pre_activations', preactivate)
        return act(preactivate, name='activation')


sess = tf.InteractiveSession()
with tf.name_scope('input'):
    x = tf.placeholder(tf.float32, [None, 16], name='x-input')
    y_ = tf.placeholder(tf.int64, [None], name='y-input')
    tf.summary.image('input', tf.reshape(x, [-1, 4, 4, 1]), 3)
hidden = nn_layer(x, 16, 24, 'layer1')
y = nn_layer(hidden, 24, 2, 'layer2', act=tf.identity)
with tf.name_scope('cross_entropy'):
    cross_entropy = tf.losses.sparse_softmax_cross_entropy(labels=y_, logits=y)
tf.summary.scalar('cross_entropy', cross_entropy)
train_step = tf.train.AdamOptimizer(0.01).minimize(cross_entropy)
merged = tf.summary.merge_all()
train_writer = tf.summary.FileWriter(os.path.join(log_dir, 'train'), sess.graph)
tf.global_variables_initializer().run()
rng = np.random.RandomState(0)
for i in range(60):
    xs = rng.rand(50, 16)
    ys = (xs[:, :8].sum(1) > xs[:, 8:].sum(1)).astype(np.int64)
    if i % 10 == 9:
        run_options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        run_metadata = tf.RunMetadata()
        summary, _, loss = sess.run([merged, train_step, cross_entropy], feed_dict={x: xs, y_: ys},
                                    options=run_options, run_metadata=run_metadata)
        train_writer.add_run_metadata(run_metadata, 'step%03d' % i)
        train_writer.add_summary(summary, i)
    else:
        sess.run(train_step, feed_dict={x: xs, y_: ys})
own = tf.Summary(value=[tf.Summary.Value(tag="own", simple_value=0.5)])
train_writer.add_summary(own, 60)
train_writer.close()
print("activation name", hidden.name)
print("loss %.3f" % loss)
print("log", log_dir)
