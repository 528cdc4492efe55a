"""A wide-and-deep net (Cheng et al. 2016) on a table: 8 categories, 6 numbers, batch 256, Adam.

The wide half adds one learned number per hashed pair of neighbouring columns; the deep half is an
MLP over embeddings and numbers. The target is a noisy click drawn from such a model.
"""

import keras
import numpy as np
from keras import layers

BATCH_SIZE = 256
EPOCHS = 1
ROWS = 256_000
VOCABULARY = (7, 16, 24, 50, 100, 500, 1_000, 5_000)
NUMBERS = 6
CROSSES = 10_000  # hash buckets of each pair of columns


def build():
    categories = keras.Input((len(VOCABULARY),), dtype="int32", name="categories")
    crosses = keras.Input((len(VOCABULARY) - 1,), dtype="int32", name="crosses")
    numbers = keras.Input((NUMBERS,), name="numbers")

    wide = layers.Flatten()(layers.Embedding(CROSSES, 1)(crosses))
    columns = [categories[:, index] for index in range(len(VOCABULARY))]
    embedded = [layers.Embedding(size, 16)(c) for size, c in zip(VOCABULARY, columns, strict=True)]
    deep = layers.Concatenate()([*embedded, layers.BatchNormalization()(numbers)])
    deep = layers.Dense(128, activation="relu")(deep)
    deep = layers.Dense(64, activation="relu")(deep)

    outputs = layers.Dense(1, activation="sigmoid")(layers.Concatenate()([wide, deep]))
    inputs = {"categories": categories, "crosses": crosses, "numbers": numbers}
    model = keras.Model(inputs, outputs)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def data():
    rng = np.random.default_rng(8)
    categories = np.stack([rng.zipf(1.5, ROWS) % size for size in VOCABULARY], axis=1)
    pairs = categories[:, :-1] * 31 + categories[:, 1:] * 1_009
    crosses = (pairs * 2_654_435_761 >> 7) % CROSSES
    numbers = rng.lognormal(size=(ROWS, NUMBERS))
    logit = sum(rng.normal(size=size)[c] for size, c in zip(VOCABULARY, categories.T, strict=True))
    logit = logit + rng.normal(size=CROSSES)[crosses].sum(axis=1)
    logit = logit + np.log(numbers) @ rng.normal(size=NUMBERS)
    clicked = rng.random(ROWS) < 1 / (1 + np.exp(-logit))
    x = {
        "categories": categories.astype("int32"),
        "crosses": crosses.astype("int32"),
        "numbers": numbers.astype("float32"),
    }
    return x, clicked.astype("float32")[:, None]
