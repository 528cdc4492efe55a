"""MonitoredTrainingSession with hooks, going on from its checkpoint."""
import tempfile

import numpy as np
import tensorflow as tf

folder = tempfile.mkdtemp()
data = np.random.RandomState(0).randn(100, 4).astype(np.float32)
target = data.dot(np.array([[1.], [2.], [3.], [4.]], np.float32))


class CountHook(tf.train.SessionRunHook):
    def begin(self):
        self.count = 0

    def before_run(self, run_context):
        return tf.train.SessionRunArgs(loss)

    def after_run(self, run_context, run_values):
        self.count += 1
        self.last = run_values.results


for part, last_step in enumerate([50, 400]):
    with tf.Graph().as_default():
        global_step = tf.train.get_or_create_global_step()
        x, y = tf.constant(data), tf.constant(target)
        out = tf.layers.dense(x, 1)
        loss = tf.losses.mean_squared_error(labels=y, predictions=out)
        train_op = tf.train.AdamOptimizer(0.05).minimize(loss, global_step=global_step)
        counter = CountHook()
        hooks = [tf.train.StopAtStepHook(last_step=last_step), counter,
                 tf.train.NanTensorHook(loss)]
        with tf.train.MonitoredTrainingSession(checkpoint_dir=folder, hooks=hooks) as mon_sess:
            while not mon_sess.should_stop():
                mon_sess.run(train_op)
        print("part", part, "runs", counter.count, "loss %.4f" % counter.last)
