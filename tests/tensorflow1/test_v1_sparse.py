"""Sparse tensors in graphs: CTC with sparse labels, graph networks. Numbers are TensorFlow's."""

from __future__ import annotations

import numpy as np
import pytest

LABELS = (np.array([[0, 0], [0, 1], [1, 0]]), np.array([1, 1, 2], "int32"), np.array([2, 2]))
LOGITS = np.random.RandomState(3).randn(5, 2, 4).astype("float32") * 2
LENGTHS = [5, 4]


@pytest.fixture
def ctc(tf):
    labels = tf.sparse_placeholder(tf.int32)
    return labels, tf.placeholder(tf.float32, [5, 2, 4])


def test_ctc_loss(tf, ctc):
    """Speech and captcha scripts: tf.nn.ctc_loss(labels, logits, lengths), time first."""
    labels, logits = ctc
    loss = tf.nn.ctc_loss(labels=labels, inputs=logits, sequence_length=LENGTHS)
    with tf.Session() as sess:
        found = sess.run(loss, {labels: LABELS, logits: LOGITS})
    np.testing.assert_allclose(found, [9.3148, 4.1448], atol=1e-3)
    with pytest.raises(ValueError, match="which are the defaults"):
        tf.nn.ctc_loss(labels, logits, LENGTHS, preprocess_collapse_repeated=True)


def test_ctc_decoders_and_their_distance(tf, ctc):
    labels, logits = ctc
    (greedy,), scores = tf.nn.ctc_greedy_decoder(logits, LENGTHS)
    beams, log_probabilities = tf.nn.ctc_beam_search_decoder(
        logits, LENGTHS, beam_width=20, top_paths=2
    )
    same = tf.cast(greedy, tf.int32)
    shares = tf.edit_distance(same, labels)
    counts = tf.edit_distance(same, labels, normalize=False)
    feed = {labels: LABELS, logits: LOGITS}
    with tf.Session() as sess:
        assert sess.run(greedy, feed).values.tolist() == [0, 2, 1, 2, 1, 2]
        np.testing.assert_allclose(sess.run(scores, feed).ravel(), [-7.3089, -10.1782], atol=1e-3)
        assert [x.values.tolist() for x in sess.run(beams, feed)] == [
            [0, 2, 1, 2, 1, 2], [0, 2, 1, 2]
        ]  # fmt: skip
        np.testing.assert_allclose(
            sess.run(log_probabilities, feed), [[-0.9311, -1.4760], [-1.2896, -1.3432]], atol=1e-3
        )
        assert sess.run(shares, feed).tolist() == [1.0, 2.0]
        assert sess.run(counts, feed).tolist() == [2.0, 2.0]
        dense = tf.sparse_tensor_to_dense(greedy, default_value=-1)
        assert sess.run(dense, feed).tolist() == [[0, 2, 1], [2, 1, 2]]


def test_ctc_learns_with_labels_of_other_lengths_in_each_batch(tf):
    x, y = tf.placeholder(tf.float32, [6, 3, 4]), tf.sparse_placeholder(tf.int32)
    w = tf.Variable(np.random.RandomState(0).randn(4, 5).astype("float32"))
    logits = tf.reshape(tf.matmul(tf.reshape(x, [-1, 4]), w), [6, 3, 5])
    loss = tf.reduce_mean(tf.nn.ctc_loss(y, logits, [6, 6, 6]))
    step = tf.train.AdamOptimizer(0.1).minimize(loss)
    rows = np.random.RandomState(1).randn(6, 3, 4)
    short = tf.SparseTensorValue([[0, 0], [1, 0], [2, 0]], [0, 2, 3], [3, 1])
    longer = tf.SparseTensorValue([[0, 0], [1, 0], [2, 0], [2, 1]], [0, 2, 3, 1], [3, 2])
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        first = sess.run(loss, {x: rows, y: short})
        for i in range(60):
            last, _ = sess.run([loss, step], {x: rows, y: (short, longer)[i % 2]})
    assert last < first / 2


def test_graph_network(tf):
    """GCN scripts feed features and adjacency as (indices, values, shape)."""
    features = tf.sparse_placeholder(tf.float32)
    support = tf.sparse_placeholder(tf.float32, shape=(3, 3))
    w = tf.get_variable("w", [4, 2], initializer=tf.ones_initializer())
    out = tf.sparse_tensor_dense_matmul(support, tf.sparse_tensor_dense_matmul(features, w))
    grad = tf.gradients(tf.reduce_sum(out), w)[0]
    noise = tf.floor(0.999 + tf.random_uniform(tf.shape(features.values)))
    kept = tf.sparse_retain(features, tf.cast(noise, tf.bool)) * (1 / 0.5)
    fed = (np.array([[0, 1], [2, 3]]), np.array([1.0, 5.0], "float32"), (3, 4))
    eye = tf.SparseTensorValue([[0, 0], [1, 1], [2, 2]], [1.0, 2.0, 3.0], [3, 3])
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        found = sess.run([out, grad], {features: fed, support: eye})
        assert found[0].tolist() == [[1, 1], [0, 0], [15, 15]]
        assert found[1].tolist() == [[0, 0], [1, 1], [0, 0], [15, 15]]
        dense = sess.run(tf.sparse_tensor_to_dense(kept), {features: fed})
        assert set(dense.ravel()) <= {0.0, 2.0, 10.0}
        value = sess.run(tf.SparseTensor([[0, 1]], [3], [1, 2]))
        assert isinstance(value, tf.SparseTensorValue)
        assert value.values.tolist() == [3]
