"""A small convolutional network learns MNIST.

    lamella run examples/mnist_cnn.py [--epochs 3]

It uses what most vision programs use: convolutions with batch normalisation, pooling, dropout,
a learning-rate schedule, a validation set, early stopping; the best model is saved and read back.
"""

import argparse
import tempfile
from pathlib import Path

import keras
from keras import layers


def build(steps: int) -> keras.Model:
    inputs = keras.Input((28, 28, 1))
    x = inputs
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dropout(0.3)(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=128)
    options = parser.parse_args()

    keras.utils.set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    x_train = x_train[..., None].astype("float32") / 255
    x_test = x_test[..., None].astype("float32") / 255

    model = build(steps=options.epochs * len(x_train) // options.batch_size)
    with tempfile.TemporaryDirectory() as folder:
        best = Path(folder, "best.keras")
        model.fit(
            x_train,
            y_train,
            batch_size=options.batch_size,
            epochs=options.epochs,
            validation_split=0.1,
            callbacks=[
                keras.callbacks.ModelCheckpoint(best, save_best_only=True),
                keras.callbacks.EarlyStopping(patience=2),
            ],
        )
        model = keras.saving.load_model(best)
    loss, accuracy = model.evaluate(x_test, y_test, batch_size=500, verbose=0)
    print(f"{keras.backend.backend()}: test loss {loss:.4f}, accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
