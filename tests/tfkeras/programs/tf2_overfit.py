"""TensorFlow 2: regularizers, Dropout, InverseTimeDecay and EarlyStopping; the tutorial on overfitting."""
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers, regularizers

np.random.seed(0)
features = np.random.normal(size=(600, 10)).astype('float32')
labels = (features[:, 0] ** 2 + features[:, 1] > 1).astype('float32')
train_ds = tf.data.Dataset.from_tensor_slices((features[:500], labels[:500])).shuffle(500).repeat().batch(50)
validate_ds = tf.data.Dataset.from_tensor_slices((features[500:], labels[500:])).batch(50)
STEPS_PER_EPOCH = 10
lr_schedule = tf.keras.optimizers.schedules.InverseTimeDecay(
  0.02, decay_steps=STEPS_PER_EPOCH*100, decay_rate=1, staircase=False)

def get_optimizer():
  return tf.keras.optimizers.Adam(lr_schedule)

def get_callbacks():
  return [tf.keras.callbacks.EarlyStopping(monitor='val_binary_crossentropy', patience=20)]

combined_model = tf.keras.Sequential([
    layers.Dense(32, kernel_regularizer=regularizers.l2(0.0001), activation='elu', input_shape=(10,)),
    layers.Dropout(0.1),
    layers.Dense(32, kernel_regularizer=regularizers.l2(0.0001), activation='elu'),
    layers.Dense(1)
])
combined_model.compile(optimizer=get_optimizer(),
                       loss=tf.keras.losses.BinaryCrossentropy(from_logits=True),
                       metrics=[tf.keras.metrics.BinaryCrossentropy(from_logits=True, name='binary_crossentropy'),
                                'accuracy'])
history = combined_model.fit(train_ds, steps_per_epoch=STEPS_PER_EPOCH, epochs=30, validation_data=validate_ds,
                             callbacks=get_callbacks(), verbose=0)
assert max(history.history['val_binary_crossentropy'][-1:]) < 0.4, history.history
assert history.history['loss'][-1] > history.history['binary_crossentropy'][-1]  # the penalty
