"""TensorFlow 2: an autoencoder as a subclassed model finds what is not like the rest; the tutorial on anomalies."""
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers, losses
from tensorflow.keras.models import Model

tf.random.set_seed(0)
rng = np.random.RandomState(0)
t = np.linspace(0, 2 * np.pi, 28)
normal = np.sin(t + rng.uniform(0, 0.5, (400, 1))) * 0.4 + 0.5
strange = np.sign(np.sin(3 * t + rng.uniform(0, 6, (100, 1)))) * 0.4 + 0.5
train_data = tf.cast(normal[:300], tf.float32)

class AnomalyDetector(Model):
  def __init__(self):
    super(AnomalyDetector, self).__init__()
    self.encoder = tf.keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(4, activation="relu")])
    self.decoder = tf.keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(28, activation="sigmoid")])

  def call(self, x):
    encoded = self.encoder(x)
    decoded = self.decoder(encoded)
    return decoded

autoencoder = AnomalyDetector()
autoencoder.compile(optimizer=tf.keras.optimizers.Adam(0.01), loss='mae')
autoencoder.fit(train_data, train_data, epochs=30, batch_size=50, verbose=0, shuffle=True)
reconstructions = autoencoder.predict(train_data)
train_loss = tf.keras.losses.mae(reconstructions, train_data)
threshold = np.mean(train_loss) + 2 * np.std(train_loss)

def predict(model, data, threshold):
  reconstructions = model(data)
  loss = tf.keras.losses.mae(reconstructions, data)
  return tf.math.less(loss, threshold)

assert np.mean(predict(autoencoder, tf.cast(strange, tf.float32), threshold).numpy()) < 0.1
assert np.mean(predict(autoencoder, tf.cast(normal[300:], tf.float32), threshold)) > 0.8
