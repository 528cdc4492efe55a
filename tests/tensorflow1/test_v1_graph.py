"""Graphs, sessions and what surrounds them, as a program sees them."""

import glob
import os

import keras
import numpy as np
import pytest

import lamella
from tensorflow_lamella.v1 import mode
from tensorflow_lamella.v1.train.saver import written_whole

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def started(tf):
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return session


# Which TensorFlow a program means


@pytest.mark.parametrize(
    ("source", "version"),
    [
        ("import tensorflow as tf\nx = tf.placeholder(tf.float32)", 1),
        ("import tensorflow as tf\ny = tf.nn.relu(tf.constant(1.0))", None),
        ("import tensorflow as tf\nwith tf.GradientTape() as t: pass", 2),
        ("import tensorflow as tf\ntf.train.AdamOptimizer(0.1)", 1),
        ("from tensorflow.contrib import rnn", 1),
        ("import tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()", 1),
        ("import tensorflow as tf\nh = tf.nn.dropout(x, keep_prob=0.5)", 1),
        ("import tensorflow as tf\ntf.keras.Sequential()", None),
        ("import numpy as tf\ntf.placeholder", None),
        ("import tensorflow as tf\ntf.compat.v1.logging.set_verbosity(0)", None),
        ("this is not Python", None),
    ],
)
def test_the_version_follows_from_the_names_that_a_program_uses(source, version, tf):
    assert mode.version_of(source) == version


def test_eager_execution_can_be_asked_for_before_the_first_operation(tf):
    tf.enable_eager_execution()
    assert tf.executing_eagerly()
    assert tf.add(1, 2).numpy() == 3
    mode.start_graphs()
    tf.constant(1)
    with pytest.raises(ValueError, match="program startup"):
        tf.enable_eager_execution()


def test_a_graph_can_be_built_where_ops_compute(tf):
    tf.enable_eager_execution()
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [])
        assert session.run(x * 2.0, {x: 3.0}) == 6.0
    assert (tf.constant(1.0) + 1.0).numpy() == 2.0
    with pytest.raises(RuntimeError, match="not compatible with eager execution"):
        tf.placeholder(tf.float32, [])


# Tensors


def test_shapes_are_known_before_a_run(tf):
    x = tf.placeholder(tf.float32, [None, 28, 28, 1])
    h = tf.layers.max_pooling2d(tf.layers.conv2d(x, 8, 5), 2, 2)
    assert h.shape.as_list() == [None, 12, 12, 8]
    assert h.get_shape()[1].value == 12
    assert h.shape[0].value is None
    flat = tf.reshape(h, [tf.shape(h)[0], -1])
    assert flat.shape.as_list() == [None, 12 * 12 * 8]
    assert tf.placeholder(tf.float32).shape.rank is None
    assert tf.reduce_mean(tf.placeholder(tf.float32)).shape.as_list() == []
    n = tf.placeholder(tf.int32, [])
    assert tf.zeros([n, 3]).shape.as_list() == [None, 3]
    mixed = tf.placeholder(tf.float32, [None, 4]) + tf.zeros([32, 4])
    assert mixed.shape.as_list() == [32, 4]


def test_a_wrong_shape_is_an_error_where_the_graph_is_built(tf):
    with pytest.raises(ValueError, match=r"\[2, 3\]"):
        tf.matmul(tf.constant(X), tf.constant(X))


def test_a_graph_tensor_has_no_truth_value_and_no_numbers(tf):
    t = tf.constant(1.0)
    with pytest.raises(TypeError, match="not allowed"):
        bool(t > 0)
    with pytest.raises(NotImplementedError, match=r"sess\.run"):
        np.asarray(t)
    with pytest.raises(TypeError, match=r"tf\.unstack"):
        iter(t)


def test_names_are_unique_and_follow_scopes(tf):
    with tf.name_scope("a"):
        first, second = tf.constant(1, name="c"), tf.constant(2, name="c")
    with tf.name_scope("a"):
        third = tf.constant(3, name="c")
    assert [t.name for t in (first, second, third)] == ["a/c:0", "a/c_1:0", "a_1/c:0"]
    assert tf.get_default_graph().get_tensor_by_name("a/c_1:0") is second
    with pytest.raises(KeyError, match="does not exist"):
        tf.get_default_graph().get_tensor_by_name("b:0")


