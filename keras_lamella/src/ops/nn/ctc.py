"""Connectionist temporal classification (Graves et al., 2006)."""

from __future__ import annotations

import numpy as np

from keras_lamella.src.ops.dtypes import INT32, as_dtype, promote, result_dtype, to_float
from keras_lamella.src.ops.nn.activation import log_softmax
from keras_lamella.src.ops.nn.ctc_beam import beam_search
from keras_lamella.src.tensor import convert_to_tensor

_NEVER = -1e5  # stands for log(0); finite, so that gradients are


def ctc_loss(target, output, target_length, output_length, mask_index=0):
    """-log p(target | output) for each row of the batch.

    target int[b, n], output logits[b, t, classes], lengths int[b]; `mask_index` is the blank.
    """
    from lamella.control import scan

    target = convert_to_tensor(target, "int32")
    target_length = convert_to_tensor(target_length, "int32")
    output_length = convert_to_tensor(output_length, "int32")
    output = convert_to_tensor(output)
    output = as_dtype(output, result_dtype(output.dtype, "float32"))
    labels = _with_blanks(target, mask_index)  # [b, s], s = 2n + 1
    scores = _scores_of(labels, log_softmax(output))  # [t, b, s]
    skip = _may_skip(target, scores.dtype)  # [b, s]

    def step(alpha, xs):
        score, active = xs
        paths = (alpha, _shift(alpha, 1), _shift(alpha, 2) + skip)
        return np.where(active[:, None], _log_sum(paths) + score, alpha), ()

    place = np.arange(labels.shape[1])
    start = np.where(place < 2, scores[0], np.asarray(_NEVER, scores.dtype))
    active = np.arange(1, scores.shape[0])[:, None] < output_length  # [t - 1, b]
    alpha, _ = scan(step, start, (scores[1:], active))
    at_end = (place == 2 * target_length[:, None]) | (place == 2 * target_length[:, None] - 1)
    return -_log_sum_over_places(np.where(at_end, alpha, np.asarray(_NEVER, alpha.dtype)))


def _with_blanks(target, blank):
    """blank, label, blank, label, ..., blank"""
    blanks = np.full(target.shape, blank, INT32)
    pairs = np.reshape(np.stack([blanks, target], axis=-1), (target.shape[0], -1))
    return np.concatenate([pairs, blanks[:, :1]], axis=1)


def _scores_of(labels, log_probability):
    """log p of each label at each time: [t, b, s]."""
    b, t, _ = log_probability.shape
    index = np.broadcast_to(labels[:, None, :], (b, t, labels.shape[1]))
    return np.transpose(np.take_along_axis(log_probability, index, axis=-1), (1, 0, 2))


def _may_skip(target, dtype):
    """[b, s]: 0 where a path may go from label to label past the blank between: if they differ."""
    zero, never = np.zeros((), dtype), np.asarray(_NEVER, dtype)
    differ = np.where(target[:, 1:] != target[:, :-1], zero, never)
    differ = np.concatenate([np.full((target.shape[0], 1), _NEVER, dtype), differ], axis=1)
    pairs = np.stack([np.full(target.shape, _NEVER, dtype), differ], axis=-1)
    pairs = np.reshape(pairs, (target.shape[0], -1))
    return np.concatenate([pairs, np.full((target.shape[0], 1), _NEVER, dtype)], axis=1)


def _shift(alpha, k):
    """`alpha` moved by `k` places; nothing enters."""
    return np.concatenate(
        [np.full((alpha.shape[0], k), _NEVER, alpha.dtype), alpha[:, :-k]], axis=1
    )[:, : alpha.shape[1]]


def _log_sum(paths):
    total = paths[0]
    for path in paths[1:]:
        total = np.logaddexp(total, path)
    return total


def _log_sum_over_places(x):
    largest = np.max(x, axis=-1, keepdims=True)
    return np.squeeze(largest, -1) + np.log(np.sum(np.exp(x - largest), axis=-1))


def ctc_decode(
    inputs,
    sequence_lengths,
    strategy="greedy",
    beam_width=100,
    top_paths=1,
    merge_repeated=True,
    mask_index=0,
):
    (inputs,) = promote(to_float(inputs), also=("float32",))
    sequence_lengths = convert_to_tensor(sequence_lengths, "int32")
    if mask_index is None:
        mask_index = inputs.shape[-1] - 1
    if strategy == "greedy":
        return _greedy(inputs, sequence_lengths, merge_repeated, mask_index)
    if strategy == "beam_search":
        return beam_search(log_softmax(inputs), sequence_lengths, beam_width, top_paths, mask_index)
    raise ValueError(
        f"Invalid strategy {strategy}. Supported values are 'greedy' and 'beam_search'."
    )


def _greedy(inputs, lengths, merge_repeated, blank):
    b, t, _ = inputs.shape
    beyond = np.arange(t) >= lengths[:, None]
    best = as_dtype(np.argmax(inputs, axis=-1), INT32)
    best = np.where(beyond, np.asarray(blank, INT32), best)
    scores = np.where(beyond, np.zeros((), inputs.dtype), np.max(inputs, axis=-1))
    silent = best == blank
    if merge_repeated:
        repeated = np.concatenate([np.zeros((b, 1), bool), best[:, 1:] == best[:, :-1]], axis=1)
        silent = silent | repeated
    # Labels move to the front in their order, -1 fills the rest.
    order = np.argsort(as_dtype(silent, INT32), axis=-1, kind="stable")
    labels = np.where(silent, np.asarray(-1, INT32), best)
    labels = np.take_along_axis(labels, order, axis=-1)
    return labels[None], -np.sum(scores, axis=1)[:, None]


__all__ = [
    "ctc_decode", "ctc_loss",
]  # fmt: skip
