"""TensorFlow 2: the callback of many a first course: stop at an accuracy, by either name of it."""
import numpy as np
import tensorflow as tf

class myCallback(tf.keras.callbacks.Callback):
  def on_epoch_end(self, epoch, logs={}):
    if(logs.get('acc')>0.95):
      print("\nReached 95% accuracy so cancelling training!")
      self.model.stop_training = True

rng = np.random.RandomState(0)
training_images, training_labels = rng.uniform(0, 255, (500, 4, 4)), rng.randint(0, 3, 500)
training_images[np.arange(500), training_labels] += 300
training_images = training_images/255.0
callbacks = myCallback()
model = tf.keras.models.Sequential([
  tf.keras.layers.Flatten(),
  tf.keras.layers.Dense(64, activation=tf.nn.relu),
  tf.keras.layers.Dense(3, activation=tf.nn.softmax)
])
model.compile(optimizer=tf.optimizers.Adam(), loss='sparse_categorical_crossentropy', metrics=['accuracy'])
history = model.fit(training_images, training_labels, epochs=50, callbacks=[callbacks], verbose=0)
assert len(history.epoch) < 50
assert history.history['acc'][-1] > 0.95 and history.history['accuracy'] == history.history['acc']
classifications = model.predict(training_images)
assert classifications[0].argmax() == training_labels[0]
