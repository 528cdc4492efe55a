"""Keras 1: the simplest autoencoder of the Keras blog (2016): encoder and decoder share layers."""
from keras.layers import Input, Dense
from keras.models import Model
import numpy as np

np.random.seed(0)
encoding_dim = 4
input_img = Input(shape=(32,))
encoded = Dense(encoding_dim, activation='relu')(input_img)
decoded = Dense(32, activation='sigmoid')(encoded)
autoencoder = Model(input=input_img, output=decoded)
encoder = Model(input=input_img, output=encoded)
encoded_input = Input(shape=(encoding_dim,))
decoder_layer = autoencoder.layers[-1]
decoder = Model(input=encoded_input, output=decoder_layer(encoded_input))
autoencoder.compile(optimizer='adadelta', loss='binary_crossentropy')
autoencoder.optimizer.lr = 1.0

patterns = (np.random.uniform(size=(4, 32)) > 0.5).astype('float32')
x_train = patterns[np.random.randint(0, 4, 512)]
history = autoencoder.fit(x_train, x_train, nb_epoch=60, batch_size=32, shuffle=True, verbose=0,
                          validation_data=(x_train, x_train))
decoded_imgs = decoder.predict(encoder.predict(x_train, verbose=0), verbose=0)
assert np.allclose(decoded_imgs, autoencoder.predict(x_train, verbose=0), atol=1e-5)
assert ((decoded_imgs > 0.5) == x_train).mean() > 0.85
assert history.history['loss'][-1] < 0.6 * history.history['loss'][0]
