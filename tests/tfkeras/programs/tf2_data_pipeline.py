"""TensorFlow 2: a tf.data pipeline of map, cache, shuffle, batch, prefetch given to fit."""
import numpy as np
import tensorflow as tf

AUTOTUNE = tf.data.experimental.AUTOTUNE
rng = np.random.RandomState(0)
images = rng.randint(0, 255, size=(256, 8, 8, 1)).astype('uint8')
labels = (images[:, :4].mean(axis=(1, 2, 3)) > images[:, 4:].mean(axis=(1, 2, 3))).astype('int64')

def normalize(image, label):
  return tf.cast(image, tf.float32) / 255., label

train = tf.data.Dataset.from_tensor_slices((images, labels))
train = train.map(normalize, num_parallel_calls=AUTOTUNE).cache().shuffle(256).batch(32).prefetch(AUTOTUNE)
for image_batch, label_batch in train.take(1):
  assert image_batch.shape == (32, 8, 8, 1) and label_batch.dtype == tf.int64
  assert image_batch.numpy().max() <= 1.0
model = tf.keras.Sequential([tf.keras.layers.Flatten(), tf.keras.layers.Dense(1)])
model.compile(tf.optimizers.Adam(0.02), tf.losses.BinaryCrossentropy(from_logits=True),
              metrics=[tf.metrics.BinaryAccuracy(threshold=0.0)])
history = model.fit(train, epochs=30, verbose=0)
assert history.history['binary_accuracy'][-1] > 0.9, history.history['binary_accuracy']
assert len(list(train)) == 8 and train.cardinality().numpy() == 8