def test_variable_and_tensor_are_recognised(tf):
    v = tf.Variable(1.0)
    assert isinstance(v, tf.Variable)
    assert isinstance(v + 1, tf.Tensor)
    assert not isinstance(1.0, tf.Variable)


# Runs


def test_one_shape_is_compiled_once_and_other_shapes_for_themselves(tf):
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.reduce_sum(tf.square(x), axis=1)
    session = tf.Session()
    for _ in range(5):
        session.run(y, {x: X})
    session.run(y, {x: X[:1]})
    ((plan, _, _),) = session._plans.values()
    assert len(plan._compiled) == 2


def test_many_shapes_are_computed_without_compiling_each(tf):
    x = tf.placeholder(tf.float32, [None])
    y = tf.cumsum(x) * 2.0
    session = tf.Session()
    for n in range(1, 12):
        np.testing.assert_allclose(session.run(y, {x: np.ones(n)}), 2.0 * np.arange(1, n + 1))
    ((plan, _, _),) = session._plans.values()
    assert len(plan._compiled) == 3


def test_an_iterator_advances_once_for_each_run_however_it_is_run(tf):
    sizes = [1, 2, 3, 4, 5, 6, 7]
    parts = tf.data.Dataset.from_generator(
        lambda: (np.full(n, n, np.float32) for n in sizes), tf.float32, [None]
    )
    total = tf.reduce_sum(parts.make_one_shot_iterator().get_next()) * 1.0
    session = tf.Session()
    assert [session.run(total) for _ in sizes] == [n * n for n in sizes]
    with pytest.raises(tf.errors.OutOfRangeError):
        session.run(total)


def test_strings_and_numbers_may_be_fed_together(tf):
    word, x = tf.placeholder(tf.string, []), tf.placeholder(tf.float32, [2])
    joined = tf.strings.join([word, "!"])
    session = tf.Session()
    text, total = session.run([joined, tf.reduce_sum(x)], {word: "a", x: [1.0, 2.0]})
    assert (text, total) == (b"a!", 3.0)


def test_a_size_may_be_fed(tf):
    n = tf.placeholder(tf.int32, [])
    x = tf.placeholder(tf.float32, [None])
    y = tf.reshape(x, tf.stack([n, -1])) + tf.zeros([n, 1])
    session = tf.Session()
    assert session.run(y, {n: 2, x: np.ones(6)}).shape == (2, 3)
    assert session.run(y, {n: 3, x: np.ones(6)}).shape == (3, 2)


def test_what_depends_on_numbers_is_computed_equation_by_equation(tf):
    x = tf.placeholder(tf.float32, [None])
    w = tf.Variable(2.0)
    kept = tf.boolean_mask(x, x > 0) * w
    assert kept.shape.as_list() == [None]
    grads = tf.gradients(tf.reduce_sum(kept * kept), [w, x])
    session = started(tf)
    values, (gw, gx) = session.run([kept, grads], {x: [1.0, -5.0, 3.0]})
    assert values.tolist() == [2.0, 6.0]
    assert gw == 40.0
    assert gx.tolist() == [8.0, 0.0, 24.0]


def test_any_tensor_can_be_fed_and_fetched(tf):
    v = tf.Variable(1.0)
    assert tf.Session().run(v * 2.0, {v: 4.0}) == 8.0
    a = tf.constant(2.0)
    b = a * 3.0
    c = b + 1.0
    session = tf.Session()
    assert session.run(c, {b: 10.0}) == 11.0
    assert session.run([c.name, {"b": b}], {a: 1.0}) == [4.0, {"b": 3.0}]
    with pytest.raises(TypeError, match="None"):
        session.run([c, None])


def test_values_that_do_not_fit_are_refused(tf):
    x = tf.placeholder(tf.int32, [2], name="x")
    session = tf.Session()
    with pytest.raises(ValueError, match=r"shape \(3,\) for Tensor 'x:0'"):
        session.run(x + 1, {x: [1, 2, 3]})
    with pytest.raises(TypeError, match="not compatible"):
        session.run(x + 1, {x: [0.5, 1.5]})
    with pytest.raises(TypeError, match=r"tf\.Tensor"):
        session.run(x + 1, {x: tf.constant([1, 2])})
    session.close()
    with pytest.raises(RuntimeError, match="closed"):
        session.run(x, {x: [1, 2]})


