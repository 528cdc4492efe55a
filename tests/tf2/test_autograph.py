"""Python's control flow over tensors in compiled functions."""

import keras
import numpy as np
import pytest


def helper(x):
    if x[0] > 0:
        return x + 100.0
    return x - 100.0


def branch(tf, x):
    if tf.reduce_sum(x) > 0:
        y = x * 2
        y = y + 1
    else:
        y = -x
    return y


def early_returns(tf, x):
    if tf.reduce_sum(x) > 5:
        return x * 2
    elif tf.reduce_max(x) > 1.5:
        return x * 3
    z = x + 1
    return -z


def counting(tf, x):
    a, b = 0, 1
    for _ in tf.range(tf.cast(tf.reduce_max(x), tf.int32)):
        a, b = b, a + b
    return a


def while_with_break_and_continue(tf, x):
    i, s = tf.constant(0), tf.zeros([])
    while i < 20:
        i += 1
        if i % 2 == 0:
            continue
        if s > 30.0:
            break
        s += tf.reduce_sum(tf.abs(x)) * tf.cast(i, tf.float32)
    return s, i


def tensor_array(tf, x):
    out = tf.TensorArray(tf.float32, size=12)
    for i in tf.range(12):
        out = out.write(i, x * tf.cast(i, tf.float32))
    return out.stack()


def logic(tf, x):
    ok = (x[0] > 0 and x[1] < 0) or not x[2] > 0
    return tf.sin(x) if ok else tf.cos(x)


def python_loops(tf, x):
    total = 0.0
    for row in x:
        for k in range(4):
            if k == 1:
                continue
            if k == 3:
                break
            total += row * k
    return total


def calls(tf, x):
    return helper(x)


CONVERTED = [branch, early_returns, counting, while_with_break_and_continue, tensor_array, logic,
             python_loops, calls]  # fmt: skip


@pytest.mark.parametrize("f", CONVERTED, ids=lambda f: f.__name__)
def test_control_flow_over_tensors(tf, f):
    def go(x):
        return f(tf, x)

    compiled = tf.function(go)
    for x in ([1.0, -2.0, 3.0], [-1.0, 2.0, -3.0], [5.0, 1.0, 1.0], [0.1, -0.2, 0.3]):
        want = tf.nest.flatten(go(tf.constant(x)))
        found = tf.nest.flatten(compiled(tf.constant(x)))
        for a, b in zip(found, want, strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5)


def test_variables_in_branches_and_loops(tf):
    v = tf.Variable(0.0)

    @tf.function
    def f(x):
        if x > 0:
            v.assign_add(x)
        else:
            v.assign_sub(1.0)
        for _ in tf.range(10):
            v.assign_add(1.0)
        return v.read_value()

    assert f(tf.constant(2.0)).numpy() == 12.0
    assert f(tf.constant(-2.0)).numpy() == 21.0


def test_derivative_of_a_loop(tf):
    @tf.function
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            s = tf.zeros([])
            for i in tf.range(12):
                s = s + tf.reduce_sum(x) * tf.cast(i, tf.float32)
        return tape.gradient(s, x)

    assert f(tf.constant([1.0, 2.0])).numpy().tolist() == [66.0, 66.0]


def test_branches_that_do_not_fit_are_refused(tf):
    @tf.function
    def f(x):
        y = x
        if tf.reduce_sum(x) > 0:
            y = tf.zeros([2, 2])
        return y

    with pytest.raises(TypeError, match=r"one of y .*test_autograph.py:\d+"):
        f(tf.constant([1.0]))


def test_without_autograph_a_branch_on_a_tensor_is_refused(tf):
    @tf.function(autograph=False)
    def f(x):
        if x > 0:
            return x
        return -x

    with pytest.raises(TypeError, match=r"`if`.*test_autograph.py:\d+"):
        f(tf.constant(1.0))


def test_a_layer_with_branches_on_tensors(tf):
    class Layer(keras.layers.Layer):
        def call(self, x, training=False):
            if training:
                x = x + 1.0
            if tf.reduce_mean(x) > 0:
                return x * 2.0
            return super().call(x) if False else x

    layer = Layer()
    x = tf.constant([1.0, -3.0])
    compiled = tf.function(lambda x: (layer(x), layer(x, training=True), layer(-x)))
    for found, want in zip(compiled(x), (layer(x), layer(x, training=True), layer(-x))):
        assert found.numpy().tolist() == want.numpy().tolist()


def test_lines_of_errors_are_those_of_the_source(tf):
    @tf.function
    def f(x):
        y = x
        if tf.reduce_sum(x) > 0:
            y = x.numpy()
        return y

    line = f.python_function.__code__.co_firstlineno + 4
    with pytest.raises(NotImplementedError, match=f"test_autograph.py:{line} "):
        f(tf.constant([1.0]))
