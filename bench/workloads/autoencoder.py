"""A convolutional autoencoder that takes noise out of MNIST digits, batch 128, Adam."""

import keras
import numpy as np
from keras import layers

BATCH_SIZE = 128
EPOCHS = 1
ROWS = 6_400


def build():
    def convolution():
        return layers.Conv2D(32, 3, activation="relu", padding="same")

    def enlarge():
        return layers.Conv2DTranspose(32, 3, strides=2, activation="relu", padding="same")

    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            convolution(),
            layers.MaxPooling2D(padding="same"),
            convolution(),
            layers.MaxPooling2D(padding="same"),
            enlarge(),
            enlarge(),
            layers.Conv2D(1, 3, activation="sigmoid", padding="same"),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    return model


def data():
    (x, _), _ = keras.datasets.mnist.load_data()
    clean = x[:ROWS, :, :, None].astype("float32") / 255
    noise = np.random.default_rng(28).normal(0, 0.4, clean.shape)
    return np.clip(clean + noise, 0, 1).astype("float32"), clean
