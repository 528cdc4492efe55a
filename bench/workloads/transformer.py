"""A character-level language model: 4 causal blocks, width 128, 4 heads, context 128.

Batch 32, AdamW. The text is drawn from a Markov chain of first and second order over 64 characters.
"""

import keras
import numpy as np
from keras import layers

BATCH_SIZE = 32
EPOCHS = 1
ROWS = 640
CONTEXT = 128
CHARACTERS = 64
WIDTH = 128
HEADS = 4
BLOCKS = 4


class PositionEmbedding(layers.Layer):
    """Adds a learned vector for each position: (batch, context, width) to the same."""

    def build(self, input_shape):
        self.table = self.add_weight(input_shape[1:], "uniform", name="table")

    def call(self, x):
        return x + self.table


def normalize(x, name):
    return layers.LayerNormalization(epsilon=1e-5, name=name)(x)


def block(x, name):
    attention = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, name=f"{name}_attention")
    h = normalize(x, f"{name}_norm1")
    x = layers.Add()([x, attention(h, h, use_causal_mask=True)])
    h = normalize(x, f"{name}_norm2")
    h = layers.Dense(4 * WIDTH, activation="gelu", name=f"{name}_expand")(h)
    return layers.Add()([x, layers.Dense(WIDTH, name=f"{name}_contract")(h)])


def build():
    inputs = keras.Input((CONTEXT,), dtype="int32")
    x = layers.Embedding(CHARACTERS, WIDTH, name="characters")(inputs)
    x = PositionEmbedding(name="positions")(x)
    for index in range(BLOCKS):
        x = block(x, f"block{index}")
    outputs = layers.Dense(CHARACTERS, name="logits")(normalize(x, "final_norm"))
    model = keras.Model(inputs, outputs)
    model.compile(
        keras.optimizers.AdamW(1e-3, weight_decay=0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def data():
    rng = np.random.default_rng(128)
    second = rng.dirichlet(np.full(CHARACTERS, 0.02), size=(CHARACTERS, CHARACTERS))
    first = rng.dirichlet(np.full(CHARACTERS, 0.02), size=CHARACTERS)
    cumulative = (0.3 * second + 0.7 * first).cumsum(axis=-1)
    text = np.zeros((ROWS, CONTEXT + 1), "int32")
    text[:, :2] = rng.integers(CHARACTERS, size=(ROWS, 2))
    for t in range(2, CONTEXT + 1):
        rows = cumulative[text[:, t - 2], text[:, t - 1]]  # (rows, characters)
        drawn = (rng.random((ROWS, 1)) > rows).sum(axis=1)
        text[:, t] = np.minimum(drawn, CHARACTERS - 1)
    return text[:, :-1].copy(), text[:, 1:].copy()
