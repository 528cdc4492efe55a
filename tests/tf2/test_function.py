"""tf.function: signatures, state, effects."""

import keras
import numpy as np
import pytest


def test_one_trace_for_each_signature(tf):
    traces = []

    @tf.function
    def f(x, scale=1.0, flag=True):
        traces.append(x.shape)
        return x * scale if flag else -x

    f(tf.constant([1.0]))
    f(tf.constant([2.0]))
    assert len(traces) == 1
    f(tf.constant([1.0, 2.0]))
    f(tf.constant([1]), 2)
    f(tf.constant([1.0]), flag=False)
    f(np.array([5.0], "float32"))
    assert len(traces) == 4
    assert f(tf.constant([1.0]), 3.0).numpy() == 3.0


def test_results_keep_their_structure(tf):
    @tf.function
    def f(x):
        return {"double": x * 2, "rest": (None, "text", [x.shape[0], x])}

    out = f(tf.constant([1.0, 2.0]))
    assert out["double"].numpy().tolist() == [2.0, 4.0]
    assert out["rest"][:2] == (None, "text")
    assert out["rest"][2][0] == 2


def test_dtypes_are_kept(tf):
    for dtype in ("float64", "int64", "float16", "bool", "uint8"):
        x = tf.cast([0, 1], dtype)
        assert tf.function(lambda x: tf.identity(x))(x).dtype == dtype


def test_input_signature(tf):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def f(x):
        return tf.reduce_sum(x)

    assert f([1, 2]).numpy() == 3.0
    assert f(x=tf.constant([1.0])).numpy() == 1.0
    with pytest.raises(TypeError, match="input_signature"):
        f(tf.constant([[1.0]]))


def test_variables_are_state(tf):
    v, total = tf.Variable(1.0), tf.Variable(0.0)

    @tf.function
    def f(x):
        total.assign_add(v * x)
        v.assign(x)
        return total

    f(tf.constant(2.0))
    v.assign(10.0)
    assert f(tf.constant(3.0)).numpy() == 32.0
    assert v.numpy() == 3.0


def test_an_array_that_was_read_is_not_written_over(tf):
    v = tf.Variable([1.0, 2.0])
    before, seen = v.numpy(), v.read_value()

    @tf.function
    def f():
        v.assign_add([1.0, 1.0])

    f()
    assert before.tolist() == seen.numpy().tolist() == [1.0, 2.0]
    assert v.numpy().tolist() == [2.0, 3.0]


def test_a_model_is_built_inside(tf):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(4, "relu"), keras.layers.Dense(1)])
    optimizer = keras.optimizers.Adam(0.05)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        return loss

    x = np.random.default_rng(0).normal(size=(32, 2)).astype("float32")
    y = x[:, :1] - x[:, 1:]
    losses = [float(step(x, y)) for _ in range(100)]
    assert losses[-1] < 0.1 < losses[0]
    assert optimizer.iterations.numpy() == 100


def test_compiled_and_eager_training_agree(tf):
    def train(decorate):
        w, b = tf.Variable([[0.5], [-0.5]]), tf.Variable([0.0])
        x = tf.constant(np.random.default_rng(0).normal(size=(16, 2)).astype("float32"))

        @decorate
        def step():
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(tf.tanh(x @ w + b) - 0.3))
            for v, g in zip((w, b), tape.gradient(loss, (w, b))):
                v.assign_sub(0.1 * g)
            return loss

        return [float(step()) for _ in range(10)]

    np.testing.assert_allclose(train(tf.function), train(lambda f: f), rtol=1e-4)


def test_methods_are_compiled_for_each_instance(tf):
    class Scale(tf.Module):
        def __init__(self, by):
            super().__init__()
            self.by = tf.Variable(by)

        @tf.function
        def __call__(self, x):
            return x * self.by

    a, b = Scale(2.0), Scale(3.0)
    assert (a(tf.constant(1.0)).numpy(), b(tf.constant(1.0)).numpy()) == (2.0, 3.0)


def test_functions_call_functions(tf):
    @tf.function
    def inner(x):
        return x + 1

    @tf.function
    def outer(x):
        return inner(x) * inner(x * 2)

    assert outer(tf.constant(1.0)).numpy() == 6.0


def test_random_numbers_differ_from_call_to_call_and_follow_the_seed(tf):
    @tf.function
    def f():
        return tf.random.normal([3])

    def draw():
        tf.random.set_seed(5)
        return np.stack([f().numpy(), f().numpy(), tf.random.uniform([3]).numpy()])

    first, second = draw(), draw()
    assert np.array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


def test_print_and_assertions_run_with_the_machine_code(tf, capsys):
    @tf.function
    def f(x):
        tf.print("x is", x)
        tf.debugging.assert_positive(x, message="not positive")
        return x * 2

    f(tf.constant(1.0))
    f(tf.constant(2.0))
    assert capsys.readouterr().err == "x is 1\nx is 2\n"
    with pytest.raises(tf.errors.InvalidArgumentError, match="not positive"):
        f(tf.constant(-1.0))


