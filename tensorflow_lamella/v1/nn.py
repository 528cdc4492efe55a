"""tf.nn with the arguments of TensorFlow 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorflow_lamella.errors import unsupported
from tensorflow_lamella.names import export, get


def _v2(name: str) -> Any:
    return get(name, 2)


@export("nn.dropout", version=1)
def dropout(x: Any, keep_prob: Any = None, noise_shape: Any = None, seed: int | None = None,
            name: str | None = None, rate: Any = None) -> Any:  # fmt: skip
    """Elements kept with probability `keep_prob` and scaled by its inverse, others zero."""
    if keep_prob is None and rate is None:
        raise ValueError("You must provide a rate to dropout.")
    keep = 1.0 - rate if keep_prob is None else keep_prob
    if isinstance(keep, (int, float)):
        if not 0 < keep <= 1:
            raise ValueError(
                f"keep_prob must be a scalar tensor or a float in the range (0, 1], got {keep}"
            )
        if keep == 1:
            return _v2("identity")(x, name=name)
    x = _v2("convert_to_tensor")(x)
    shape = _v2("shape")(x) if noise_shape is None else noise_shape
    keep = _v2("cast")(keep, x.dtype)
    drawn = get("random_uniform", 1)(shape, dtype=x.dtype, seed=seed)
    kept = _v2("cast")(_v2("less")(drawn, keep), x.dtype)
    return _v2("multiply")(x / keep, kept, name=name or "dropout")


def _sizes(n: Any, rank: int, data_format: str | None) -> list[int]:
    """Strides or window sizes as one number for each axis."""
    values = [int(v) for v in n] if isinstance(n, (list, tuple, np.ndarray)) else [int(n)]
    if len(values) == rank:
        return values
    if len(values) == 1:
        values = values * (rank - 2)
    first = data_format is not None and data_format.startswith("NC")
    return [1, 1, *values] if first else [1, *values, 1]


@export("nn.conv2d", version=1)
def conv2d(input: Any, filter: Any = None, strides: Any = None, padding: Any = None,
           use_cudnn_on_gpu: bool = True, data_format: str = "NHWC", dilations: Any = (1, 1, 1, 1),
           name: str | None = None, filters: Any = None) -> Any:  # fmt: skip
    """Convolution of images (n, y, x, channels) with filters (y, x, channels, outputs)."""
    filters = filter if filters is None else filters
    return _v2("nn.conv2d")(
        input,
        filters,
        _sizes(strides, 4, data_format),
        padding,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
    )


@export("nn.atrous_conv2d", version=1)
def atrous_conv2d(value: Any, filters: Any, rate: int, padding: str,
                  name: str | None = None) -> Any:  # fmt: skip
    """Convolution with gaps in the filters."""
    return conv2d(value, filters, [1, 1, 1, 1], padding, dilations=[1, rate, rate, 1], name=name)


@export("nn.conv2d_transpose", version=1)
def conv2d_transpose(value: Any = None, filter: Any = None, output_shape: Any = None,
                     strides: Any = None, padding: str = "SAME", data_format: str = "NHWC",
                     name: str | None = None, input: Any = None, filters: Any = None,
                     dilations: Any = None) -> Any:  # fmt: skip
    """The gradient of conv2d as a layer; filters (y, x, outputs, channels)."""
    value = input if value is None else value
    filters = filter if filters is None else filters
    return _v2("nn.conv2d_transpose")(value, filters, output_shape, _sizes(strides, 4, data_format),
                                      padding, data_format=data_format, name=name)  # fmt: skip


@export("nn.conv1d", version=1)
def conv1d(value: Any = None, filters: Any = None, stride: Any = None, padding: Any = None,
           use_cudnn_on_gpu: Any = None, data_format: str | None = None, name: str | None = None,
           input: Any = None, dilations: Any = None) -> Any:  # fmt: skip
    """Convolution of sequences (n, time, channels)."""
    x = input if value is None else value
    return _v2("nn.conv1d")(
        x, filters, stride, padding, data_format=data_format or "NWC", name=name
    )


@export("nn.conv3d", version=1)
def conv3d(input: Any, filter: Any = None, strides: Any = None, padding: Any = None,
           data_format: str = "NDHWC", dilations: Any = (1, 1, 1, 1, 1), name: str | None = None,
           filters: Any = None) -> Any:  # fmt: skip
    """Convolution of volumes."""
    filters = filter if filters is None else filters
    return _v2("nn.conv3d")(input, filters, _sizes(strides, 5, data_format), padding, name=name)


@export("nn.depthwise_conv2d", "nn.depthwise_conv2d_native", version=1)
def depthwise_conv2d(input: Any, filter: Any, strides: Any, padding: str, rate: Any = None,
                     name: str | None = None, data_format: str | None = None,
                     dilations: Any = None) -> Any:  # fmt: skip
    """Each channel convolved with filters of its own."""
    return _v2("nn.depthwise_conv2d")(
        input,
        filter,
        _sizes(strides, 4, data_format),
        padding,
        data_format or "NHWC",
        rate or dilations,
        name=name,
    )


@export("nn.separable_conv2d", version=1)
def separable_conv2d(input: Any, depthwise_filter: Any, pointwise_filter: Any, strides: Any,
                     padding: str, rate: Any = None, name: str | None = None,
                     data_format: str | None = None, dilations: Any = None) -> Any:  # fmt: skip
    """A depthwise convolution, then one of single pixels."""
    x = depthwise_conv2d(
        input, depthwise_filter, strides, padding, rate, None, data_format, dilations
    )
    return conv2d(x, pointwise_filter, [1, 1, 1, 1], "VALID", data_format=data_format or "NHWC",
                  name=name)  # fmt: skip


def _pool(kind: str) -> Any:
    def pool(
        value: Any = None,
        ksize: Any = None,
        strides: Any = None,
        padding: Any = None,
        data_format: str = "NHWC",
        name: str | None = None,
        input: Any = None,
    ) -> Any:
        x = input if value is None else value
        return _v2(full)(x, _sizes(ksize, 4, data_format), _sizes(strides, 4, data_format), padding,
                         data_format=data_format, name=name)  # fmt: skip

    full = f"nn.{kind}"
    pool.__name__, pool.__doc__ = kind, f"tf.nn.{kind} of images."
    return export(full, f"{full}2d", version=1)(pool)


_pool("max_pool")
_pool("avg_pool")


@export("nn.softmax", version=1)
def softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """exp(logits) over their sum along an axis."""
    return _v2("nn.softmax")(logits, _last(axis, dim), name=name)


@export("nn.log_softmax", version=1)
def log_softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """The logarithm of softmax."""
    return _v2("nn.log_softmax")(logits, _last(axis, dim), name=name)


def _last(axis: Any, dim: Any) -> Any:
    given = dim if axis is None else axis
    return -1 if given is None else given


def _named(what: str, sentinel: Any, labels: Any, logits: Any) -> tuple[Any, Any]:
    """Labels and logits; until 1.0 they came by position, logits first."""
    if sentinel is not None and logits is None:
        labels, logits = labels, sentinel
    if labels is None or logits is None:
        raise ValueError(f"Both labels and logits must be provided to {what}.")
    return labels, logits


@export(
    "nn.softmax_cross_entropy_with_logits", "nn.softmax_cross_entropy_with_logits_v2", version=1
)
def softmax_cross_entropy_with_logits(_sentinel: Any = None, labels: Any = None, logits: Any = None,
                                      dim: int = -1, name: str | None = None,
                                      axis: Any = None) -> Any:  # fmt: skip
    """The cross entropy of softmax(logits) with labels that are probabilities."""
    labels, logits = _named("softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    labels = _like(labels, logits)
    return _v2("nn.softmax_cross_entropy_with_logits")(
        labels, logits, dim if axis is None else axis, name=name
    )


def _like(labels: Any, logits: Any) -> Any:
    """Labels with the dtype of the logits."""
    labels = _v2("convert_to_tensor")(labels)
    logits = _v2("convert_to_tensor")(logits)
    return labels if labels.dtype == logits.dtype else _v2("cast")(labels, logits.dtype)


@export("nn.sparse_softmax_cross_entropy_with_logits", version=1)
def sparse_softmax_cross_entropy_with_logits(_sentinel: Any = None, labels: Any = None,
                                             logits: Any = None,
                                             name: str | None = None) -> Any:  # fmt: skip
    """The cross entropy of softmax(logits) with labels that are classes."""
    labels, logits = _named("sparse_softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    return _v2("nn.sparse_softmax_cross_entropy_with_logits")(labels, logits, name=name)


@export("nn.sigmoid_cross_entropy_with_logits", version=1)
def sigmoid_cross_entropy_with_logits(
    _sentinel: Any = None,
    labels: Any = None,
    logits: Any = None,
    name: str | None = None,
    targets: Any = None,
) -> Any:
    """The cross entropy of sigmoid(logits) with labels from 0 to 1, by element."""
    labels = targets if labels is None else labels
    labels, logits = _named("sigmoid_cross_entropy_with_logits", _sentinel, labels, logits)
    labels, logits = _v2("convert_to_tensor")(labels), _v2("convert_to_tensor")(logits)
    if not labels.shape.is_compatible_with(logits.shape):
        raise ValueError(
            f"`logits` and `labels` must have the same shape, received ({logits.shape} vs "
            f"{labels.shape})."
        )
    return _v2("nn.sigmoid_cross_entropy_with_logits")(_like(labels, logits), logits, name=name)


@export("nn.weighted_cross_entropy_with_logits", version=1)
def weighted_cross_entropy_with_logits(labels: Any = None, logits: Any = None,
                                       pos_weight: Any = None, name: str | None = None,
                                       targets: Any = None) -> Any:  # fmt: skip
    """As sigmoid_cross_entropy_with_logits, positive labels counted `pos_weight` times."""
    labels = targets if labels is None else labels
    return _v2("nn.weighted_cross_entropy_with_logits")(labels, logits, pos_weight, name=name)


@export("nn.moments", version=1)
def moments(x: Any, axes: Any, shift: Any = None, name: str | None = None, keep_dims: Any = None,
            keepdims: Any = None) -> Any:  # fmt: skip
    """Mean and variance over axes."""
    keep = bool(keepdims if keepdims is not None else keep_dims)
    return _v2("nn.moments")(x, list(axes), None, keep, name=name)


@export("nn.fused_batch_norm", version=1)
def fused_batch_norm(
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any = None,
    variance: Any = None,
    epsilon: float = 0.001,
    data_format: str = "NHWC",
    is_training: bool = True,
    name: str | None = None,
    exponential_avg_factor: float = 1.0,
) -> Any:
    """(normalised x, mean, variance): those of the batch in training, else those given."""
    axes = [0, 1, 2] if data_format == "NHWC" else [0, 2, 3]
    if not is_training:
        return _normalised(x, mean, variance, offset, scale, epsilon, data_format), mean, variance
    mean, variance = moments(x, axes)
    y = _normalised(x, mean, variance, offset, scale, epsilon, data_format)
    count = _v2("cast")(_v2("size")(x) / _v2("size")(mean), x.dtype)
    return y, mean, variance * count / _v2("maximum")(count - 1.0, 1.0)


def _normalised(x: Any, mean: Any, variance: Any, offset: Any, scale: Any, epsilon: float,
                data_format: str) -> Any:  # fmt: skip
    if data_format != "NHWC":
        mean, variance, offset, scale = (
            _v2("reshape")(v, [1, -1, 1, 1]) for v in (mean, variance, offset, scale)
        )
    return _v2("nn.batch_normalization")(x, mean, variance, offset, scale, epsilon)


@export("nn.l2_normalize", version=1)
def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None,
                 dim: Any = None) -> Any:  # fmt: skip
    """`x` over its Euclidean norm along an axis."""
    return _v2("nn.l2_normalize")(x, dim if axis is None else axis, epsilon, name=name)


@export("nn.xw_plus_b", version=1)
def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Any:
    """x @ weights + biases."""
    return _v2("add")(_v2("matmul")(x, weights), biases, name=name or "xw_plus_b")


@export("nn.relu_layer", version=1)
def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Any:
    """relu(x @ weights + biases)."""
    return _v2("nn.relu")(xw_plus_b(x, weights, biases), name=name)


@export("nn.embedding_lookup", version=1)
def embedding_lookup(params: Any, ids: Any, partition_strategy: str = "mod",
                     name: str | None = None, validate_indices: bool = True,
                     max_norm: float | None = None) -> Any:  # fmt: skip
    """The rows of `params` at `ids`; a list of parts is dealt out as `partition_strategy` says."""
    if isinstance(params, (list, tuple)):
        params = params[0] if len(params) == 1 else _assembled(list(params), partition_strategy)
    found = _v2("gather")(params, ids, name=name or "embedding_lookup")
    return found if max_norm is None else _v2("clip_by_norm")(found, max_norm, axes=[-1])


def _assembled(parts: list[Any], strategy: str) -> Any:
    if strategy == "div":
        return _v2("concat")(parts, 0)
    rows = [p.shape[0] for p in parts]
    if len({int(r) for r in rows}) != 1:
        raise unsupported('embedding_lookup with parts of different sizes and "mod"',
                          'use partition_strategy="div"')  # fmt: skip
    joined = _v2("stack")(parts, 1)  # row i of part k is row i * parts + k
    return _v2("reshape")(joined, [-1, *[int(d) for d in parts[0].shape[1:]]])


# Sampled losses


@export("nn.log_uniform_candidate_sampler", "random.log_uniform_candidate_sampler", version=1)
def log_uniform_candidate_sampler(true_classes: Any, num_true: int, num_sampled: int, unique: bool,
                                  range_max: int, seed: int | None = None,
                                  name: str | None = None) -> Any:  # fmt: skip
    """Classes drawn with probability (log(k + 2) - log(k + 1)) / log(range_max + 1).

    Returns (sampled classes, expected count of the true ones, of the sampled ones).
    """
    weights = np.log1p(1.0 / (np.arange(range_max) + 1.0)) / np.log(range_max + 1.0)
    return _sampled(true_classes, num_sampled, unique, weights, seed)


@export("nn.uniform_candidate_sampler", "nn.learned_unigram_candidate_sampler",
        "random.uniform_candidate_sampler", version=1)  # fmt: skip
def uniform_candidate_sampler(true_classes: Any, num_true: int, num_sampled: int, unique: bool,
                              range_max: int, seed: int | None = None,
                              name: str | None = None) -> Any:  # fmt: skip
    """Classes drawn with equal probability; returns as log_uniform_candidate_sampler."""
    return _sampled(true_classes, num_sampled, unique, np.full(range_max, 1.0 / range_max), seed)


def _sampled(true_classes: Any, count: int, unique: bool, weights: np.ndarray, seed: Any) -> Any:
    if unique and count > len(weights):
        raise ValueError(f"cannot draw {count} different classes of {len(weights)}")
    uniform = get("random_uniform", 1)
    if unique:  # the largest of log(weight) + Gumbel noise: draws without replacement
        noise = -_v2("math.log")(-_v2("math.log")(uniform([len(weights)], 1e-9, 1.0, seed=seed)))
        scores = noise + np.log(weights).astype(np.float32)
        sampled = _v2("math.top_k")(scores, count)[1]
    else:
        bounds = np.cumsum(weights).astype(np.float32)
        sampled = _v2("searchsorted")(bounds, uniform([count], 0.0, float(bounds[-1]), seed=seed))
    sampled = _v2("cast")(sampled, "int64")
    expected = _expected_counts(weights, count) if unique else count * weights
    table = _v2("constant")(expected.astype(np.float32))
    look = _v2("gather")
    return sampled, look(table, true_classes), look(table, sampled)


def _expected_counts(weights: np.ndarray, count: int) -> np.ndarray:
    """How often each class is among `count` different ones: 1 - (1 - weight) ** tries.

    `tries`, the number of draws until `count` different ones are found, makes the sum `count`.
    """
    low, high = float(count), 1e9
    for _ in range(60):
        tries = (low * high) ** 0.5
        if -np.expm1(tries * np.log1p(-weights)).sum() < count:
            low = tries
        else:
            high = tries
    return -np.expm1(low * np.log1p(-weights))


def _sampled_logits(weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int,
                    num_classes: int, num_true: int, sampled_values: Any,
                    remove_accidental_hits: bool) -> Any:  # fmt: skip
    """(logits, labels) for the true classes and the sampled ones, side by side."""
    if isinstance(weights, (list, tuple)):
        weights = _assembled(list(weights), "div") if len(weights) > 1 else weights[0]
    labels = _v2("reshape")(_v2("cast")(labels, "int64"), [-1, num_true])
    if sampled_values is None:
        sampled_values = log_uniform_candidate_sampler(labels, num_true, num_sampled, True,
                                                       num_classes)  # fmt: skip
    sampled, true_count, sampled_count = (_v2("stop_gradient")(v) for v in sampled_values)
    look, log = _v2("gather"), _v2("math.log")
    true_w, true_b = look(weights, labels), look(biases, labels)
    true = _v2("math.reduce_sum")(_v2("expand_dims")(inputs, 1) * true_w, axis=-1) + true_b
    drawn = _v2("matmul")(inputs, look(weights, sampled), transpose_b=True) + look(biases, sampled)
    true, drawn = true - log(true_count), drawn - log(sampled_count)
    if remove_accidental_hits:
        same = _v2("equal")(_v2("expand_dims")(labels, -1), sampled)
        hit = _v2("math.reduce_any")(same, axis=1)
        drawn = drawn - 1e30 * _v2("cast")(hit, drawn.dtype)
    logits = _v2("concat")([true, drawn], 1)
    ones = _v2("ones_like")(true) / num_true
    return logits, _v2("concat")([ones, _v2("zeros_like")(drawn)], 1)


@export("nn.nce_loss", version=1)
def nce_loss(weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int,
             num_classes: int, num_true: int = 1, sampled_values: Any = None,
             remove_accidental_hits: bool = False, partition_strategy: str = "mod",
             name: str = "nce_loss") -> Any:  # fmt: skip
    """Noise-contrastive estimation (Gutmann and Hyvarinen, 2010), one loss for each row."""
    labels, inputs = _in_order(labels, inputs)
    logits, targets = _sampled_logits(weights, biases, labels, inputs, num_sampled, num_classes,
                                      num_true, sampled_values, remove_accidental_hits)  # fmt: skip
    losses = _v2("nn.sigmoid_cross_entropy_with_logits")(targets, logits)
    return _v2("math.reduce_sum")(losses, axis=1, name=name)


@export("nn.sampled_softmax_loss", version=1)
def sampled_softmax_loss(weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int,
                         num_classes: int, num_true: int = 1, sampled_values: Any = None,
                         remove_accidental_hits: bool = True, partition_strategy: str = "mod",
                         name: str = "sampled_softmax_loss", seed: Any = None) -> Any:  # fmt: skip
    """The softmax loss over the true classes and sampled ones (Jean et al., 2014)."""
    labels, inputs = _in_order(labels, inputs)
    logits, targets = _sampled_logits(weights, biases, labels, inputs, num_sampled, num_classes,
                                      num_true, sampled_values, remove_accidental_hits)  # fmt: skip
    return _v2("nn.softmax_cross_entropy_with_logits")(
        _v2("stop_gradient")(targets), logits, name=name
    )


def _in_order(labels: Any, inputs: Any) -> tuple[Any, Any]:
    """Labels are integers; until 1.0 the inputs came first."""
    labels = _v2("convert_to_tensor")(labels)
    inputs = _v2("convert_to_tensor")(inputs)
    if labels.dtype.is_floating and not inputs.dtype.is_floating:
        return inputs, labels
    return labels, inputs
