"""Keras 2: the architecture as JSON, the weights as .h5, and load_weights(by_name=True)."""
import os
import tempfile
import numpy as np
from keras.models import Sequential, model_from_json
from keras.layers import Dense, Conv2D, Flatten
from keras.layers.core import Reshape

folder = tempfile.mkdtemp()
np.random.seed(0)
x = np.random.normal(size=(200, 16))
y = x[:, :1] - x[:, 5:6]
model = Sequential([Reshape((4, 4, 1), input_shape=(16,)), Conv2D(4, 2, activation='relu', name='conv'),
                    Flatten(), Dense(1, name='out')])
model.compile('adam', 'mse')
model.optimizer.lr = 0.02
model.fit(x, y, epochs=20, verbose=0)
model_json = model.to_json()
with open(os.path.join(folder, "model.json"), "w") as json_file:
    json_file.write(model_json)
model.save_weights(os.path.join(folder, "model.h5"))

loaded_model = model_from_json(open(os.path.join(folder, "model.json")).read())
loaded_model.load_weights(os.path.join(folder, "model.h5"))
loaded_model.compile(loss='mse', optimizer='rmsprop')
assert loaded_model.evaluate(x, y, verbose=0) < 0.1
assert np.allclose(loaded_model.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)

other = Sequential([Reshape((4, 4, 1), input_shape=(16,)), Conv2D(4, 2, activation='relu', name='conv'),
                    Flatten(), Dense(7, name='another')])
other.load_weights(os.path.join(folder, "model.h5"), by_name=True)
assert np.array_equal(other.get_layer('conv').get_weights()[0], model.get_layer('conv').get_weights()[0])
