"""Models that one backend trains and saves predict the same on another, and train on there."""

import sys

import keras
import numpy as np
from keras import layers

TASK = sys.argv[1]
rng = np.random.default_rng(1)
images = rng.normal(size=(16, 12, 12, 3)).astype("float32")
tokens = rng.integers(1, 20, (16, 7)).astype("int32")
labels = rng.integers(0, 3, 16).astype("int32")


@keras.saving.register_keras_serializable("moved")
class Scale(layers.Layer):
    """A layer of one's own, with weights and configuration."""

    def __init__(self, start=2.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape):
        self.scale = self.add_weight(
            shape=shape[-1:], initializer=keras.initializers.Constant(self.start)
        )

    def call(self, x):
        return x * self.scale

    def get_config(self):
        return {**super().get_config(), "start": self.start}


def convolutional():
    inputs = keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.SeparableConv2D(8, 3, padding="same", activation="swish")(x)
    x = layers.Conv2DTranspose(4, 3, strides=2, padding="same")(x)
    x = Scale(1.5)(layers.GroupNormalization(2)(x))
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x)), images


def recurrent():
    inputs = keras.Input((7,), dtype="int32")
    x = layers.Embedding(20, 8, mask_zero=True)(inputs)
    x = layers.Bidirectional(layers.LSTM(8, return_sequences=True))(x)
    x = layers.GRU(8)(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x)), tokens


def attentive():
    inputs = keras.Input((7,), dtype="int32")
    x = layers.Embedding(20, 8)(inputs)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    x = layers.Dense(16, activation="gelu")(x)
    x = layers.GlobalMaxPooling1D()(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x)), tokens


for build in (convolutional, recurrent, attentive):
    name = build.__name__
    if TASK == "save":
        keras.utils.set_random_seed(1)
        model, x = build()
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, labels, batch_size=8, epochs=2, verbose=0)
        model.save(f"{name}.keras")
        model.save_weights(f"{name}.weights.h5")
        np.savez(f"{name}.npz", model.predict(x, verbose=0), model.evaluate(x, labels, verbose=0))
        continue
    predictions, loss = np.load(f"{name}.npz").values()
    fresh, x = build()
    fresh.load_weights(f"{name}.weights.h5")
    np.testing.assert_allclose(fresh.predict(x, verbose=0), predictions, rtol=1e-4, atol=1e-5)
    model = keras.saving.load_model(f"{name}.keras")
    np.testing.assert_allclose(model.predict(x, verbose=0), predictions, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.evaluate(x, labels, verbose=0), loss, rtol=1e-4)
    assert int(model.optimizer.iterations) == 4
    model.fit(x, labels, batch_size=8, verbose=0)
    assert int(model.optimizer.iterations) == 6
