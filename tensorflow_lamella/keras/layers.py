"""Layers that Keras had and Keras 3 has not; imported when a program asks for one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from tensorflow_lamella.keras.arguments import bridge_of

SIZES: dict[int, tuple[str, ...]] = {
    1: ("filter_length",),
    2: ("nb_row", "nb_col"),
    3: ("kernel_dim1", "kernel_dim2", "kernel_dim3"),
}


def _keras_1(name: str, sizes: int) -> Callable[..., Any]:
    """The layer `name` as Keras 1 called it: the sizes of a kernel are arguments of their own."""
    cls = getattr(keras.layers, name)
    takes = SIZES[sizes]

    def layer(*args: Any, **kwargs: Any) -> Any:
        numbers = args[1 : 1 + sizes]
        if len(numbers) == sizes > 1 and all(isinstance(n, int) for n in numbers):
            kwargs |= dict(zip(takes, numbers))
            args = args[:1] + args[1 + sizes :]
        if name.endswith("Transpose"):  # the shape follows from the other arguments
            kwargs.pop("output_shape", None)
            args = args[:-1] if len(args) > 1 and isinstance(args[-1], tuple) else args
        args, kwargs = bridge_of(name)(args, kwargs)
        return cls(*args, **kwargs)

    layer.__name__ = layer.__qualname__ = f"Keras1{name}"
    return layer


Convolution1D = AtrousConvolution1D = _keras_1("Conv1D", 1)
Convolution2D = AtrousConvolution2D = _keras_1("Conv2D", 2)
Convolution3D = _keras_1("Conv3D", 3)
Deconvolution2D = _keras_1("Conv2DTranspose", 2)
SeparableConvolution2D = _keras_1("SeparableConv2D", 2)


def TimeDistributedDense(*args: Any, **kwargs: Any) -> keras.layers.Layer:
    """A Dense layer for every step of a sequence (Keras 0 and 1)."""
    args, kwargs = bridge_of("LSTM")(args, kwargs)
    return keras.layers.Dense(*args, **kwargs)


@keras.saving.register_keras_serializable("lamella")
class WordDropout(keras.layers.Embedding):
    """`Embedding(dropout=)` of Keras 1: in training each word is left out with this probability.

    A word that is left out is zero wherever it stands in the batch; the others are scaled up.
    """

    def __init__(self, *args: Any, dropout: float = 0.0, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dropout = dropout
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool = False) -> Any:
        outputs = super().call(inputs)
        if not training:
            return outputs
        drawn = keras.random.uniform((self.input_dim,), seed=self.seed_generator)
        kept = ops.cast(drawn >= self.dropout, outputs.dtype) / (1.0 - self.dropout)
        return outputs * ops.expand_dims(ops.take(kept, ops.cast(inputs, "int32")), -1)

    def compute_output_spec(self, inputs: Any, training: bool = False) -> Any:
        return super().compute_output_spec(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dropout": self.dropout}


@keras.saving.register_keras_serializable("lamella")
class ThresholdedReLU(keras.layers.Layer):
    """`x` where it is above `theta`, else 0 (until Keras 2).

    >>> float(ThresholdedReLU(1.0)(ops.array([0.5, 2.0]))[1])
    2.0
    """

    def __init__(self, theta: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.theta = theta

    def call(self, inputs: Any) -> Any:
        return inputs * ops.cast(inputs > self.theta, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "theta": self.theta}

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class _LocallyConnected(keras.layers.Layer):
    """A convolution whose kernel is another one at every place. Inputs are channels last."""

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str | None = None, activation: Any = None, use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None, bias_regularizer: Any = None, implementation: int = 1,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        if padding != "valid" or data_format not in (None, "channels_last"):
            raise ValueError(
                f"{type(self).__name__} is here with padding='valid' and channels last, got "
                f"padding={padding!r}, data_format={data_format!r}"
            )
        self.filters, self.rank = filters, int(type(self).__name__[-2])
        self.kernel_size, self.strides = self._tuple(kernel_size), self._tuple(strides)
        self.activation, self.use_bias = keras.activations.get(activation), use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)

    def _tuple(self, value: int | Sequence[int]) -> tuple[int, ...]:
        return (value,) * self.rank if isinstance(value, int) else tuple(value)

    def _places(self, size: Sequence[int]) -> tuple[int, ...]:
        return tuple((n - k) // s + 1 for n, k, s in zip(size, self.kernel_size, self.strides))

    def build(self, input_shape: Any) -> None:
        places, channels = self._places(input_shape[1:-1]), input_shape[-1]
        reach = channels
        for k in self.kernel_size:
            reach *= k
        self.kernel = self.add_weight(
            shape=(*places, reach, self.filters), name="kernel",
            initializer=self.kernel_initializer, regularizer=self.kernel_regularizer,
        )  # fmt: skip
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(*places, self.filters), name="bias",
                initializer=self.bias_initializer, regularizer=self.bias_regularizer,
            )  # fmt: skip

    def call(self, inputs: Any) -> Any:
        x = inputs if self.rank == 2 else inputs[:, :, None]  # (batch, height, width, channels)
        size = (*self.kernel_size, 1)[:2]
        strides = (*self.strides, 1)[:2]
        patches = ops.image.extract_patches(
            x, size, strides=strides, padding="valid", data_format="channels_last"
        )
        patches = patches if self.rank == 2 else patches[:, :, 0]
        outputs = ops.einsum(f"n{'yx'[: self.rank]}k,{'yx'[: self.rank]}ko->n{'yx'[: self.rank]}o",
                             patches, self.kernel)  # fmt: skip
        return self.activation(outputs + self.bias if self.use_bias else outputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], *self._places(input_shape[1:-1]), self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(), "filters": self.filters, "kernel_size": self.kernel_size,
            "strides": self.strides, "use_bias": self.use_bias,
            "activation": keras.activations.serialize(self.activation),
        }  # fmt: skip


@keras.saving.register_keras_serializable("lamella")
class LocallyConnected1D(_LocallyConnected):
    """A convolution over (batch, steps, channels) with a kernel for every step."""


@keras.saving.register_keras_serializable("lamella")
class LocallyConnected2D(_LocallyConnected):
    """A convolution over (batch, height, width, channels) with a kernel for every place."""


@keras.saving.register_keras_serializable("lamella")
class Highway(keras.layers.Layer):
    """`t * f(x W) + (1 - t) * x` with a gate t (Keras 1)."""

    def __init__(self, activation: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: Any) -> None:
        n = input_shape[-1]
        self.kernel = self.add_weight(shape=(n, n), name="kernel")
        self.gate = self.add_weight(shape=(n, n), name="gate")
        self.bias = self.add_weight(shape=(n,), initializer="zeros", name="bias")
        carry = keras.initializers.Constant(-2.0)
        self.gate_bias = self.add_weight(shape=(n,), initializer=carry, name="gate_bias")

    def call(self, x: Any) -> Any:
        t = ops.sigmoid(ops.matmul(x, self.gate) + self.gate_bias)
        return t * self.activation(ops.matmul(x, self.kernel) + self.bias) + (1 - t) * x

    def get_config(self) -> dict[str, Any]:
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "activation": activation}


@keras.saving.register_keras_serializable("lamella")
class MaxoutDense(keras.layers.Layer):
    """The largest of `nb_feature` dense layers (Keras 1)."""

    def __init__(self, output_dim: int, nb_feature: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_dim, self.nb_feature = output_dim, nb_feature

    def build(self, input_shape: Any) -> None:
        sizes = (self.nb_feature, input_shape[-1], self.output_dim)
        self.kernel = self.add_weight(shape=sizes, name="kernel")
        self.bias = self.add_weight(shape=(sizes[0], sizes[2]), initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        return ops.max(ops.einsum("...i,fio->...fo", x, self.kernel) + self.bias, axis=-2)

    def get_config(self) -> dict[str, Any]:
        sizes = {"output_dim": self.output_dim, "nb_feature": self.nb_feature}
        return {**super().get_config(), **sizes}
