"""Losses of small models over 20 steps, on whatever backend Keras runs.

    KERAS_BACKEND=jax python tools/reference_losses.py tests/keras/reference/jax.json [case ...]

writes {case: [20 losses of single batches, loss of `evaluate`]}. Weights and data come from NumPy,
so every backend starts from the same numbers. tests/keras/test_reference.py compares Lamella's
losses with the file that this command wrote under JAX; run it again when a case is changed.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, losses, ops, optimizers

BATCH = 16
STEPS = 20
ROWS = BATCH * STEPS // 2  # two epochs

Case = Callable[[np.random.Generator], tuple[keras.Model, Any, Any, dict[str, Any]]]
CASES: dict[str, Case] = {}


def case(f: Case) -> Case:
    """Enter `f(rng) -> (compiled model, x, y, arguments of fit)` under its name."""
    CASES[f.__name__] = f
    return f


def run(name: str) -> list[float]:
    """Train the case for 20 steps; the loss of each batch, then the loss of `evaluate`."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    model, x, y, arguments = CASES[name](rng)
    model.build(_shapes(x))
    _fill(model, rng)
    means: list[float] = []
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: means.append(float(logs["loss"]))
    )
    arguments |= {"batch_size": BATCH, "shuffle": False, "verbose": 0, "callbacks": [watch]}
    model.fit(x, y, epochs=2, **arguments)
    after = model.evaluate(x, y, batch_size=BATCH, verbose=0, return_dict=True)["loss"]
    return [*_of_batches(means[: STEPS // 2]), *_of_batches(means[STEPS // 2 :]), float(after)]


def _of_batches(means: list[float]) -> list[float]:
    """The losses of single batches, from the running means that Keras logs in an epoch."""
    return np.diff(np.array(means) * np.arange(1, len(means) + 1), prepend=0.0).tolist()


def _shapes(x: Any) -> Any:
    if isinstance(x, dict):
        return {name: (None, *a.shape[1:]) for name, a in x.items()}
    return (None, *x.shape[1:])


def _fill(model: keras.Model, rng: np.random.Generator) -> None:
    """Matrices and filters from NumPy; vectors keep zeros and ones of their initialisers."""
    for w in model.trainable_variables:
        if len(w.shape) > 1:
            scale = 1 / np.sqrt(np.prod(w.shape[:-1]))
            w.assign((rng.normal(size=w.shape) * scale).astype(np.float32))


def _real(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=(ROWS, *shape)).astype(np.float32)


def _labels(rng: np.random.Generator, classes: int, *shape: int) -> np.ndarray:
    return rng.integers(0, classes, (ROWS, *shape))


def _classifier(*stack: Any, optimizer: Any = "adam", classes: int = 4) -> keras.Model:
    model = keras.Sequential([*stack, layers.Dense(classes, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


# -- models ----------------------------------------------------------------------------------


@case
def mlp(rng):
    model = _classifier(
        layers.Dense(16, activation="relu"), layers.Dense(12, activation="gelu"),
        layers.Dense(8, activation="tanh", kernel_regularizer="l2"),
    )  # fmt: skip
    return model, _real(rng, 10), _labels(rng, 4), {}


@case
def cnn(rng):
    model = _classifier(
        layers.Conv2D(6, 3, padding="same", activation="relu"), layers.MaxPooling2D(),
        layers.Conv2D(8, 3, strides=2, padding="valid", activation="elu"),
        layers.AveragePooling2D(2, strides=1, padding="same"), layers.Flatten(),
    )  # fmt: skip
    return model, _real(rng, 12, 11, 3), _labels(rng, 4), {}


@case
def resnet_block(rng):
    inputs = x = layers.Input((8, 8, 3))
    x = y = layers.Conv2D(6, 3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(6, 3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.add([layers.BatchNormalization()(x), y]))
    x = layers.Dense(4)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, x)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizers.SGD(0.05, momentum=0.9), loss)
    return model, _real(rng, 8, 8, 3), _labels(rng, 4), {}


@case
def depthwise(rng):
    model = _classifier(
        layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), layers.ReLU(max_value=6),
        layers.SeparableConv2D(8, 3, strides=2), layers.BatchNormalization(),
        layers.Conv2D(8, 3, dilation_rate=2, groups=2, padding="same", activation="swish"),
        layers.GlobalMaxPooling2D(),
    )  # fmt: skip
    return model, _real(rng, 9, 9, 4), _labels(rng, 4), {}


@case
def conv1d(rng):
    model = _classifier(
        layers.Conv1D(6, 5, padding="causal", activation="relu"), layers.MaxPooling1D(3),
        layers.SeparableConv1D(5, 3), layers.UpSampling1D(2), layers.GlobalAveragePooling1D(),
    )  # fmt: skip
    return model, _real(rng, 20, 3), _labels(rng, 4), {}


@case
def conv3d(rng):
    model = _classifier(
        layers.Conv3D(4, 3, padding="same", activation="relu"), layers.MaxPooling3D(),
        layers.Conv3D(5, 2, strides=(1, 2, 1)), layers.Flatten(),
    )  # fmt: skip
    return model, _real(rng, 6, 5, 4, 2), _labels(rng, 4), {}


@case
def autoencoder(rng):
    model = keras.Sequential([
        layers.Conv2D(6, 3, strides=2, padding="same", activation="leaky_relu"),
        layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="sigmoid"),
    ])  # fmt: skip
    model.compile("adam", "binary_crossentropy")
    x = rng.random((ROWS, 12, 12, 1)).astype(np.float32)
    return model, x, x, {}


def _tokens(rng: np.random.Generator, length: int, words: int) -> np.ndarray:
    """Token numbers, each row padded with zeros from somewhere on."""
    tokens = rng.integers(1, words, (ROWS, length))
    return np.where(np.arange(length) < rng.integers(2, length + 1, (ROWS, 1)), tokens, 0)


@case
def lstm_masked(rng):
    model = _classifier(layers.Embedding(20, 6, mask_zero=True), layers.LSTM(8))
    return model, _tokens(rng, 9, 20), _labels(rng, 4), {}


@case
def gru_stack(rng):
    model = _classifier(layers.GRU(6, return_sequences=True), layers.GRU(5, reset_after=False))
    return model, _real(rng, 7, 3), _labels(rng, 4), {}


@case
def bidirectional_masked(rng):
    model = _classifier(
        layers.Masking(0.0), layers.Bidirectional(layers.LSTM(5, return_sequences=True)),
        layers.Bidirectional(layers.GRU(4), merge_mode="sum"),
    )  # fmt: skip
    x = _real(rng, 7, 3) * (np.arange(7) < rng.integers(2, 8, (ROWS, 1)))[..., None]
    return model, x.astype(np.float32), _labels(rng, 4), {}


@case
def simple_rnn(rng):
    model = _classifier(layers.SimpleRNN(6, go_backwards=True), layers.LayerNormalization())
    return model, _real(rng, 6, 3), _labels(rng, 4), {}


@case
def transformer(rng):
    inputs = layers.Input((8,), dtype="int32")
    places = ops.cumsum(ops.ones_like(inputs), axis=1) - 1
    x = layers.Embedding(20, 12)(inputs) + layers.Embedding(8, 12)(places)
    h = layers.LayerNormalization()(x)
    x = x + layers.MultiHeadAttention(3, 4)(h, h, use_causal_mask=True)
    h = layers.Dense(24, activation="gelu")(layers.LayerNormalization()(x))
    x = layers.LayerNormalization()(x + layers.Dense(12)(h))
    model = keras.Model(inputs, layers.Dense(20)(x))
    model.compile(optimizers.AdamW(0.003), losses.SparseCategoricalCrossentropy(from_logits=True))
    return model, _labels(rng, 20, 8), _labels(rng, 20, 8), {}


@case
def normalisations(rng):
    model = _classifier(
        layers.Dense(12), layers.LayerNormalization(), layers.PReLU(), layers.GroupNormalization(3),
        layers.Dense(8), layers.RMSNormalization(), layers.Dense(8), layers.UnitNormalization(),
    )  # fmt: skip
    return model, _real(rng, 10), _labels(rng, 4), {}


@case
def two_inputs_two_outputs(rng):
    a, b = layers.Input((5,), name="a"), layers.Input((4,), name="b")
    h = layers.concatenate([layers.Dense(6, activation="relu")(a), layers.Dense(6)(b)])
    kind = layers.Dense(3, activation="softmax", name="kind")(h)
    gate = layers.Dense(12, activation="selu")(h)
    size = layers.Dense(1, name="size")(layers.multiply([h, gate]))
    model = keras.Model({"a": a, "b": b}, {"kind": kind, "size": size})
    model.compile(
        "rmsprop", {"kind": "sparse_categorical_crossentropy", "size": "mse"},
        loss_weights={"kind": 1.0, "size": 0.3},
        weighted_metrics={"kind": ["accuracy"], "size": ["mae"]},
    )  # fmt: skip
    y = {"kind": _labels(rng, 3), "size": _real(rng, 1)}
    weights = {name: rng.random(ROWS).astype(np.float32) for name in y}
    return model, {"a": _real(rng, 5), "b": _real(rng, 4)}, y, {"sample_weight": weights}


@case
def sample_weights(rng):
    model = _classifier(layers.Dense(8, activation="relu"))
    return model, _real(rng, 6), _labels(rng, 4), {"sample_weight": rng.random(ROWS)}


@case
def class_weights(rng):
    model = _classifier(layers.Dense(8, activation="relu"))
    weights = {"class_weight": {0: 0.5, 1: 2.0, 2: 1.0, 3: 3.0}}
    return model, _real(rng, 6), _labels(rng, 4), weights


@case
def float8(rng):
    inputs = layers.Input((16,))
    hidden = layers.Dense(16, activation="tanh")(layers.Dense(16, activation="relu")(inputs))
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(hidden))
    model.quantize("float8")
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, _real(rng, 16), _labels(rng, 4), {}


@case
def half_floats_with_loss_scaling(rng):
    policy = "mixed_float16"
    model = keras.Sequential([
        layers.Dense(16, activation="relu", dtype=policy), layers.BatchNormalization(dtype=policy),
        layers.Dense(4, activation="softmax", dtype="float32"),
    ])  # fmt: skip
    model.compile(optimizers.LossScaleOptimizer(optimizers.Adam(0.01), dynamic_growth_steps=5),
                  "sparse_categorical_crossentropy")  # fmt: skip
    return model, _real(rng, 10), _labels(rng, 4), {}


# -- optimizers and losses on one small network ------------------------------------------------


def _optimizer(make: Callable[[], Any]) -> Case:
    def with_optimizer(rng):
        stack = layers.Dense(8, activation="relu"), layers.Dense(8, activation="tanh")
        return _classifier(*stack, optimizer=make()), _real(rng, 6), _labels(rng, 4), {}

    return with_optimizer


OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.1),
    "nesterov": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "rmsprop": lambda: optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "adam": lambda: optimizers.Adam(0.01),
    "amsgrad": lambda: optimizers.Adam(0.01, amsgrad=True),
    "adamw": lambda: optimizers.AdamW(0.01, weight_decay=0.1),
    "adamax": lambda: optimizers.Adamax(0.01),
    "nadam": lambda: optimizers.Nadam(0.01),
    "adagrad": lambda: optimizers.Adagrad(0.1),
    "adadelta": lambda: optimizers.Adadelta(1.0),
    "adafactor": lambda: optimizers.Adafactor(0.01),
    "ftrl": lambda: optimizers.Ftrl(0.1, l1_regularization_strength=0.001),
    "lion": lambda: optimizers.Lion(0.003),
    "lamb": lambda: optimizers.Lamb(0.01),
    "muon": lambda: optimizers.Muon(0.01),
    "clipnorm": lambda: optimizers.SGD(0.5, clipnorm=0.1),
    "clipvalue": lambda: optimizers.SGD(0.5, clipvalue=0.02),
    "global_clipnorm": lambda: optimizers.Adam(0.01, global_clipnorm=0.1),
    "ema": lambda: optimizers.SGD(0.1, use_ema=True, ema_overwrite_frequency=3),
    "accumulation": lambda: optimizers.Adam(0.02, gradient_accumulation_steps=3),
    "loss_scale": lambda: optimizers.LossScaleOptimizer(optimizers.Adam(0.01), initial_scale=64.0),
    "schedule": lambda: optimizers.Adam(optimizers.schedules.CosineDecay(0.02, 15, warmup_steps=4)),
}
for _name, _make in OPTIMIZERS.items():
    CASES[f"optimizer_{_name}"] = _optimizer(_make)


