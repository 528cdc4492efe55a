"""Ragged and sparse tensors, as data pipelines and text programs of TensorFlow 2 use them."""

from __future__ import annotations

import numpy as np
import pytest

ROWS = [[1, 2, 3], [], [4]]


@pytest.fixture
def rows(tf):
    return tf.ragged.constant(ROWS)


def test_rows_of_different_lengths(tf, rows):
    assert rows.to_list() == ROWS
    assert rows.shape.as_list() == [3, None]
    assert rows.row_lengths().numpy().tolist() == [3, 0, 1]
    assert rows.row_splits.numpy().tolist() == [0, 3, 3, 4]
    assert rows.to_tensor().numpy().tolist() == [[1, 2, 3], [0, 0, 0], [4, 0, 0]]
    assert rows.to_tensor(default_value=-1, shape=[None, 2]).numpy().tolist() == [
        [1, 2], [-1, -1], [4, -1]
    ]  # fmt: skip
    assert repr(rows) == "<tf.RaggedTensor [[1, 2, 3], [], [4]]>"
    deep = tf.ragged.constant([[[1], [2, 3]], [[4]]])
    assert deep.ragged_rank == 2
    assert deep.to_tensor().numpy().tolist() == [[[1, 0], [2, 3]], [[4, 0], [0, 0]]]


def test_indexing(rows):
    assert rows[0].numpy().tolist() == [1, 2, 3]
    assert rows[-1, 0].numpy() == 4
    assert rows[:2].to_list() == ROWS[:2]
    assert rows[:, :1].to_list() == [[1], [], [4]]
    assert [row.numpy().tolist() for row in rows] == ROWS


def test_ways_to_make_one(tf):
    ragged = tf.RaggedTensor
    assert ragged.from_row_splits([1, 2, 3, 4], [0, 3, 3, 4]).to_list() == ROWS
    assert ragged.from_row_lengths([1, 2, 3, 4], [3, 0, 1]).to_list() == ROWS
    assert ragged.from_value_rowids([1, 2, 3, 4], [0, 0, 0, 2]).to_list() == ROWS
    assert ragged.from_row_starts([1, 2, 3, 4], [0, 3, 3]).to_list() == ROWS
    dense = [[1, 2, 3], [0, 0, 0], [4, 0, 0]]
    assert ragged.from_tensor(dense, lengths=[3, 0, 1]).to_list() == ROWS
    assert ragged.from_tensor(dense, padding=0).to_list() == ROWS
    assert tf.ragged.range([2, 0, 1]).to_list() == [[0, 1], [], [0]]
    assert tf.ragged.stack([tf.constant([1]), tf.constant([2, 3])]).to_list() == [[1], [2, 3]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="add up to 2, there are 3"):
        ragged.from_row_lengths([1, 2, 3], [1, 1])


def test_functions_of_elements_and_of_rows(tf, rows):
    assert (rows * 2 + rows).to_list() == [[3, 6, 9], [], [12]]
    assert tf.square(rows).to_list() == [[1, 4, 9], [], [16]]
    assert tf.cast(rows, tf.float32).dtype == tf.float32
    assert tf.reduce_sum(rows, axis=1).numpy().tolist() == [6, 0, 4]
    assert tf.reduce_max(rows).numpy() == 4
    assert tf.concat([rows, rows], axis=1).to_list() == [[1, 2, 3] * 2, [], [4, 4]]
    assert tf.concat([rows, rows], axis=0).to_list() == ROWS * 2
    kept = tf.ragged.boolean_mask(rows, tf.ragged.constant([[True, False, True], [], [False]]))
    assert kept.to_list() == [[1, 3], [], []]
    with pytest.raises(NotImplementedError, match=r"tf\.linalg\.matmul.*rt\.to_tensor\(\)|matmul"):
        tf.matmul(rows, rows)
    with pytest.raises(tf.errors.InvalidArgumentError, match="different lengths"):
        rows + tf.ragged.constant([[1], [2, 3], [4]])


