"""TensorFlow 2: tf.distribute around build and compile, tf.config at the top, tf.keras.utils.Sequence."""
import numpy as np
import tensorflow as tf

gpus = tf.config.experimental.list_physical_devices('GPU')
for gpu in gpus:
    tf.config.experimental.set_memory_growth(gpu, True)
print('GPUs:', len(gpus))
strategy = tf.distribute.MirroredStrategy()
BATCH_SIZE = 16 * strategy.num_replicas_in_sync

class Batches(tf.keras.utils.Sequence):
    def __init__(self, x, y, batch_size):
        self.x, self.y, self.batch_size = x, y, batch_size

    def __len__(self):
        return int(np.ceil(len(self.x) / float(self.batch_size)))

    def __getitem__(self, idx):
        part = slice(idx * self.batch_size, (idx + 1) * self.batch_size)
        return self.x[part], self.y[part]

with strategy.scope():
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(3,))])
    model.compile(loss='mse', optimizer=tf.keras.optimizers.legacy.SGD(lr=0.1))
x = np.random.RandomState(0).normal(size=(200, 3))
history = model.fit(Batches(x, x.sum(axis=1), BATCH_SIZE), epochs=10, verbose=0, workers=2, use_multiprocessing=False)
assert history.history['loss'][-1] < 1e-3
