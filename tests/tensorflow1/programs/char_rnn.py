"""A character model: stacked LSTM cells with dropout, the state fed back, sampling."""
import numpy as np
import tensorflow as tf

text = "hello tensorflow, hello graph, hello session. " * 40
chars = sorted(set(text))
vocab = {c: i for i, c in enumerate(chars)}
data = np.array([vocab[c] for c in text], dtype=np.int32)
batch_size, seq_length, rnn_size, num_layers = 4, 16, 48, 2
np.random.seed(0)
tf.set_random_seed(0)


class Model():
    def __init__(self, training=True):
        n, t = (batch_size, seq_length) if training else (1, 1)

        def cell():
            c = tf.contrib.rnn.BasicLSTMCell(rnn_size)
            return tf.contrib.rnn.DropoutWrapper(c, output_keep_prob=0.9) if training else c

        self.cell = tf.contrib.rnn.MultiRNNCell([cell() for _ in range(num_layers)])
        self.input_data = tf.placeholder(tf.int32, [n, t])
        self.targets = tf.placeholder(tf.int32, [n, t])
        self.initial_state = self.cell.zero_state(n, tf.float32)
        embedding = tf.get_variable("embedding", [len(chars), rnn_size])
        inputs = tf.nn.embedding_lookup(embedding, self.input_data)
        outputs, self.final_state = tf.nn.dynamic_rnn(self.cell, inputs, initial_state=self.initial_state)
        output = tf.reshape(outputs, [-1, rnn_size])
        softmax_w = tf.get_variable("softmax_w", [rnn_size, len(chars)])
        softmax_b = tf.get_variable("softmax_b", [len(chars)])
        self.logits = tf.matmul(output, softmax_w) + softmax_b
        self.probs = tf.nn.softmax(self.logits)
        loss = tf.contrib.legacy_seq2seq.sequence_loss_by_example(
            [self.logits], [tf.reshape(self.targets, [-1])], [tf.ones([n * t])])
        self.cost = tf.reduce_sum(loss) / n / t
        if training:
            self.lr = tf.Variable(0.0, trainable=False)
            tvars = tf.trainable_variables()
            grads, _ = tf.clip_by_global_norm(tf.gradients(self.cost, tvars), 5.)
            self.train_op = tf.train.AdamOptimizer(self.lr).apply_gradients(zip(grads, tvars))


with tf.variable_scope("rnnlm"):
    model = Model()
with tf.variable_scope("rnnlm", reuse=True):
    sampler = Model(training=False)

rows = data[:len(data) // batch_size * batch_size].reshape(batch_size, -1)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    sess.run(tf.assign(model.lr, 0.01))
    for epoch in range(8):
        state = sess.run(model.initial_state)
        for b in range((rows.shape[1] - 1) // seq_length):
            xb = rows[:, b * seq_length:(b + 1) * seq_length]
            yb = rows[:, b * seq_length + 1:(b + 1) * seq_length + 1]
            feed = {model.input_data: xb, model.targets: yb}
            for i, (c, h) in enumerate(model.initial_state):
                feed[c] = state[i].c
                feed[h] = state[i].h
            loss, state, _ = sess.run([model.cost, model.final_state, model.train_op], feed)
    print("train loss %.3f" % loss)
    state = sess.run(sampler.initial_state)
    char, out = "h", "h"
    for _ in range(16):
        feed = {sampler.input_data: [[vocab[char]]], sampler.initial_state: state} if False else \
            dict([(sampler.input_data, [[vocab[char]]])] +
                 [(t, s) for ts, ss in zip(sampler.initial_state, state) for t, s in zip(ts, ss)])
        probs, state = sess.run([sampler.probs, sampler.final_state], feed)
        char = chars[int(np.argmax(probs[0]))]
        out += char
    print("sample:", out)
