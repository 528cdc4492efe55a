"""StringLookup and IntegerLookup on NumPy; integers are looked up in compiled steps as well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from keras.src.api_export import keras_export
from keras.src.backend import config
from keras.src.layers.preprocessing import index_lookup, integer_lookup, string_lookup
from keras.src.utils import numerical_utils

from keras_lamella.src.tensor import convert_to_tensor
from keras_lamella.src.words import hashing
from keras_lamella.src.words.arrays import Rows, encode, numbers, words
from keras_lamella.src.words.host import on_host
from keras_lamella.src.words.standin import Table, Variable
from lamella.frontend.functions import gather
from lamella.frontend.tracer import Tracer


def batches(data: Any, steps: int | None, of_arrays: Any) -> Iterable[Any]:
    """The batches of what `adapt` is given; an array or list is one, [rows, 1] at least."""
    if isinstance(data, (list, tuple, np.ndarray)) or not hasattr(data, "__iter__"):
        array = of_arrays(data)
        yield array[:, None] if array.ndim == 1 else array
        return
    for i, batch in enumerate(data):
        if steps is not None and i >= steps:
            return
        yield batch


class Lookup(index_lookup.IndexLookup):
    """What both lookups share: a dictionary from keys to values, as `lookup_table`."""

    def _keys(self, x: Any) -> Any:
        raise NotImplementedError

    def _uninitialized_lookup_table(self) -> Table:
        return Table({})

    def _lookup_table_from_tokens(self, tokens: Sequence[Any]) -> Table:
        keys = self._own(np.asarray(tokens)).tolist()
        indices = range(self._token_start_index(), self._token_start_index() + len(keys))
        return Table(dict(zip(indices, keys) if self.invert else zip(keys, indices)))

    def _own(self, tokens: np.ndarray) -> np.ndarray:
        return words(tokens) if self.vocabulary_dtype == "string" else tokens.astype(np.int64)

    def _lookup_table_from_file(self, filename: str) -> Table:
        with open(filename, "rb") as file:
            tokens = file.read().splitlines()
        own = tokens if self.vocabulary_dtype == "string" else [int(t) for t in tokens]
        return self._lookup_table_from_tokens(own)

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """See `keras.layers.StringLookup.get_vocabulary`."""
        pairs = self.lookup_table.found.items()
        by_index = dict(pairs) if self.invert else {i: token for token, i in pairs}
        found = [by_index.get(i, self.oov_token) for i in range(self.vocabulary_size())]
        if self.mask_token is not None and self.output_mode == "int":
            found[0] = self.mask_token
        found = [w.decode() if isinstance(w, bytes) else w for w in found]
        return found if include_special_tokens else found[self._token_start_index() :]

    def vocabulary_size(self) -> int:
        """The size of the vocabulary, with the mask and the words that stand for unknown ones."""
        return len(self.lookup_table.found) + self._token_start_index()

    # ---- adapt -------------------------------------------------------------------------------

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """See `keras.layers.StringLookup.adapt`; `data` may be any iterable of batches."""
        self.reset_state()
        for batch in batches(data, steps, lambda x: self._own(np.asarray(x))):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the tokens of a batch: rows are documents."""
        if self._has_input_vocabulary:
            raise ValueError(
                f"Cannot adapt layer '{self.name}' after setting a static vocabulary via "
                "`vocabulary` argument or `set_vocabulary()` method."
            )
        rows = data if isinstance(data, Rows) else np.atleast_2d(self._own(np.asarray(data)))
        for row in rows:
            tokens = row.ravel().tolist()
            self.token_counts.found.update(tokens)
            if self.output_mode == "tf_idf":
                self.token_document_counts.found.update(set(tokens))
                self.num_documents.assign(self.num_documents.value() + 1)

    def finalize_state(self) -> None:
        """Make the vocabulary: the most frequent tokens, the larger one first where equal."""
        if self._has_input_vocabulary or not self.token_counts.found:
            if self.output_mode == "tf_idf":
                self.idf_weights_const = self.idf_weights.value()
            self._record_vocabulary_size()
            return
        found = self.token_counts.found
        for special in (self.mask_token, self.oov_token):
            if special is not None:
                found.pop(self._own(np.asarray(special)).item(), None)
        start = self._token_start_index()
        tokens = sorted(found, key=lambda t: (found[t], t), reverse=True)
        if self.max_tokens:
            tokens = tokens[: self.max_tokens - start]
        table = np.empty(len(tokens), object)
        table[:] = tokens
        self.lookup_table = self._lookup_table_from_tokens(table)
        if self.output_mode == "tf_idf":
            self._weigh(tokens, start)
        self.reset_state()
        self._record_vocabulary_size()

    def _weigh(self, tokens: Sequence[Any], start: int) -> None:
        """Inverse document frequencies; unknown words weigh as much as the mean."""
        documents = np.array([self.token_document_counts.found[t] for t in tokens])
        weights = np.log(1 + self.num_documents.value().numpy() / (1 + documents))
        weights = np.pad(weights, (start, 0), constant_values=weights.mean())
        if self.pad_to_max_tokens and self.max_tokens is not None:
            weights = np.pad(weights, (0, self.max_tokens - len(weights)))
        self.idf_weights = Variable(weights, config.floatx())
        self.idf_weights_const = self.idf_weights.value()

    def reset_state(self) -> None:
        """Forget what has been counted."""
        if self._has_input_vocabulary:
            return
        self.token_counts = Table(Counter())
        if self.output_mode == "tf_idf":
            self.token_document_counts = Table(Counter())
            self.num_documents.assign(0)

    # ---- call ----------------------------------------------------------------------------------

    @on_host
    def call(self, inputs: Any) -> Any:
        """The numbers of tokens, or the tokens of numbers."""
        self._ensure_known_vocab_size()
        keys = inputs if isinstance(inputs, Rows) else self._keys(inputs)
        if isinstance(keys, Tracer):
            return self._encode_traced(self._traced(keys))
        found = self._lookup(keys.values if isinstance(keys, Rows) else keys)
        if self.invert:
            return found
        if isinstance(keys, Rows):
            found = Rows(found, keys.lengths)
        if self.output_mode == "int":
            return found if isinstance(found, Rows) else convert_to_tensor(found)
        return self._weighted(convert_to_tensor(encode(found, self._counting(), self._depth())))

    def _depth(self) -> int:
        return self.max_tokens if self.pad_to_max_tokens else self._frozen_vocab_size

    def _counting(self) -> str:
        return "count" if self.output_mode == "tf_idf" else self.output_mode

    def _weighted(self, encoded: Any) -> Any:
        if self.output_mode != "tf_idf":
            return encoded
        return encoded.astype(config.floatx()) * np.asarray(self.idf_weights_const)

    def _lookup(self, keys: np.ndarray) -> np.ndarray:
        flat = keys.ravel().tolist()
        table = self.lookup_table.found
        if self.invert:
            return self._tokens(flat, keys.shape)
        found = np.array(list(map(table.get, flat, repeat(-1))), np.int64)
        if self.mask_token is not None:
            mask = self._own(np.asarray(self.mask_token)).item()
            found[[key == mask for key in flat]] = self._mask_value
        unknown = np.flatnonzero(found == -1)
        if unknown.size and not self.num_oov_indices:
            raise ValueError(
                "When `num_oov_indices=0` all inputs should be in vocabulary, found OOV values "
                f"{[flat[i] for i in unknown[:10]]}, consider setting `num_oov_indices=1`."
            )
        found[unknown] = [self._oov_start_index() + self._bucket(flat[i]) for i in unknown]
        return found.reshape(keys.shape)

    def _tokens(self, indices: Sequence[int], shape: tuple[int, ...]) -> np.ndarray:
        """The tokens of the indices; unknown ones are the oov token, index 0 is the mask's."""
        table = dict(self.lookup_table.found)
        if self.mask_token is not None:
            table[0] = self.mask_token
        found = [table.get(i, self.oov_token) for i in indices]
        if self.vocabulary_dtype == "string":
            return words(np.array(found, object)).reshape(shape)
        return np.array(found, np.int64).reshape(shape)

    def _bucket(self, key: Any) -> int:
        """Which of the numbers for unknown tokens."""
        n = self.num_oov_indices
        if n == 1:
            return 0
        if not isinstance(key, bytes):
            if self.oov_method != "farmhash":
                return key % n
            key = str(key).encode()
        return (hashing.sip_hash(key, self.salt) if self.salt else hashing.farm_hash(key)) % n

    def _traced(self, x: Any) -> Any:
        raise NotImplementedError

    def _encode_traced(self, found: Any) -> Any:
        mode, depth = self._counting(), self._depth() if self.output_mode != "int" else None
        encoded = numerical_utils.encode_categorical_inputs(found, mode, depth, "int32")
        return self._weighted(encoded)


