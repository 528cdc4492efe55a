"""Sparse tensors of TensorFlow 1: placeholders, labels of CTC, distances of sequences.

What only arranges labels runs in Python before the compiled step; the labels come to the step as
dense rows, whose length is a power of two: so few shapes are compiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorflow_lamella.core import state
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.names import export, get
from tensorflow_lamella.ops import sparse
from tensorflow_lamella.ops.sparse import SparseTensor
from tensorflow_lamella.v1.inputs import placeholder
from tensorflow_lamella.v1.mode import need_graph
from tensorflow_lamella.v1.recorder import replaces
from tensorflow_lamella.v1.variables import host_operation

for _old, _function in {
    "sparse_tensor_to_dense": sparse.to_dense, "sparse_tensor_dense_matmul":
    sparse.sparse_dense_matmul, "sparse_add": sparse.add, "sparse_reduce_sum": sparse.reduce_sum,
    "sparse_reorder": sparse.reorder, "sparse_transpose": sparse.transpose,
    "sparse_retain": sparse.retain, "sparse_concat": sparse.concat, "sparse_slice": sparse.slice,
}.items():  # fmt: skip
    export(_old, version=1)(_function)


@export("sparse_placeholder", "sparse.placeholder", version=1)
def sparse_placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> SparseTensor:
    """A sparse tensor that is fed: `{p: (indices, values, shape)}`, or a tf.SparseTensorValue."""
    need_graph("tf.sparse_placeholder()")
    name = name or "SparsePlaceholder"
    rank = None if shape is None else len(shape)
    known = shape is not None and all(n is not None for n in shape)
    size = placeholder("int64", [rank], f"{name}/shape")
    if known:
        size = get("placeholder_with_default", 1)(np.array(shape, "int64"), [rank])
    places = placeholder("int64", [None, rank], f"{name}/indices")
    return SparseTensor(places, placeholder(dtype, [None], f"{name}/values"), size)


def filled(shape: Any, value: Any, dtype: Any) -> Any:
    """A tensor of a shape that is fed."""
    rank = shape.shape.as_list()
    sizes = None if not rank or rank[0] is None else [None] * rank[0]
    kind = numpy_dtype(dtype)
    element = to_array(value).item() if kind.kind == "O" else value

    def fill(session: Any, shape: np.ndarray) -> list[np.ndarray]:
        return [np.full(tuple(shape.tolist()), element, kind)]

    return host_operation(fill, [shape], [(dtype, sizes)], "SparseToDense/Fill", "Fill").outputs[0]


def _in_python(f: Any, inputs: Sequence[Any], types: Sequence[Any], name: str) -> list[Any]:
    """`f` of arrays: at once, or as an operation of the graph."""
    if state.graph() is None:
        arrays = [np.asarray(to_array(x)) for x in inputs]
        return [get("constant")(x) for x in f(*arrays)]
    return host_operation(lambda session, *arrays: f(*arrays), inputs, types, name, name).outputs


def _rows(indices: np.ndarray, values: np.ndarray, count: int) -> list[list[Any]]:
    """The labels of each row."""
    rows: list[list[Any]] = [[] for _ in range(count)]
    for (row, *_), value in zip(indices, values):
        rows[row].append(value)
    return rows


def _sparse(rows: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Rows as indices, values and shape."""
    places = [(i, j) for i, row in enumerate(rows) for j in range(len(row))]
    width = max((len(row) for row in rows), default=0)
    return [np.array(places, "int64").reshape(-1, 2),
            np.array([x for row in rows for x in row], "int64"),
            np.array([len(rows), width], "int64")]  # fmt: skip


@export("nn.ctc_loss", version=1)
def ctc_loss(labels: SparseTensor, inputs: Any = None, sequence_length: Any = None,
             preprocess_collapse_repeated: bool = False, ctc_merge_repeated: bool = True,
             ignore_longer_outputs_than_inputs: bool = False, time_major: bool = True,
             logits: Any = None) -> Any:  # fmt: skip
    """The loss of each row, `inputs` (time, rows, classes); the last class is the blank.

    Raises ValueError for the two options that change what is merged.
    """
    if preprocess_collapse_repeated or not ctc_merge_repeated:
        raise ValueError(
            "tf.nn.ctc_loss: preprocess_collapse_repeated=False and ctc_merge_repeated=True are "
            "here, which are the defaults"
        )

    def dense(indices: np.ndarray, values: np.ndarray, shape: np.ndarray) -> list[np.ndarray]:
        rows = _rows(indices, values, int(shape[0]))
        longest = max((len(row) for row in rows), default=1)
        out = np.zeros((len(rows), 1 << max(longest - 1, 0).bit_length()), "int32")
        for row, given in zip(out, rows):
            row[: len(given)] = given
        return [out, np.array([len(row) for row in rows], "int32")]

    types = [("int32", [None, None]), ("int32", [None])]
    rows, lengths = _in_python(dense, list(labels), types, "CTCLabels")
    return get("nn.ctc_loss", 2)(
        rows, inputs if logits is None else logits, lengths, sequence_length,
        logits_time_major=time_major, blank_index=-1,
    )  # fmt: skip


