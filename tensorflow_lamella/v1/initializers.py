"""Initialisers: objects that make the first value of a variable of a given shape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tensorflow_lamella.core import state
from tensorflow_lamella.core.dtypes import as_dtype, numpy_dtype
from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1.random import random_operation


class Initializer:
    """`initializer(shape, dtype)` is a tensor."""

    def __init__(self, dtype: Any = "float32") -> None:
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """A tensor of this shape."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """The initializer of `get_config()`."""
        return cls(**config)


@export("zeros_initializer", "initializers.zeros", version=1)
class Zeros(Initializer):
    """Zeros."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        return get("zeros", 1)(shape, dtype or self.dtype)


@export("ones_initializer", "initializers.ones", version=1)
class Ones(Initializer):
    """Ones."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        return get("ones", 1)(shape, dtype or self.dtype)


@export("constant_initializer", "initializers.constant", version=1)
class Constant(Initializer):
    """One number, or the numbers of a list in order."""

    def __init__(self, value: Any = 0, dtype: Any = "float32", verify_shape: bool = False) -> None:
        super().__init__(dtype)
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None,
                 verify_shape: Any = None) -> Any:  # fmt: skip
        value = np.asarray(self.value).astype(numpy_dtype(dtype or self.dtype))
        return get("constant", 1)(value, dtype or self.dtype, shape)


class _Random(Initializer):
    def __init__(self, first: Any, second: Any, seed: Any, dtype: Any) -> None:
        super().__init__(dtype)
        self._parts, self.seed = (first, second), seed

    _function = ""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        return get(self._function, 1)(shape, *self._parts, dtype or self.dtype, seed=self.seed)


@export("random_uniform_initializer", "initializers.random_uniform", version=1)
class RandomUniform(_Random):
    """Uniform numbers from minval to maxval."""

    _function = "random_uniform"

    def __init__(self, minval: Any = 0, maxval: Any = None, seed: Any = None,
                 dtype: Any = "float32") -> None:  # fmt: skip
        super().__init__(minval, 1.0 if maxval is None else maxval, seed, dtype)


@export("random_normal_initializer", "initializers.random_normal", version=1)
class RandomNormal(_Random):
    """Normal numbers."""

    _function = "random_normal"

    def __init__(self, mean: Any = 0.0, stddev: Any = 1.0, seed: Any = None,
                 dtype: Any = "float32") -> None:  # fmt: skip
        super().__init__(mean, stddev, seed, dtype)


@export("truncated_normal_initializer", "initializers.truncated_normal", version=1)
class TruncatedNormal(_Random):
    """Normal numbers no farther than two standard deviations from the mean."""

    _function = "truncated_normal"

    def __init__(self, mean: Any = 0.0, stddev: Any = 1.0, seed: Any = None,
                 dtype: Any = "float32") -> None:  # fmt: skip
        super().__init__(mean, stddev, seed, dtype)


@export("variance_scaling_initializer", "initializers.variance_scaling", version=1)
class VarianceScaling(Initializer):
    """Random numbers whose variance goes with one over the number of inputs, outputs or both."""

    def __init__(self, scale: float = 1.0, mode: str = "fan_in",
                 distribution: str = "truncated_normal", seed: Any = None,
                 dtype: Any = "float32") -> None:  # fmt: skip
        super().__init__(dtype)
        if scale <= 0.0:
            raise ValueError("`scale` must be positive float.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError("Invalid `mode` argument:", mode)
        kind = distribution.lower()
        if kind not in ("normal", "uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError("Invalid `distribution` argument:", distribution)
        self.scale, self.mode, self.distribution, self.seed = scale, mode, kind, seed

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        inputs, outputs = fans([int(d) for d in shape])
        size = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2}[self.mode]
        variance = self.scale / max(1.0, size)
        kind, dtype = self.distribution, dtype or self.dtype
        if kind == "uniform":
            limit = math.sqrt(3.0 * variance)
            return get("random_uniform", 1)(shape, -limit, limit, dtype, seed=self.seed)
        if kind == "untruncated_normal":
            return get("random_normal", 1)(shape, 0.0, math.sqrt(variance), dtype, seed=self.seed)
        stddev = math.sqrt(variance) / 0.87962566103423978  # of what is left after truncation
        return get("truncated_normal", 1)(shape, 0.0, stddev, dtype, seed=self.seed)


def fans(shape: list[int]) -> tuple[float, float]:
    """How many numbers go into and out of one unit of a kernel (..., inputs, outputs)."""
    if len(shape) < 2:
        return (float(shape[0]),) * 2 if shape else (1.0, 1.0)
    field = math.prod(shape[:-2])
    return float(field * shape[-2]), float(field * shape[-1])


@export("glorot_uniform_initializer", "initializers.glorot_uniform", version=1)
class GlorotUniform(VarianceScaling):
    """Glorot and Bengio, 2010, uniform."""

    def __init__(self, seed: Any = None, dtype: Any = "float32") -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed, dtype)


@export("glorot_normal_initializer", "initializers.glorot_normal", version=1)
class GlorotNormal(VarianceScaling):
    """Glorot and Bengio, 2010, normal."""

    def __init__(self, seed: Any = None, dtype: Any = "float32") -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, dtype)


def _scaled(name: str, scale: float, distribution: str) -> Any:
    def make(seed: Any = None) -> VarianceScaling:
        return VarianceScaling(scale, "fan_in", distribution, seed)

    make.__doc__ = f"The initialiser {name}."
    return export(f"initializers.{name}", version=1)(make)


for _args in (
    ("he_normal", 2.0, "truncated_normal"),
    ("he_uniform", 2.0, "uniform"),
    ("lecun_normal", 1.0, "truncated_normal"),
    ("lecun_uniform", 1.0, "uniform"),
):
    _scaled(*_args)


def _orthogonal(key: Any, shape: Any, gain: Any, dtype: Any) -> Any:
    from keras_lamella.src import variates

    rows, columns = math.prod(shape[:-1]), shape[-1]
    tall = (max(rows, columns), min(rows, columns))
    q, r = np.linalg.qr(variates.normal(key, tall, np.dtype(np.float32)))
    q = q * np.sign(np.diagonal(r))
    q = np.swapaxes(q, 0, 1) if rows < columns else q
    return (gain * np.reshape(q, shape)).astype(numpy_dtype(dtype))


@export("orthogonal_initializer", "initializers.orthogonal", version=1)
class Orthogonal(Initializer):
    """A random orthogonal matrix, times `gain`."""

    def __init__(self, gain: float = 1.0, seed: Any = None, dtype: Any = "float32") -> None:
        super().__init__(dtype)
        self.gain, self.seed = gain, seed

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        sizes = tuple(int(d) for d in shape)
        if len(sizes) < 2:
            raise ValueError("The tensor to initialize must be at least two-dimensional")
        dtype = dtype or self.dtype
        if state.graph() is None:
            import keras

            return get("constant", 2)(keras.initializers.Orthogonal(self.gain, self.seed)(sizes))
        return random_operation(_orthogonal, (sizes, self.gain, dtype), {}, self.seed,
                                "orthogonal", "Orthogonal")  # fmt: skip


@export("initializers.identity", version=1)
class Identity(Initializer):
    """The identity matrix, times `gain`."""

    def __init__(self, gain: float = 1.0, dtype: Any = "float32") -> None:
        super().__init__(dtype)
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        dtype = dtype or self.dtype
        return get("constant", 1)(self.gain * np.eye(*map(int, shape)), dtype)


@export("uniform_unit_scaling_initializer", version=1)
class UniformUnitScaling(Initializer):
    """Uniform numbers that keep the scale of what they multiply."""

    def __init__(self, factor: float = 1.0, seed: Any = None, dtype: Any = "float32") -> None:
        super().__init__(dtype)
        self.factor, self.seed = factor, seed

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        size = max(1.0, math.prod(int(d) for d in shape[:-1]))
        limit = math.sqrt(3 / size) * self.factor
        return get("random_uniform", 1)(shape, -limit, limit, dtype or self.dtype, seed=self.seed)
