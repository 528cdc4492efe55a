"""Keras 0 and 1: two Sequential branches joined by Merge; as in the Keras 1 guide to the Sequential model."""
import numpy as np
from keras.models import Sequential
from keras.layers import Merge, Dense

np.random.seed(0)
left_branch = Sequential()
left_branch.add(Dense(16, input_dim=6, activation='tanh'))
right_branch = Sequential()
right_branch.add(Dense(16, input_dim=3, activation='tanh'))

merged = Merge([left_branch, right_branch], mode='concat')
final_model = Sequential()
final_model.add(merged)
final_model.add(Dense(1, activation='sigmoid'))
final_model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])

a, b = np.random.normal(size=(500, 6)), np.random.normal(size=(500, 3))
y = (a[:, 0] + b[:, 1] > 0).astype(int)
final_model.fit([a, b], y, nb_epoch=30, batch_size=16, verbose=0)
assert final_model.evaluate([a, b], y, verbose=0)[1] > 0.9
assert len(final_model.trainable_weights) == 6
