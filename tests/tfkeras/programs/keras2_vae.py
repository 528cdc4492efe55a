"""Keras 2: a variational autoencoder; as in examples/variational_autoencoder.py (add_loss on tensors)."""
import numpy as np
from keras.layers import Lambda, Input, Dense
from keras.models import Model
from keras.losses import mse, binary_crossentropy
from keras import backend as K

np.random.seed(0)

def sampling(args):
    z_mean, z_log_var = args
    batch = K.shape(z_mean)[0]
    dim = K.int_shape(z_mean)[1]
    epsilon = K.random_normal(shape=(batch, dim))
    return z_mean + K.exp(0.5 * z_log_var) * epsilon

original_dim, intermediate_dim, latent_dim = 24, 32, 2
angles = np.random.uniform(0, 2 * np.pi, 600)
x_train = (0.5 + 0.5 * np.cos(angles[:, None] + np.linspace(0, 6, 24))).astype('float32')

inputs = Input(shape=(original_dim,), name='encoder_input')
x = Dense(intermediate_dim, activation='relu')(inputs)
z_mean = Dense(latent_dim, name='z_mean')(x)
z_log_var = Dense(latent_dim, name='z_log_var')(x)
z = Lambda(sampling, output_shape=(latent_dim,), name='z')([z_mean, z_log_var])
encoder = Model(inputs, [z_mean, z_log_var, z], name='encoder')
latent_inputs = Input(shape=(latent_dim,), name='z_sampling')
x = Dense(intermediate_dim, activation='relu')(latent_inputs)
outputs = Dense(original_dim, activation='sigmoid')(x)
decoder = Model(latent_inputs, outputs, name='decoder')
outputs = decoder(encoder(inputs)[2])
vae = Model(inputs, outputs, name='vae_mlp')

reconstruction_loss = mse(inputs, outputs)
reconstruction_loss *= original_dim * 10
kl_loss = 1 + z_log_var - K.square(z_mean) - K.exp(z_log_var)
kl_loss = K.sum(kl_loss, axis=-1)
kl_loss *= -0.5
vae_loss = K.mean(reconstruction_loss + kl_loss)
vae.add_loss(vae_loss)
vae.compile(optimizer='adam')
vae.optimizer.lr = 0.005
history = vae.fit(x_train, epochs=30, batch_size=50, verbose=0)
print(history.history['loss'][0], history.history['loss'][-1])
assert history.history['loss'][-1] < 0.4 * history.history['loss'][0]
means = encoder.predict(x_train, verbose=0)[0]
assert np.abs(decoder.predict(means, verbose=0) - x_train).mean() < 0.12
