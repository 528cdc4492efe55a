"""First steps: constants, placeholders, a session."""
import tensorflow as tf

hello = tf.constant("Hello, TensorFlow!")
a = tf.constant(2)
b = tf.constant(3)

sess = tf.Session()
print(sess.run(hello).decode())
print("a + b =", sess.run(a + b))
print("a * b =", sess.run(tf.multiply(a, b)))

x = tf.placeholder(tf.int16)
y = tf.placeholder(tf.int16)
add = tf.add(x, y)
mul = tf.multiply(x, y)
with tf.Session() as sess:
    print("sum", sess.run(add, feed_dict={x: 5, y: 7}))
    print("product", sess.run(mul, feed_dict={x: 5, y: 7}))

matrix1 = tf.constant([[3.0, 3.0]])
matrix2 = tf.constant([[2.0], [2.0]])
product = tf.matmul(matrix1, matrix2)
with tf.Session() as sess:
    result = sess.run(product)
    print("matmul", result)
