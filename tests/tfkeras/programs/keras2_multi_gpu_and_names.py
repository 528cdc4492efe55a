"""Keras 2: names around a model: multi_gpu_model, CuDNN layers, set_session, np_utils.normalize, plot names."""
import numpy as np
import keras
from keras.backend.tensorflow_backend import set_session
from keras.layers import CuDNNLSTM, CuDNNGRU, Bidirectional, Dense, concatenate, add
from keras.layers.merge import Concatenate
from keras.layers.recurrent import LSTM
from keras.layers.wrappers import TimeDistributed
from keras.layers.pooling import GlobalAveragePooling1D
from keras.utils.training_utils import multi_gpu_model
from keras.utils.np_utils import to_categorical
from keras.utils.generic_utils import get_custom_objects
from keras.utils.data_utils import get_file
from keras.utils.vis_utils import plot_model
from keras.engine.training import Model
from keras.engine.input_layer import Input

keras.utils.set_random_seed(0)
set_session(None)
get_custom_objects().update({'double': keras.layers.Activation(lambda x: 2 * x)})
inputs = Input((6, 2))
left, right = Bidirectional(CuDNNLSTM(8, return_sequences=True))(inputs), CuDNNGRU(8, return_sequences=True)(inputs)
x = concatenate([left, right])
x = GlobalAveragePooling1D()(TimeDistributed(Dense(8, activation='double'))(x))
model = multi_gpu_model(Model(inputs, Dense(2, activation='softmax')(x)), gpus=2)
assert CuDNNLSTM is LSTM
data = np.random.RandomState(0).normal(size=(200, 6, 2))
labels = (data[:, :, 0].mean(axis=1) > 0).astype(int)
model.compile(keras.optimizers.adam(lr=0.02), keras.losses.categorical_crossentropy, metrics=['acc'])
model.fit(data, to_categorical(labels), epochs=15, verbose=0)
assert model.evaluate(data, to_categorical(labels), verbose=0)[1] > 0.9
