"""TextVectorization on NumPy."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from keras.src.api_export import keras_export
from keras.src.layers.preprocessing import text_vectorization

from keras_lamella.src.tensor import convert_to_tensor
from keras_lamella.src.words.arrays import Rows, words
from keras_lamella.src.words.host import on_host
from keras_lamella.src.words.lookup import batches

PUNCTUATION = re.compile(rb"[!\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']")


@keras_export("keras.layers.TextVectorization")
class TextVectorization(text_vectorization.TextVectorization):
    __doc__ = text_vectorization.TextVectorization.__doc__

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """See `keras.layers.TextVectorization.adapt`; `data` may be any iterable of batches."""
        self.reset_state()
        for batch in batches(data, steps, words):
            self.update_state(batch)
        self.finalize_state()

    @on_host
    def call(self, inputs: Any) -> Any:
        """The words of each text as numbers."""
        found = self._lookup_layer.call(self._preprocess(inputs))
        if self._output_mode != "int":
            return found
        width = self._output_sequence_length
        if isinstance(found, Rows):
            return convert_to_tensor(found.padded(width))
        if width is None:
            return found
        found = found[..., :width]
        missing = [(0, 0)] * (found.ndim - 1) + [(0, width - found.shape[-1])]
        return convert_to_tensor(np.pad(found, missing))

    def _preprocess(self, inputs: Any) -> np.ndarray | Rows:
        """Words: standardized, split, joined to n-grams."""
        texts = self._standardized(inputs)
        parts = texts if self._split is None else self._parts(texts)
        if self._ngrams is None:
            return parts
        joined = [[b" ".join(row[i : i + n]) for n in self._ngrams for i in range(len(row) - n + 1)]
                  for row in map(list, parts)]  # fmt: skip
        return Rows.of(joined)

    def _standardized(self, inputs: Any) -> np.ndarray:
        if callable(self._standardize):
            texts = words(inputs)
            plain = np.array([t.decode(self._encoding) for t in texts.ravel()], str)
            return words(np.asarray(self._standardize(plain.reshape(texts.shape))))
        out = words(inputs)
        flat = out.ravel()
        if self._standardize in ("lower", "lower_and_strip_punctuation"):
            flat[:] = [text.lower() for text in flat]
        if self._standardize in ("strip_punctuation", "lower_and_strip_punctuation"):
            flat[:] = [PUNCTUATION.sub(b"", text) for text in flat]
        return out

    def _parts(self, texts: np.ndarray) -> Rows | np.ndarray:
        if texts.ndim > 1:
            if texts.shape[-1] != 1:
                raise ValueError(
                    "When using `TextVectorization` to tokenize strings, the input rank must be 1 "
                    "or the last shape dimension must be 1. Received: "
                    f"inputs.shape={texts.shape} with rank={texts.ndim}"
                )
            texts = texts[..., 0]
        if texts.ndim == 0:
            return next(iter(self._rows(texts[None])))
        return self._rows(texts)

    def _rows(self, texts: np.ndarray) -> Rows:
        if self._split == "whitespace":
            return Rows.of(text.split() for text in texts)
        if self._split == "character":
            return Rows.of(list(text.decode()) for text in texts)
        return Rows.of(self._split(np.array([t.decode(self._encoding) for t in texts], str)))


TextVectorization.__module__ = text_vectorization.TextVectorization.__module__
