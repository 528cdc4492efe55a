"""tf.data in graphs: one-shot, initializable with placeholders, and reinitializable iterators."""
import numpy as np
import tensorflow as tf

dataset = tf.data.Dataset.range(10).map(lambda i: i * i).filter(lambda v: v % 2 < 1)
next_element = dataset.make_one_shot_iterator().get_next()
with tf.Session() as sess:
    found = []
    try:
        while True:
            found.append(int(sess.run(next_element)))
    except tf.errors.OutOfRangeError:
        print("one shot", found)

rng = np.random.RandomState(0)
features = rng.randn(200, 4).astype(np.float32)
labels = (features.sum(1) > 0).astype(np.int32)
features_placeholder = tf.placeholder(features.dtype, features.shape)
labels_placeholder = tf.placeholder(labels.dtype, labels.shape)
dataset = tf.data.Dataset.from_tensor_slices((features_placeholder, labels_placeholder))
dataset = dataset.shuffle(200).batch(32)
iterator = dataset.make_initializable_iterator()
x, y = iterator.get_next()
print("shapes", x.get_shape().as_list(), y.get_shape().as_list())
logits = tf.layers.dense(x, 2)
loss = tf.losses.sparse_softmax_cross_entropy(labels=y, logits=logits)
train_op = tf.train.AdamOptimizer(0.05).minimize(loss)
correct = tf.reduce_sum(tf.cast(tf.equal(tf.cast(tf.argmax(logits, 1), tf.int32), y), tf.int32))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch in range(20):
        sess.run(iterator.initializer, {features_placeholder: features, labels_placeholder: labels})
        while True:
            try:
                sess.run(train_op)
            except tf.errors.OutOfRangeError:
                break
    total = 0
    sess.run(iterator.initializer, {features_placeholder: features, labels_placeholder: labels})
    try:
        while True:
            total += sess.run(correct)
    except tf.errors.OutOfRangeError:
        print("accuracy %.3f" % (total / 200.))

training = tf.data.Dataset.from_tensor_slices(np.arange(4.0)).repeat(2)
validation = tf.data.Dataset.from_tensor_slices(np.arange(10.0, 12.0))
switch = tf.data.Iterator.from_structure(training.output_types, training.output_shapes)
value = switch.get_next()
train_init, valid_init = switch.make_initializer(training), switch.make_initializer(validation)
with tf.Session() as sess:
    for init, n in ((train_init, 8), (valid_init, 2)):
        sess.run(init)
        print("pass", sum(sess.run(value) for _ in range(n)))
