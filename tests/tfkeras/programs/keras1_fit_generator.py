"""Keras 1: fit_generator counts rows (samples_per_epoch, nb_val_samples)."""
import numpy as np
from keras.models import Sequential
from keras.layers import Dense

rng = np.random.RandomState(0)
w = rng.normal(size=(5, 1))

def generate(batch_size):
    while 1:
        x = rng.normal(size=(batch_size, 5))
        yield x, x.dot(w)

model = Sequential([Dense(1, input_dim=5)])
model.compile(loss='mse', optimizer='adam')
model.optimizer.lr = 0.02
history = model.fit_generator(generate(16), samples_per_epoch=320, nb_epoch=15, verbose=0,
                              validation_data=generate(16), nb_val_samples=64,
                              nb_worker=1, max_q_size=10)
assert len(history.history['loss']) == 15
assert history.history['val_loss'][-1] < 0.05
assert model.predict_generator(generate(16), val_samples=3).shape == (48, 1)
