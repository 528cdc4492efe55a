"""The backend, in the layout in which Keras looks for it."""

from keras_lamella.src import random
from keras_lamella.src.ops import core, image, linalg, math, nn, numpy
from keras_lamella.src.ops.core import (
    IS_THREAD_SAFE,
    SUPPORTS_COMPLEX_DTYPES,
    SUPPORTS_RAGGED_TENSORS,
    SUPPORTS_SPARSE_TENSORS,
    Variable,
    cast,
    compute_output_spec,
    cond,
    convert_to_numpy,
    convert_to_tensor,
    device_scope,
    is_tensor,
    name_scope,
    random_seed_dtype,
    scatter,
    shape,
    stop_gradient,
    vectorized_map,
)
from keras_lamella.src.rnn import (
    bidirectional_gru,
    bidirectional_lstm,
    cudnn_ok,
    gru,
    lstm,
    rnn,
)

distribution_lib = None

__all__ = [
    "IS_THREAD_SAFE", "SUPPORTS_COMPLEX_DTYPES", "SUPPORTS_RAGGED_TENSORS",
    "SUPPORTS_SPARSE_TENSORS", "Variable", "bidirectional_gru", "bidirectional_lstm", "cast",
    "compute_output_spec", "cond", "convert_to_numpy", "convert_to_tensor", "core", "cudnn_ok",
    "device_scope", "distribution_lib", "gru", "image", "is_tensor", "linalg", "lstm", "math",
    "name_scope", "nn", "numpy", "random", "random_seed_dtype", "rnn", "scatter", "shape",
    "stop_gradient", "vectorized_map",
]  # fmt: skip
