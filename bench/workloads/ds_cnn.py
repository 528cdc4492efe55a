"""DS-CNN keyword spotting (Zhang et al. 2017) in the shape of MLPerf Tiny, batch 100, Adam.

Each synthetic row is like a spectrogram, 49x10: the keyword's two gliding tones, shifted in time,
in noise.
"""

import keras
import numpy as np
from keras import layers

BATCH_SIZE = 100
EPOCHS = 1
ROWS = 6_400
KEYWORDS = 12
FRAMES, BANDS = 49, 10


def normalized_relu(x):
    return layers.ReLU()(layers.BatchNormalization()(x))


def build():
    inputs = keras.Input((FRAMES, BANDS, 1))
    x = layers.Conv2D(64, (10, 4), strides=2, padding="same")(inputs)
    x = layers.Dropout(0.2)(normalized_relu(x))
    for _ in range(4):
        x = normalized_relu(layers.DepthwiseConv2D(3, padding="same")(x))
        x = normalized_relu(layers.Conv2D(64, 1)(x))
    x = layers.Dropout(0.4)(x)
    x = layers.AveragePooling2D((25, 5))(x)
    outputs = layers.Dense(KEYWORDS, activation="softmax")(layers.Flatten()(x))
    model = keras.Model(inputs, outputs)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def data():
    rng = np.random.default_rng(49)
    y = rng.integers(KEYWORDS, size=ROWS)
    start = rng.uniform(0, BANDS, size=(KEYWORDS, 2))
    glide = rng.uniform(-0.2, 0.2, size=(KEYWORDS, 2))
    time = np.arange(FRAMES) - rng.integers(0, 12, size=(ROWS, 1))  # (rows, frames)
    x = rng.normal(0, 0.5, size=(ROWS, FRAMES, BANDS))
    for tone in range(2):
        centre = start[y, tone, None] + glide[y, tone, None] * time  # (rows, frames)
        x += np.exp(-((np.arange(BANDS) - centre[..., None] % BANDS) ** 2))
    return x[..., None].astype("float32"), y.astype("int32")
