"""tf.layers: layers as functions, and as objects that keep their variables."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorflow_lamella.core import state
from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1 import nn
from tensorflow_lamella.v1.graph import GraphKeys, get_default_graph
from tensorflow_lamella.v1.tensor import is_graph_value
from tensorflow_lamella.v1.variable_scope import AUTO_REUSE, get_variable, variable_scope


def _v2(name: str) -> Any:
    return get(name, 2)


def tuple_of(n: Any, rank: int) -> list[int]:
    """One number for each axis from one number, or a sequence."""
    return [int(n)] * rank if isinstance(n, (int, np.integer)) else [int(v) for v in n]


def finish(y: Any, activation: Any, activity_regularizer: Any = None, name: Any = None) -> Any:
    """The activation of a layer, and the loss of its regulariser."""
    if activation is not None:
        y = activation(y)
    if activity_regularizer is not None:
        get_default_graph().add_to_collection(
            GraphKeys.REGULARIZATION_LOSSES, activity_regularizer(y)
        )
    return y


class _Weights:
    """What the layers below take for their variables."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options

    def get(self, part: str, shape: list[int], dtype: Any, default: Any = None) -> Any:
        """The variable `part` of this shape."""
        options = self._options
        return get_variable(
            part, shape, dtype, initializer=options.get(f"{part}_initializer") or default,
            regularizer=options.get(f"{part}_regularizer"),
            constraint=options.get(f"{part}_constraint"), trainable=options.get("trainable", True),
        )  # fmt: skip


def _zeros() -> Any:
    return get("zeros_initializer", 1)()


def known_size(x: Any, axis: int, layer: str) -> int:
    """The size of `x` along an axis, which the shape of a kernel needs."""
    shape = x.shape
    size = None if shape.rank is None else tuple.__getitem__(shape, axis)
    if size is None:
        raise ValueError(
            f"The last dimension of the inputs to `{layer}` should be defined. Found `None`: the "
            f"shape of {x} is {shape}; give the placeholder its sizes, or use x.set_shape(...)"
        )
    return int(size)


@export("layers.dense", version=1)
def dense(inputs: Any, units: int, activation: Any = None, use_bias: bool = True,
          activity_regularizer: Any = None, name: Any = None, reuse: Any = None,
          **options: Any) -> Any:  # fmt: skip
    """activation(inputs @ kernel + bias) over the last axis."""
    x = _v2("convert_to_tensor")(inputs)
    weights = _Weights(options)
    with variable_scope(name, "dense", reuse=reuse):
        kernel = weights.get("kernel", [known_size(x, -1, "Dense"), int(units)], x.dtype)
        flat = x.shape.rank == 2
        y = _v2("matmul")(x, kernel) if flat else _v2("tensordot")(x, kernel, 1)
        if use_bias:
            y = _v2("nn.bias_add")(y, weights.get("bias", [int(units)], x.dtype, _zeros()))
        return finish(y, activation, activity_regularizer)


def _channels(data_format: str) -> tuple[bool, int]:
    first = data_format == "channels_first"
    return first, 1 if first else -1


def _moved(x: Any, to_last: bool) -> Any:
    """Channels last, or back to first."""
    rank = len(x.shape)
    last = [0, *range(2, rank), 1]
    return _v2("transpose")(x, last if to_last else [0, rank - 1, *range(1, rank - 1)])


def _convolution(rank: int, name: str) -> Callable[..., Any]:
    def conv(inputs: Any, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
             data_format: str = "channels_last", dilation_rate: Any = 1, activation: Any = None,
             use_bias: bool = True, activity_regularizer: Any = None, name: Any = None,
             reuse: Any = None, **options: Any) -> Any:  # fmt: skip
        first, _ = _channels(data_format)
        x = _v2("convert_to_tensor")(inputs)
        x = _moved(x, True) if first else x
        weights = _Weights(options)
        with variable_scope(name, default, reuse=reuse):
            shape = [*tuple_of(kernel_size, rank), known_size(x, -1, default), int(filters)]
            kernel = weights.get("kernel", shape, x.dtype)
            y = _v2("nn.convolution")(x, kernel, strides=tuple_of(strides, rank),
                                      padding=padding.upper(),
                                      dilations=tuple_of(dilation_rate, rank))  # fmt: skip
            if use_bias:
                y = _v2("nn.bias_add")(y, weights.get("bias", [int(filters)], x.dtype, _zeros()))
            return finish(_moved(y, False) if first else y, activation, activity_regularizer)

    default = name
    conv.__name__, conv.__doc__ = name, f"A convolution over {rank} axes."
    return export(f"layers.{name}", version=1)(conv)


