"""The towers idiom: tf.device, shared variables, averaged gradients."""
import numpy as np
import tensorflow as tf

NUM_GPUS = 2
np.random.seed(1)
data = np.random.randn(256, 10).astype(np.float32)
target = (data.sum(axis=1) > 0).astype(np.int32)


def tower_loss(images, labels):
    with tf.variable_scope("hidden"):
        w = tf.get_variable("w", [10, 16], initializer=tf.contrib.layers.xavier_initializer())
        b = tf.get_variable("b", [16], initializer=tf.constant_initializer(0.0))
        h = tf.nn.relu(tf.nn.xw_plus_b(images, w, b))
    with tf.variable_scope("softmax"):
        w = tf.get_variable("w", [16, 2])
        b = tf.get_variable("b", [2], initializer=tf.constant_initializer(0.0))
        logits = tf.matmul(h, w) + b
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=labels))


def average_gradients(tower_grads):
    average_grads = []
    for grad_and_vars in zip(*tower_grads):
        grads = [tf.expand_dims(g, 0) for g, _ in grad_and_vars]
        grad = tf.reduce_mean(tf.concat(axis=0, values=grads), 0)
        average_grads.append((grad, grad_and_vars[0][1]))
    return average_grads


with tf.Graph().as_default(), tf.device('/cpu:0'):
    x = tf.placeholder(tf.float32, [256, 10])
    y = tf.placeholder(tf.int32, [256])
    parts_x, parts_y = tf.split(x, NUM_GPUS), tf.split(y, NUM_GPUS)
    opt = tf.train.MomentumOptimizer(0.1, 0.9)
    tower_grads, losses = [], []
    with tf.variable_scope(tf.get_variable_scope()):
        for i in range(NUM_GPUS):
            with tf.device('/gpu:%d' % i):
                with tf.name_scope('tower_%d' % i) as scope:
                    loss = tower_loss(parts_x[i], parts_y[i])
                    tf.get_variable_scope().reuse_variables()
                    losses.append(loss)
                    tower_grads.append(opt.compute_gradients(loss))
    train_op = opt.apply_gradients(average_gradients(tower_grads))
    total = tf.add_n(losses) / NUM_GPUS
    config = tf.ConfigProto(allow_soft_placement=True, log_device_placement=False)
    config.gpu_options.allow_growth = True
    sess = tf.Session(config=config)
    sess.run(tf.global_variables_initializer())
    for step in range(100):
        _, value = sess.run([train_op, total], {x: data, y: target})
    print("variables", len(tf.trainable_variables()))
    print("loss %.4f" % value)
