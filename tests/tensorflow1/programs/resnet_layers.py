"""Residual blocks with tf.layers, batch normalisation by a training placeholder, weight decay."""
import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)


def images(n):
    y = rng.randint(0, 2, n)
    x = rng.randn(n, 8, 8, 3).astype(np.float32) * 0.5
    x[y == 1, 2:6, 2:6, 0] += 1.0
    return x, y


def block(x, filters, training, stride=1):
    shortcut = x
    if stride != 1 or x.get_shape().as_list()[-1] != filters:
        shortcut = tf.layers.conv2d(x, filters, 1, strides=stride, padding="same", use_bias=False)
    h = tf.layers.conv2d(x, filters, 3, strides=stride, padding="same", use_bias=False,
                         kernel_initializer=tf.variance_scaling_initializer())
    h = tf.nn.relu(tf.layers.batch_normalization(h, training=training, fused=True))
    h = tf.layers.conv2d(h, filters, 3, padding="same", use_bias=False,
                         kernel_initializer=tf.variance_scaling_initializer())
    h = tf.layers.batch_normalization(h, training=training, fused=True)
    return tf.nn.relu(h + shortcut)


x = tf.placeholder(tf.float32, [None, 8, 8, 3])
y = tf.placeholder(tf.int64, [None])
training = tf.placeholder(tf.bool, [])
h = block(x, 8, training)
h = block(h, 16, training, stride=2)
h = tf.reduce_mean(h, axis=[1, 2])
logits = tf.layers.dense(h, 2)
ce = tf.losses.sparse_softmax_cross_entropy(labels=y, logits=logits)
l2 = 1e-4 * tf.add_n([tf.nn.l2_loss(v) for v in tf.trainable_variables() if "batch_norm" not in v.name])
loss = ce + l2
global_step = tf.train.get_or_create_global_step()
lr = tf.train.piecewise_constant(tf.cast(global_step, tf.int32), [60, 80], [0.05, 0.01, 0.001])
optimizer = tf.train.MomentumOptimizer(lr, 0.9)
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
train = tf.group(optimizer.minimize(loss, global_step), update_ops)
accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, axis=1), y), tf.float32))
print("shape", h.get_shape(), h.shape[1].value, "updates", len(update_ops))
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(100):
        bx, by = images(32)
        sess.run(train, {x: bx, y: by, training: True})
    tx, ty = images(300)
    print("accuracy", sess.run(accuracy, {x: tx, y: ty, training: False}), "rate %.4f" % sess.run(lr))
