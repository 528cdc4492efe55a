"""Which network suits this data? Five-fold cross-validation decides, and a test set judges.

    lamella run examples/cross_validation.py

It shows how to compare architectures on little data: each is trained five times, every time without
another fifth of the rows, on which it is then scored. Only the winner meets the test rows.

Data: 1,797 digits of 8x8 pixels by Alpaydin and Kaynak, CC BY 4.0 (UCI).
Score: the convolutional network wins with 0.979 and has test accuracy 0.975. Half a minute for 21
trainings.
"""

import keras
import numpy as np
from data import digits
from keras import layers

FOLDS = 5


def linear() -> list:
    return [layers.Flatten()]


def wide() -> list:
    return [layers.Flatten(), layers.Dense(128, "relu"), layers.Dropout(0.3)]


def deep() -> list:
    return [layers.Flatten(), *(layers.Dense(32, "relu") for _ in range(3))]


def convolutional() -> list:
    return [
        layers.Conv2D(16, 3, activation="relu"),
        layers.Conv2D(32, 3, activation="relu"),
        layers.Flatten(),
        layers.Dropout(0.3),
    ]


def train(architecture, x, y) -> keras.Model:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((8, 8, 1)), *architecture(), layers.Dense(10, "softmax")])
    model.compile(
        keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(x, y, batch_size=32, epochs=25, verbose=0)
    return model


def accuracy(model: keras.Model, x, y) -> float:
    return model.evaluate(x, y, batch_size=len(x), verbose=0)[1]


def cross_validate(architecture, x, y) -> np.ndarray:
    """The accuracy on each fold of the network that was trained on the others."""
    scores = []
    for held_out in np.array_split(np.arange(len(x)), FOLDS):
        rest = np.setdiff1d(np.arange(len(x)), held_out)
        model = train(architecture, x[rest], y[rest])
        scores.append(accuracy(model, x[held_out], y[held_out]))
    return np.array(scores)


def main() -> None:
    x, y = digits()
    order = np.random.default_rng(1).permutation(len(x))
    x, y = x[order, ..., None].astype("float32") / 16, y[order]
    x_test, y_test, x, y = x[:360], y[:360], x[360:], y[360:]

    means = {}
    for architecture in (linear, wide, deep, convolutional):
        scores = cross_validate(architecture, x, y)
        means[architecture] = scores.mean()
        print(f"{architecture.__name__:13} {scores.mean():.4f} ± {scores.std():.4f}")

    best = max(means, key=means.get)
    score = accuracy(train(best, x, y), x_test, y_test)
    print(f"{keras.backend.backend()}: the {best.__name__} network has test accuracy {score:.4f}")


if __name__ == "__main__":
    main()
