"""Cross-entropies and encodings of classes."""

from __future__ import annotations

import numpy as np
from keras.src import backend

from keras_lamella.src.ops.dtypes import (
    INT32,
    as_dtype,
    floatx,
    to_float,
    weak,
)
from keras_lamella.src.ops.nn.activation import log_softmax
from keras_lamella.src.tensor import convert_to_tensor


def _one_hot_mask(x, num_classes, axis):
    """bool, with the classes along the new `axis`; False everywhere for other values."""
    x = as_dtype(convert_to_tensor(x), INT32)
    axis = axis % (x.ndim + 1)
    classes = np.arange(num_classes, dtype=INT32)
    classes = classes.reshape([-1 if a == axis else 1 for a in range(x.ndim + 1)])
    return np.expand_dims(x, axis) == classes


def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    _refuse_sparse(sparse)
    if num_classes is None:  # keras.utils.to_categorical: as many as there are
        num_classes = int(np.max(x)) + 1
    return as_dtype(_one_hot_mask(x, num_classes, axis), np.dtype(dtype or floatx()))


def multi_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    _refuse_sparse(sparse)
    x = convert_to_tensor(x)
    mask = _one_hot_mask(x, num_classes, axis)
    return as_dtype(np.any(mask, axis=1 if x.ndim > 1 else 0), np.dtype(dtype or floatx()))


def _refuse_sparse(sparse):
    if sparse:
        raise ValueError("Unsupported value `sparse=True` with the lamella backend")


def _known_logits(output, from_logits):
    """The logits whose softmax or sigmoid `output` is, where an activation of Keras left them.

    Probabilities that are 0 or 1 in floating point have no gradient, logits have one.
    """
    logits = getattr(output, "_keras_logits", None)
    return (output, from_logits) if logits is None else (logits, True)


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    output, from_logits = _known_logits(output, from_logits)
    output = to_float(output)
    target = convert_to_tensor(target, output.dtype)
    _check_same_shape(target, output)
    if output.ndim < 1:
        raise ValueError(
            "Arguments `target` and `output` must be at least rank 1. Received: "
            f"target.shape={target.shape}, output.shape={output.shape}"
        )
    return -np.sum(target * _log_probability(output, from_logits, axis), axis=axis)


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    output, from_logits = _known_logits(output, from_logits)
    target, output = convert_to_tensor(target, "int32"), to_float(output)
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = np.squeeze(target, axis=-1)
    if output.ndim < 1:
        raise ValueError(
            f"Argument `output` must be at least rank 1. Received: output.shape={output.shape}"
        )
    if target.shape != output.shape[:-1]:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape up until the last "
            f"dimension: target.shape={target.shape}, output.shape={output.shape}"
        )
    log_probability = _log_probability(output, from_logits, axis)
    chosen = _one_hot_mask(target, output.shape[axis], axis)
    return -np.sum(np.where(chosen, log_probability, np.zeros((), output.dtype)), axis=axis)


def _log_probability(output, from_logits, axis):
    if from_logits:
        return log_softmax(output, axis=axis)
    output = output / np.sum(output, axis=axis, keepdims=True)
    return np.log(_inside_unit_interval(output))


def _inside_unit_interval(p):
    low = weak(backend.epsilon(), p.dtype)
    high = weak(1.0 - backend.epsilon(), p.dtype)
    return np.minimum(np.maximum(p, low), high)


def binary_crossentropy(target, output, from_logits=False):
    output, from_logits = _known_logits(output, from_logits)
    output = to_float(output)
    target = convert_to_tensor(target, output.dtype)
    _check_same_shape(target, output)
    zero, one = weak(0.0, output.dtype), weak(1.0, output.dtype)
    if from_logits:
        # -t log(sigmoid(x)) - (1 - t) log(sigmoid(-x)) without overflow.
        return np.maximum(output, zero) - output * target + np.log1p(np.exp(-np.absolute(output)))
    p = _inside_unit_interval(output)
    return -(target * np.log(p) + (one - target) * np.log(one - p))


def _check_same_shape(target, output):
    if target.shape != output.shape:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. Received: "
            f"target.shape={target.shape}, output.shape={output.shape}"
        )


def psnr(x1, x2, max_val):
    x1, x2 = to_float(x1), to_float(x2)
    if x1.shape != x2.shape:
        raise ValueError(
            f"Input shapes {x1.shape} and {x2.shape} must match for PSNR calculation. "
        )
    max_val = convert_to_tensor(max_val, x2.dtype)
    error = np.mean(np.square(x1 - x2))
    return weak(20.0, x2.dtype) * np.log10(max_val) - weak(10.0, x2.dtype) * np.log10(error)


__all__ = [
    "binary_crossentropy", "categorical_crossentropy", "multi_hot", "one_hot", "psnr",
    "sparse_categorical_crossentropy",
]  # fmt: skip
