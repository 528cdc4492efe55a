"""Python in graphs: py_func, Print, Assert, is_variable_initialized, string tensors."""
import numpy as np
import tensorflow as tf


def clip_and_count(x):
    return np.clip(x, -1, 1).astype(np.float32), np.int64((np.abs(x) > 1).sum())


x = tf.placeholder(tf.float32, [None, 2], name="x")
clipped, n = tf.py_func(clip_and_count, [x], [tf.float32, tf.int64])
clipped.set_shape([None, 2])
w = tf.Variable(tf.ones([2, 1]), name="w")
y = tf.matmul(clipped, w)
shown = tf.Print(y, [tf.shape(y), n], "shape and count: ")
check = tf.Assert(tf.reduce_all(tf.abs(x) < 100), [x])
ready = tf.is_variable_initialized(w)
missing = tf.report_uninitialized_variables()
with tf.control_dependencies([check]):
    safe = tf.identity(y)

with tf.Session() as sess:
    print("before", sess.run(ready), sess.run(missing).tolist())
    sess.run(tf.global_variables_initializer())
    print("after", sess.run(ready), len(sess.run(missing)))
    values, count = sess.run([shown, n], {x: [[5., 0.5], [-3., 2.]]})
    print("py_func", values.ravel().tolist(), int(count))
    try:
        sess.run(safe, {x: [[500., 0.]]})
    except tf.errors.InvalidArgumentError as e:
        print("refused", "assertion failed" in str(e))
    joined = tf.string_join(["ten", "sor"], "") if False else tf.strings.join([tf.constant("ten"), "sor"])
    print("string", sess.run(joined).decode())
