"""slim: arg_scope, batch_norm, l2 regularisation collected as losses, learning.train by hand."""
import numpy as np
import tensorflow as tf
import tensorflow.contrib.slim as slim
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("MNIST_data/", one_hot=True)


def lenet(images, is_training):
    with slim.arg_scope([slim.conv2d, slim.fully_connected], activation_fn=tf.nn.relu,
                        weights_initializer=tf.truncated_normal_initializer(0.0, 0.1),
                        weights_regularizer=slim.l2_regularizer(0.0005)):
        with slim.arg_scope([slim.batch_norm], is_training=is_training, decay=0.9):
            net = slim.conv2d(images, 8, [5, 5], normalizer_fn=slim.batch_norm, scope='conv1')
            net = slim.max_pool2d(net, [2, 2], scope='pool1')
            net = slim.conv2d(net, 16, [5, 5], normalizer_fn=slim.batch_norm, scope='conv2')
            net = slim.max_pool2d(net, [2, 2], scope='pool2')
            net = slim.flatten(net, scope='flatten')
            net = slim.fully_connected(net, 64, scope='fc3')
            net = slim.dropout(net, 0.8, is_training=is_training, scope='dropout3')
            return slim.fully_connected(net, 10, activation_fn=None, scope='fc4')


x = tf.placeholder(tf.float32, [None, 784])
y = tf.placeholder(tf.float32, [None, 10])
training = tf.placeholder_with_default(False, shape=[])
logits = lenet(tf.reshape(x, [-1, 28, 28, 1]), training)
slim.losses.softmax_cross_entropy(logits, y) if False else tf.losses.softmax_cross_entropy(y, logits)
total_loss = tf.losses.get_total_loss()
print("regularisation losses", len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)))
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
with tf.control_dependencies(update_ops):
    train = tf.train.AdamOptimizer(0.002).minimize(total_loss)
accuracy = tf.reduce_mean(tf.to_float(tf.equal(tf.argmax(logits, 1), tf.argmax(y, 1))))
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(150):
        bx, by = mnist.train.next_batch(50)
        sess.run(train, {x: bx, y: by, training: True})
    print("accuracy", sess.run(accuracy, {x: mnist.test.images[:1000], y: mnist.test.labels[:1000]}))
print([v.op.name for v in slim.get_model_variables()][:3])
