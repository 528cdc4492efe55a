"""`keras.backend` as it was: everything a program wrote `K.` for.

The functions of tensors are in `backend_ops`; here are variables, random numbers, the learning
phase, and what belonged to graphs and sessions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tensorflow_lamella.keras import backend_ops, symbolic

globals().update({name: getattr(backend_ops, name) for name in backend_ops.__all__})

# -- variables and constants -------------------------------------------------------------------


def variable(
    value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None
) -> keras.Variable:
    return keras.Variable(np.asarray(value), dtype=dtype or keras.config.floatx(), name=name)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    x = ops.convert_to_tensor(value, dtype=dtype or keras.config.floatx())
    return x if shape is None else ops.broadcast_to(x, shape)


def placeholder(
    shape: Any = None, ndim: int | None = None, dtype: Any = None, sparse: bool = False,
    name: str | None = None,
) -> Any:  # fmt: skip
    """A symbolic input: `keras.Input`."""
    shape = (None,) * (ndim or 0) if shape is None else tuple(shape)
    return keras.Input(batch_shape=shape, dtype=dtype, name=name)


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> keras.Variable:
    return variable(np.zeros(shape), dtype, name)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> keras.Variable:
    return variable(np.ones(shape), dtype, name)


def get_variable_shape(x: Any) -> tuple[int | None, ...]:
    return tuple(x.shape)


def is_placeholder(x: Any) -> bool:
    """Is `x` an input of a functional model?"""
    operation = getattr(getattr(x, "_keras_history", None), "operation", None)
    return isinstance(operation, keras.layers.InputLayer)


def cast_to_floatx(x: Any) -> Any:
    return np.asarray(x, dtype=keras.config.floatx())


def reset_uids() -> None:
    """Names of layers count from the beginning again."""
    keras.utils.clear_session()


def zeros_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    return ops.zeros_like(x, dtype)


def ones_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    return ops.ones_like(x, dtype)


def get_value(x: Any) -> Any:
    """The numbers of a variable or of an array."""
    return ops.convert_to_numpy(x)


eval = get_value


def set_value(x: Any, value: Any) -> None:
    x.assign(value)


def batch_get_value(tensors: Sequence[Any]) -> list[Any]:
    return [get_value(x) for x in tensors]


def batch_set_value(tuples: Sequence[tuple[Any, Any]]) -> None:
    for x, value in tuples:
        set_value(x, value)


def update(x: Any, new_x: Any) -> Any:
    """The new value; of a symbolic one the pair, for the `updates` of a function."""
    return (x, new_x) if symbolic.holds_symbols(new_x) else x.assign(new_x)


def update_add(x: Any, increment: Any) -> Any:
    return update(x, x + increment)


def update_sub(x: Any, decrement: Any) -> Any:
    return update(x, x - decrement)


def moving_average_update(x: Any, value: Any, momentum: float) -> Any:
    return update(x, x * momentum + value * (1.0 - momentum))


def count_params(x: Any) -> int:
    return int(np.prod(x.shape))


def shape(x: Any) -> tuple[Any, ...]:
    return symbolic.shape_of(x)


def int_shape(x: Any) -> tuple[int | None, ...]:
    return tuple(x.shape)


def ndim(x: Any) -> int:
    return len(x.shape)


def dtype(x: Any) -> str:
    return keras.backend.standardize_dtype(x.dtype)


def is_sparse(x: Any) -> bool:
    return False


def to_dense(x: Any) -> Any:
    return x


def identity(x: Any, name: str | None = None) -> Any:
    return x  # values do not change


# -- random numbers ----------------------------------------------------------------------------


def _drawn(draw: Any, shape: Any, dtype: Any, first: float, second: float, seed: Any) -> Any:
    dtype = dtype or keras.config.floatx()
    return symbolic.shaped(lambda sizes: draw(sizes, first, second, dtype, seed), shape, dtype)


def random_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    return _drawn(keras.random.normal, shape, dtype, mean, stddev, seed)


def random_uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    return _drawn(keras.random.uniform, shape, dtype, minval, maxval, seed)


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    return _drawn(keras.random.truncated_normal, shape, dtype, mean, stddev, seed)


def random_bernoulli(shape: Any, p: float = 0.0, dtype: Any = None, seed: Any = None) -> Any:
    draws = random_uniform(shape, seed=seed)
    return ops.cast(draws < p, dtype or keras.config.floatx())


random_binomial = random_bernoulli


def random_normal_variable(
    shape: Any, mean: float, scale: float, dtype: Any = None, name: str | None = None,
    seed: Any = None,
) -> keras.Variable:  # fmt: skip
    return variable(random_normal(shape, mean, scale, dtype, seed), dtype, name)


def random_uniform_variable(
    shape: Any, low: float, high: float, dtype: Any = None, name: str | None = None,
    seed: Any = None,
) -> keras.Variable:  # fmt: skip
    return variable(random_uniform(shape, low, high, dtype, seed), dtype, name)


# -- graphs and sessions -----------------------------------------------------------------------

function, gradients = symbolic.function, symbolic.gradients

_phase = [0]


def learning_phase() -> int:
    return _phase[0]


def set_learning_phase(value: int) -> None:
    """Kept for `learning_phase()`; models take `training=` when they are called."""
    _phase[0] = int(value)


@contextlib.contextmanager
def learning_phase_scope(value: int) -> Iterator[None]:
    before, _phase[0] = _phase[0], int(value)
    try:
        yield
    finally:
        _phase[0] = before


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    chosen = x if (learning_phase() if training is None else training) else alt
    return chosen() if callable(chosen) else chosen


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    return in_train_phase(alt, x, training)


@contextlib.contextmanager
def name_scope(name: str) -> Iterator[None]:
    with keras.name_scope(name):
        yield


def get_session() -> Any:
    """A session of TensorFlow 1."""
    import tensorflow as tf  # type: ignore[import-untyped]

    return tf.compat.v1.get_default_session() or tf.compat.v1.Session()


def set_session(session: Any) -> None:
    """Nothing: a session chose devices and memory of the graphics card."""


def manual_variable_initialization(value: bool) -> None:
    """Nothing: variables have their first value when they are made."""


def image_data_format() -> str:
    return keras.config.image_data_format()


def image_dim_ordering() -> str:
    return "tf" if image_data_format() == "channels_last" else "th"


def set_image_dim_ordering(dim_ordering: str) -> None:
    keras.config.set_image_data_format(
        {"tf": "channels_last", "th": "channels_first"}[dim_ordering]
    )


def print_tensor(x: Any, message: str = "") -> Any:
    print(message, x)
    return x


__all__ = sorted(
    {*backend_ops.__all__, "function", "gradients"}
    | {
        name
        for name, thing in list(globals().items())
        if getattr(thing, "__module__", None) == __name__ and not name.startswith("_")
    }
)
