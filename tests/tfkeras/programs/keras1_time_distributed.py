"""Keras 1: TimeDistributedDense, input_length and input_dim of a recurrent layer."""
import numpy as np
from keras.models import Sequential
from keras.layers import SimpleRNN, TimeDistributedDense, Activation

np.random.seed(0)
x = np.random.randint(0, 2, size=(300, 10, 1)).astype('float32')
y = np.logical_xor(x, np.concatenate([np.zeros((300, 1, 1)), x[:, :-1]], axis=1)).astype('float32')

model = Sequential()
model.add(SimpleRNN(output_dim=12, input_length=10, input_dim=1, return_sequences=True))
model.add(TimeDistributedDense(1))
model.add(Activation('sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='adam', class_mode='binary')
model.optimizer.lr = 0.02
model.fit(x, y, nb_epoch=30, batch_size=30, verbose=0)
assert ((model.predict(x, verbose=0) > 0.5) == y).mean() > 0.95
