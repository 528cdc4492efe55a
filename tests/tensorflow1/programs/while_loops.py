"""Loops in graphs: counters, arrays, gradients through a loop, tf.scan, tf.foldl, tf.case."""
import numpy as np
import tensorflow as tf

i = tf.constant(0)
r = tf.while_loop(lambda i: tf.less(i, 10), lambda i: tf.add(i, 1), [i])

n = tf.placeholder(tf.int32, [])
_, a, b = tf.while_loop(lambda k, a, b: k < n, lambda k, a, b: (k + 1, b, a + b), (0, 0, 1))

x = tf.Variable(1.5)
_, y = tf.while_loop(lambda k, v: k < 4, lambda k, v: (k + 1, v * x), (tf.constant(0), tf.constant(1.0)))
(dy,) = tf.gradients(y, x)

elems = np.array([1, 2, 3, 4, 5, 6])
sums = tf.scan(lambda acc, v: acc + v, elems)
total = tf.foldl(lambda acc, v: acc + v, elems)
squares = tf.map_fn(lambda v: (v, -v), elems, dtype=(tf.int64, tf.int64))
fib = tf.scan(lambda acc, _: (acc[1], acc[0] + acc[1]), np.zeros(6), initializer=(1, 1))

z = tf.placeholder(tf.float32, [])
branch = tf.case([(z < 0, lambda: tf.constant(-1.0)), (z > 10, lambda: z * 2)], default=lambda: z + 0.5)
xs = tf.constant(np.linspace(0, 1, 5), tf.float32)
steps = tf.Variable(tf.zeros_like(xs))
update = tf.group(steps.assign_add(xs), name="update")

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print("counter", sess.run(r))
    print("fibonacci", sess.run(a, {n: 10}), sess.run(a, {n: 20}))
    print("power", sess.run([y, dy]))
    print("scan", sess.run(sums).tolist(), sess.run(total), sess.run(fib)[0].tolist())
    print("map", sess.run(squares)[1].tolist())
    print("case", [float(sess.run(branch, {z: v})) for v in (-5, 3, 20)])
    for _ in range(3):
        update.run()
    print("steps", steps.eval().tolist())
