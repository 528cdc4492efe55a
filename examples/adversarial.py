"""How to deceive a classifier with changes that nobody sees, and how to make it withstand them.

    lamella run examples/adversarial.py

It shows derivatives with respect to a model's inputs: `lamella.grad` of the loss over
`model.stateless_call`, compiled by `lamella.jit`, moves every pixel by EPSILON in the direction
that raises the loss (the fast gradient sign method, Goodfellow and others, 2015). The second
network is trained on such images, made anew in each step inside `train_step`.

Data: MNIST, inside Lamella (LeCun and Cortes, CC BY-SA 3.0).
Score: the ordinary network has accuracy 0.981 and 0.153 under attack; the hardened one 0.980 and
0.916. Attacks follow signs of tiny numbers, so rounding elsewhere in the engine can move the
scores under attack by 0.05. About a minute for both.
"""

from functools import partial

import keras
import numpy as np
from keras import layers, ops

import lamella

EPSILON = 0.15
loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def attack(model: keras.Model, x, y):
    """The images, each pixel moved by EPSILON against the model."""
    weights = [variable.value for variable in model.trainable_variables]

    def loss(x):
        logits, _ = model.stateless_call(weights, [], x)
        return loss_of(y, logits)

    return ops.clip(x + EPSILON * ops.sign(lamella.grad(loss)(x)), 0.0, 1.0)


class Hardened(keras.Model):
    """Learns from attacked images as much as from clean ones."""

    def train_step(self, data):
        x, y = data
        attacked = ops.stop_gradient(attack(self, x, y))
        return super().train_step((ops.concatenate([x, attacked]), ops.concatenate([y, y])))


def build(kind: type[keras.Model]) -> keras.Model:
    inputs = keras.Input((28, 28, 1))
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    model = kind(inputs, layers.Dense(10)(x))
    model.compile("adam", loss_of, metrics=["accuracy"])
    return model


def main() -> None:
    keras.utils.set_random_seed(1)
    (x, y), (x_test, y_test) = keras.datasets.mnist.load_data()
    x, x_test = (images[..., None].astype("float32") / 255 for images in (x, x_test))

    for name, kind in (("ordinary", keras.Model), ("hardened", Hardened)):
        model = build(kind)
        model.fit(x, y, batch_size=128, epochs=3, verbose=2)
        attacked = lamella.jit(partial(attack, model))(x_test, y_test)
        clean, deceived = (
            model.evaluate(images, y_test, batch_size=500, verbose=0)[1]
            for images in (x_test, np.asarray(attacked))
        )
        print(
            f"{keras.backend.backend()}: {name} accuracy {clean:.4f}, under attack {deceived:.4f}"
        )


if __name__ == "__main__":
    main()
