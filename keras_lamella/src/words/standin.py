"""What Keras's layers for words ask TensorFlow for when they are made: names and tables."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np


class Weights(np.ndarray):
    """An array with the method by which Keras reads a tensor's numbers."""

    def numpy(self) -> np.ndarray:
        """The numbers."""
        return np.asarray(self)


class Variable:
    """Numbers that can be replaced."""

    def __init__(self, value: Any, dtype: Any = None, trainable: bool = False) -> None:
        self.assign(np.asarray(value, dtype))

    def assign(self, value: Any) -> None:
        self._value = np.array(value).view(Weights)

    def value(self) -> Weights:
        return self._value


class DType(str):
    """The name of a dtype."""

    @property
    def name(self) -> str:
        return str(self)

    @property
    def is_integer(self) -> bool:
        return self.startswith("int")

    @property
    def max(self) -> int:
        return np.iinfo(str(self)).max


class Table:
    """A dictionary in an object of its own: Keras copies dictionaries that are attributes."""

    def __init__(self, found: dict[Any, Any]) -> None:
        self.found = found


class NoDataset:
    """No object is one."""


tensorflow = SimpleNamespace(
    available=True,
    as_dtype=DType,
    string=DType("string"),
    convert_to_tensor=lambda x, dtype=None: (
        x if dtype in ("string", None) else np.asarray(x, dtype)
    ),
    is_tensor=lambda x: False,
    executing_eagerly=lambda: True,
    init_scope=contextlib.nullcontext,
    Variable=Variable,
    data=SimpleNamespace(Dataset=NoDataset),
    io=SimpleNamespace(gfile=SimpleNamespace(exists=os.path.exists, join=os.path.join)),
    lookup=SimpleNamespace(
        experimental=SimpleNamespace(MutableHashTable=lambda **types: Table(Counter()))
    ),
)
