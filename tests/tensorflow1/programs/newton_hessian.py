"""tf.gradients by hand: descent with assign, second derivatives, Newton's method."""
import numpy as np
import tensorflow as tf

w = tf.Variable([2.0, -3.0], name="w")
loss = (w[0] - 1.0) ** 4 + (w[1] + 2.0) ** 2 + w[0] * w[1] * 0.1
grad = tf.gradients(loss, [w])[0]
hess = tf.hessians(loss, w)[0]
newton = tf.assign_sub(w, tf.squeeze(tf.matrix_solve(hess, tf.expand_dims(grad, 1)), [1]))
descent = tf.assign(w, w - 0.05 * grad)
a = tf.constant(3.0)
poly = a ** 3
first = tf.gradients(poly, a)[0]
second = tf.gradients(first, a)[0]
unused = tf.gradients(poly, w)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print("derivatives", sess.run([poly, first, second]), unused)
    for _ in range(10):
        sess.run(descent)
    for _ in range(12):
        sess.run(newton)
    print("gradient norm %.6f" % np.linalg.norm(sess.run(grad)))
