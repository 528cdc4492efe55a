"""tf.train of TensorFlow 1: optimizers, schedules, savers, monitored sessions."""
