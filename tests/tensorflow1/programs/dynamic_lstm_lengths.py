"""Sequences of different lengths: dynamic_rnn with sequence_length, last relevant output."""
import numpy as np
import tensorflow as tf

np.random.seed(3)
tf.set_random_seed(3)


def make_batch(n, max_len=12):
    """Class 0 counts upwards, class 1 is noise; zeros behind the end."""
    xs, ys, lens = [], [], []
    for _ in range(n):
        length = np.random.randint(4, max_len + 1)
        if np.random.rand() < 0.5:
            start = np.random.randint(0, 10)
            seq = [[(start + i) / 20.0] for i in range(length)]
            ys.append([1., 0.])
        else:
            seq = [[np.random.rand()] for _ in range(length)]
            ys.append([0., 1.])
        seq += [[0.] for _ in range(max_len - length)]
        xs.append(seq)
        lens.append(length)
    return xs, ys, lens


seq_max_len = 12
n_hidden = 24
x = tf.placeholder("float", [None, seq_max_len, 1])
y = tf.placeholder("float", [None, 2])
seqlen = tf.placeholder(tf.int32, [None])

cell = tf.nn.rnn_cell.LSTMCell(n_hidden)
outputs, _ = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32, sequence_length=seqlen)
batch_size = tf.shape(outputs)[0]
index = tf.range(0, batch_size) * seq_max_len + (seqlen - 1)
last = tf.gather(tf.reshape(outputs, [-1, n_hidden]), index)
logits = tf.layers.dense(last, 2)
cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=y))
optimizer = tf.train.AdamOptimizer(0.01)
gvs = optimizer.compute_gradients(cost)
capped = [(tf.clip_by_value(grad, -1., 1.), var) for grad, var in gvs]
train_op = optimizer.apply_gradients(capped)
accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), tf.argmax(y, 1)), tf.float32))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(300):
        bx, by, bl = make_batch(64)
        sess.run(train_op, feed_dict={x: bx, y: by, seqlen: bl})
    bx, by, bl = make_batch(500)
    print("Testing Accuracy:", sess.run(accuracy, feed_dict={x: bx, y: by, seqlen: bl}))
