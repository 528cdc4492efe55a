"""tf.data: pipelines, and training on them."""

import keras
import numpy as np
import pytest


def values(dataset):
    return [x.tolist() if isinstance(x, np.ndarray) else x for x in dataset.as_numpy_iterator()]


@pytest.fixture
def numbers(tf):
    return tf.data.Dataset.range(10)


def test_elements_are_tensors_in_their_nesting(tf):
    ds = tf.data.Dataset.from_tensor_slices(({"a": [1, 2], "b": [[1.0], [2.0]]}, ["x", "y"]))
    first = next(iter(ds))
    assert first[0]["a"].numpy() == 1
    assert first[1].numpy() == b"x"
    assert ds.element_spec[0]["b"] == tf.TensorSpec([1], tf.float32)
    assert len(ds) == 2
    assert ds.cardinality().numpy() == 2
    with pytest.raises(ValueError, match="first sizes"):
        tf.data.Dataset.from_tensor_slices(([1, 2], [1]))


def test_batches(tf, numbers):
    assert values(numbers.batch(4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert values(numbers.batch(4, drop_remainder=True)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert numbers.batch(4).element_spec == tf.TensorSpec([None], tf.int64)
    assert values(numbers.batch(5).unbatch().batch(7)) == [list(range(7)), [7, 8, 9]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="padded_batch"):
        values(tf.data.Dataset.range(1, 4).map(lambda n: tf.fill([n], n)).batch(2))


def test_padded_batches(tf):
    ds = tf.data.Dataset.from_generator(
        lambda: ((i, [1.0] * i) for i in range(1, 4)), (tf.int32, tf.float32), ([], [None])
    )
    found = values(ds.padded_batch(2))
    assert found[0][1].tolist() == [[1.0, 0.0], [1.0, 1.0]]
    assert found[1][1].tolist() == [[1.0, 1.0, 1.0]]
    wide = values(ds.padded_batch(3, padded_shapes=([], [5]), padding_values=(0, -1.0)))
    assert wide[0][1][0].tolist() == [1.0, -1.0, -1.0, -1.0, -1.0]


def test_order(tf, numbers):
    assert values(numbers.skip(2).take(3)) == [2, 3, 4]
    assert values(numbers.take(2).repeat(2)) == [0, 1, 0, 1]
    assert values(numbers.repeat().skip(8).take(4)) == [8, 9, 0, 1]
    assert values(numbers.shard(3, 1)) == [1, 4, 7]
    assert values(numbers.take(2).concatenate(numbers.skip(9))) == [0, 1, 9]
    assert values(numbers.take_while(lambda x: x < 3)) == [0, 1, 2]
    assert len(numbers.repeat(3).batch(4)) == 8
    with pytest.raises(TypeError, match="infinite"):
        len(numbers.repeat())


def test_shuffle(tf, numbers):
    ds = numbers.shuffle(10, seed=1)
    first, second = values(ds), values(ds)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert values(numbers.shuffle(10, seed=1)) == first
    fixed = numbers.shuffle(10, seed=1, reshuffle_each_iteration=False)
    assert values(fixed) == values(fixed)
    near = values(numbers.shuffle(2, seed=3))
    assert all(x <= i + 1 for i, x in enumerate(near))
    tf.random.set_seed(4)
    again = values(numbers.shuffle(10))
    tf.random.set_seed(4)
    assert values(numbers.shuffle(10)) == again


def test_map_filter_reduce(tf, numbers):
    assert values(numbers.map(lambda x: x * 2).filter(lambda x: x % 3 == 0)) == [0, 6, 12, 18]
    pairs = numbers.map(lambda x: (x, -x)).map(lambda a, b: {"sum": a + b, "a": a})
    assert values(pairs.take(1))[0] == {"sum": 0, "a": 0}
    assert numbers.reduce(np.int64(0), lambda s, x: s + x).numpy() == 45
    assert values(numbers.scan(np.int64(0), lambda s, x: (s + x, s + x)).take(4)) == [0, 1, 3, 6]
    assert values(numbers.enumerate(5).take(1)) == [(5, 0)]
    assert values(tf.data.Dataset.zip((numbers, numbers.skip(8)))) == [(0, 8), (1, 9)]


def test_map_of_strings_and_python(tf):
    ds = tf.data.Dataset.from_tensor_slices(["a b", "c d"])
    assert values(ds.map(tf.strings.upper)) == [b"A B", b"C D"]
    seen = []

    def look(x):
        seen.append(int(x))
        return x

    numbers = tf.data.Dataset.range(3).map(lambda x: tf.py_function(look, [x], tf.int64))
    assert values(numbers) == seen == [0, 1, 2]


def test_map_draws_new_random_numbers(tf):
    ds = tf.data.Dataset.range(4).map(lambda x: tf.random.uniform([]))
    assert len(set(values(ds))) == 4


def test_cache_computes_once(tf, numbers):
    calls = []

    def count(x):
        calls.append(1)
        return x

    ds = numbers.map(lambda x: tf.py_function(count, [x], tf.int64)).cache()
    assert values(ds) == values(ds) == list(range(10))
    assert len(calls) == 10
    assert sorted(np.concatenate(values(ds.shuffle(10).batch(4)))) == list(range(10))
    assert len(calls) == 10


def test_windows_and_interleaving(tf, numbers):
    windows = numbers.window(3, shift=2, drop_remainder=True).flat_map(lambda w: w.batch(3))
    assert values(windows) == [[0, 1, 2], [2, 3, 4], [4, 5, 6], [6, 7, 8]]
    taken = tf.data.Dataset.range(3).interleave(
        lambda x: tf.data.Dataset.from_tensors(x).repeat(3), cycle_length=2, block_length=2
    )
    assert values(taken) == [0, 0, 1, 1, 0, 1, 2, 2, 2]
    assert values(numbers.take(2).flat_map(lambda x: tf.data.Dataset.range(x + 1))) == [0, 0, 1]


def test_generators_must_yield_what_was_declared(tf):
    def generator(stop):
        for i in range(stop):
            yield {"i": i}

    spec = {"i": tf.TensorSpec([], tf.int32)}
    ds = tf.data.Dataset.from_generator(generator, args=[2], output_signature=spec)
    assert values(ds) == [{"i": 0}, {"i": 1}]
    assert ds.element_spec == spec
    wrong = tf.data.Dataset.from_generator(
        lambda: [[1, 2]], output_types=tf.int32, output_shapes=[3]
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="declared"):
        values(wrong)


def test_grouping(tf, numbers):
    ds = numbers.group_by_window(lambda x: x % 2, lambda k, w: w.batch(3), window_size=3)
    assert values(ds) == [[0, 2, 4], [1, 3, 5], [6, 8], [7, 9]]
    words = tf.data.Dataset.from_generator(
        lambda: ([1] * n for n in (1, 5, 2, 6)), output_signature=tf.TensorSpec([None], tf.int32)
    )
    buckets = words.bucket_by_sequence_length(tf.size, [3], [2, 2])
    assert [np.shape(x) for x in values(buckets)] == [(2, 2), (2, 6)]


def test_csv_files_as_batches_of_columns(tf, tmp_path):
    (tmp_path / "a.csv").write_text('n,x,word,y\n1,0.5,"a, b",1\n2,,c,0\n')
    (tmp_path / "b.csv").write_text("n,x,word,y\n3000000000,2,d,1\n")
    read = tf.data.experimental.make_csv_dataset
    pattern = str(tmp_path / "*.csv")
    ((row, label),) = read(pattern, 3, label_name="y", num_epochs=1, shuffle=False)
    assert list(row) == ["n", "x", "word"]
    assert row["n"].numpy().tolist() == [1, 2, 3000000000]
    assert (row["n"].dtype, row["x"].dtype, label.dtype) == (tf.int64, tf.float32, tf.int32)
    assert row["x"].numpy().tolist() == [0.5, 0, 2]
    assert row["word"].numpy().tolist() == [b"a, b", b"c", b"d"]
    assert label.numpy().tolist() == [1, 0, 1]

    first = read(pattern, 2, select_columns=["x", "y"], column_defaults=[7.0, tf.float32])
    batches = list(first.take(4))  # without num_epochs it goes on for ever
    assert [b["x"].shape for b in batches] == [(2,)] * 4
    assert {x for b in batches for x in b["x"].numpy()} == {0.5, 7.0, 2.0}
    (tmp_path / "a.csv").write_text("1,2\n3\n")
    named = {"column_names": ["a", "b"], "header": False}
    with pytest.raises(ValueError, match="a row of 1 fields, 2 are expected"):
        read(str(tmp_path / "a.csv"), 2, **named)
    (row,) = read(str(tmp_path / "a.csv"), 2, num_epochs=1, ignore_errors=True, **named)
    assert row["b"].numpy().tolist() == [2]
    with pytest.raises(ValueError, match="header=False needs column_names"):
        read(pattern, 2, header=False)
    with pytest.raises(ValueError, match="no file matches"):
        read(str(tmp_path / "c.csv"), 2)


def test_files(tf, tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    lines = tf.data.TextLineDataset(str(tmp_path / "a.txt"))
    assert values(lines) == [b"one", b"two"]
    path = str(tmp_path / "x.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for i in range(3):
            feature = {
                "n": tf.train.Feature(int64_list=tf.train.Int64List(value=[i, -i])),
                "x": tf.train.Feature(float_list=tf.train.FloatList(value=[0.5 * i])),
                "s": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"w"])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())
    spec = {
        "n": tf.io.FixedLenFeature([2], tf.int64),
        "x": tf.io.FixedLenFeature([], tf.float32),
        "s": tf.io.FixedLenFeature([], tf.string),
        "missing": tf.io.FixedLenFeature([], tf.int64, default_value=7),
    }
    ds = tf.data.TFRecordDataset(path).map(lambda r: tf.io.parse_single_example(r, spec))
    last = list(ds)[-1]
    assert last["n"].numpy().tolist() == [2, -2]
    assert (last["x"].numpy(), last["s"].numpy(), last["missing"].numpy()) == (1.0, b"w", 7)
    data = bytearray((tmp_path / "x.tfrecord").read_bytes())
    data[3] ^= 1
    (tmp_path / "x.tfrecord").write_bytes(data)
    with pytest.raises(tf.errors.DataLossError):
        values(tf.data.TFRecordDataset(path))


@pytest.fixture
def regression(tf):
    x = np.random.default_rng(0).normal(size=(256, 4)).astype("float32")
    return x, x.sum(axis=1, keepdims=True)


def pipelines(tf, x, y):
    base = tf.data.Dataset.from_tensor_slices((x, y))
    yield base.shuffle(256).batch(32).prefetch(tf.data.AUTOTUNE)
    yield base.map(lambda a, b: (a * 1.0, b)).cache().shuffle(64).batch(32)
    yield base.batch(32).map(lambda a, b: (a, b))
    yield base.shuffle(256).batch(48)


def test_fit_evaluate_predict(tf, regression):
    x, y = regression
    for ds in pipelines(tf, x, y):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        history = model.fit(ds, epochs=8, verbose=0, validation_data=ds).history
        assert history["loss"][-1] < 1e-3
        assert history["val_loss"][-1] < 1e-3
        assert model.evaluate(ds, verbose=0) < 1e-3
        assert model.predict(ds.map(lambda a, b: a), verbose=0).shape == (256, 1)


def test_numbers_are_looked_up_inside_of_a_model(tf):
    inputs = keras.Input((1,), dtype="int64")
    looked = keras.layers.IntegerLookup(vocabulary=[7, 9], output_mode="one_hot")(inputs)
    model = keras.Model(inputs, looked)
    rows = np.array([[9], [7], [5], [9]])
    found = model.predict(tf.data.Dataset.from_tensor_slices(rows).batch(2), verbose=0)
    np.testing.assert_array_equal(found.argmax(axis=1), [2, 1, 0, 2])


def test_fit_on_an_infinite_dataset_needs_steps(tf, regression):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    ds = tf.data.Dataset.from_tensor_slices(regression).repeat().batch(32)
    with pytest.raises(ValueError, match="steps_per_epoch"):
        model.fit(ds, verbose=0)
    model.fit(ds, steps_per_epoch=3, epochs=2, verbose=0)
    assert model.optimizer.iterations.numpy() == 6


def test_a_loop_over_a_dataset(tf, regression):
    w = tf.Variable(tf.zeros([4, 1]))

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(x @ w - y))
        w.assign_sub(0.1 * tape.gradient(loss, w))
        return loss

    ds = tf.data.Dataset.from_tensor_slices(regression).shuffle(256).batch(32)
    for _ in range(8):
        for x, y in ds:
            loss = step(x, y)
    assert loss.numpy() < 1e-3


def test_elements_that_fail_are_left_out(tf):
    numbers = tf.data.Dataset.from_tensor_slices(["1", "x", "3"]).map(tf.strings.to_number)
    with pytest.raises(tf.errors.InvalidArgumentError):
        values(numbers)
    assert values(numbers.ignore_errors()) == [1.0, 3.0]


def test_a_function_that_takes_elements_of_a_dataset_runs_as_python(tf, numbers, capsys):
    """`@tf.function def train(ds): for x, y in ds: ...`, as TensorFlow's guides write it."""

    @tf.function
    def add(s, x):
        return s + x

    @tf.function
    def total(ds):
        s = tf.constant(0, tf.int64)
        for x in ds:
            s = add(s, x)
        return s

    assert total(numbers).numpy() == sum(values(numbers))
    told = capsys.readouterr().err
    assert "tf.function total is not compiled: it takes elements of a tf.data.Dataset" in told
    assert "test_data.py:" in told
    assert total(numbers).numpy() == sum(values(numbers))
    assert not capsys.readouterr().err  # said once
    step, it = tf.function(lambda s, it: s + next(it)), iter(numbers)
    first = step(tf.constant(0, tf.int64), it).numpy()
    second = step(tf.constant(0, tf.int64), it).numpy()
    assert [first, second] == values(numbers)[:2]
