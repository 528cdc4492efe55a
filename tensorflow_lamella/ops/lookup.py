"""tf.lookup: tables from keys to values, strings or integers, where keys are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorflow_lamella.core import state
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dispatch import wrap
from tensorflow_lamella.core.dtypes import as_dtype
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.errors import FailedPreconditionError, unsupported
from tensorflow_lamella.io.files import path_of
from tensorflow_lamella.names import export


@export("lookup.KeyValueTensorInitializer")
class KeyValueTensorInitializer:
    """Keys and values given as tensors."""

    def __init__(self, keys: Any, values: Any, key_dtype: Any = None, value_dtype: Any = None,
                 name: Any = None) -> None:  # fmt: skip
        self.keys = np.asarray(to_array(keys))
        self.values = np.asarray(to_array(values))
        if key_dtype is not None:
            self.keys = self.keys.astype(as_dtype(key_dtype).dtype)
        if value_dtype is not None:
            self.values = self.values.astype(as_dtype(value_dtype).dtype)


@export("lookup.TextFileIndex")
class TextFileIndex:
    """Which part of a line: all of it, or its number."""

    WHOLE_LINE, LINE_NUMBER = -2, -1


@export("lookup.TextFileInitializer")
class TextFileInitializer(KeyValueTensorInitializer):
    """Keys and values from the lines of a file."""

    def __init__(self, filename: Any, key_dtype: Any, key_index: Any, value_dtype: Any,
                 value_index: Any, vocab_size: Any = None, delimiter: str = "\t", name: Any = None,
                 value_index_offset: int = 0) -> None:  # fmt: skip
        with open(path_of(filename), encoding="utf-8") as file:
            lines = [line.rstrip("\r\n") for line in file][:vocab_size]

        def column(index: int, dtype: Any) -> list[Any]:
            if index == TextFileIndex.LINE_NUMBER:
                return [i + value_index_offset for i in range(len(lines))]
            texts = lines if index == TextFileIndex.WHOLE_LINE else [
                line.split(delimiter)[index] for line in lines
            ]  # fmt: skip
            kind = as_dtype(dtype)
            return texts if kind.name == "string" else [kind.as_numpy_dtype(t) for t in texts]

        keys, values = column(key_index, key_dtype), column(value_index, value_dtype)
        super().__init__(keys, values, key_dtype, value_dtype)


@export("lookup.StaticHashTable")
class StaticHashTable:
    """A table; `lookup` gives the default value for keys that are not in it."""

    def __init__(self, initializer: Any, default_value: Any, num_oov_buckets: Any = None,
                 name: Any = None) -> None:  # fmt: skip
        self._value_dtype = initializer.values.dtype
        pairs = zip(initializer.keys.reshape(-1).tolist(), initializer.values.reshape(-1).tolist())
        self._table: dict[Any, Any] = {}
        for key, value in pairs:
            if self._table.setdefault(key, value) != value:
                raise FailedPreconditionError(f"the key {key!r} has two values in the table")
        self._default = np.asarray(to_array(default_value)).item()

    def lookup(self, keys: Any, name: Any = None) -> Tensor:
        """The values of `keys`, in their shape."""
        array = to_array(keys)
        if state.is_traced_value(array):
            raise unsupported("a table's lookup inside of a compiled function",
                              "look up before, in Dataset.map")  # fmt: skip
        flat = [
            self._table.get(key, self._default) for key in np.asarray(array).reshape(-1).tolist()
        ]
        out = np.empty(len(flat), self._value_dtype)
        out[:] = flat
        return wrap(out.reshape(array.shape))

    __getitem__ = lookup

    def size(self, name: Any = None) -> Tensor:
        """How many keys there are."""
        return wrap(np.array(len(self._table), np.int64))


@export("lookup.StaticVocabularyTable")
class StaticVocabularyTable(StaticHashTable):
    """A table whose missing keys go to buckets after its values."""

    def __init__(self, initializer: Any, num_oov_buckets: int, lookup_key_dtype: Any = None,
                 name: Any = None) -> None:  # fmt: skip
        super().__init__(initializer, len(initializer.values))
        self._buckets = int(num_oov_buckets)

    def lookup(self, keys: Any, name: Any = None) -> Tensor:
        """The numbers of `keys`."""
        import zlib

        found = super().lookup(keys).numpy()
        array = np.asarray(to_array(keys))
        out = np.array(found)
        for index, key in np.ndenumerate(array):
            if key not in self._table:
                text = key if isinstance(key, bytes) else str(key).encode()
                out[index] = len(self._table) + zlib.crc32(text) % self._buckets
        return wrap(out)
