"""Sentence classification: embeddings, filters of several widths, max over time."""
import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
vocab_size, seq_len, n_classes = 50, 12, 2


def sentences(n):
    x = rng.randint(2, vocab_size, size=(n, seq_len))
    y = rng.randint(0, 2, size=n)
    at = rng.randint(0, seq_len - 2, size=n)
    for i in range(n):
        x[i, at[i]:at[i] + 2] = (0, 1) if y[i] else (1, 0)
    return x, np.eye(2)[y]


class TextCNN(object):
    def __init__(self, filter_sizes, num_filters, embedding_size, l2_reg_lambda=0.0):
        self.input_x = tf.placeholder(tf.int32, [None, seq_len], name="input_x")
        self.input_y = tf.placeholder(tf.float32, [None, n_classes], name="input_y")
        self.dropout_keep_prob = tf.placeholder(tf.float32, name="dropout_keep_prob")
        l2_loss = tf.constant(0.0)
        with tf.device('/cpu:0'), tf.name_scope("embedding"):
            self.W = tf.Variable(tf.random_uniform([vocab_size, embedding_size], -1.0, 1.0), name="W")
            self.embedded_chars = tf.nn.embedding_lookup(self.W, self.input_x)
            self.embedded_chars_expanded = tf.expand_dims(self.embedded_chars, -1)
        pooled_outputs = []
        for i, filter_size in enumerate(filter_sizes):
            with tf.name_scope("conv-maxpool-%s" % filter_size):
                filter_shape = [filter_size, embedding_size, 1, num_filters]
                W = tf.Variable(tf.truncated_normal(filter_shape, stddev=0.1), name="W")
                b = tf.Variable(tf.constant(0.1, shape=[num_filters]), name="b")
                conv = tf.nn.conv2d(self.embedded_chars_expanded, W, strides=[1, 1, 1, 1],
                                    padding="VALID", name="conv")
                h = tf.nn.relu(tf.nn.bias_add(conv, b), name="relu")
                pooled = tf.nn.max_pool(h, ksize=[1, seq_len - filter_size + 1, 1, 1],
                                        strides=[1, 1, 1, 1], padding='VALID', name="pool")
                pooled_outputs.append(pooled)
        num_filters_total = num_filters * len(filter_sizes)
        self.h_pool_flat = tf.reshape(tf.concat(pooled_outputs, 3), [-1, num_filters_total])
        with tf.name_scope("dropout"):
            self.h_drop = tf.nn.dropout(self.h_pool_flat, self.dropout_keep_prob)
        with tf.name_scope("output"):
            W = tf.get_variable("W", shape=[num_filters_total, n_classes],
                                initializer=tf.contrib.layers.xavier_initializer())
            b = tf.Variable(tf.constant(0.1, shape=[n_classes]), name="b")
            l2_loss += tf.nn.l2_loss(W)
            self.scores = tf.nn.xw_plus_b(self.h_drop, W, b, name="scores")
            self.predictions = tf.argmax(self.scores, 1, name="predictions")
        losses = tf.nn.softmax_cross_entropy_with_logits(logits=self.scores, labels=self.input_y)
        self.loss = tf.reduce_mean(losses) + l2_reg_lambda * l2_loss
        correct = tf.equal(self.predictions, tf.argmax(self.input_y, 1))
        self.accuracy = tf.reduce_mean(tf.cast(correct, "float"), name="accuracy")


with tf.Graph().as_default():
    session_conf = tf.ConfigProto(allow_soft_placement=True, log_device_placement=False)
    sess = tf.Session(config=session_conf)
    with sess.as_default():
        cnn = TextCNN([2, 3, 4], 16, 16, 0.001)
        global_step = tf.Variable(0, name="global_step", trainable=False)
        optimizer = tf.train.AdamOptimizer(5e-3)
        grads_and_vars = optimizer.compute_gradients(cnn.loss)
        train_op = optimizer.apply_gradients(grads_and_vars, global_step=global_step)
        grad_summaries = []
        for g, v in grads_and_vars:
            if g is not None:
                grad_summaries.append(tf.summary.histogram("{}/grad/hist".format(v.name.replace(":", "_")), g))
                grad_summaries.append(tf.summary.scalar("{}/grad/sparsity".format(v.name.replace(":", "_")),
                                                        tf.nn.zero_fraction(g)))
        grad_summaries_merged = tf.summary.merge(grad_summaries)
        sess.run(tf.global_variables_initializer())
        for _ in range(150):
            bx, by = sentences(64)
            _, step, loss = sess.run([train_op, global_step, cnn.loss],
                                     {cnn.input_x: bx, cnn.input_y: by, cnn.dropout_keep_prob: 0.5})
        tx, ty = sentences(500)
        print("step", step, "accuracy", cnn.accuracy.eval(
            {cnn.input_x: tx, cnn.input_y: ty, cnn.dropout_keep_prob: 1.0}))
        print("summary bytes", len(sess.run(grad_summaries_merged, {
            cnn.input_x: bx, cnn.input_y: by, cnn.dropout_keep_prob: 1.0})) > 1000)
