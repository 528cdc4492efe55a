"""The parts of transformers that the examples share."""

from keras import layers, ops


class PositionedEmbedding(layers.Layer):
    """Tokens (n, length) -> vectors (n, length, width): the token's plus its place's."""

    def __init__(self, tokens: int, length: int, width: int, **kwargs):
        super().__init__(**kwargs)
        self.tokens = layers.Embedding(tokens, width)
        self.places = layers.Embedding(length, width)

    def call(self, x):
        return self.tokens(x) + self.places(ops.arange(ops.shape(x)[1]))

    def compute_mask(self, x, previous=None):
        return ops.not_equal(x, 0)


def block(x, heads: int, dropout: float = 0.1, causal: bool = False, reads=None):
    """One block on (n, length, width): attention, then two dense layers.

    With `reads` (n, m, width) the block also attends to another sequence, as a decoder does.
    """
    width = x.shape[-1]

    def attend(x, to, causal=False):
        attention = layers.MultiHeadAttention(heads, width // heads, dropout=dropout)
        return attention(x, to, use_causal_mask=causal)

    y = layers.LayerNormalization()(x)
    x = layers.Add()([x, attend(y, y, causal)])
    if reads is not None:
        x = layers.Add()([x, attend(layers.LayerNormalization()(x), reads)])
    y = layers.LayerNormalization()(x)
    y = layers.Dense(4 * width, activation="gelu")(y)
    y = layers.Dropout(dropout)(layers.Dense(width)(y))
    return layers.Add()([x, y])
