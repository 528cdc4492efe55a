"""What the programs of this folder train on: two classes that a small network tells apart."""

import keras
import numpy as np

rng = np.random.default_rng(1)
x = rng.normal(size=(512, 4)).astype("float32")
y = (x[:, 0] ** 2 + x[:, 1] ** 2 > 1.4).astype("int32")


def model(units: int = 32, rate: float = 1e-2) -> keras.Model:
    """A compiled network."""
    network = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.Adam(rate)
    network.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network