def _loss(loss: Any, activation: Any, target: Callable[[np.random.Generator], np.ndarray]) -> Case:
    def with_loss(rng):
        last = layers.Dense(3, activation=activation)
        model = keras.Sequential([layers.Dense(8, activation="relu"), last])
        model.compile(optimizers.Adam(0.01), loss)
        return model, _real(rng, 6), target(rng), {}

    return with_loss


def _one_hot(rng: np.random.Generator) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[_labels(rng, 3)]


def _shares(rng: np.random.Generator) -> np.ndarray:
    return rng.dirichlet(np.ones(3), ROWS).astype(np.float32)


def _bits(rng: np.random.Generator) -> np.ndarray:
    return _labels(rng, 2, 3).astype(np.float32)


def _numbers(rng: np.random.Generator) -> np.ndarray:
    return _real(rng, 3)


def _positive(rng: np.random.Generator) -> np.ndarray:
    return np.abs(_real(rng, 3)) + 0.1


LOSSES = {
    "mse": ("mean_squared_error", None, _numbers),
    "mae": ("mean_absolute_error", None, _numbers),
    "mape": ("mean_absolute_percentage_error", None, _positive),
    "msle": ("mean_squared_logarithmic_error", "softplus", _positive),
    "huber": ("huber", None, _numbers),
    "log_cosh": ("log_cosh", None, _numbers),
    "cosine": ("cosine_similarity", None, _numbers),
    "poisson": ("poisson", "exponential", _positive),
    "kl": ("kl_divergence", "softmax", _shares),
    "binary": ("binary_crossentropy", "sigmoid", _bits),
    "binary_logits": (
        losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1), None, _bits,
    ),
    "binary_focal": (losses.BinaryFocalCrossentropy(apply_class_balancing=True), "sigmoid", _bits),
    "categorical": ("categorical_crossentropy", "softmax", _one_hot),
    "categorical_logits": (
        losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), None, _one_hot,
    ),
    "categorical_focal": ("categorical_focal_crossentropy", "softmax", _one_hot),
    "hinge": ("hinge", "tanh", _bits),
    "squared_hinge": ("squared_hinge", "tanh", _bits),
    "categorical_hinge": ("categorical_hinge", None, _one_hot),
    "dice": ("dice", "sigmoid", _bits),
    "tversky": ("tversky", "sigmoid", _bits),
}  # fmt: skip
for _name, _arguments in LOSSES.items():
    CASES[f"loss_{_name}"] = _loss(*_arguments)


def main(path: str, *names: str) -> None:
    """Write the losses of the named cases, or of all, to the JSON file `path`."""
    found = json.loads(Path(path).read_text()) if names else {}
    found |= {name: [float(f"{v:.8g}") for v in run(name)] for name in names or CASES}
    lines = [f"{json.dumps(name)}: {json.dumps(values)}" for name, values in found.items()]
    Path(path).write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
