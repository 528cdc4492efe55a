"""Floating-point operations of one training step, counted from a Keras model's layers.

Only contractions count (dense, convolution, recurrence, attention): two operations per
multiply-add. Elementwise work, normalisation, embeddings and the optimizer are left out, as is
usual, so the share of peak computed from the count is a lower bound of what the processor did.
"""

from math import prod

from keras import Model
from keras.tree import flatten


def training_flops(model) -> int:
    """Operations for one row, forward and backward.

    A layer costs its forward pass, as much again for the weight gradient, and as much again for the
    gradient of its input, which is not needed when nothing trainable lies upstream.
    """
    total = 0
    carries_gradient: set[int] = set()
    for operation in Model(model.inputs, model.outputs).operations:
        inputs, outputs = flatten(operation.input), flatten(operation.output)
        upstream = any(id(t) in carries_gradient for t in inputs)
        if upstream or getattr(operation, "trainable_weights", ()):
            carries_gradient.update(map(id, outputs))
        total += 2 * multiply_adds(operation) * (3 if upstream else 2)
    return total


def multiply_adds(operation) -> int:
    """Multiply-adds of one layer's forward pass over one row; 0 for what is not a contraction."""
    count = COUNTERS.get(type(operation).__name__)
    return count(operation) if count else 0


def _dense(layer) -> int:
    return prod(layer.output.shape[1:]) * layer.input.shape[-1]


def _convolution(layer) -> int:
    return prod(layer.output.shape[1:]) * prod(layer.kernel.shape[:-1])


def _depthwise(layer) -> int:
    return prod(layer.output.shape[1:]) * prod(layer.kernel.shape[:2])


def _transposed(layer) -> int:
    return prod(layer.input.shape[1:-1]) * prod(layer.kernel.shape)


def _recurrent(layer) -> int:
    return _recurrence(layer, *layer.input.shape[1:])


def _bidirectional(layer) -> int:
    return 2 * _recurrence(layer.forward_layer, *layer.input.shape[1:])


def _recurrence(layer, steps: int, features: int) -> int:
    cell = layer.cell
    return steps * cell.kernel.shape[-1] * (features + cell.units)


def _attention(layer) -> int:
    query = flatten(layer.input)[0]
    steps, width = query.shape[1:]
    heads = layer.num_heads
    projections = 2 * steps * width * heads * (layer.key_dim + layer.value_dim)
    return projections + steps * steps * heads * (layer.key_dim + layer.value_dim)


COUNTERS = {
    "Dense": _dense,
    "Conv2D": _convolution,
    "DepthwiseConv2D": _depthwise,
    "Conv2DTranspose": _transposed,
    "LSTM": _recurrent,
    "Bidirectional": _bidirectional,
    "MultiHeadAttention": _attention,
}