conv1d = _convolution(1, "conv1d")
conv2d = _convolution(2, "conv2d")
conv3d = _convolution(3, "conv3d")


@export("layers.conv2d_transpose", version=1)
def conv2d_transpose(inputs: Any, filters: int, kernel_size: Any, strides: Any = (1, 1),
                     padding: str = "valid", data_format: str = "channels_last",
                     activation: Any = None, use_bias: bool = True,
                     activity_regularizer: Any = None, name: Any = None, reuse: Any = None,
                     **options: Any) -> Any:  # fmt: skip
    """A transposed convolution of images."""
    first, _ = _channels(data_format)
    x = _v2("convert_to_tensor")(inputs)
    x = _moved(x, True) if first else x
    weights, size, step = _Weights(options), tuple_of(kernel_size, 2), tuple_of(strides, 2)
    with variable_scope(name, "conv2d_transpose", reuse=reuse):
        kernel = weights.get("kernel", [*size, int(filters), known_size(x, -1, "Conv2DTranspose")],
                             x.dtype)  # fmt: skip
        sizes = _v2("shape")(x)
        grown = [sizes[i + 1] * step[i] + (max(size[i] - step[i], 0) if padding.lower() == "valid"
                                           else 0) for i in range(2)]  # fmt: skip
        y = nn.conv2d_transpose(x, kernel, [sizes[0], *grown, int(filters)], [1, *step, 1],
                                padding.upper())  # fmt: skip
        if use_bias:
            y = _v2("nn.bias_add")(y, weights.get("bias", [int(filters)], x.dtype, _zeros()))
        return finish(_moved(y, False) if first else y, activation, activity_regularizer)


@export("layers.separable_conv2d", version=1)
def separable_conv2d(inputs: Any, filters: int, kernel_size: Any, strides: Any = (1, 1),
                     padding: str = "valid", data_format: str = "channels_last",
                     dilation_rate: Any = (1, 1), depth_multiplier: int = 1, activation: Any = None,
                     use_bias: bool = True, name: Any = None, reuse: Any = None,
                     **options: Any) -> Any:  # fmt: skip
    """A convolution by channel, then one of single pixels."""
    x = _v2("convert_to_tensor")(inputs)
    weights = _Weights(options)
    with variable_scope(name, "separable_conv2d", reuse=reuse):
        channels = known_size(x, -1, "SeparableConv2D")
        depth = weights.get("depthwise_kernel", [*tuple_of(kernel_size, 2), channels,
                                                 depth_multiplier], x.dtype,
                            options.get("depthwise_initializer"))  # fmt: skip
        point = weights.get("pointwise_kernel", [1, 1, channels * depth_multiplier, int(filters)],
                            x.dtype, options.get("pointwise_initializer"))  # fmt: skip
        y = nn.separable_conv2d(x, depth, point, [1, *tuple_of(strides, 2), 1], padding.upper())
        if use_bias:
            y = _v2("nn.bias_add")(y, weights.get("bias", [int(filters)], x.dtype, _zeros()))
        return finish(y, activation)


def _pooling(name: str, kind: str, rank: int) -> Callable[..., Any]:
    def pool(inputs: Any, pool_size: Any, strides: Any, padding: str = "valid",
             data_format: str = "channels_last", name: Any = None) -> Any:  # fmt: skip
        x = _v2("convert_to_tensor")(inputs)
        first, _ = _channels(data_format)
        x = _moved(x, True) if first else x
        y = _v2("nn.pool")(x, tuple_of(pool_size, rank), kind, strides=tuple_of(strides, rank),
                           padding=padding.upper(), name=name)  # fmt: skip
        return _moved(y, False) if first else y

    pool.__name__, pool.__doc__ = name, f"The {kind.lower()} of windows over {rank} axes."
    return export(f"layers.{name}", version=1)(pool)


