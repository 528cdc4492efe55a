"""A line through four points by gradient descent, 1,000 epochs: the cost of a step itself."""

import keras
import numpy as np
from keras import layers

BATCH_SIZE = 32
EPOCHS = 1_000


def build():
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def data():
    x = np.array([[1], [2], [3], [4]], "float32")
    return x, np.array([[0], [-1], [-2], [-3]], "float32")
