"""Prefix beam search over CTC outputs, outside traces: its paths depend on the data."""

from __future__ import annotations

import numpy as np

from lamella.frontend.tracer import Tracer

_NEVER = -np.inf


def beam_search(log_probability, lengths, beam_width, top_paths, blank):
    """The `top_paths` most probable label sequences: int32[paths, b, t] and scores[b, paths].

    log_probability [b, t, classes], lengths int[b].
    """
    if isinstance(log_probability, Tracer):
        raise ValueError(
            "ctc_decode with strategy='beam_search' cannot be traced: its paths depend on the "
            "data. Use strategy='greedy', or decode the results of predict()."
        )
    b, t, _ = log_probability.shape
    paths = np.full((top_paths, b, t), -1, np.int32)
    scores = np.full((b, top_paths), _NEVER, log_probability.dtype)
    for row in range(b):
        frames = np.asarray(log_probability[row, : int(lengths[row])], np.float64)
        for k, (labels, score) in enumerate(_search(frames, beam_width, blank)[:top_paths]):
            paths[k, row, : len(labels)] = labels
            scores[row, k] = score
    return paths, scores


def _search(frames, beam_width, blank):
    """Prefixes with log probability, the best first.

    `beams` maps a prefix to the log probability that it ends in a blank and in a label.
    """
    beams: dict = {(): (0.0, _NEVER)}
    for frame in frames:
        extended: dict = {}
        for prefix, (in_blank, in_label) in beams.items():
            total = np.logaddexp(in_blank, in_label)
            _add(extended, prefix, total + frame[blank], _NEVER)
            if prefix:
                _add(extended, prefix, _NEVER, in_label + frame[prefix[-1]])
            for label in range(len(frame)):
                if label == blank:
                    continue
                repeats = bool(prefix) and prefix[-1] == label
                source = in_blank if repeats else total
                _add(extended, (*prefix, label), _NEVER, source + frame[label])
        beams = dict(_best(extended)[:beam_width])
    return [(prefix, np.logaddexp(a, b)) for prefix, (a, b) in _best(beams)]


def _add(beams, prefix, in_blank, in_label):
    old = beams.get(prefix, (_NEVER, _NEVER))
    beams[prefix] = (np.logaddexp(old[0], in_blank), np.logaddexp(old[1], in_label))


def _best(beams):
    return sorted(beams.items(), key=lambda item: -np.logaddexp(item[1][0], item[1][1]))