for _rank in (1, 2, 3):
    _pooling(f"max_pooling{_rank}d", "MAX", _rank)
    _pooling(f"average_pooling{_rank}d", "AVG", _rank)


@export("layers.flatten", "contrib.layers.flatten", version=1)
def flatten(inputs: Any, name: Any = None, data_format: str = "channels_last",
            outputs_collections: Any = None, scope: Any = None) -> Any:  # fmt: skip
    """One axis behind the batch."""
    x = _v2("convert_to_tensor")(inputs)
    sizes = [None if d is None else int(d) for d in tuple.__iter__(x.shape)][1:]
    count = -1 if None in sizes else int(np.prod(sizes))
    rows = _v2("shape")(x)[0] if count == -1 else -1
    return _v2("reshape")(x, [rows, count], name=name or "Flatten")


@export("layers.dropout", version=1)
def dropout(inputs: Any, rate: Any = 0.5, noise_shape: Any = None, seed: Any = None,
            training: Any = False, name: Any = None) -> Any:  # fmt: skip
    """In training, elements dropped with probability `rate`; otherwise `inputs`."""
    x = _v2("convert_to_tensor")(inputs)
    if not is_graph_value(training):
        if not training:
            return _v2("identity")(x, name=name)
        return nn.dropout(x, noise_shape=noise_shape, seed=seed, name=name, rate=rate)

    def dropped() -> Any:
        return nn.dropout(x, noise_shape=noise_shape, seed=seed, rate=rate)

    training = _v2("cast")(training, "bool")
    return get("cond", 1)(training, dropped,
                          lambda: _v2("identity")(x), name=name or "dropout")  # fmt: skip


@export("layers.batch_normalization", "layers.batch_norm", version=1)
def batch_normalization(
    inputs: Any, axis: int = -1, momentum: float = 0.99, epsilon: float = 1e-3, center: bool = True,
    scale: bool = True, beta_initializer: Any = None, gamma_initializer: Any = None,
    moving_mean_initializer: Any = None, moving_variance_initializer: Any = None,
    beta_regularizer: Any = None, gamma_regularizer: Any = None, beta_constraint: Any = None,
    gamma_constraint: Any = None, training: Any = False, trainable: bool = True,
    name: Any = None, reuse: Any = None, fused: bool | None = None,
    update_collection: Any = GraphKeys.UPDATE_OPS, **unused: Any,
) -> Any:  # fmt: skip
    """Batch normalisation (Ioffe and Szegedy, 2015).

    In training by the mean and variance of the batch, otherwise by their running averages, which
    the operations in the collection UPDATE_OPS keep: run them with the step.
    """
    x = _v2("convert_to_tensor")(inputs)
    axis = axis % x.shape.rank
    size, ones = [known_size(x, axis, "BatchNormalization")], get("ones_initializer", 1)()
    with variable_scope(name, "batch_normalization", reuse=reuse):

        def weight(part: str, default: Any, chosen: Any, regularizer: Any = None,
                   learns: bool = True) -> Any:  # fmt: skip
            return get_variable(part, size, x.dtype, chosen or default, regularizer,
                                trainable=trainable and learns)  # fmt: skip

        gamma = weight("gamma", ones, gamma_initializer, gamma_regularizer) if scale else None
        beta = weight("beta", _zeros(), beta_initializer, beta_regularizer) if center else None
        mean = weight("moving_mean", _zeros(), moving_mean_initializer, learns=False)
        variance = weight("moving_variance", ones, moving_variance_initializer, learns=False)
        chosen = _statistics(x, axis, training, mean, variance, momentum, fused, update_collection)
        shape = [size[0] if i == axis else 1 for i in range(x.shape.rank)]
        parts = [*chosen, beta, gamma]
        if axis != x.shape.rank - 1:
            parts = [None if p is None else _v2("reshape")(p, shape) for p in parts]
        return _v2("nn.batch_normalization")(x, *parts, epsilon)


