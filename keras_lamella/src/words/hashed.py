"""Hashing and HashedCrossing on NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras.src import tree
from keras.src.api_export import keras_export
from keras.src.layers.preprocessing import hashed_crossing
from keras.src.layers.preprocessing import hashing as keras_hashing

from keras_lamella.src.tensor import convert_to_tensor
from keras_lamella.src.words import hashing
from keras_lamella.src.words.arrays import concrete, each, encode, words
from keras_lamella.src.words.host import on_host


@keras_export("keras.layers.Hashing")
class Hashing(keras_hashing.Hashing):
    __doc__ = keras_hashing.Hashing.__doc__

    @on_host
    def call(self, inputs: Any) -> Any:
        """The bucket of each word or number."""
        inputs = concrete(inputs, self)
        reserved = 1 if self.mask_value is not None and self.num_bins > 1 else 0
        bins = self.num_bins - reserved
        texts = words(inputs.astype(np.int64) if inputs.dtype.kind == "f" else inputs)
        found = each(lambda text: self._hash(text) % bins + reserved, texts)
        if reserved:
            found = np.where(texts == words(self.mask_value), 0, found)
        return convert_to_tensor(encode(found, self.output_mode, self.num_bins), self.dtype)

    def _hash(self, text: bytes) -> int:
        return hashing.sip_hash(text, self.salt) if self.salt else hashing.farm_hash(text)


@keras_export("keras.layers.HashedCrossing")
class HashedCrossing(hashed_crossing.HashedCrossing):
    __doc__ = hashed_crossing.HashedCrossing.__doc__

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Words and numbers may stand side by side: Keras takes lists for both."""
        if any(isinstance(x, np.ndarray) and x.dtype.kind in "USO" for x in tree.flatten(inputs)):
            inputs = tree.map_structure(lambda x: np.asarray(x).tolist(), inputs)
        return super().__call__(inputs, *args, **kwargs)

    @on_host
    def call(self, inputs: Any) -> Any:
        """The bucket of each combination."""
        self._check_at_least_two_inputs(inputs)
        columns = [concrete(x, self) for x in inputs]
        self._check_input_shape_and_type(columns)
        shape = columns[0].shape
        features = [(words(c) if c.dtype.kind in "USO" else c).ravel().tolist() for c in columns]
        found = [hashing.cross_hash(row) % self.num_bins for row in zip(*features)]
        encoded = encode(np.array(found).reshape(shape), self.output_mode, self.num_bins)
        return convert_to_tensor(encoded, self.dtype)

    def _check_input_shape_and_type(self, inputs: Any) -> None:
        shape = inputs[0].shape
        if len(shape) > 2 or (len(shape) == 2 and shape[-1] != 1):
            raise ValueError(
                "All `HashedCrossing` inputs should have shape `()`, `(batch_size)` or "
                f"`(batch_size, 1)`. Received: inputs={inputs}"
            )
        if any(x.shape != shape for x in inputs):
            raise ValueError(
                f"All `HashedCrossing` inputs should have equal shape. Received: inputs={inputs}"
            )
        if any(x.dtype.kind not in "iuUSO" for x in inputs):
            raise ValueError(
                "All `HashedCrossing` inputs should have an integer or string dtype. "
                f"Received: inputs={inputs}"
            )


for _layer in (Hashing, HashedCrossing):
    _layer.__module__ = _layer.__base__.__module__