@keras_export("keras.layers.StringLookup")
class StringLookup(Lookup, string_lookup.StringLookup):
    __doc__ = string_lookup.StringLookup.__doc__

    def _keys(self, x: Any) -> Any:
        return np.asarray(x).astype(np.int64) if self.invert else words(x)


@keras_export("keras.layers.IntegerLookup")
class IntegerLookup(Lookup, integer_lookup.IntegerLookup):
    __doc__ = integer_lookup.IntegerLookup.__doc__

    def _keys(self, x: Any) -> Any:
        x = numbers(x)
        return x if isinstance(x, Tracer) else x.astype(np.int64)

    def _traced(self, x: Any) -> Any:
        """The lookup as arrays: keys in order, and their values."""
        if self.num_oov_indices == 0 or self.oov_method == "farmhash":
            return np.asarray(x)  # says that numbers are needed
        x = x.astype(np.int64)
        if not self.lookup_table.found:
            return x * 0 + self._oov_start_index()
        keys, values = (np.array(part) for part in zip(*sorted(self.lookup_table.found.items())))
        place = np.minimum(np.searchsorted(keys, x), len(keys) - 1)
        if self.invert:
            unknown: Any = np.int64(self.oov_token)
        else:
            unknown = self._oov_start_index() + x % self.num_oov_indices
        found = np.where(gather(keys, place) == x, gather(values, place), unknown)
        if self.mask_token is not None:
            key, value = (
                (0, self.mask_token) if self.invert else (self.mask_token, self._mask_value)
            )
            found = np.where(x == key, np.int64(value), found)
        return found


for _layer in (StringLookup, IntegerLookup):
    _layer.__module__ = _layer.__mro__[2].__module__
