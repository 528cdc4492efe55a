"""A U-Net finds the nuclei of cells in a microscope's image, pixel by pixel.

    lamella run examples/unet_nuclei.py

It shows an encoder and a decoder joined by skips (Ronneberger and others, 2015), a loss that adds
overlap (Dice) to cross-entropy, and training on random crops, turned and mirrored, made by a
`keras.utils.PyDataset`. It writes `unet_nuclei.png`: the unseen part of the image, what the network
finds, and what experts drew.

Data: an image with 125 nuclei from the Data Science Bowl 2018 (BBBC038), CC0. Three quarters of it
are for training, the last quarter is the test.
Score: Dice's coefficient on the unseen part 0.947, pixels right 0.982, in less than a minute.
"""

import keras
import numpy as np
from data import nuclei
from keras import layers, ops
from pictures import save_png

CROP, BATCH, STEPS = 96, 16, 20


class Crops(keras.utils.PyDataset):
    """Random squares (BATCH, CROP, CROP, 1) of an image and of its mask."""

    def __init__(self, image, mask):
        super().__init__()
        self.both = np.stack([image, mask], axis=-1)
        self.epoch = 0

    def __len__(self):
        return STEPS

    def on_epoch_end(self):
        self.epoch += 1

    def __getitem__(self, index):
        rng = np.random.default_rng([self.epoch, index])
        crops = np.stack([self.crop(rng) for _ in range(BATCH)])
        return crops[..., :1], crops[..., 1:]

    def crop(self, rng):
        top, left = (rng.integers(size - CROP + 1) for size in self.both.shape[:2])
        square = np.rot90(self.both[top : top + CROP, left : left + CROP], rng.integers(4))
        return square[::-1] if rng.integers(2) else square


def convolutions(x, filters: int):
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    return x


def build() -> keras.Model:
    """Takes images of any size that is a multiple of 8."""
    inputs = x = keras.Input((None, None, 1))
    skips = []
    for filters in (8, 16, 32):
        x = convolutions(x, filters)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = convolutions(x, 64)
    for filters in (32, 16, 8):
        x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
        x = convolutions(layers.Concatenate()([skips.pop(), x]), filters)
    return keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x))


def overlap(mask, found):
    """Dice's coefficient of each image: 1 where what is found is the mask."""
    both = ops.sum(mask * found, axis=(1, 2, 3))
    return 2 * both / (ops.sum(mask, axis=(1, 2, 3)) + ops.sum(found, axis=(1, 2, 3)) + 1e-6)


def loss(mask, found):
    entropy = ops.mean(ops.binary_crossentropy(mask, found), axis=(1, 2, 3))
    return entropy + 1 - overlap(mask, found)


def main() -> None:
    keras.utils.set_random_seed(1)
    image, mask = nuclei()
    image = np.log1p(image.astype("float32"))  # the dim nuclei are nuclei as well
    image, mask = (image - image.mean()) / image.std(), (mask > 0).astype("float32")

    model = build()
    model.compile(keras.optimizers.Adam(3e-3), loss)
    model.fit(Crops(image[:, :384], mask[:, :384]), epochs=15, verbose=2)

    unseen, truth = image[:, 384:], mask[:, 384:]
    found = model.predict(unseen[None, ..., None], verbose=0)[0, ..., 0]
    shown = (unseen - unseen.min()) / np.ptp(unseen)
    save_png("unet_nuclei.png", np.concatenate([shown, found, truth], axis=1))

    found = found > 0.5
    dice = 2 * (found * truth).sum() / (found.sum() + truth.sum())
    print(f"{keras.backend.backend()}: Dice {dice:.4f}, pixels right {(found == truth).mean():.4f}")


if __name__ == "__main__":
    main()
