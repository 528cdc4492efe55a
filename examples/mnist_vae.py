"""A variational autoencoder learns to draw digits.

    lamella run examples/mnist_vae.py

It shows a `train_step` whose loss has two parts (Kingma and Welling, 2014), a layer that draws
random numbers, and metrics of one's own. The encoder gives mean and variance of a code of eight
numbers; the decoder draws a digit from any code. It writes `vae_digits.png`: test digits, the same
after encoding and decoding, and digits from random codes.

Data: MNIST, inside Lamella (LeCun and Cortes, CC BY-SA 3.0).
Score: the negative evidence lower bound on the test digits is 115.5 nats after 8 epochs, in about
a minute.
"""

import keras
import numpy as np
from keras import layers, ops
from pictures import grid, save_png

from lamella.keras import gradients

CODE = 8


class Sample(layers.Layer):
    """(mean, log variance) -> a code of that distribution."""

    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(1)

    def call(self, mean, log_variance):
        noise = keras.random.normal(ops.shape(mean), seed=self.seed)
        return mean + ops.exp(log_variance / 2) * noise


class VariationalAutoencoder(keras.Model):
    def __init__(self):
        super().__init__()
        self.encoder = keras.Sequential(
            [
                layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
                layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
                layers.Flatten(),
                layers.Dense(128, activation="relu"),
                layers.Dense(2 * CODE),
            ]
        )
        self.sample = Sample()
        self.decoder = keras.Sequential(
            [
                layers.Dense(7 * 7 * 32, activation="relu"),
                layers.Reshape((7, 7, 32)),
                layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu"),
                layers.Conv2DTranspose(1, 3, strides=2, padding="same"),
            ]
        )
        self.trackers = [keras.metrics.Mean(name) for name in ("loss", "drawing", "code")]

    @property
    def metrics(self):
        return self.trackers

    def call(self, images):
        """The probability that each pixel is white, as logits."""
        mean, _ = ops.split(self.encoder(images), 2, axis=-1)
        return self.decoder(mean)

    def losses_of(self, images):
        """Both parts of the bound, in nats for each image."""
        mean, log_variance = ops.split(self.encoder(images), 2, axis=-1)
        logits = self.decoder(self.sample(mean, log_variance))
        wrong = keras.losses.binary_crossentropy(images, logits, from_logits=True)  # (n, 28, 28)
        divergence = (ops.exp(log_variance) + mean**2 - 1 - log_variance) / 2
        return 28 * 28 * ops.mean(wrong), ops.mean(ops.sum(divergence, axis=-1))

    def logs(self, drawing, code):
        for tracker, value in zip(self.trackers, (drawing + code, drawing, code)):
            tracker.update_state(value)
        return {tracker.name: tracker.result() for tracker in self.trackers}

    def train_step(self, images):
        drawing, code = self.losses_of(images)
        weights = self.trainable_variables
        self.optimizer.apply(gradients(drawing + code, weights), weights)
        return self.logs(drawing, code)

    def test_step(self, images):
        return self.logs(*self.losses_of(images))


def main() -> None:
    keras.utils.set_random_seed(1)
    (x, _), (x_test, _) = keras.datasets.mnist.load_data()
    x, x_test = (images[..., None].astype("float32") / 255 for images in (x, x_test))

    model = VariationalAutoencoder()
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(x, epochs=8, batch_size=128, verbose=2)

    codes = np.random.default_rng(1).normal(size=(32, CODE)).astype("float32")
    logits = [model.predict(x_test[:16], verbose=0), model.decoder.predict(codes, verbose=0)]
    drawn = np.concatenate([x_test[:16], *(1 / (1 + np.exp(-z)) for z in logits)])
    save_png("vae_digits.png", grid(drawn[..., 0], columns=16))

    loss = model.evaluate(x_test, batch_size=500, verbose=0, return_dict=True)["loss"]
    print(f"{keras.backend.backend()}: test bound {loss:.2f} nats")


if __name__ == "__main__":
    main()
