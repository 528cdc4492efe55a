"""Keras 1: Model(input=, output=) and merge(mode=); as in the Keras 1 guide to the functional API."""
import numpy as np
from keras.layers import Input, Dense, merge
from keras.models import Model
from keras.regularizers import l2, activity_l2

np.random.seed(3)
main_input = Input(shape=(10,), dtype='float32', name='main_input')
aux_input = Input(shape=(2,), name='aux_input')
x = Dense(16, activation='relu', W_regularizer=l2(0.0001))(main_input)
auxiliary_output = Dense(1, activation='sigmoid', name='aux_output')(x)
x = merge([x, aux_input], mode='concat')
x = Dense(16, activation='relu')(x)
main_output = Dense(1, activation='sigmoid', name='main_output')(x)

model = Model(input=[main_input, aux_input], output=[main_output, auxiliary_output])
model.compile(optimizer='rmsprop', loss='binary_crossentropy', loss_weights=[1., 0.2])
m, a = np.random.normal(size=(400, 10)), np.random.normal(size=(400, 2))
target = ((m[:, 0] > 0) ^ (a[:, 0] > 0)).astype('float32')
first = model.evaluate([m, a], [target, target], verbose=0)[0]
model.fit([m, a], [target, target], nb_epoch=40, batch_size=16, verbose=0)
last = model.evaluate([m, a], [target, target], verbose=0)
assert last[0] < 0.7 * first, (first, last)
assert merge([main_input, main_input], mode='sum').shape == (None, 10)
