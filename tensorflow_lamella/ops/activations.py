"""tf.nn: activations, losses of logits, normalisation, embeddings, dropout."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras.src import backend

import lamella
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dispatch import Array, T, op
from tensorflow_lamella.errors import InvalidArgumentError
from tensorflow_lamella.ops.reduce import axes_of

nn = backend.nn


@op("nn.relu")
def relu(features: Array) -> Any:
    return nn.relu(features)


@op("nn.relu6")
def relu6(features: Array) -> Any:
    return nn.relu6(features)


@op("nn.elu")
def elu(features: Array) -> Any:
    return nn.elu(features)


@op("nn.selu")
def selu(features: Array) -> Any:
    return nn.selu(features)


@op("nn.leaky_relu")
def leaky_relu(features: Array, alpha: float = 0.2) -> Any:
    return nn.leaky_relu(features, float(alpha))


@op("nn.crelu")
def crelu(features: Array, axis: int = -1) -> Any:
    return nn.relu(np.concatenate([features, -features], axis))


@op("nn.gelu")
def gelu(features: Array, approximate: bool = False) -> Any:
    return nn.gelu(features, approximate)


@op("nn.silu", "nn.swish")
def silu(features: Array, beta: Any = 1.0) -> Any:
    return features * lamella.sigmoid(features.dtype.type(beta) * features)


@op("nn.softplus", "math.softplus")
def softplus(features: Array) -> Any:
    return nn.softplus(features)


@op("nn.softsign", "math.softsign")
def softsign(features: Array) -> Any:
    return nn.softsign(features)


@op("nn.softmax", "math.softmax")
def softmax(logits: Array, axis: Any = None) -> Any:
    return nn.softmax(logits, -1 if axis is None else int(axis))


@op("nn.log_softmax", "math.log_softmax")
def log_softmax(logits: Array, axis: Any = None) -> Any:
    return nn.log_softmax(logits, -1 if axis is None else int(axis))


@op("nn.softmax_cross_entropy_with_logits")
def softmax_cross_entropy_with_logits(labels: T, logits: T, axis: int = -1) -> Any:
    """The cross entropy of each row, with labels that are probabilities."""
    labels, logits = np.broadcast_arrays(labels, logits) if (
        labels.shape != logits.shape
    ) else (labels, logits)  # fmt: skip
    return -np.sum(labels * nn.log_softmax(logits, axis), axis=axis)


@op("nn.sparse_softmax_cross_entropy_with_logits")
def sparse_softmax_cross_entropy_with_logits(labels: Array, logits: Array) -> Any:
    """The cross entropy of each row, with labels that are class numbers."""
    if labels.ndim != logits.ndim - 1 or labels.shape != logits.shape[:-1]:
        raise InvalidArgumentError(
            f"sparse_softmax_cross_entropy_with_logits: labels of shape {logits.shape[:-1]} are "
            f"wanted for logits of shape {logits.shape}, got {labels.shape}"
        )
    return nn.sparse_categorical_crossentropy(labels, logits, from_logits=True)


@op("nn.sigmoid_cross_entropy_with_logits")
def sigmoid_cross_entropy_with_logits(labels: T, logits: T) -> Any:
    if labels.shape != logits.shape:
        raise ValueError(f"`logits` and `labels` must have the same shape, got {logits.shape} vs "
                         f"{labels.shape}")  # fmt: skip
    return np.maximum(logits, logits.dtype.type(0)) - logits * labels + _log1p_exp(logits)


def _log1p_exp(logits: Any) -> Any:
    return np.log1p(np.exp(-np.abs(logits)))


@op("nn.weighted_cross_entropy_with_logits")
def weighted_cross_entropy_with_logits(labels: T, logits: T, pos_weight: T) -> Any:
    one = logits.dtype.type(1)
    weight = one + (pos_weight - one) * labels
    positive = np.maximum(-logits, logits.dtype.type(0))
    return (one - labels) * logits + weight * (_log1p_exp(logits) + positive)


@op("nn.log_poisson_loss")
def log_poisson_loss(targets: T, log_input: T, compute_full_loss: bool = False) -> Any:
    loss = np.exp(log_input) - log_input * targets
    if compute_full_loss:
        two_pi = targets.dtype.type(2 * np.pi)
        stirling = targets * np.log(targets) - targets + 0.5 * np.log(two_pi * targets)
        small = (targets >= 0) & (targets <= 1)
        loss = loss + np.where(small, np.zeros_like(targets), stirling)
    return loss.astype(targets.dtype)


@op("nn.l2_loss")
def l2_loss(t: Array) -> Any:
    return np.sum(np.square(t)) * t.dtype.type(0.5)


@op("nn.bias_add")
def bias_add(value: T, bias: T, data_format: Any = None) -> Any:
    if data_format is not None and data_format.startswith("NC") and value.ndim > 2:
        bias = np.reshape(bias, (-1, *(1,) * (value.ndim - 2)))
    return value + bias


@op("nn.moments")
def moments(x: Array, axes: Any, shift: Any = None, keepdims: bool = False) -> Any:
    """Mean and variance over `axes`."""
    axis = axes_of(axes)
    mean = np.mean(x, axis=axis, keepdims=True)
    variance = np.mean(np.square(x - lamella.stop_gradient(mean)), axis=axis, keepdims=True)
    if keepdims:
        return mean, variance
    return np.squeeze(mean, axis), np.squeeze(variance, axis)


@op("nn.weighted_moments")
def weighted_moments(x: T, axes: Any, frequency_weights: T, keepdims: bool = False) -> Any:
    axis = axes_of(axes)
    weights = np.broadcast_to(frequency_weights, x.shape)
    total = np.sum(weights, axis=axis, keepdims=True)
    mean = np.sum(weights * x, axis=axis, keepdims=True) / total
    variance = np.sum(weights * np.square(x - mean), axis=axis, keepdims=True) / total
    return (mean, variance) if keepdims else (np.squeeze(mean, axis), np.squeeze(variance, axis))


@op("nn.sufficient_statistics")
def sufficient_statistics(x: Array, axes: Any, shift: Array | None = None,
                          keepdims: bool = False) -> Any:  # fmt: skip
    axis = axes_of(axes)
    moved = x if shift is None else x - shift
    reduced = [axis] if isinstance(axis, int) else list(axis)
    count = np.asarray(np.prod([x.shape[a] for a in reduced]), x.dtype)
    total = np.sum(moved, axis=axis, keepdims=keepdims)
    return count, total, np.sum(np.square(moved), axis=axis, keepdims=keepdims), shift


@op("nn.normalize_moments")
def normalize_moments(counts: Array, mean_ss: Array, variance_ss: Array,
                      shift: Array | None = None) -> Any:  # fmt: skip
    mean = mean_ss / counts
    variance = variance_ss / counts - np.square(mean)
    return (mean if shift is None else mean + shift), variance


@op("nn.batch_normalization")
def batch_normalization(x: T, mean: T, variance: T, offset: T | None, scale: T | None,
                        variance_epsilon: float) -> Any:  # fmt: skip
    factor = 1 / np.sqrt(variance + x.dtype.type(variance_epsilon))
    factor = factor if scale is None else factor * scale
    shift = -mean * factor if offset is None else offset - mean * factor
    return x * factor + shift


@op("nn.local_response_normalization", "nn.lrn")
def local_response_normalization(input: Array, depth_radius: int = 5, bias: float = 1,
                                 alpha: float = 1, beta: float = 0.5) -> Any:  # fmt: skip
    """Each channel divided by a power of the sum of squares of its neighbours."""
    squares = np.pad(np.square(input), [(0, 0)] * (input.ndim - 1) + [(depth_radius,) * 2])
    n = input.shape[-1]
    total = sum(squares[..., k : k + n] for k in range(2 * depth_radius + 1))
    kind = input.dtype.type
    return input / np.power(kind(bias) + kind(alpha) * total, kind(beta))


@op("nn.embedding_lookup")
def embedding_lookup(params: Any, ids: Array, max_norm: Any = None) -> Any:
    """Rows of `params`; of several tables, row i is in table i mod n."""
    tables = list(params) if isinstance(params, (list, tuple)) else [to_array(params)]
    table = tables[0] if len(tables) == 1 else _interleaved(tables)
    rows = np.take(table, ids, axis=0)
    if max_norm is None:
        return rows
    length = np.sqrt(np.sum(np.square(rows), axis=-1, keepdims=True))
    return rows * (max_norm / np.maximum(length, rows.dtype.type(max_norm)))


def _interleaved(tables: list[Any]) -> Any:
    size = max(len(t) for t in tables)
    padded = [np.pad(t, [(0, size - len(t)), *[(0, 0)] * (t.ndim - 1)]) for t in tables]
    return np.reshape(np.stack(padded, 1), (-1, *tables[0].shape[1:]))


@op("nn.dropout")
def dropout(x: Array, rate: Any, noise_shape: Any = None, seed: Any = None) -> Any:
    """Elements set to 0 with probability `rate`, the others scaled up."""
    if isinstance(rate, (int, float)) and rate == 0:
        return x
    from tensorflow_lamella.ops.random import uniform_numbers

    shape = x.shape if noise_shape is None else [
        n if d is None or int(d) < 0 else int(d) for n, d in zip(x.shape, noise_shape)
    ]  # fmt: skip
    keep = 1 - np.asarray(rate, np.float32) if not hasattr(rate, "type") else 1 - rate
    kept = uniform_numbers(shape, seed) < keep
    return np.where(kept, x / keep.astype(x.dtype), np.zeros_like(x))


@op("nn.compute_average_loss")
def compute_average_loss(per_example_loss: Array, sample_weight: Array | None = None,
                         global_batch_size: Any = None) -> Any:  # fmt: skip
    loss = per_example_loss if sample_weight is None else per_example_loss * sample_weight
    count = loss.shape[0] if global_batch_size is None else global_batch_size
    return np.sum(loss) / np.asarray(count, loss.dtype)


@op("nn.scale_regularization_loss")
def scale_regularization_loss(regularization_loss: Array) -> Any:
    return np.sum(regularization_loss)


@op("nn.ctc_loss")
def ctc_loss(labels: Array, logits: Array, label_length: Array, logit_length: Array,
             logits_time_major: bool = True, unique: Any = None,
             blank_index: Any = None) -> Any:  # fmt: skip
    """The CTC loss of each row, with dense labels."""
    rows = np.swapaxes(logits, 0, 1) if logits_time_major else logits
    blank = 0 if blank_index is None else int(blank_index) % logits.shape[-1]
    return nn.ctc_loss(labels, rows, label_length, logit_length, mask_index=blank)
