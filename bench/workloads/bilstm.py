"""Sentiment of a text: embedding, bidirectional LSTM, one logistic unit; batch 32, Adam.

Synthetic reviews over 20,000 words with Zipf's frequencies; some words are kind and some are
not, and a negation word turns round the ones that follow it.
"""

import keras
import numpy as np
from keras import layers

BATCH_SIZE = 32
EPOCHS = 1
ROWS = 3_200
WORDS = 20_000
STEPS = 80


def build():
    model = keras.Sequential(
        [
            keras.Input((STEPS,), dtype="int32"),
            layers.Embedding(WORDS, 128),
            layers.Bidirectional(layers.LSTM(64)),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def data():
    rng = np.random.default_rng(80)
    frequency = 1 / np.arange(1, WORDS + 1)
    x = rng.choice(WORDS, size=(ROWS, STEPS), p=frequency / frequency.sum())
    mood = rng.normal(size=WORDS)
    mood[:5] = 0
    turned = np.cumsum(x == 0, axis=1) % 2  # word 0 is the negation
    score = (mood[x] * (1 - 2 * turned)).sum(axis=1)
    return x.astype("int32"), (score > 0).astype("float32")[:, None]
