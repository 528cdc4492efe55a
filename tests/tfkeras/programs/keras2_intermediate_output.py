"""Keras 2: activations of a layer through K.function with a learning phase, and get_layer(...).output."""
import numpy as np
from keras import backend as K
from keras.models import Sequential, Model
from keras.layers import Dense, Dropout

K.set_learning_phase(0)
model = Sequential([Dense(8, activation='relu', input_shape=(4,)), Dropout(0.5), Dense(2, name='last')])
x = np.random.RandomState(0).normal(size=(50, 4)).astype('float32')
get_hidden = K.function([model.layers[0].input, K.learning_phase()], [model.layers[1].output])
in_test_mode = get_hidden([x, 0])[0]
in_train_mode = get_hidden([x, 1])[0]
assert (in_train_mode == 0).sum() > (in_test_mode == 0).sum()
intermediate = Model(inputs=model.input, outputs=model.get_layer('last').output)
w, b = model.get_layer('last').get_weights()
assert np.allclose(intermediate.predict(x, verbose=0), in_test_mode.dot(w) + b, atol=1e-5)
assert model.layers[0].output_shape == (None, 8) and K.int_shape(model.output) == (None, 2)
