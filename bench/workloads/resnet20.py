"""ResNet-20 for 32x32 colour images (He et al. 2016), batch 128, SGD with momentum.

The images are synthetic: ten class patterns, shifted, scaled in contrast and buried in noise.
"""

import keras
import numpy as np
from keras import layers

BATCH_SIZE = 128
EPOCHS = 1
ROWS = 2_560
CLASSES = 10


def convolution(x, filters, size, strides, name):
    return layers.Conv2D(
        filters, size, strides, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)


def normalize(x, name):
    return layers.BatchNormalization(name=f"{name}_norm")(x)


def block(x, filters, strides, name):
    shortcut = x
    x = convolution(x, filters, 3, strides, f"{name}_a")
    x = layers.ReLU()(normalize(x, f"{name}_a"))
    x = convolution(x, filters, 3, 1, f"{name}_b")
    x = normalize(x, f"{name}_b")
    if shortcut.shape[-1] != filters:
        shortcut = convolution(shortcut, filters, 1, strides, f"{name}_shortcut")
    return layers.ReLU()(layers.Add()([x, shortcut]))


def build():
    inputs = keras.Input((32, 32, 3))
    x = convolution(inputs, 16, 3, 1, "stem")
    x = layers.ReLU()(normalize(x, "stem"))
    for stage, filters in enumerate((16, 32, 64)):
        for index in range(3):
            strides = 2 if stage > 0 and index == 0 else 1
            x = block(x, filters, strides, f"stage{stage}_block{index}")
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(CLASSES, activation="softmax", name="classes")(x)
    model = keras.Model(inputs, outputs)
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def data():
    rng = np.random.default_rng(20)
    coarse = rng.normal(size=(CLASSES, 8, 8, 3))
    patterns = coarse.repeat(4, axis=1).repeat(4, axis=2)  # (classes, 32, 32, 3)
    y = rng.integers(CLASSES, size=ROWS)
    shifts = rng.integers(-4, 5, size=(ROWS, 2))
    x = np.stack([np.roll(patterns[k], shift, (0, 1)) for k, shift in zip(y, shifts, strict=True)])
    x = x * rng.uniform(0.3, 1.0, (ROWS, 1, 1, 1)) + rng.normal(size=x.shape)
    return x.astype("float32"), y.astype("int32")
