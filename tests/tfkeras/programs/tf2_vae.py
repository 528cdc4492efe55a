"""TensorFlow 2: the convolutional VAE tutorial, with dense layers: reparameterize, split, log_normal_pdf, a tape."""
import numpy as np
import tensorflow as tf

tf.random.set_seed(0)
patterns = (np.random.RandomState(0).uniform(size=(4, 16)) > 0.5).astype('float32')
data = patterns[np.random.RandomState(1).randint(0, 4, 512)]
train_dataset = tf.data.Dataset.from_tensor_slices(data).shuffle(512).batch(64)

class CVAE(tf.keras.Model):
  def __init__(self, latent_dim):
    super(CVAE, self).__init__()
    self.latent_dim = latent_dim
    self.encoder = tf.keras.Sequential([
        tf.keras.layers.InputLayer(input_shape=(16,)),
        tf.keras.layers.Dense(32, activation='relu'),
        tf.keras.layers.Dense(latent_dim + latent_dim)])
    self.decoder = tf.keras.Sequential([
        tf.keras.layers.InputLayer(input_shape=(latent_dim,)),
        tf.keras.layers.Dense(units=32, activation=tf.nn.relu),
        tf.keras.layers.Dense(16)])

  @tf.function
  def sample(self, eps=None):
    if eps is None:
      eps = tf.random.normal(shape=(100, self.latent_dim))
    return self.decode(eps, apply_sigmoid=True)

  def encode(self, x):
    mean, logvar = tf.split(self.encoder(x), num_or_size_splits=2, axis=1)
    return mean, logvar

  def reparameterize(self, mean, logvar):
    eps = tf.random.normal(shape=mean.shape)
    return eps * tf.exp(logvar * .5) + mean

  def decode(self, z, apply_sigmoid=False):
    logits = self.decoder(z)
    if apply_sigmoid:
      probs = tf.sigmoid(logits)
      return probs
    return logits

optimizer = tf.keras.optimizers.Adam(5e-3)

def log_normal_pdf(sample, mean, logvar, raxis=1):
  log2pi = tf.math.log(2. * np.pi)
  return tf.reduce_sum(-.5 * ((sample - mean) ** 2. * tf.exp(-logvar) + logvar + log2pi), axis=raxis)

def compute_loss(model, x):
  mean, logvar = model.encode(x)
  z = model.reparameterize(mean, logvar)
  x_logit = model.decode(z)
  cross_ent = tf.nn.sigmoid_cross_entropy_with_logits(logits=x_logit, labels=x)
  logpx_z = -tf.reduce_sum(cross_ent, axis=[1])
  logpz = log_normal_pdf(z, 0., 0.)
  logqz_x = log_normal_pdf(z, mean, logvar)
  return -tf.reduce_mean(logpx_z + logpz - logqz_x)

@tf.function
def train_step(model, x, optimizer):
  with tf.GradientTape() as tape:
    loss = compute_loss(model, x)
  gradients = tape.gradient(loss, model.trainable_variables)
  optimizer.apply_gradients(zip(gradients, model.trainable_variables))

model = CVAE(2)
elbos = []
for epoch in range(1, 31):
  for train_x in train_dataset:
    train_step(model, train_x, optimizer)
  loss = tf.keras.metrics.Mean()
  for test_x in train_dataset:
    loss(compute_loss(model, test_x))
  elbos.append(-loss.result())
print(elbos[0], elbos[-1])
assert float(elbos[-1]) > 0.6 * float(elbos[0])  # both negative
mean, logvar = model.encode(data[:64])
restored = model.decode(mean, apply_sigmoid=True).numpy()
assert ((restored > 0.5) == data[:64]).mean() > 0.9
