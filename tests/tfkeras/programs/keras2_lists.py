"""Keras 2: nested lists of numbers as data, XOR."""
from keras.models import Sequential
from keras.layers import Dense
from keras.optimizers import Adam
import keras

keras.utils.set_random_seed(2)
x = [[0, 0], [0, 1], [1, 0], [1, 1]]
y = [[0], [1], [1], [0]]
model = Sequential([Dense(8, activation='tanh', input_shape=(2,)), Dense(1, activation='sigmoid')])
model.compile(loss='binary_crossentropy', optimizer=Adam(lr=0.1), metrics=['binary_accuracy'])
history = model.fit(x, y, epochs=300, verbose=0)
assert model.evaluate(x, y, verbose=0)[0] < 0.05
assert [int(p[0] > 0.5) for p in model.predict(x)] == [0, 1, 1, 0]
assert history.history['binary_accuracy'][-1] == 1
