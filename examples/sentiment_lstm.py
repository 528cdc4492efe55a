"""A recurrent network reads English reviews and says whether they recommend.

    lamella run examples/sentiment_lstm.py

It shows an embedding with a mask for padding, a bidirectional LSTM, class weights for two classes
of unequal size, a metric that needs no threshold, and early stopping on it.

Data: Women's E-Commerce Clothing Reviews by Nick Brooks, CC0; 82% of 22,641 reviews recommend.
Score: test accuracy 0.888, area under the ROC curve 0.931, in 40 seconds.
"""

import keras
import numpy as np
from data import english_reviews
from keras import layers
from text import Vocabulary, words

WORDS, LENGTH = 8000, 80


def build() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((LENGTH,), dtype="int32"),
            layers.Embedding(WORDS, 48, mask_zero=True),
            layers.SpatialDropout1D(0.3),
            layers.Bidirectional(layers.LSTM(48)),
            layers.Dropout(0.4),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def main() -> None:
    keras.utils.set_random_seed(1)
    texts, recommends = english_reviews()
    order = np.random.default_rng(1).permutation(len(texts))
    texts, recommends = [words(texts[i]) for i in order], recommends[order].astype("float32")

    tests = 4000
    vocabulary = Vocabulary(texts[tests:], WORDS)  # words found only in tests stay unknown
    x = vocabulary.encode(texts, LENGTH)

    model = build()
    model.compile(
        keras.optimizers.Adam(2e-3, clipnorm=1.0),
        "binary_crossentropy",
        metrics=["accuracy", keras.metrics.AUC(name="auc")],
    )
    best = keras.callbacks.EarlyStopping(
        "val_auc", mode="max", patience=1, restore_best_weights=True
    )
    model.fit(
        x[tests:],
        recommends[tests:],
        batch_size=64,
        epochs=8,
        validation_split=0.1,
        class_weight={0: 2.0, 1: 1.0},
        callbacks=[best],
        verbose=2,
    )

    for text in ("This dress is lovely and fits perfectly.", "Thin fabric. I sent it back."):
        ((chance,),) = model.predict(vocabulary.encode([words(text)], LENGTH), verbose=0)
        print(f"{chance:.2f}  {text}")
    _, accuracy, auc = model.evaluate(x[:tests], recommends[:tests], batch_size=500, verbose=0)
    print(f"{keras.backend.backend()}: test accuracy {accuracy:.4f}, area under ROC {auc:.4f}")


if __name__ == "__main__":
    main()