@export("nn.ctc_greedy_decoder")
def ctc_greedy_decoder(inputs: Any, sequence_length: Any, merge_repeated: bool = True,
                       blank_index: Any = None) -> Any:  # fmt: skip
    """The likeliest label at each time, without repetitions and blanks.

    Returns ([a SparseTensor of labels], the negated sums of the logits that were chosen).
    """

    def decode(logits: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
        blank = logits.shape[-1] - 1 if blank_index is None else blank_index % logits.shape[-1]
        rows, sums = [], []
        for row, n in zip(np.swapaxes(logits, 0, 1), lengths):
            best = row[:n].argmax(axis=-1)
            new = np.diff(best, prepend=-1) != 0 if merge_repeated else np.ones(len(best), bool)
            rows.append(best[new & (best != blank)])
            sums.append([-row[:n].max(axis=-1).sum()])
        return [*_sparse(rows), np.array(sums, logits.dtype)]

    return _decoded(decode, inputs, sequence_length, "CTCGreedyDecoder", 1)


@export("nn.ctc_beam_search_decoder")
def ctc_beam_search_decoder(inputs: Any, sequence_length: Any, beam_width: int = 100,
                            top_paths: int = 1, merge_repeated: bool = True) -> Any:  # fmt: skip
    """The likeliest labellings by a search along `beam_width` prefixes; the last class is blank.

    Returns (a SparseTensor for each of `top_paths`, their log probabilities (rows, top_paths)).
    """

    def decode(logits: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
        found = [_beam(row[:n], beam_width)[:top_paths]
                 for row, n in zip(np.swapaxes(logits, 0, 1), lengths)]  # fmt: skip
        parts = [x for k in range(top_paths) for x in _sparse([row[k][0] for row in found])]
        scores = [[score for _, score in row] for row in found]
        return [*parts, np.array(scores, logits.dtype)]

    return _decoded(decode, inputs, sequence_length, "CTCBeamSearchDecoder", top_paths)


def _decoded(decode: Any, inputs: Any, lengths: Any, name: str, paths: int) -> Any:
    kind = get("convert_to_tensor", 2 if state.graph() is None else 1)(inputs).dtype
    types = [("int64", [None, 2]), ("int64", [None]), ("int64", [2])] * paths
    *parts, scores = _in_python(decode, [inputs, lengths], [*types, (kind, [None, paths])], name)
    return [SparseTensor(*parts[i : i + 3]) for i in range(0, len(parts), 3)], scores


def _beam(logits: np.ndarray, width: int) -> list[tuple[tuple[int, ...], float]]:
    """Labellings and their log probabilities, the likeliest first."""
    steps = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    blank = logits.shape[-1] - 1
    # of each prefix: the log probabilities that it ends in a blank, and that it does not
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -np.inf)}
    for p in steps.astype(float):
        after: dict[tuple[int, ...], tuple[float, float]] = {}
        for prefix, (b, n) in beams.items():
            _add(after, prefix, np.logaddexp(b, n) + p[blank], -np.inf)
            for label in range(blank):
                repeated = bool(prefix) and prefix[-1] == label
                if repeated:
                    _add(after, prefix, -np.inf, n + p[label])
                before = b if repeated else np.logaddexp(b, n)
                _add(after, (*prefix, label), -np.inf, before + p[label])
        best = sorted(after.items(), key=lambda item: -np.logaddexp(*item[1]))
        beams = dict(best[:width])
    return [(prefix, float(np.logaddexp(*ends))) for prefix, ends in beams.items()]


def _add(beams: dict[Any, Any], prefix: tuple[int, ...], blank: float, other: float) -> None:
    """Two more log probabilities for a prefix: that it ends in a blank, and that it does not."""
    b, n = beams.get(prefix, (-np.inf, -np.inf))
    beams[prefix] = np.logaddexp(b, blank), np.logaddexp(n, other)


@export("edit_distance")
def edit_distance(hypothesis: SparseTensor, truth: SparseTensor, normalize: bool = True,
                  name: str | None = None) -> Any:  # fmt: skip
    """Levenshtein's distance of each row (rows, length), divided by the length of the truth."""

    def distances(*parts: np.ndarray) -> list[np.ndarray]:
        count = int(max(parts[2][0], parts[5][0]))
        pairs = zip(_rows(parts[0], parts[1], count), _rows(parts[3], parts[4], count))
        return [np.array([_distance(a, b, normalize) for a, b in pairs], "float32")]

    types = [("float32", [None])]
    return _in_python(distances, [*hypothesis, *truth], types, "EditDistance")[0]


def _distance(a: Sequence[Any], b: Sequence[Any], normalize: bool) -> float:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    if not normalize:
        return float(row[-1])
    return row[-1] / len(b) if b else float("inf") if a else 0.0


@replaces("strings.split")
def split(input: Any, sep: Any = None, maxsplit: int = -1, name: str | None = None) -> Any:
    """The words of strings with equally many: a dense tensor of the graph."""
    return get("_split_evenly")(input, sep)
