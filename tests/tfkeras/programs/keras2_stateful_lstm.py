"""Keras 2: a stateful LSTM with batch_input_shape, trained batch by batch with reset_states."""
import numpy as np
from keras.models import Sequential
from keras.layers import Dense, LSTM

np.random.seed(0)
series = np.sin(np.arange(0, 60, 0.3))
batch_size = 1
X, y = series[:-1].reshape(-1, 1, 1), series[1:]
model = Sequential()
model.add(LSTM(8, batch_input_shape=(batch_size, 1, 1), stateful=True))
model.add(Dense(1))
model.compile(loss='mean_squared_error', optimizer='adam')
model.optimizer.lr = 0.01
losses = []
for i in range(12):
    history = model.fit(X, y, epochs=1, batch_size=batch_size, verbose=0, shuffle=False)
    losses.append(history.history['loss'][0])
    model.layers[0].reset_states()
assert losses[-1] < 0.2 * losses[0], losses
model.layers[0].reset_states()
forecast = model.predict(X, batch_size=batch_size, verbose=0)[:, 0]
assert np.corrcoef(forecast, y)[0, 1] > 0.9
