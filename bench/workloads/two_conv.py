"""Two convolutions, two poolings, dropout and one dense layer on MNIST, batch 128, Adam."""

import keras
from keras import layers

BATCH_SIZE = 128
EPOCHS = 1
ROWS = 12_800


def build():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def data():
    (x, y), _ = keras.datasets.mnist.load_data()
    x = x[:ROWS, :, :, None].astype("float32") / 255
    return x, keras.utils.to_categorical(y[:ROWS], 10).astype("float32")
