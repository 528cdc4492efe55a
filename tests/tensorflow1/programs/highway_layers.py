"""A deep highway network with shared helper scopes, reading tensors by name afterwards."""
import numpy as np
import tensorflow as tf

np.random.seed(0)
tf.set_random_seed(0)


def highway(x, size, i):
    with tf.variable_scope("highway_%d" % i, initializer=tf.random_normal_initializer(stddev=0.2)):
        W = tf.get_variable("W", [size, size])
        b = tf.get_variable("b", [size], initializer=tf.constant_initializer(0.0))
        W_T = tf.get_variable("W_T", [size, size])
        b_T = tf.get_variable("b_T", [size], initializer=tf.constant_initializer(-1.0))
        T = tf.sigmoid(tf.matmul(x, W_T) + b_T, name="transform_gate")
        H = tf.nn.relu(tf.matmul(x, W) + b, name="activation")
        C = tf.subtract(1.0, T, name="carry_gate")
        return tf.add(tf.multiply(H, T), tf.multiply(x, C), name="y")


x = tf.placeholder("float", [None, 8], name="x")
y_ = tf.placeholder("float", [None, 3], name="labels")
h = tf.layers.dense(x, 16, tf.nn.relu, name="input_layer")
for i in range(6):
    h = highway(h, 16, i)
logits = tf.layers.dense(h, 3, name="logits")
loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y_, logits=logits), name="loss")
train = tf.train.MomentumOptimizer(0.05, 0.9, use_nesterov=True).minimize(loss, name="train")
data = np.random.randn(300, 8)
classes = np.digitize(data[:, 0] + data[:, 1] * data[:, 2], [-0.5, 0.5])
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(300):
        sess.run("train", {"x:0": data, "labels:0": np.eye(3)[classes]})
    graph = tf.get_default_graph()
    gate = graph.get_tensor_by_name("highway_3/transform_gate:0")
    value, g = sess.run(["loss:0", gate], {x: data, y_: np.eye(3)[classes]})
    print("loss %.4f gate %s" % (value, g.shape))
    print("weights", len(tf.trainable_variables()), graph.get_operation_by_name("highway_0/y").type)
