"""Keras 2: a GAN trained with train_on_batch and discriminator.trainable = False."""
import numpy as np
from keras.layers import Input, Dense, LeakyReLU
from keras.layers.advanced_activations import LeakyReLU as OldLeakyReLU
from keras.models import Sequential, Model
from keras.optimizers import Adam

np.random.seed(1)
assert OldLeakyReLU is LeakyReLU
optimizer = Adam(0.002, beta_1=0.5)

discriminator = Sequential()
discriminator.add(Dense(32, input_dim=1))
discriminator.add(LeakyReLU(alpha=0.2))
discriminator.add(Dense(1, activation='sigmoid'))
discriminator.compile(loss='binary_crossentropy', optimizer=optimizer, metrics=['accuracy'])

generator = Sequential()
generator.add(Dense(32, input_dim=4))
generator.add(LeakyReLU(alpha=0.2))
generator.add(Dense(1))

z = Input(shape=(4,))
img = generator(z)
discriminator.trainable = False
valid = discriminator(img)
combined = Model(z, valid)
combined.compile(loss='binary_crossentropy', optimizer=Adam(0.002, 0.5))

batch_size = 64
for epoch in range(600):
    real = np.random.normal(4, 0.5, size=(batch_size, 1))
    fake = generator.predict_on_batch(np.random.normal(size=(batch_size, 4)))
    d_loss_real = discriminator.train_on_batch(real, np.ones((batch_size, 1)))
    d_loss_fake = discriminator.train_on_batch(fake, np.zeros((batch_size, 1)))
    d_loss = 0.5 * np.add(d_loss_real, d_loss_fake)
    g_loss = combined.train_on_batch(np.random.normal(size=(batch_size, 4)), np.ones((batch_size, 1)))
samples = generator.predict(np.random.normal(size=(500, 4)), verbose=0)
print(samples.mean(), samples.std(), d_loss, g_loss)
assert abs(samples.mean() - 4) < 1
