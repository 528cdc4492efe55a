"""Parts of tf.contrib and of TensorFlow's corners that public programs take, as they take them."""

import numpy as np
import pytest


def test_vocabulary_processor(tf, tmp_path):
    """Spam filters and bags of words in cookbooks: rows of word numbers, kept in a file."""
    learn = tf.contrib.learn
    processor = learn.preprocessing.VocabularyProcessor(4, min_frequency=1)
    rows = np.array(list(processor.fit_transform(["the cat the dog", "the end of the cat"])))
    assert rows.dtype == np.int64
    assert rows.tolist() == [[1, 2, 1, 0], [1, 0, 0, 1]]
    assert len(processor.vocabulary_) == 3
    processor.save(str(tmp_path / "vocab"))
    again = learn.preprocessing.VocabularyProcessor.restore(str(tmp_path / "vocab"))
    assert next(again.transform(["cat unseen the"])).tolist() == [2, 0, 1, 0]
    assert list(again.reverse([[1, 2, 0]])) == ["the cat <UNK>"]


def test_vocabulary_processor_without_a_least_frequency(tf):
    processor = tf.contrib.learn.preprocessing.VocabularyProcessor(3)
    assert [r.tolist() for r in processor.fit_transform(["b a", "it's well-known a b"])] == [
        [1, 2, 0],
        [3, 4, 2],
    ]


def test_rnn_decoder_feeds_its_outputs_back(tf):
    """Shakespeare generators: training gives the inputs, sampling a loop_function."""
    cell = tf.contrib.rnn.BasicLSTMCell(4)
    steps = [tf.ones([5, 4])] * 3
    outputs, state = tf.contrib.legacy_seq2seq.rnn_decoder(
        steps, cell.zero_state(5, "float32"), cell
    )
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        doubled, _ = tf.contrib.legacy_seq2seq.rnn_decoder(
            steps, cell.zero_state(5, "float32"), cell, loop_function=lambda prev, i: prev * 0 + 1
        )
    assert [v.op.name for v in tf.trainable_variables()] == [
        "rnn_decoder/basic_lstm_cell/kernel",
        "rnn_decoder/basic_lstm_cell/bias",
    ]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        given, own, last = session.run([outputs, doubled, state.h])
    np.testing.assert_allclose(given, own)
    np.testing.assert_array_equal(given[-1], last)


def test_sequence_to_sequence_of_basic_cells(tf):
    cell = tf.nn.rnn_cell.GRUCell(3)
    steps = [tf.ones([2, 3])] * 4
    outputs, state = tf.contrib.legacy_seq2seq.basic_rnn_seq2seq(steps, steps[:2], cell)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        out, last = session.run([outputs, state])
    assert np.shape(out) == (2, 2, 3)
    assert np.abs(last).max() > 0


def test_numbers_of_dtypes(tf):
    """tf.zeros(1, 1) where (1, 1) was meant: the second 1 is DT_FLOAT."""
    assert tf.zeros(1, 1).dtype == tf.float32
    assert tf.as_dtype(9) == tf.int64


def test_text_and_bytes(tf):
    """word2vec tutorials: tf.compat.as_str(f.read(name)).split()."""
    assert tf.compat.as_str(b"a b").split() == ["a", "b"]
    assert tf.compat.as_bytes("x") == tf.compat.as_bytes(b"x") == b"x"
    assert tf.compat.as_text("x") == "x"
    assert tf.compat.as_str_any(3) == "3"


def test_a_feature_as_a_message(tf):
    """The guide of TFRecords prints _int64_feature(3).SerializeToString()."""
    feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[3]))
    assert feature.SerializeToString() == b"\x1a\x03\n\x01\x03"


def test_maybe_download(tf, tmp_path):
    """Deep dream of a course: the file of the model lies in a folder, or it is said where to."""
    base = tf.contrib.learn.python.learn.datasets.base
    (tmp_path / "here.zip").write_bytes(b"x")
    assert base.maybe_download("here.zip", str(tmp_path), "") == str(tmp_path / "here.zip")
    source = (tmp_path / "not_there").as_uri()
    with pytest.raises(FileNotFoundError, match=r"put it at .*model\.zip"):
        base.maybe_download("model.zip", str(tmp_path / "new"), source)


def test_records_of_a_path_that_ends_as_a_folder(tf, tmp_path):
    """A Chinese book writes "./data/test.tfrecords/" and reads it without the slash."""
    with tf.python_io.TFRecordWriter(f"{tmp_path}/test.tfrecords/") as writer:
        writer.write(b"one")
    assert list(tf.python_io.tf_record_iterator(f"{tmp_path}/test.tfrecords")) == [b"one"]


def test_switches_of_control_flow(tf):
    """Guides of 2019: control_flow_util.ENABLE_CONTROL_FLOW_V2 = True."""
    from tensorflow.python.ops import control_flow_util

    control_flow_util.ENABLE_CONTROL_FLOW_V2 = True


def test_a_cell_whose_state_is_one_tensor(tf):
    """Until TensorFlow 0.12: istate = placeholder([None, 2 * n]), tf.split(0, n, x), tf.nn.rnn."""
    x, state = tf.placeholder(tf.float32, [None, 2, 3]), tf.placeholder(tf.float32, [None, 8])
    steps = tf.split(0, 2, tf.reshape(tf.transpose(x, [1, 0, 2]), [-1, 3]))
    for name, kind in (("basic", tf.nn.rnn_cell.BasicLSTMCell), ("full", tf.nn.rnn_cell.LSTMCell)):
        with tf.variable_scope(name):
            outputs, last = tf.nn.rnn(kind(4), steps, initial_state=state)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            feeds = {x: np.ones((5, 2, 3)), state: np.zeros((5, 8))}
            h, both = session.run([outputs[-1], last], feeds)
        assert both.shape == (5, 8)
        np.testing.assert_array_equal(both[:, 4:], h)


def test_unknown_rows_that_a_reshape_makes_known(tf):
    """A cookbook's support vector machines: placeholder([3, None]) to [3, batch_size, 1]."""
    y = tf.placeholder(tf.float32, [3, None])
    batch_size = 50
    rows = tf.reshape(tf.expand_dims(y, 1), [3, batch_size, 1])
    product = tf.matmul(rows, tf.expand_dims(y, 1))
    assert rows.shape.as_list() == [3, 50, 1]
    with tf.Session() as session:
        assert session.run(product, {y: np.ones((3, 50))}).shape == (3, 50, 50)
