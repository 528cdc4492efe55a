"""tf.Module, initialisers, and other classes at the top of the namespace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import KerasVariable

from tensorflow_lamella.core.dispatch import wrap
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.core.shape import sizes
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.names import export
from tensorflow_lamella.ops.random import normal, uniform


@export("Module")
class Module:
    """Keeps track of the variables and modules among its attributes.

    >>> class Line(tf.Module):
    ...     def __init__(self):
    ...         self.w = tf.Variable(1.0)
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name or type(self).__name__.lower()

    @property
    def name(self) -> str:
        """Its name."""
        return getattr(self, "_name", type(self).__name__.lower())

    @property
    def name_scope(self) -> Any:
        """A scope of its name."""
        from tensorflow_lamella.ops.program import name_scope

        return name_scope(self.name)

    @classmethod
    def with_name_scope(cls, method: Any) -> Any:
        """The method itself: names have no effect."""
        return method

    @property
    def variables(self) -> tuple[Any, ...]:
        """All variables, in order of their attributes' names."""
        return tuple(_variables(self, {}))

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        """Those that are trainable."""
        return tuple(v for v in self.variables if v.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Any, ...]:
        """Those that are not."""
        return tuple(v for v in self.variables if not v.trainable)

    @property
    def submodules(self) -> tuple[Any, ...]:
        """The modules and layers among the attributes, and theirs."""
        found: dict[int, Any] = {}
        _collect_modules(self, found)
        return tuple(m for m in found.values() if m is not self)


def _parts(x: Any) -> Iterator[Any]:
    if isinstance(x, Module):
        for key in sorted(vars(x)):
            yield vars(x)[key]
    elif isinstance(x, dict):
        yield from x.values()
    elif isinstance(x, (list, tuple)):
        yield from x


def _variables(x: Any, seen: dict[int, Any]) -> Iterator[Any]:
    if id(x) in seen:
        return
    seen[id(x)] = x
    if isinstance(x, KerasVariable):
        yield x
    elif isinstance(x, keras.layers.Layer):
        for v in x.variables:
            yield from _variables(v, seen)
    for part in _parts(x):
        yield from _variables(part, seen)


def _collect_modules(x: Any, found: dict[int, Any]) -> None:
    if isinstance(x, (Module, keras.layers.Layer)):
        if id(x) in found:
            return
        found[id(x)] = x
    for part in _parts(x):
        _collect_modules(part, found)


class _Initializer:
    """A function of a shape and a dtype."""

    def __call__(self, shape: Any, dtype: Any = "float32", **kwargs: Any) -> Tensor:
        raise NotImplementedError


@export("zeros_initializer")
class zeros_initializer(_Initializer):
    """Zeros."""

    def __call__(self, shape: Any, dtype: Any = "float32", **kwargs: Any) -> Tensor:
        return wrap(np.zeros(sizes(shape), numpy_dtype(dtype)))


@export("ones_initializer")
class ones_initializer(_Initializer):
    """Ones."""

    def __call__(self, shape: Any, dtype: Any = "float32", **kwargs: Any) -> Tensor:
        return wrap(np.ones(sizes(shape), numpy_dtype(dtype)))


@export("constant_initializer")
class constant_initializer(_Initializer):
    """A number, or an array of the shape."""

    def __init__(self, value: Any = 0, support_partition: bool = False) -> None:
        self.value = value

    def __call__(self, shape: Any, dtype: Any = "float32", **kwargs: Any) -> Tensor:
        array = np.asarray(self.value, numpy_dtype(dtype))
        if array.size == 1:
            return wrap(np.full(sizes(shape), array.reshape(()), array.dtype))
        return wrap(array.reshape(sizes(shape)))


@export("random_normal_initializer")
class random_normal_initializer(_Initializer):
    """Normal numbers."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def __call__(self, shape: Any, dtype: Any = "float32", **kwargs: Any) -> Tensor:
        return normal(shape, self.mean, self.stddev, dtype, self.seed)


@export("random_uniform_initializer")
class random_uniform_initializer(_Initializer):
    """Numbers between two limits."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def __call__(self, shape: Any, dtype: Any = "float32", **kwargs: Any) -> Tensor:
        return uniform(shape, self.minval, self.maxval, dtype, self.seed)


@export("TypeSpec")
class TypeSpec:
    """The base of specs."""


@export("VariableAggregation")
class VariableAggregation:
    """How the parts of a distributed variable become one."""

    NONE, SUM, MEAN, ONLY_FIRST_REPLICA = "none", "sum", "mean", "only_first_replica"


@export("VariableSynchronization")
class VariableSynchronization:
    """When they do."""

    AUTO, NONE, ON_WRITE, ON_READ = "auto", "none", "on_write", "on_read"


@export("IndexedSlices")
class IndexedSlices:
    """Rows of a larger tensor: the gradient of a gather, in TensorFlow. Ours are whole tensors."""

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None) -> None:
        self.values, self.indices, self.dense_shape = values, indices, dense_shape
