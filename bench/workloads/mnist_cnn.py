"""The first convolutional network of most introductions, on 20,000 digits, batch 32, Adam."""

import keras
from keras import layers

BATCH_SIZE = 32
EPOCHS = 1
ROWS = 20_000


def build():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu", name="hidden"),
            layers.Dense(10, activation="softmax", name="classes"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def data():
    (x, y), _ = keras.datasets.mnist.load_data()
    x = x[:ROWS, :, :, None].astype("float32") / 255
    return x, keras.utils.to_categorical(y[:ROWS], 10).astype("float32")