def test_print_in_loops_and_branches_of_a_compiled_function(tf, capsys):
    """Books train in `for epoch in tf.range(epochs)` under tf.function, and print each 100th."""
    v = tf.Variable(0.0)

    @tf.function
    def train(epochs):
        tf.print("start")
        for epoch in tf.range(1, epochs + 1):
            with tf.GradientTape() as tape:
                loss = (v - 3.0) ** 2
            v.assign_sub(0.5 * tape.gradient(loss, v))
            if epoch % 2 == 0:
                tf.print("epoch", epoch, "loss", loss)
        while v > 1.0:
            tf.print("v", v)
            v.assign_sub(1.0)
        tf.print("end")

    for epochs in (4, 1):
        train(tf.constant(epochs))
    lines = capsys.readouterr().err.splitlines()
    assert lines[:6] == ["start", "epoch 2 loss 0", "epoch 4 loss 0", "v 3", "v 2", "end"]
    assert lines[6:] == ["start", "v 3", "v 2", "end"]


def test_an_assertion_in_a_loop_of_a_compiled_function(tf):
    @tf.function
    def count(n):
        i = tf.constant(0)
        while i < n:
            tf.debugging.assert_less(i, 3, message="too far")
            i += 1
        return i

    assert int(count(tf.constant(3))) == 3
    with pytest.raises(tf.errors.InvalidArgumentError, match="too far"):
        count(tf.constant(5))
    assert int(count(tf.constant(2))) == 2


def test_print_in_a_loss_and_a_layer_that_are_trained(tf, capsys):
    import keras

    class Watched(keras.layers.Layer):
        def call(self, x):
            tf.print("layer")
            return x

    def loss(y, p):
        tf.print("rows", tf.shape(y)[0], tf.reduce_sum(y))
        return tf.reduce_mean((y - p) ** 2)

    model = keras.Sequential([Watched(), keras.layers.Dense(1)])
    model.compile("sgd", loss)
    model.fit(tf.ones((6, 2)), tf.ones((6, 1)), batch_size=4, epochs=2, shuffle=False, verbose=0)
    told = ["layer", "rows 4 4", "layer", "rows 2 2"]
    assert capsys.readouterr().err.splitlines() == told * 2


def test_functions_of_strings_run_as_python(tf, capsys):
    """A bar with the time of day between epochs, in a Chinese book; parsers of lines."""

    @tf.function
    def bar(second):
        seconds = tf.cast(tf.timestamp() % 60 * 0.0, tf.int32) + second
        text = tf.strings.format("{}", seconds)
        if tf.strings.length(text) == 1:
            text = tf.strings.format("0{}", seconds)
        tf.print("==" + tf.strings.join(["12", text], separator=":"))

    @tf.function
    def number(line):
        return tf.strings.to_number(line) * 2

    bar(tf.constant(7))
    bar(tf.constant(42))
    told = capsys.readouterr().err.splitlines()
    assert told == ["tf.function bar is not compiled: it asks for the time", "==12:07", "==12:42"]
    assert float(number(tf.constant("1.5"))) == 3.0


def test_known_strings_are_printed_by_compiled_functions(tf, capsys):
    @tf.function
    def f(x):
        tf.print("=" * 4 + tf.constant("x"), x, tf.strings.join(["a", "b"]))
        return x

    f(tf.constant(1))
    assert capsys.readouterr().err == "====x 1 ab\n"


def test_the_call_of_a_model_with_a_signature(tf):
    """Books put @tf.function(input_signature=[...]) on call, which leaves out self."""
    import keras

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1, kernel_initializer="ones")

        @tf.function(input_signature=[tf.TensorSpec(shape=[None, 2], dtype=tf.float32)])
        def call(self, x):
            return self.dense(x)

    net = Net()
    assert net(tf.ones((3, 2))).numpy().tolist() == [[2.0]] * 3
    net.compile("sgd", "mse")
    assert net.fit(tf.ones((4, 2)), tf.ones((4, 1)), verbose=0).history["loss"] == [1.0]


def test_asking_for_numbers_names_the_line(tf):
    @tf.function
    def f(x):
        return x.numpy()

    with pytest.raises(NotImplementedError, match=r"numpy\(\).*test_function.py:\d+"):
        f(tf.constant(1.0))


def test_run_functions_eagerly(tf):
    seen = []

    @tf.function
    def f(x):
        seen.append(x.numpy())
        return x

    tf.config.run_functions_eagerly(True)
    try:
        f(tf.constant(1.0))
        f(tf.constant(2.0))
    finally:
        tf.config.run_functions_eagerly(False)
    assert seen == [1.0, 2.0]


def test_concrete_function(tf):
    f = tf.function(lambda x: x * 2)
    concrete = f.get_concrete_function(tf.TensorSpec([2], tf.float32))
    assert concrete(tf.constant([1.0, 2.0])).numpy().tolist() == [2.0, 4.0]
    assert concrete.structured_outputs == tf.TensorSpec([2], tf.float32)
