"""A generative adversarial network: two optimizers over lists of variables."""
import numpy as np
import tensorflow as tf

np.random.seed(0)
tf.set_random_seed(0)


def sample_data(n):
    return np.random.normal(4.0, 0.5, size=(n, 1)).astype(np.float32)


def generator(z):
    with tf.variable_scope("gen"):
        h = tf.layers.dense(z, 16, activation=tf.nn.relu)
        return tf.layers.dense(h, 1)


def discriminator(x, reuse=False):
    with tf.variable_scope("disc", reuse=reuse):
        h = tf.layers.dense(x, 16, activation=tf.nn.leaky_relu)
        h = tf.layers.dense(h, 16, activation=tf.nn.leaky_relu)
        return tf.layers.dense(h, 1)


real = tf.placeholder(tf.float32, [None, 1])
z = tf.placeholder(tf.float32, [None, 4])
fake = generator(z)
real_logits = discriminator(real)
fake_logits = discriminator(fake, reuse=True)
d_loss = tf.reduce_mean(
    tf.nn.sigmoid_cross_entropy_with_logits(logits=real_logits, labels=tf.ones_like(real_logits)) +
    tf.nn.sigmoid_cross_entropy_with_logits(logits=fake_logits, labels=tf.zeros_like(fake_logits)))
g_loss = tf.reduce_mean(
    tf.nn.sigmoid_cross_entropy_with_logits(logits=fake_logits, labels=tf.ones_like(fake_logits)))
gen_vars = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="gen")
disc_vars = [v for v in tf.trainable_variables() if v.name.startswith("disc")]
assert len(gen_vars) == 4 and len(disc_vars) == 6
g_step = tf.train.AdamOptimizer(0.002, beta1=0.5).minimize(g_loss, var_list=gen_vars)
d_step = tf.train.AdamOptimizer(0.002, beta1=0.5).minimize(d_loss, var_list=disc_vars)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(1500):
        _, dl = sess.run([d_step, d_loss], {real: sample_data(64), z: np.random.randn(64, 4)})
        _, gl = sess.run([g_step, g_loss], {z: np.random.randn(64, 4)})
    out = sess.run(fake, {z: np.random.randn(2000, 4)})
    print("generated mean %.3f" % out.mean())