def test_words_of_sentences(tf):
    """The word counts and vocabularies of tensorflow.org's text tutorials."""
    words = tf.strings.split(["to be or", "not"])
    assert words.to_list() == [[b"to", b"be", b"or"], [b"not"]]
    assert words.to_tensor("-").numpy().tolist()[1] == [b"not", b"-", b"-"]
    assert tf.strings.length(words).to_list() == [[2, 2, 2], [3]]
    assert tf.strings.reduce_join(words, axis=-1, separator=" ").numpy().tolist() == [
        b"to be or", b"not"
    ]  # fmt: skip
    assert tf.strings.split("one two").numpy().tolist() == [b"one", b"two"]
    chars = tf.strings.unicode_split(["hé", "a"], "UTF-8")
    assert chars.to_list() == [[b"h", "é".encode()], [b"a"]]
    assert tf.strings.unicode_decode(["hé"], "UTF-8").to_list() == [[104, 233]]
    ids = tf.keras.layers.StringLookup(vocabulary=["h", "a"])(chars)
    assert ids.to_list() == [[1, 0], [2]]
    with pytest.raises(NotImplementedError, match=r"Dense on a ragged tensor.*rt\.to_tensor"):
        tf.keras.layers.Dense(1)(tf.ragged.constant([[1.0], [2.0, 3.0]]))


def test_a_pipeline_splits_and_pads(tf):
    lines = tf.data.Dataset.from_tensor_slices(["a b", "c d e"]).batch(2)
    (batch,) = lines.map(lambda s: tf.strings.split(s).to_tensor())
    assert batch.numpy().tolist() == [[b"a", b"b", b""], [b"c", b"d", b"e"]]


@pytest.fixture
def sparse(tf):
    return tf.SparseTensor(indices=[[0, 1], [2, 3]], values=[2.0, 5.0], dense_shape=[3, 4])


def test_sparse_and_dense(tf, sparse):
    dense = np.zeros((3, 4), "float32")
    dense[0, 1], dense[2, 3] = 2, 5
    np.testing.assert_array_equal(tf.sparse.to_dense(sparse), dense)
    again = tf.sparse.from_dense(dense)
    assert again.indices.numpy().tolist() == [[0, 1], [2, 3]]
    assert again.values.numpy().tolist() == [2, 5]
    assert sparse.shape.as_list() == [3, 4]
    np.testing.assert_array_equal(tf.sparse.to_dense(tf.sparse.transpose(sparse)), dense.T)
    assert tf.sparse.reduce_sum(sparse, axis=1).numpy().tolist() == [2, 0, 5]
    assert tf.sparse.add(sparse, sparse).values.numpy().tolist() == [4, 10]
    assert (sparse * 2.0).values.numpy().tolist() == [4, 10]
    assert tf.sparse.retain(sparse, [True, False]).indices.numpy().tolist() == [[0, 1]]
    assert tf.sparse.concat(0, [sparse, sparse]).shape.as_list() == [6, 4]
    assert tf.cast(sparse, tf.int32).values.numpy().tolist() == [2, 5]
    words = tf.SparseTensor([[0, 1]], ["x"], [1, 2])
    assert tf.sparse.to_dense(words).numpy().tolist() == [[b"", b"x"]]
    mixed = tf.sparse.reorder(tf.SparseTensor([[1, 0], [0, 0]], [2, 1], [2, 1]))
    assert mixed.values.numpy().tolist() == [1, 2]
    with pytest.raises(NotImplementedError, match=r"tf\.sparse\.to_dense makes it dense"):
        tf.matmul(sparse, sparse)


def test_products_with_sparse_matrices_have_gradients(tf, sparse):
    """Graph networks multiply a fixed sparse adjacency with what is learned."""
    weights = tf.Variable(np.ones((4, 2), "float32"))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sparse.sparse_dense_matmul(sparse, weights))
    assert float(loss) == 14
    assert tape.gradient(loss, weights).numpy().tolist() == [[0, 0], [2, 2], [0, 0], [5, 5]]