def _statistics(x: Any, axis: int, training: Any, mean: Any, variance: Any, momentum: float,
                fused: bool | None, collection: Any) -> tuple[Any, Any]:  # fmt: skip
    """The mean and variance to normalise by; makes the updates of the running averages."""
    symbolic = is_graph_value(training)
    if not symbolic and not training:
        return mean, variance
    axes = [i for i in range(x.shape.rank) if i != axis]
    now, spread = _v2("nn.moments")(x, axes)
    unbiased = spread
    if x.shape.rank == 4 and fused is not False:  # as the fused kernel of TensorFlow does
        count = _v2("cast")(_v2("size")(x), x.dtype) / float(known_size(x, axis, ""))
        unbiased = spread * (count / _v2("maximum")(count - 1.0, 1.0))
    keep: Any = momentum
    if symbolic:
        training = _v2("reshape")(_v2("cast")(training, "bool"), [])
        keep = _v2("where")(training, momentum, 1.0)
    updates = [_averaged(v, new, keep) for v, new in ((mean, now), (variance, unbiased))]
    if collection is None:
        with get_default_graph().control_dependencies([u.op for u in updates]):
            now, spread = _v2("identity")(now), _v2("identity")(spread)
    else:
        get_default_graph().get_collection_ref(collection).extend(u.op for u in updates)
    if symbolic:
        return (_v2("where")(training, now, mean), _v2("where")(training, spread, variance))
    return now, spread


def _averaged(variable: Any, new: Any, momentum: Any) -> Any:
    """The running average, moved towards `new`."""
    return variable.assign(variable - (variable - _v2("stop_gradient")(new)) * (1.0 - momentum))


# Layers as objects


class Layer:
    """A layer that makes its variables in its first call and finds them in others."""

    def __init__(self, function: Any, default: str, args: Any, kwargs: dict[str, Any]) -> None:
        self._function, self._args, self._kwargs = function, args, dict(kwargs)
        self._name = self._kwargs.pop("name", None)
        self._default = default
        self._scope: Any = None

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        """The layer of `inputs`."""
        if self._scope is None:
            with variable_scope(self._name, self._default) as scope:
                self._scope = scope
        with variable_scope(self._scope, reuse=AUTO_REUSE):
            return self._function(inputs, *self._args, name=self._scope, **self._kwargs, **kwargs)

    apply = __call__
    name = property(lambda self: self._scope.name if self._scope else self._name)

    @property
    def variables(self) -> list[Any]:
        """All variables."""
        return self._scope.global_variables() if self._scope else []

    @property
    def trainable_variables(self) -> list[Any]:
        """The variables that optimizers change."""
        return self._scope.trainable_variables() if self._scope else []

    weights, trainable_weights = variables, trainable_variables
    kernel = property(lambda self: self._part("kernel"))
    bias = property(lambda self: self._part("bias"))

    def _part(self, name: str) -> Any:
        return next((v for v in self.variables if v.op.name.endswith(f"/{name}")), None)


def _class(name: str, function: str) -> None:
    def make(*args: Any, **kwargs: Any) -> Any:
        if state.graph() is None:
            import keras

            return getattr(keras.layers, name)(*args, **kwargs)
        default = re.sub(r"(?<!^)(?=[A-Z][a-z])", "_", name).lower()
        return Layer(get(f"layers.{function}", 1), default, args, kwargs)

    make.__name__, make.__doc__ = name, f"tf.layers.{function} as an object."
    export(f"layers.{name}", version=1)(make)


for _name, _function in (
    ("Dense", "dense"), ("Conv1D", "conv1d"), ("Conv2D", "conv2d"), ("Conv3D", "conv3d"),
    ("Conv2DTranspose", "conv2d_transpose"), ("SeparableConv2D", "separable_conv2d"),
    ("BatchNormalization", "batch_normalization"),
):  # fmt: skip
    _class(_name, _function)


def _plain_class(name: str, function: str) -> None:
    def make(*args: Any, **kwargs: Any) -> Any:
        if state.graph() is None:
            import keras

            return getattr(keras.layers, name)(*args, **kwargs)
        f = get(f"layers.{function}", 1)
        return lambda inputs, **more: f(inputs, *args, **kwargs, **more)

    make.__name__, make.__doc__ = name, f"tf.layers.{function} as an object."
    export(f"layers.{name}", version=1)(make)


for _name, _function in (
    ("Dropout", "dropout"), ("Flatten", "flatten"), ("MaxPooling2D", "max_pooling2d"),
    ("AveragePooling2D", "average_pooling2d"), ("MaxPooling1D", "max_pooling1d"),
):  # fmt: skip
    _plain_class(_name, _function)
