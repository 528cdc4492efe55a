"""tf.contrib.layers and tf.contrib.slim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorflow_lamella.errors import unsupported
from tensorflow_lamella.names import export, get, put
from tensorflow_lamella.v1 import initializers, layers, nn
from tensorflow_lamella.v1.contrib.framework import add_arg_scope
from tensorflow_lamella.v1.graph import GraphKeys, get_default_graph
from tensorflow_lamella.v1.variable_scope import get_variable, variable_scope

_PLACES = ("contrib.layers", "contrib.slim")


def _here(*names: str) -> Callable[[Any], Any]:
    return export(*(f"{p}.{n}" for p in _PLACES for n in names), version=1)


def _v2(name: str) -> Any:
    return get(name, 2)


@_here("xavier_initializer", "xavier_initializer_conv2d")
def xavier_initializer(uniform: bool = True, seed: int | None = None,
                       dtype: Any = "float32") -> Any:  # fmt: skip
    """Glorot and Bengio, 2010."""
    kind = initializers.GlorotUniform if uniform else initializers.GlorotNormal
    return kind(seed, dtype)


@_here("variance_scaling_initializer")
def variance_scaling_initializer(
    factor: float = 2.0,
    mode: str = "FAN_IN",
    uniform: bool = False,
    seed: int | None = None,
    dtype: Any = "float32",
) -> Any:
    """He et al., 2015, as it is by default."""
    return initializers.VarianceScaling(factor, mode.lower(), "uniform" if uniform else
                                        "truncated_normal", seed, dtype)  # fmt: skip


@_here("l2_regularizer")
def l2_regularizer(scale: float, scope: Any = None) -> Callable[[Any], Any]:
    """`scale` times half the sum of squares."""
    if scale == 0.0:
        return lambda _: None
    return lambda weights: scale * _v2("nn.l2_loss")(weights)


@_here("l1_regularizer")
def l1_regularizer(scale: float, scope: Any = None) -> Callable[[Any], Any]:
    """`scale` times the sum of absolute values."""
    if scale == 0.0:
        return lambda _: None
    return lambda weights: scale * _v2("math.reduce_sum")(_v2("abs")(weights))


@_here("l1_l2_regularizer")
def l1_l2_regularizer(scale_l1: float = 1.0, scale_l2: float = 1.0,
                      scope: Any = None) -> Callable[[Any], Any]:  # fmt: skip
    """Both."""
    first, second = l1_regularizer(scale_l1), l2_regularizer(scale_l2)
    return lambda weights: sum(x for x in (first(weights), second(weights)) if x is not None)


@_here("apply_regularization")
def apply_regularization(regularizer: Any, weights_list: Any = None) -> Any:
    """The sum of the regulariser over the weights."""
    if weights_list is None:
        weights_list = get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES)
    return get("add_n", 1)([regularizer(w) for w in weights_list])


@_here("summarize_tensors", "summarize_collection", "summarize_activations")
def summarize(*args: Any, **kwargs: Any) -> list[Any]:
    """Nothing: write the summaries that you want with tf.summary."""
    return []


def _normalised(y: Any, normalizer_fn: Any, params: Any) -> Any:
    return normalizer_fn(y, **(params or {}))


def _collect(y: Any, collections: Any) -> Any:
    if collections is not None:
        get_default_graph().add_to_collections(collections, y)
    return y


@_here("fully_connected", "linear")
@add_arg_scope
def fully_connected(
    inputs: Any, num_outputs: int, activation_fn: Any = "relu", normalizer_fn: Any = None,
    normalizer_params: Any = None, weights_initializer: Any = None, weights_regularizer: Any = None,
    biases_initializer: Any = "zeros", biases_regularizer: Any = None, reuse: Any = None,
    variables_collections: Any = None, outputs_collections: Any = None, trainable: bool = True,
    scope: Any = None,
) -> Any:  # fmt: skip
    """activation_fn(inputs @ weights + biases), with a normaliser in place of the biases."""
    x = _v2("convert_to_tensor")(inputs)
    with variable_scope(scope, "fully_connected", reuse=reuse):
        shape = [layers.known_size(x, -1, "fully_connected"), int(num_outputs)]
        w = get_variable("weights", shape, x.dtype, weights_initializer or xavier_initializer(),
                         weights_regularizer, trainable)  # fmt: skip
        y = _v2("matmul")(x, w) if x.shape.rank == 2 else _v2("tensordot")(x, w, 1)
        y = _biased(y, int(num_outputs), x.dtype, normalizer_fn, normalizer_params,
                    biases_initializer, biases_regularizer, trainable)  # fmt: skip
        return _collect(_activated(y, activation_fn), outputs_collections)


def _activated(y: Any, activation: Any) -> Any:
    if activation == "relu":
        return _v2("nn.relu")(y)
    return y if activation is None else activation(y)


def _biased(y: Any, size: int, dtype: Any, normalizer: Any, params: Any, initializer: Any,
            regularizer: Any, trainable: bool) -> Any:  # fmt: skip
    if normalizer is not None:
        return _normalised(y, normalizer, params)
    if initializer is None:
        return y
    first = initializers.Zeros() if initializer == "zeros" else initializer
    return _v2("nn.bias_add")(
        y, get_variable("biases", [size], dtype, first, regularizer, trainable)
    )


put(lambda x, n, **kwargs: fully_connected(x, n, activation_fn=_v2("nn.relu"), **kwargs),
    "contrib.layers.relu", version=1)  # fmt: skip


@_here("convolution2d", "conv2d", "convolution")
@add_arg_scope
def convolution2d(
    inputs: Any, num_outputs: int, kernel_size: Any, stride: Any = 1, padding: str = "SAME",
    data_format: Any = None, rate: Any = 1, activation_fn: Any = "relu", normalizer_fn: Any = None,
    normalizer_params: Any = None, weights_initializer: Any = None, weights_regularizer: Any = None,
    biases_initializer: Any = "zeros", biases_regularizer: Any = None, reuse: Any = None,
    variables_collections: Any = None, outputs_collections: Any = None, trainable: bool = True,
    scope: Any = None,
) -> Any:  # fmt: skip
    """A convolution of images, its normaliser or biases, its activation."""
    x = _v2("convert_to_tensor")(inputs)
    with variable_scope(scope, "Conv", reuse=reuse):
        shape = [*layers.tuple_of(kernel_size, 2), layers.known_size(x, -1, "conv2d"), num_outputs]
        w = get_variable("weights", shape, x.dtype, weights_initializer or xavier_initializer(),
                         weights_regularizer, trainable)  # fmt: skip
        y = _v2("nn.convolution")(x, w, strides=layers.tuple_of(stride, 2), padding=padding.upper(),
                                  dilations=layers.tuple_of(rate, 2))  # fmt: skip
        y = _biased(y, int(num_outputs), x.dtype, normalizer_fn, normalizer_params,
                    biases_initializer, biases_regularizer, trainable)  # fmt: skip
        return _collect(_activated(y, activation_fn), outputs_collections)


@_here("convolution2d_transpose", "conv2d_transpose")
@add_arg_scope
def convolution2d_transpose(
    inputs: Any, num_outputs: int, kernel_size: Any, stride: Any = 1, padding: str = "SAME",
    data_format: Any = None, activation_fn: Any = "relu", normalizer_fn: Any = None,
    normalizer_params: Any = None, weights_initializer: Any = None, weights_regularizer: Any = None,
    biases_initializer: Any = "zeros", biases_regularizer: Any = None, reuse: Any = None,
    variables_collections: Any = None, outputs_collections: Any = None, trainable: bool = True,
    scope: Any = None,
) -> Any:  # fmt: skip
    """A transposed convolution of images, its normaliser or biases, its activation."""
    plain = normalizer_fn is None and biases_initializer is not None
    with variable_scope(scope, "Conv2d_transpose", reuse=reuse) as opened:
        y = layers.conv2d_transpose(
            inputs, num_outputs, kernel_size, layers.tuple_of(stride, 2), padding, use_bias=plain,
            kernel_initializer=weights_initializer or xavier_initializer(), name=opened,
            kernel_regularizer=weights_regularizer, trainable=trainable,
        )  # fmt: skip
        if normalizer_fn is not None:
            y = _normalised(y, normalizer_fn, normalizer_params)
        return _collect(_activated(y, activation_fn), outputs_collections)


@_here("separable_convolution2d", "separable_conv2d")
@add_arg_scope
def separable_convolution2d(
    inputs: Any, num_outputs: int | None, kernel_size: Any, depth_multiplier: int = 1,
    stride: Any = 1, padding: str = "SAME", data_format: Any = None, rate: Any = 1,
    activation_fn: Any = "relu", normalizer_fn: Any = None, normalizer_params: Any = None,
    weights_initializer: Any = None, weights_regularizer: Any = None,
    biases_initializer: Any = "zeros", biases_regularizer: Any = None, reuse: Any = None,
    variables_collections: Any = None, outputs_collections: Any = None, trainable: bool = True,
    scope: Any = None,
) -> Any:  # fmt: skip
    """A convolution by channel, then (unless num_outputs is None) one of single pixels."""
    x = _v2("convert_to_tensor")(inputs)
    first = weights_initializer or xavier_initializer()
    with variable_scope(scope, "SeparableConv2d", reuse=reuse):
        channels = layers.known_size(x, -1, "separable_conv2d")
        shape = [*layers.tuple_of(kernel_size, 2), channels, depth_multiplier]
        w = get_variable("depthwise_weights", shape, x.dtype, first, weights_regularizer, trainable)
        y = nn.depthwise_conv2d(x, w, [1, *layers.tuple_of(stride, 2), 1], padding,
                                layers.tuple_of(rate, 2))  # fmt: skip
        size = channels * depth_multiplier
        if num_outputs is not None:
            point = get_variable("pointwise_weights", [1, 1, size, num_outputs], x.dtype, first,
                                 weights_regularizer, trainable)  # fmt: skip
            y, size = nn.conv2d(y, point, [1, 1, 1, 1], "VALID"), num_outputs
        y = _biased(y, size, x.dtype, normalizer_fn, normalizer_params, biases_initializer,
                    biases_regularizer, trainable)  # fmt: skip
        return _collect(_activated(y, activation_fn), outputs_collections)


def _pool(kind: str) -> Callable[..., Any]:
    def pool(
        inputs: Any,
        kernel_size: Any,
        stride: Any = 2,
        padding: str = "VALID",
        data_format: Any = None,
        outputs_collections: Any = None,
        scope: Any = None,
    ) -> Any:
        y = _v2("nn.pool")(inputs, layers.tuple_of(kernel_size, 2), kind,
                           strides=layers.tuple_of(stride, 2), padding=padding.upper())  # fmt: skip
        return _collect(y, outputs_collections)

    pool.__doc__ = f"The {kind.lower()} of windows of images."
    return pool


max_pool2d = _here("max_pool2d")(add_arg_scope(_pool("MAX")))
avg_pool2d = _here("avg_pool2d")(add_arg_scope(_pool("AVG")))


@_here("batch_norm")
@add_arg_scope
def batch_norm(inputs: Any, decay: float = 0.999, center: bool = True, scale: bool = False,
               epsilon: float = 0.001, activation_fn: Any = None, param_initializers: Any = None,
               param_regularizers: Any = None, updates_collections: Any = GraphKeys.UPDATE_OPS,
               is_training: Any = True, reuse: Any = None, variables_collections: Any = None,
               outputs_collections: Any = None, trainable: bool = True, batch_weights: Any = None,
               fused: Any = None, data_format: str = "NHWC", zero_debias_moving_mean: bool = False,
               scope: Any = None, **unused: Any) -> Any:  # fmt: skip
    """Batch normalisation; `updates_collections=None` updates the averages in the step itself."""
    given = {f"{k}_initializer": v for k, v in (param_initializers or {}).items()}
    given |= {f"{k}_regularizer": v for k, v in (param_regularizers or {}).items()}
    with variable_scope(scope, "BatchNorm", reuse=reuse) as opened:
        y = layers.batch_normalization(
            inputs, axis=-1 if data_format == "NHWC" else 1, momentum=decay, epsilon=epsilon,
            center=center, scale=scale, training=is_training, trainable=trainable, name=opened,
            fused=fused, update_collection=updates_collections, **given,
        )  # fmt: skip
    return _collect(y if activation_fn is None else activation_fn(y), outputs_collections)


@_here("layer_norm")
@add_arg_scope
def layer_norm(inputs: Any, center: bool = True, scale: bool = True, activation_fn: Any = None,
               reuse: Any = None, variables_collections: Any = None,
               outputs_collections: Any = None, trainable: bool = True, begin_norm_axis: int = 1,
               begin_params_axis: int = -1, scope: Any = None) -> Any:  # fmt: skip
    """Layer normalisation (Ba, Kiros and Hinton, 2016)."""
    rank = inputs.shape.rank
    shape = [int(d) for d in list(tuple.__iter__(inputs.shape))[begin_params_axis:]]
    with variable_scope(scope, "LayerNorm", reuse=reuse):
        beta = get_variable("beta", shape, inputs.dtype, initializers.Zeros()) if center else None
        gamma = get_variable("gamma", shape, inputs.dtype, initializers.Ones()) if scale else None
        mean, variance = _v2("nn.moments")(inputs, list(range(begin_norm_axis, rank)), None, True)
        y = _v2("nn.batch_normalization")(inputs, mean, variance, beta, gamma, 1e-12)
    return y if activation_fn is None else activation_fn(y)


@_here("dropout")
@add_arg_scope
def dropout(
    inputs: Any,
    keep_prob: Any = 0.5,
    noise_shape: Any = None,
    is_training: Any = True,
    outputs_collections: Any = None,
    scope: Any = None,
    seed: Any = None,
) -> Any:
    """In training, elements kept with probability `keep_prob`."""
    y = layers.dropout(inputs, 1 - keep_prob, noise_shape, seed, is_training)
    return _collect(y, outputs_collections)


put(add_arg_scope(layers.flatten), "contrib.slim.flatten", version=1)


@_here("softmax", "fully_softmax")
@add_arg_scope
def softmax(logits: Any, scope: Any = None) -> Any:
    """The softmax over the last axis."""
    return _v2("nn.softmax")(logits)


@_here("bias_add")
@add_arg_scope
def bias_add(inputs: Any, activation_fn: Any = None, initializer: Any = "zeros",
             regularizer: Any = None, reuse: Any = None, variables_collections: Any = None,
             outputs_collections: Any = None, trainable: bool = True, data_format: Any = None,
             scope: Any = None) -> Any:  # fmt: skip
    """A bias of its own for each channel."""
    with variable_scope(scope, "BiasAdd", reuse=reuse):
        y = _biased(inputs, layers.known_size(inputs, -1, "bias_add"), inputs.dtype, None, None,
                    initializer, regularizer, trainable)  # fmt: skip
    return y if activation_fn is None else activation_fn(y)


@_here("one_hot_encoding")
@add_arg_scope
def one_hot_encoding(labels: Any, num_classes: int, on_value: float = 1.0, off_value: float = 0.0,
                     outputs_collections: Any = None, scope: Any = None) -> Any:  # fmt: skip
    """One where the label is, zero elsewhere."""
    return get("one_hot", 1)(_v2("cast")(labels, "int64"), num_classes, on_value, off_value)


@_here("embed_sequence")
def embed_sequence(ids: Any, vocab_size: int, embed_dim: int, unique: bool = False,
                   initializer: Any = None, regularizer: Any = None, trainable: bool = True,
                   scope: Any = None, reuse: Any = None) -> Any:  # fmt: skip
    """The rows of a table of embeddings at `ids`."""
    with variable_scope(scope, "EmbedSequence", reuse=reuse):
        table = get_variable("embeddings", [vocab_size, embed_dim], initializer=initializer,
                             regularizer=regularizer, trainable=trainable)  # fmt: skip
        return nn.embedding_lookup(table, ids)


@_here("repeat")
def repeat(inputs: Any, repetitions: int, layer: Any, *args: Any, **kwargs: Any) -> Any:
    """The layer several times, one after the other."""
    scope = kwargs.pop("scope", None) or getattr(layer, "__name__", "repeat")
    with variable_scope(scope):
        for i in range(repetitions):
            inputs = layer(inputs, *args, scope=f"{scope}_{i + 1}", **kwargs)
    return inputs


@_here("stack")
def stack(inputs: Any, layer: Any, stack_args: Sequence[Any], **kwargs: Any) -> Any:
    """The layer with each of `stack_args`, one after the other."""
    scope = kwargs.pop("scope", None) or getattr(layer, "__name__", "stack")
    with variable_scope(scope):
        for i, args in enumerate(stack_args):
            args = args if isinstance(args, (list, tuple)) else [args]
            inputs = layer(inputs, *args, scope=f"{scope}_{i + 1}", **kwargs)
    return inputs


@_here("optimize_loss")
def optimize_loss(loss: Any, global_step: Any, learning_rate: Any, optimizer: Any,
                  gradient_noise_scale: Any = None, gradient_multipliers: Any = None,
                  clip_gradients: Any = None, learning_rate_decay_fn: Any = None,
                  update_ops: Any = None, variables: Any = None, name: Any = None,
                  summaries: Any = None, **unused: Any) -> Any:  # fmt: skip
    """A tensor of the loss that does one step when it is run."""
    step = get("train.get_or_create_global_step", 1)() if global_step is None else global_step
    if learning_rate_decay_fn is not None:
        learning_rate = learning_rate_decay_fn(learning_rate, step)
    made = _optimizer(optimizer, learning_rate)
    graph = get_default_graph()
    before = graph.get_collection(GraphKeys.UPDATE_OPS) if update_ops is None else list(update_ops)
    with graph.control_dependencies(before):
        loss = _v2("identity")(loss)
    pairs = made.compute_gradients(loss, variables)
    if callable(clip_gradients):
        pairs = clip_gradients(pairs)
    elif clip_gradients is not None:
        grads, _ = get("clip_by_global_norm", 1)([g for g, _ in pairs], clip_gradients)
        pairs = list(zip(grads, [v for _, v in pairs]))
    train = made.apply_gradients(pairs, step)
    with graph.control_dependencies([train]):
        return _v2("identity")(loss)


def _optimizer(optimizer: Any, rate: Any) -> Any:
    if isinstance(optimizer, str):
        return get(f"train.{_OPTIMIZERS[optimizer]}Optimizer", 1)(rate)
    return optimizer(rate) if callable(optimizer) else optimizer


_OPTIMIZERS = {"SGD": "GradientDescent", "Adam": "Adam", "Adagrad": "Adagrad", "RMSProp": "RMSProp",
               "Ftrl": "Ftrl", "Momentum": "Momentum"}  # fmt: skip


def _absent(name: str, instead: str) -> None:
    def call(*args: Any, **kwargs: Any) -> Any:
        raise unsupported(f"tf.contrib.layers.{name}", instead)

    call.__doc__ = "An error that says what to use."
    export(f"contrib.layers.{name}", version=1)(call)


for _name in ("real_valued_column", "sparse_column_with_hash_bucket", "embedding_column",
              "sparse_column_with_keys", "bucketized_column", "crossed_column"):  # fmt: skip
    _absent(_name, "use arrays and tf.layers, or Keras's preprocessing layers")
