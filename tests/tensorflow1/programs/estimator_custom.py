"""An Estimator with a model function, numpy_input_fn, metrics and predictions."""
import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("/tmp/data/", one_hot=False)
num_steps, batch_size = 150, 64


def neural_net(x_dict):
    x = x_dict['images']
    layer_1 = tf.layers.dense(x, 64, activation=tf.nn.relu)
    return tf.layers.dense(layer_1, 10)


def model_fn(features, labels, mode, params):
    logits = neural_net(features)
    pred_classes = tf.argmax(logits, axis=1)
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions=pred_classes)
    loss_op = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(
        logits=logits, labels=tf.cast(labels, dtype=tf.int32)))
    optimizer = tf.train.AdamOptimizer(learning_rate=params["learning_rate"])
    train_op = optimizer.minimize(loss_op, global_step=tf.train.get_global_step())
    acc_op = tf.metrics.accuracy(labels=labels, predictions=pred_classes)
    return tf.estimator.EstimatorSpec(mode=mode, predictions=pred_classes, loss=loss_op,
                                      train_op=train_op, eval_metric_ops={'accuracy': acc_op})


model = tf.estimator.Estimator(model_fn, params={"learning_rate": 0.005})
input_fn = tf.estimator.inputs.numpy_input_fn(x={'images': mnist.train.images}, y=mnist.train.labels,
                                              batch_size=batch_size, num_epochs=None, shuffle=True)
model.train(input_fn, steps=num_steps)
input_fn = tf.estimator.inputs.numpy_input_fn(x={'images': mnist.test.images}, y=mnist.test.labels,
                                              batch_size=500, shuffle=False)
metrics = model.evaluate(input_fn)
print("Testing Accuracy:", metrics['accuracy'], "step", metrics["global_step"])
input_fn = tf.estimator.inputs.numpy_input_fn(x={'images': mnist.test.images[:4]}, shuffle=False)
print("predictions", [int(p) for p in model.predict(input_fn)], mnist.test.labels[:4].tolist())

rng = np.random.RandomState(0)
xs = rng.randn(400, 3).astype(np.float32)
ys = (xs[:, 0] > xs[:, 1]).astype(np.int32)
columns = [tf.feature_column.numeric_column("x", shape=[3])]
classifier = tf.estimator.DNNClassifier(feature_columns=columns, hidden_units=[10, 10], n_classes=2)
classifier.train(tf.estimator.inputs.numpy_input_fn({"x": xs}, ys, num_epochs=None, shuffle=True), steps=300)
score = classifier.evaluate(tf.estimator.inputs.numpy_input_fn({"x": xs}, ys, shuffle=False))
print("canned accuracy {accuracy:.3f}".format(**score))
