"""A bidirectional GRU that finds where a sequence has its largest number."""
import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
tf.set_random_seed(1)
T = 8
x = tf.placeholder(tf.float32, [None, T, 1])
y = tf.placeholder(tf.int32, [None])
fw = tf.contrib.rnn.GRUCell(16)
bw = tf.contrib.rnn.GRUCell(16)
(out_fw, out_bw), states = tf.nn.bidirectional_dynamic_rnn(fw, bw, x, dtype=tf.float32)
outputs = tf.concat([out_fw, out_bw], axis=2)
w = tf.Variable(tf.truncated_normal([32, 1], stddev=0.1))
scores = tf.reshape(tf.matmul(tf.reshape(outputs, [-1, 32]), w), [-1, T])
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=scores))
opt = tf.train.AdamOptimizer(0.02)
tvars = tf.trainable_variables()
grads, norm = tf.clip_by_global_norm(tf.gradients(loss, tvars), 5.0)
train = opt.apply_gradients(zip(grads, tvars))
acc = tf.reduce_mean(tf.cast(tf.nn.in_top_k(scores, y, 1), tf.float32))
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(200):
        data = rng.rand(64, T, 1)
        sess.run(train, {x: data, y: data[:, :, 0].argmax(1)})
    data = rng.rand(500, T, 1)
    print("accuracy", sess.run(acc, {x: data, y: data[:, :, 0].argmax(1)}))
    print("variables", sorted(v.op.name for v in tvars)[:2])
