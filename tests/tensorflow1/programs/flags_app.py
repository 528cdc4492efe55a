"""A program with flags and a main function."""
import sys

import numpy as np
import tensorflow as tf

flags = tf.app.flags
flags.DEFINE_integer("max_steps", 100, "Number of steps to run trainer.")
flags.DEFINE_float("learning_rate", 0.1, "Initial learning rate.")
flags.DEFINE_string("data_dir", "/tmp/data", "Directory for storing data")
flags.DEFINE_boolean("verbose", False, "If true, says more.")
FLAGS = flags.FLAGS


def train():
    x = tf.placeholder(tf.float32, shape=(None, 2))
    y = tf.placeholder(tf.float32, shape=(None,))
    w = tf.get_variable("w", shape=(2, 1))
    out = tf.squeeze(tf.matmul(x, w), axis=1)
    loss = tf.reduce_mean(tf.squared_difference(out, y))
    global_step = tf.train.get_or_create_global_step()
    train_op = tf.train.AdamOptimizer(FLAGS.learning_rate).minimize(loss, global_step=global_step)
    data = np.random.RandomState(0).randn(50, 2)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        while sess.run(global_step) < FLAGS.max_steps:
            _, value = sess.run([train_op, loss], {x: data, y: data.sum(axis=1)})
    tf.logging.set_verbosity(tf.logging.INFO)
    tf.logging.info("done after %d steps", FLAGS.max_steps)
    print("final loss %.5f" % value)


def main(_):
    if tf.gfile.Exists(FLAGS.data_dir + "/no/such/folder"):
        tf.gfile.DeleteRecursively(FLAGS.data_dir)
    print("steps", FLAGS.max_steps, "verbose", FLAGS.verbose)
    train()


if __name__ == "__main__":
    tf.app.run(main=main, argv=[sys.argv[0], "--max_steps=300", "--verbose"])