def test_only_the_chosen_branch_assigns(tf):
    v = tf.Variable(0.0)
    flag = tf.placeholder(tf.bool, [])
    out = tf.cond(flag, lambda: v.assign_add(1.0), lambda: v.assign_sub(10.0))
    session = started(tf)
    assert session.run(out, {flag: True}) == 1.0
    assert session.run(out, {flag: False}) == -9.0
    assert session.run(v) == -9.0


def test_a_variable_keeps_its_shape_unless_it_is_made_to_change(tf):
    fixed = tf.Variable(tf.zeros([2]))
    free = tf.Variable(tf.zeros([2]), validate_shape=False)
    x = tf.placeholder(tf.float32, [None])
    session = started(tf)
    change = tf.assign(fixed, x * 1.0)
    assert session.run(change, {x: [1.0, 2.0]}).tolist() == [1.0, 2.0]
    with pytest.raises(tf.errors.InvalidArgumentError, match="shapes of both tensors to match"):
        session.run(change, {x: [1.0, 2.0, 3.0]})
    assert session.run(fixed * 2.0).tolist() == [2.0, 4.0]
    session.run(tf.assign(free, x, validate_shape=False), {x: [1.0, 2.0, 3.0]})
    assert session.run(tf.reduce_sum(free) + x[0], {x: [10.0]}) == 16.0


def test_control_dependencies_order_what_is_run(tf):
    v = tf.Variable(1.0)
    double = v.assign(v * 2.0)
    with tf.control_dependencies([double]):
        after = tf.identity(v)
    before = v + 0.0
    session = started(tf)
    assert session.run(after) == 2.0
    assert session.run(before) == 2.0
    assert session.run([after, v]) == [4.0, 4.0]


def test_a_loop_assigns_variables_and_draws_anew_each_turn(tf):
    v = tf.Variable(0.0)

    def body(i, total):
        with tf.control_dependencies([v.assign_add(1.0)]):
            return i + 1, total + tf.random_uniform([])

    _, total = tf.while_loop(lambda i, _: i < 4, body, (0, 0.0))
    each = tf.map_fn(lambda _: tf.random_uniform([]), tf.zeros([50]))
    session = started(tf)
    session.run(total)
    assert session.run(v) == 4.0
    assert len(set(session.run(each).tolist())) > 45


def test_random_numbers_are_new_in_each_run_and_repeat_in_each_session(tf):
    tf.set_random_seed(7)
    a, b = tf.random_normal([3]), tf.random_normal([3])
    one, two = tf.Session(), tf.Session()
    first, second = one.run([a, b]), one.run([a, b])
    assert not np.allclose(first[0], first[1])
    assert not np.allclose(first[0], second[0])
    np.testing.assert_array_equal(two.run([a, b]), first)
    np.testing.assert_array_equal(two.run([a, b]), second)


def test_dropout_drops_and_keeps_the_mean(tf):
    keep = tf.placeholder(tf.float32)
    y = tf.nn.dropout(tf.ones([200, 100]), keep)
    session = tf.Session()
    found = session.run(y, {keep: 0.25})
    assert set(np.unique(found).tolist()) == {0.0, 4.0}
    assert abs(found.mean() - 1.0) < 0.1
    assert (session.run(y, {keep: 1.0}) == 1.0).all()


# Layers of Keras on graph tensors


def test_keras_layers_are_nodes_whose_variables_train(tf):
    x = tf.placeholder(tf.float32, [None, 3])
    layer = keras.layers.Dense(1, kernel_initializer="zeros")
    y = layer(x)
    assert y.shape.as_list() == [None, 1]
    loss = tf.reduce_mean(tf.square(y - 1.0))
    train = tf.train.GradientDescentOptimizer(0.02).minimize(loss, var_list=layer.trainable_weights)
    assert len(tf.trainable_variables()) == 2
    session = started(tf)
    first = session.run(loss, {x: X})
    for _ in range(50):
        session.run(train, {x: X})
    assert first == 1.0
    assert session.run(loss, {x: X}) < 0.1


# Files


