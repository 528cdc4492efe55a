"""tf.metrics over batches: local variables, update operations, resetting."""
import numpy as np
import tensorflow as tf

labels = tf.placeholder(tf.int64, [None])
scores = tf.placeholder(tf.float32, [None])
predictions = tf.cast(scores > 0.5, tf.int64)
with tf.name_scope("metrics"):
    acc, acc_op = tf.metrics.accuracy(labels, predictions)
    prec, prec_op = tf.metrics.precision(labels, predictions)
    rec, rec_op = tf.metrics.recall(labels, predictions)
    auc, auc_op = tf.metrics.auc(labels, scores)
    mse, mse_op = tf.metrics.mean_squared_error(tf.cast(labels, tf.float32), scores)
reset = tf.variables_initializer(tf.get_collection(tf.GraphKeys.LOCAL_VARIABLES, scope="metrics"))
rng = np.random.RandomState(0)
y = rng.randint(0, 2, 400)
p = np.clip(y * 0.4 + rng.rand(400) * 0.6, 0, 1)
cm = tf.confusion_matrix(labels, predictions, 2)
with tf.Session() as sess:
    for turn in range(2):
        sess.run(reset)
        for i in range(0, 400, 100):
            sess.run([acc_op, prec_op, rec_op, auc_op, mse_op], {labels: y[i:i + 100], scores: p[i:i + 100]})
        print("turn", turn, ["%.4f" % v for v in sess.run([acc, prec, rec, auc, mse])])
    print("expected %.4f %.4f" % (np.mean((p > 0.5) == y), np.mean((p - y) ** 2)))
    print("confusion", sess.run(cm, {labels: y, scores: p}).tolist())
