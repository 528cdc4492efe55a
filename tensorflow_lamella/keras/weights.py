"""Weights of layers that a program defines, as each Keras let it make them.

Keras 1: `self.W = self.init((n, m), name="W")` and `self.trainable_weights = [self.W]`, or
`add_weight(shape, initializer, name)`; Keras 2: `add_weight(name, shape, dtype, initializer)`.
Initializers were functions of a shape and a name.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras.src.backend.common import KerasVariable
from keras.src.layers.layer import Layer

KERAS_1 = ("shape", "initializer", "name", "trainable", "regularizer", "constraint")
KERAS_3 = ("shape", "initializer", "dtype")
KERAS_2 = ("name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint")


def add_weight(plain: Callable[..., Any]) -> Callable[..., Any]:
    """`add_weight` with the arguments of all years, by position and by name."""

    @functools.wraps(plain)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs = {**dict(zip(_order(args), args)), **kwargs}
        kwargs = {key: value for key, value in kwargs.items() if key not in IGNORED}
        if isinstance(kwargs.get("shape"), int):
            kwargs["shape"] = (kwargs["shape"],)
        if kwargs.get("name"):  # Keras 3 refuses slashes
            kwargs["name"] = kwargs["name"].replace("/", "_")
        return plain(self, **kwargs)

    return wrapper


def _order(args: Sequence[Any]) -> Sequence[str]:
    """Which arguments these are."""
    if args and (args[0] is None or isinstance(args[0], str)):
        return KERAS_2
    try:
        keras.backend.standardize_dtype(args[2] if len(args) == 3 else "")
    except ValueError:
        return KERAS_1
    return KERAS_3


IGNORED = ("use_resource", "partitioner", "synchronization", "getter", "collections",
           "experimental_autocast", "caching_device")  # fmt: skip
"""Options of tf.keras that chose how TensorFlow kept the variable."""


def any_initializer(plain: Callable[..., Any]) -> Callable[..., Any]:
    """`keras.initializers.get` that takes functions of a shape and a name, as in mnist_irnn.py."""

    @functools.wraps(plain)
    def get(identifier: Any) -> Any:
        found = plain(identifier)
        if not inspect.isfunction(found) or found.__module__.startswith("keras."):
            return found
        parameters = inspect.signature(found).parameters.values()
        anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
        if anything or any(p.name == "dtype" for p in parameters):
            return found
        by_name = any(p.name == "name" and p.default is p.empty for p in parameters)

        def initializer(shape: Any, dtype: Any = None) -> Any:
            value = found(shape, name=None) if by_name else found(shape)
            return keras.ops.cast(value, dtype or keras.config.floatx())

        return initializer

    return get


class settable:
    """`self.trainable_weights = [self.W, self.b]` makes them weights of the layer (Keras 1)."""

    def __init__(self, plain: property, trainable: bool) -> None:
        self.plain, self.trainable = plain, trainable

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        return self if layer is None else self.plain.__get__(layer, owner)

    def __set__(self, layer: Any, weights: Sequence[Any]) -> None:
        known = {id(v) for v in layer.variables}
        for v in weights:
            if not isinstance(v, KerasVariable):
                raise TypeError(
                    f"{type(layer).__name__}: a weight is what self.add_weight(shape=..., "
                    f"initializer=..., name=...) or K.variable gave, got {type(v).__name__}"
                )
            v.trainable = self.trainable
            if id(v) not in known:
                layer._track_variable(v)


# -- keras.initializations, of Keras 1 ---------------------------------------------------------


def get(identifier: Any, **_: Any) -> Callable[..., Any]:
    """`initializations.get("glorot_uniform")`: a function of a shape, which gives a variable."""
    initializer = keras.initializers.get(identifier)

    def initialize(shape: Any, name: str | None = None, **options: Any) -> Any:
        return keras.Variable(initializer, shape=tuple(shape), dtype=keras.config.floatx())

    return initialize


def normal(shape: Any, scale: float = 0.05, name: str | None = None, **_: Any) -> Any:
    """Numbers around 0 with the deviation `scale`."""
    return keras.random.normal(tuple(shape), stddev=scale)


def uniform(shape: Any, scale: float = 0.05, name: str | None = None, **_: Any) -> Any:
    """Numbers between -scale and scale."""
    return keras.random.uniform(tuple(shape), -scale, scale)


def identity(shape: Any, scale: float = 1, name: str | None = None, **_: Any) -> Any:
    """`scale` times the unit matrix."""
    return scale * keras.ops.eye(*shape)


def zero(shape: Any, name: str | None = None, **_: Any) -> Any:
    """Zeros."""
    return keras.ops.zeros(tuple(shape))


def one(shape: Any, name: str | None = None, **_: Any) -> Any:
    """Ones."""
    return keras.ops.ones(tuple(shape))


def _named(name: str) -> Callable[..., Any]:
    def initialize(shape: Any, name: str | None = None, **_: Any) -> Any:
        return keras.initializers.get(kind)(tuple(shape))

    kind = initialize.__name__ = name
    return initialize


for _name in ("glorot_uniform", "glorot_normal", "he_normal", "he_uniform", "lecun_uniform",
              "orthogonal"):  # fmt: skip
    globals()[_name] = _named(_name)


def install() -> None:
    """Give these ways to Keras's layers and initializers."""
    from keras.src import initializers

    keras.Layer.add_weight = keras.Layer.add_variable = add_weight(keras.Layer.add_weight)
    initializers.get = any_initializer(initializers.get)
    keras.initializers.get = initializers.get
    for name, trainable in (("trainable_weights", True), ("non_trainable_weights", False)):
        setattr(Layer, name, settable(vars(Layer)[name], trainable))