def test_a_saver_keeps_names_and_refuses_what_does_not_fit(tf, tmp_path):
    v = tf.get_variable("scope/v", [2], initializer=tf.ones_initializer())
    saver = tf.train.Saver()
    path = str(tmp_path / "model")
    session = started(tf)
    session.run(v.assign([5.0, 6.0]))
    assert saver.save(session, path, global_step=3) == f"{path}-3"
    assert tf.train.latest_checkpoint(str(tmp_path)) == f"{path}-3"
    assert tf.train.list_variables(f"{path}-3") == [("scope/v", [2])]
    other = tf.Session()
    saver.restore(other, f"{path}-3")
    assert other.run(v).tolist() == [5.0, 6.0]
    with pytest.raises(ValueError, match="not a valid checkpoint"):
        saver.restore(other, str(tmp_path / "nothing"))
    w = tf.get_variable("w", [3])
    with pytest.raises(tf.errors.NotFoundError, match="Key w not found"):
        tf.train.Saver([w]).restore(other, f"{path}-3")
    with pytest.raises(ValueError, match="Parent directory"):
        saver.save(session, str(tmp_path / "no" / "folder"))


def test_a_file_is_written_whole_or_stays_as_it_was(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail():
        with written_whole(str(path)) as file:
            file.write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_event_files_hold_the_summaries(tf, tmp_path):
    from tensorflow_lamella.io import protobuf, records

    def fields(message):
        return {number: value for number, _, value in protobuf.fields(message)}

    x = tf.placeholder(tf.float32, [])
    with tf.name_scope("train"):
        tf.summary.scalar("loss", x)
    tf.summary.image("picture", tf.zeros([1, 4, 4, 3]))
    merged = tf.summary.merge_all()
    session = tf.Session()
    with tf.summary.FileWriter(str(tmp_path), session.graph) as writer:
        writer.add_summary(session.run(merged, {x: 0.5}), 7)
    (path,) = glob.glob(str(tmp_path / "events*"))
    with open(path, "rb") as file:
        events = [fields(record) for record in records.read(file)]
    assert [sorted(e) for e in events] == [[1, 3], [1, 2, 4], [1, 2, 5]]
    values = [fields(value) for _, _, value in protobuf.fields(events[2][5])]
    assert events[2][2] == 7
    assert values[0][1] == b"train/loss"
    assert np.frombuffer(values[0][2], "<f4").tolist() == [0.5]
    assert values[1][1] == b"picture/image/0"


# What there is not


@pytest.mark.parametrize(
    ("use", "instead"),
    [
        (lambda tf: tf.FIFOQueue(3, tf.float32), "tf.data"),
        (lambda tf: tf.train.import_meta_graph("x"), "build the graph in Python"),
        (lambda tf: tf.contrib.seq2seq.BasicDecoder(), "tf.nn.dynamic_rnn"),
        (lambda tf: tf.train.ClusterSpec({}), "one process"),
        (lambda tf: tf.feature_column.embedding_column("x", 3), "numeric_column"),
    ],
)
def test_what_is_not_supported_says_what_to_use(use, instead, tf):
    with pytest.raises(NotImplementedError, match="is not supported") as error:
        use(tf)
    assert instead in str(error.value)


def test_partial_runs_are_refused(tf):
    with pytest.raises(NotImplementedError, match=r"one sess\.run"):
        tf.Session().partial_run_setup([])


def test_a_name_that_nobody_has_is_an_attribute_error(tf):
    with pytest.raises(AttributeError, match=r"tf\.place_holder is not part of"):
        tf.place_holder  # noqa: B018


def test_the_engine_is_left_as_it_was(tf):
    started(tf)
    assert float(lamella.jit(lambda x: x * 2)(np.float32(3.0))) == 6.0


def test_the_state_of_a_cell_is_fed_and_fetched_as_a_tuple(tf):
    """Recurrent networks trained in windows: feed_dict={initial_state: last_state}."""
    start = tf.nn.rnn_cell.BasicLSTMCell(2).zero_state(1, tf.float32)
    after = tf.nn.rnn_cell.LSTMStateTuple(start.c + 1.0, start.h + 2.0)
    with started(tf) as session:
        state = session.run(after)
        state = session.run(after, {start: state})
        assert state.c.tolist() == [[2.0, 2.0]]
        assert state.h.tolist() == [[4.0, 4.0]]
        with pytest.raises(ValueError, match="a value for each of the 2 tensors"):
            session.run(after, {start: (1.0,)})


def test_the_projector_is_told_what_to_show(tf, tmp_path):
    """Embeddings of MNIST in TensorBoard: projector.visualize_embeddings(writer, config)."""
    projector = tf.contrib.tensorboard.plugins.projector
    config = projector.ProjectorConfig()
    shown = config.embeddings.add()
    shown.tensor_name, shown.metadata_path = "images:0", "labels.tsv"
    shown.sprite.image_path = "digits.png"
    shown.sprite.single_image_dim.extend([28, 28])
    writer = tf.summary.FileWriter(str(tmp_path))
    projector.visualize_embeddings(writer, config)
    lines = (tmp_path / "projector_config.pbtxt").read_text().split("\n")
    assert lines[0] == "embeddings {"
    assert '  tensor_name: "images:0"' in lines
    assert lines.count("    single_image_dim: 28") == 2


def test_records_under_the_names_of_tensorflow_1(tf, tmp_path):
    """MNIST as TFRecords: python_io.TFRecordWriter, parse_single_example, FixedLenFeature."""
    path = str(tmp_path / "a.tfrecords")
    with tf.python_io.TFRecordWriter(path) as writer:
        for k in range(3):
            feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[k]))
            example = tf.train.Example(features=tf.train.Features(feature={"label": feature}))
            writer.write(example.SerializeToString())
    assert len(list(tf.python_io.tf_record_iterator(path))) == 3

    def parse(record):
        return tf.parse_single_example(record, {"label": tf.FixedLenFeature([], tf.int64)})

    data = tf.contrib.data.TFRecordDataset(path).map(parse).batch(3)
    with tf.Session() as session:
        found = session.run(data.make_one_shot_iterator().get_next())
    assert found["label"].tolist() == [0, 1, 2]


