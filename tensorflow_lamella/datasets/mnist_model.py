"""`tensorflow.examples.tutorials.mnist.mnist`: the network that programs of the tutorial import."""

from __future__ import annotations

from typing import Any

from tensorflow_lamella.names import export, get, put

_AT = "examples.tutorials.mnist.mnist"
NUM_CLASSES, IMAGE_SIZE = 10, 28
IMAGE_PIXELS = IMAGE_SIZE * IMAGE_SIZE

put(NUM_CLASSES, f"{_AT}.NUM_CLASSES", version=1)
put(IMAGE_SIZE, f"{_AT}.IMAGE_SIZE", version=1)
put(IMAGE_PIXELS, f"{_AT}.IMAGE_PIXELS", version=1)


def _dense(x: Any, inputs: int, units: int) -> Any:
    """x W + b, with weights drawn to a standard deviation of 1 / sqrt(inputs)."""
    drawn = get("truncated_normal", 1)([inputs, units], stddev=inputs**-0.5)
    weights = get("Variable", 1)(drawn, name="weights")
    biases = get("Variable", 1)(get("zeros", 1)([units]), name="biases")
    return get("matmul", 1)(x, weights) + biases


@export(f"{_AT}.inference", version=1)
def inference(images: Any, hidden1_units: int, hidden2_units: int) -> Any:
    """Logits (rows, 10) of images (rows, 784), by two hidden layers."""
    x, inputs = images, IMAGE_PIXELS
    for name, units in (("hidden1", hidden1_units), ("hidden2", hidden2_units)):
        with get("name_scope", 1)(name):
            x, inputs = get("nn.relu", 1)(_dense(x, inputs, units)), units
    with get("name_scope", 1)("softmax_linear"):
        return _dense(x, inputs, NUM_CLASSES)


@export(f"{_AT}.loss", version=1)
def loss(logits: Any, labels: Any) -> Any:
    """The mean cross entropy of classes (rows,)."""
    labels = get("cast", 1)(labels, "int64")
    return get("losses.sparse_softmax_cross_entropy", 1)(labels=labels, logits=logits)


@export(f"{_AT}.training", version=1)
def training(loss: Any, learning_rate: float) -> Any:
    """A step of gradient descent, counted by a variable `global_step`."""
    get("summary.scalar", 1)("loss", loss)
    step = get("Variable", 1)(0, name="global_step", trainable=False)
    optimizer = get("train.GradientDescentOptimizer", 1)(learning_rate)
    return optimizer.minimize(loss, global_step=step)


@export(f"{_AT}.evaluation", version=1)
def evaluation(logits: Any, labels: Any) -> Any:
    """How many rows have their class as the largest logit."""
    right = get("nn.in_top_k", 1)(logits, labels, 1)
    return get("reduce_sum", 1)(get("cast", 1)(right, "int32"))
