"""Q-learning with a target network copied by assignments."""
import random

import numpy as np
import tensorflow as tf

random.seed(0)
np.random.seed(0)
tf.set_random_seed(0)
N = 5


def q_network(x, name):
    with tf.variable_scope(name):
        h = tf.layers.dense(x, 24, activation=tf.nn.relu, name="h")
        return tf.layers.dense(h, 2, name="q")


state = tf.placeholder(tf.float32, [None, N], name="state")
action = tf.placeholder(tf.int32, [None], name="action")
target = tf.placeholder(tf.float32, [None], name="target")
q_main = q_network(state, "main")
q_target = q_network(state, "target")
copy_ops = []
for src, dest in zip(tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="main"),
                     tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="target")):
    copy_ops.append(dest.assign(src.value()))
chosen = tf.reduce_sum(q_main * tf.one_hot(action, 2), axis=1)
loss = tf.reduce_mean(tf.losses.huber_loss(target, chosen))
train = tf.train.AdamOptimizer(0.01).minimize(
    loss, var_list=tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="main"))


def env(s, a):
    s2 = max(0, min(N - 1, s + (1 if a else -1)))
    return s2, float(s2 == N - 1), s2 == N - 1


eye, memory = np.eye(N), []
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    sess.run(copy_ops)
    for episode in range(60):
        s = 0
        for t in range(20):
            if random.random() < max(0.1, 1 - episode / 30.):
                a = random.randrange(2)
            else:
                a = int(np.argmax(sess.run(q_main, {state: eye[s:s + 1]})))
            s2, r, done = env(s, a)
            memory.append((s, a, r, s2, done))
            s = s2
            if len(memory) >= 32:
                batch = random.sample(memory, 32)
                bs, ba, br, bs2, bd = map(np.array, zip(*batch))
                q_next = sess.run(q_target, {state: eye[bs2]}).max(1)
                sess.run(train, {state: eye[bs], action: ba, target: br + 0.9 * q_next * ~bd})
            if done:
                break
        if episode % 5 == 0:
            sess.run(copy_ops)
    policy = np.argmax(sess.run(q_main, {state: eye[:N - 1]}), 1)
    print("policy", policy.tolist())
