"""TensorFlow 2: windows of a series by window, flat_map, map; Conv1D and Lambda; the course on sequences."""
import numpy as np
import tensorflow as tf

tf.keras.backend.clear_session()
tf.random.set_seed(42)
np.random.seed(42)
time = np.arange(400, dtype="float32")
series = (1 + np.sin(time / 5) * 0.6 + np.random.normal(0, 0.05, 400)).astype('float32')
window_size, batch_size, shuffle_buffer_size = 10, 32, 100

def windowed_dataset(series, window_size, batch_size, shuffle_buffer):
    series = tf.expand_dims(series, axis=-1)
    ds = tf.data.Dataset.from_tensor_slices(series)
    ds = ds.window(window_size + 1, shift=1, drop_remainder=True)
    ds = ds.flat_map(lambda w: w.batch(window_size + 1))
    ds = ds.shuffle(shuffle_buffer)
    ds = ds.map(lambda w: (w[:-1], w[1:]))
    return ds.batch(batch_size).prefetch(1)

train_set = windowed_dataset(series[:300], window_size, batch_size, shuffle_buffer_size)
model = tf.keras.models.Sequential([
  tf.keras.layers.Conv1D(filters=8, kernel_size=3, strides=1, padding="causal", activation="relu",
                         input_shape=[None, 1]),
  tf.keras.layers.SimpleRNN(16, return_sequences=True),
  tf.keras.layers.Dense(1),
  tf.keras.layers.Lambda(lambda x: x * 10.0)
])
optimizer = tf.keras.optimizers.Adam(lr=0.01)
model.compile(loss=tf.keras.losses.Huber(), optimizer=optimizer, metrics=["mae"])
history = model.fit(train_set, epochs=40, verbose=0)
assert history.history['mae'][-1] < 0.2, history.history['mae']
forecast = model.predict(series[np.newaxis, 300:, np.newaxis])[0, -50:, 0]
mae = tf.keras.metrics.mean_absolute_error(series[-49:], forecast[:-1]).numpy()
assert mae < 0.2, mae