def test_placeholders_may_have_no_shape_at_all(tf):
    """Beginners' classifiers: X = tf.placeholder(tf.float32), and Y and keep_prob like it."""
    x, y, keep = (tf.placeholder(tf.float32) for _ in range(3))
    w = tf.Variable(tf.zeros([2, 5]))
    hidden = tf.nn.dropout(tf.nn.relu(tf.matmul(x, w) + 1.0), keep)
    model = tf.nn.softmax(tf.matmul(hidden, tf.Variable(tf.zeros([5, 3]))))
    cost = tf.reduce_mean(-tf.reduce_sum(y * tf.log(model), axis=1))
    train = tf.train.GradientDescentOptimizer(0.5).minimize(cost)
    right = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(model, 1), tf.argmax(y, 1)), tf.float32))
    feeds = {x: np.eye(3, 2), y: np.eye(3)[[0, 1, 1]], keep: 1.0}
    with started(tf) as session:
        assert session.run(cost, feeds) == pytest.approx(np.log(3))
        for _ in range(20):
            session.run(train, feeds)
        assert session.run(right, feeds) > 0.5


def test_a_flag_of_unknown_shape_leaves_the_shape_of_what_is_normalised(tf):
    """tf.placeholder(tf.bool, None) as batch_normalization's `training`."""
    x, training = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.bool, None)
    y = tf.layers.dense(tf.layers.batch_normalization(x, training=training), 3)
    assert y.shape.as_list() == [None, 3]
    with started(tf) as session:
        assert session.run(y, {x: np.ones((2, 4)), training: True}).shape == (2, 3)


def test_the_network_of_the_mnist_tutorial(tf):
    """fully_connected_feed.py: from tensorflow.examples.tutorials.mnist import mnist."""
    from tensorflow.examples.tutorials.mnist import input_data, mnist

    train = input_data.read_data_sets("none").train
    images, labels = train.images[:200], train.labels[:200]
    logits = mnist.inference(tf.constant(images), 32, 16)
    loss = mnist.loss(logits, labels)
    step = mnist.training(loss, 0.1)
    right = mnist.evaluation(logits, labels)
    with started(tf) as session:
        before = session.run(right)
        for _ in range(100):
            session.run(step)
        assert session.run(right) > max(before, 150)
        assert session.run("global_step:0") == 100
