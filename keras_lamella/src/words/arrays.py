"""Words as arrays of bytes, and rows of different lengths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamella.frontend.tracer import ConcreteValueError, Tracer


def words(x: Any) -> np.ndarray:
    """Strings, bytes, numbers or nested lists of them as an object array of bytes (UTF-8)."""
    array = x if isinstance(x, np.ndarray) else np.asarray(x, object if _ragged(x) else None)
    out = np.empty(array.shape, object)
    out.ravel()[:] = [_bytes(w) for w in array.ravel().tolist()]
    return out


def _ragged(x: Any) -> bool:
    return isinstance(x, (list, tuple)) and len(x) > 0 and isinstance(x[0], bytes)


def _bytes(word: Any) -> bytes:
    if isinstance(word, bytes):
        return word
    if isinstance(word, float):
        word = int(word)
    return str(word).encode()


def numbers(x: Any) -> Any:
    """Whole numbers as they are; a traced value stays one, also inside of TensorFlow's tensors."""
    if hasattr(x, "__lamella_array__"):
        x = x.__lamella_array__()
    return x if isinstance(x, Tracer) else np.asarray(x)


def concrete(x: Any, layer: Any) -> Any:
    """`x`, unless its numbers are not known: words are looked up where there are words."""
    if type(x) is not np.ndarray and isinstance(x, Tracer) and not hasattr(x, "array"):
        raise ConcreteValueError(
            f"{type(layer).__name__} hashes numbers, which a compiled step cannot; steps of this "
            "model run eagerly (jit_compile=False)"
        )
    return np.asarray(x)


def each(f: Callable[[Any], Any], x: np.ndarray, dtype: Any = np.int64) -> np.ndarray:
    """`f` of every element, computed once for equal ones."""
    known: dict[Any, Any] = {}
    flat = x.ravel().tolist()
    for value in flat:
        if value not in known:
            known[value] = f(value)
    out = np.empty(len(flat), dtype)
    out[:] = [known[value] for value in flat]
    return out.reshape(x.shape)


@dataclass
class Rows:
    """Rows of different lengths: `values` holds one after the other."""

    values: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, rows: Iterable[Sequence[Any]]) -> Rows:
        parts = [row if type(row) is list else words(np.asarray(row)).tolist() for row in rows]
        values = np.empty(sum(map(len, parts)), object)
        values[:] = [_bytes(word) for part in parts for word in part]
        return cls(values, np.array([len(part) for part in parts], np.int64))

    def __iter__(self) -> Any:
        ends = np.cumsum(self.lengths)
        return (self.values[end - n : end] for end, n in zip(ends, self.lengths))

    def padded(self, width: int | None, fill: Any = 0) -> np.ndarray:
        """[rows, width]: what is longer is cut, what is shorter filled; None: as wide as needed."""
        if width is None:
            width = int(self.lengths.max(initial=0))
        out = np.full((len(self.lengths), width), fill, self.values.dtype)
        for row, part in zip(out, self):
            row[: len(part)] = part[:width]
        return out


def counts(x: np.ndarray | Rows, depth: int, binary: bool) -> np.ndarray:
    """How often each number below `depth` stands in every row (the last axis of an array)."""
    if isinstance(x, Rows):
        row = np.repeat(np.arange(len(x.lengths)), x.lengths)
        values, shape = x.values.astype(np.int64), (len(x.lengths),)
    else:
        shape = x.shape[:-1]
        row = np.repeat(np.arange(int(np.prod(shape))), x.shape[-1])
        values = x.reshape(-1)
    inside = (values >= 0) & (values < depth)
    out = np.zeros((int(np.prod(shape)), depth), np.int64)
    np.add.at(out, (row[inside], values[inside]), 1)
    out = out.reshape(*shape, depth)
    return np.minimum(out, 1) if binary else out


def encode(x: Any, mode: str, depth: int) -> np.ndarray:
    """Numbers as `output_mode` says: int, one_hot, multi_hot or count."""
    if mode == "int":
        return x
    if mode == "one_hot":
        x = x[..., 0] if x.ndim > 1 and x.shape[-1] == 1 else np.atleast_1d(x)
        return np.equal(x[..., None], np.arange(depth)).astype(np.int64)
    return counts(x if isinstance(x, Rows) else np.atleast_1d(x), depth, mode == "multi_hot")
