"""Recommendations: embeddings of users and items, biases, l2 regularisation, RMSE."""
import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
users, items, dim = 40, 30, 4
truth = rng.randn(users, dim).dot(rng.randn(items, dim).T)
pairs = np.array([(u, i) for u in range(users) for i in range(items) if rng.rand() < 0.7])
ratings = truth[pairs[:, 0], pairs[:, 1]].astype(np.float32)

with tf.device("/cpu:0"):
    user_batch = tf.placeholder(tf.int32, shape=[None], name="id_user")
    item_batch = tf.placeholder(tf.int32, shape=[None], name="id_item")
    rate_batch = tf.placeholder(tf.float32, shape=[None])
    bias_global = tf.get_variable("bias_global", shape=[])
    w_bias_user = tf.get_variable("embd_bias_user", shape=[users])
    w_bias_item = tf.get_variable("embd_bias_item", shape=[items])
    w_user = tf.get_variable("embd_user", shape=[users, dim],
                             initializer=tf.truncated_normal_initializer(stddev=0.3))
    w_item = tf.get_variable("embd_item", shape=[items, dim],
                             initializer=tf.truncated_normal_initializer(stddev=0.3))
    embd_user = tf.nn.embedding_lookup(w_user, user_batch)
    embd_item = tf.nn.embedding_lookup(w_item, item_batch)
    infer = tf.reduce_sum(tf.multiply(embd_user, embd_item), 1)
    infer = infer + bias_global + tf.nn.embedding_lookup(w_bias_user, user_batch) \
        + tf.nn.embedding_lookup(w_bias_item, item_batch)
    regularizer = tf.add(tf.nn.l2_loss(embd_user), tf.nn.l2_loss(embd_item))
    global_step = tf.train.get_or_create_global_step()
    cost = tf.add(tf.nn.l2_loss(tf.subtract(infer, rate_batch)), 0.01 * regularizer)
    rate = tf.train.exponential_decay(0.05, global_step, 300, 0.5, staircase=True)
    train_op = tf.train.AdamOptimizer(rate).minimize(cost, global_step=global_step)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(900):
        k = rng.choice(len(pairs), 256)
        sess.run(train_op, {user_batch: pairs[k, 0], item_batch: pairs[k, 1], rate_batch: ratings[k]})
    pred = sess.run(infer, {user_batch: pairs[:, 0], item_batch: pairs[:, 1]})
    print("RMSE %.3f of %.3f" % (np.sqrt(np.mean((pred - ratings) ** 2)), ratings.std()))
