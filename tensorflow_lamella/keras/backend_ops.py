"""Functions of tensors under the names they had in `keras.backend`.

Most are functions of `keras.ops` under another name; they work on arrays, in losses, metrics and
layers that are being compiled, and on the symbolic tensors of functional models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tensorflow_lamella.keras.symbolic import as_tensor, shaped

# -- the same function, under the name it had --------------------------------------------------

SAME = {
    "abs": "abs", "square": "square", "sqrt": "sqrt", "exp": "exp", "log": "log", "sign": "sign",
    "sin": "sin", "cos": "cos", "round": "round", "pow": "power", "maximum": "maximum",
    "minimum": "minimum", "equal": "equal", "not_equal": "not_equal", "greater": "greater",
    "greater_equal": "greater_equal", "less": "less", "less_equal": "less_equal",
    "transpose": "transpose", "tanh": "tanh",
    "sigmoid": "sigmoid", "softplus": "softplus", "softsign": "softsign", "squeeze": "squeeze",
    "expand_dims": "expand_dims", "stop_gradient": "stop_gradient",
    "concatenate": "concatenate", "arange": "arange", "eye": "eye", "logsumexp": "logsumexp",
    "argmax": "argmax", "argmin": "argmin", "cumsum": "cumsum", "cumprod": "cumprod",
    "repeat_elements": "repeat", "tile": "tile", "reverse": "flip", "erf": "erf",
}  # fmt: skip
REDUCTIONS = {"sum": "sum", "mean": "mean", "max": "max", "min": "min", "prod": "prod",
              "std": "std", "var": "var", "any": "any", "all": "all"}  # fmt: skip


def _same(name: str) -> Callable[..., Any]:
    function = getattr(ops, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    call.__doc__ = f"`keras.ops.{name}`."
    return call


def _reduction(name: str) -> Callable[..., Any]:
    function = getattr(ops, name)

    def call(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        axes = tuple(axis) if isinstance(axis, (list, np.ndarray)) else axis
        return function(as_tensor(x), axis=axes, keepdims=keepdims)

    call.__doc__ = f"`keras.ops.{name}`."
    return call


for _old, _new in SAME.items():
    globals()[_old] = _same(_new)
for _old, _new in REDUCTIONS.items():
    globals()[_old] = _reduction(_new)


def cast(x: Any, dtype: Any) -> Any:
    return ops.cast(as_tensor(x), dtype)


def reshape(x: Any, shape: Sequence[Any]) -> Any:
    return shaped(lambda sizes, array: ops.reshape(array, sizes), shape, x.dtype, x)


def argmax(x: Any, axis: int = -1) -> Any:
    return ops.argmax(x, axis)


def argmin(x: Any, axis: int = -1) -> Any:
    return ops.argmin(x, axis)


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Any:
    return ops.concatenate(tensors, axis)


def stack(x: Sequence[Any], axis: int = 0) -> Any:
    return ops.stack(x, axis)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str = "int32") -> Any:
    return ops.arange(start, stop, step, dtype=dtype)


def pow(x: Any, a: Any) -> Any:
    return ops.power(x, a)


def clip(x: Any, min_value: Any, max_value: Any) -> Any:
    """Either bound may be None."""
    low = -np.inf if min_value is None else min_value
    return ops.clip(x, low, np.inf if max_value is None else max_value)


# -- layout ------------------------------------------------------------------------------------


def expand_dims(x: Any, axis: int = -1) -> Any:
    return ops.expand_dims(x, axis)


def permute_dimensions(x: Any, pattern: Sequence[int]) -> Any:
    return ops.transpose(x, pattern)


def flatten(x: Any) -> Any:
    return ops.reshape(x, (-1,))


def batch_flatten(x: Any) -> Any:
    return ops.reshape(x, (-1, int(np.prod(x.shape[1:]))))


def repeat(x: Any, n: int) -> Any:
    """(batch, features) repeated to (batch, n, features)."""
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def repeat_elements(x: Any, rep: int, axis: int) -> Any:
    return ops.repeat(x, rep, axis=axis)


def reverse(x: Any, axes: Any) -> Any:
    return ops.flip(x, axes)


def gather(reference: Any, indices: Any) -> Any:
    return ops.take(reference, indices, axis=0)


def slice(x: Any, start: Any, size: Any) -> Any:
    return ops.slice(x, start, size)


def temporal_padding(x: Any, padding: tuple[int, int] = (1, 1)) -> Any:
    return ops.pad(x, ((0, 0), padding, (0, 0)))


def spatial_2d_padding(
    x: Any, padding: Any = ((1, 1), (1, 1)), data_format: str | None = None
) -> Any:
    last = (data_format or keras.config.image_data_format()) == "channels_last"
    return ops.pad(x, ((0, 0), *padding, (0, 0)) if last else ((0, 0), (0, 0), *padding))


def spatial_3d_padding(
    x: Any, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None
) -> Any:
    return spatial_2d_padding(x, padding, data_format)


def resize_images(
    x: Any, height_factor: int, width_factor: int, data_format: str | None = None,
    interpolation: str = "nearest",
) -> Any:  # fmt: skip
    data_format = data_format or keras.config.image_data_format()
    at = 1 if data_format == "channels_last" else 2
    size = (x.shape[at] * height_factor, x.shape[at + 1] * width_factor)
    return ops.image.resize(x, size, interpolation, data_format=data_format)


# -- products ----------------------------------------------------------------------------------


def dot(x: Any, y: Any) -> Any:
    """The last axis of x by the last but one of y; 1-D y by its only axis."""
    return ops.dot(x, y)


def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """Products within each row of the batch, over one axis of x and one of y.

    >>> batch_dot(np.ones((2, 3, 4)), np.ones((2, 4, 5))).shape, \
        batch_dot(np.ones((2, 3)), np.ones((2, 3)), axes=1).shape
    ((2, 3, 5), (2, 1))
    """
    n, m = len(x.shape), len(y.shape)
    if axes is None:
        axes = (n - 1, m - 1 if m == 2 else m - 2)
    i, j = (axes, axes) if isinstance(axes, int) else axes
    i, j = i % n, j % m
    letters = iter("acdefghijklmnopqrstuvwxyz")
    left = ["b", *(next(letters) for _ in range(n - 1))]
    right = ["b", *(next(letters) for _ in range(m - 1))]
    right[j] = left[i]
    rest = [c for k, c in enumerate(left) if k != i] + [
        c for k, c in enumerate(right) if k not in (0, j)
    ]
    out = ops.einsum(f"{''.join(left)},{''.join(right)}->{''.join(rest)}", x, y)
    return ops.expand_dims(out, 1) if len(rest) == 1 else out


def l2_normalize(x: Any, axis: int | None = None) -> Any:
    length = ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-12))
    return x / length


def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Any:
    if (data_format or keras.config.image_data_format()) == "channels_first" and len(x.shape) > 2:
        bias = ops.reshape(bias, (1, -1) + (1,) * (len(x.shape) - 2))
    return x + bias


# -- networks ----------------------------------------------------------------------------------


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0) -> Any:
    return keras.activations.relu(x, alpha, max_value, threshold)


def elu(x: Any, alpha: float = 1.0) -> Any:
    return ops.elu(x, alpha)


def softmax(x: Any, axis: int = -1) -> Any:
    return ops.softmax(x, axis)


def hard_sigmoid(x: Any) -> Any:
    """0.2 x + 0.5 between 0 and 1: the definition until Keras 2."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    return ops.binary_crossentropy(ops.cast(target, output.dtype), output, from_logits)


def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    return ops.categorical_crossentropy(target, output, from_logits, axis)


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    target = ops.cast(ops.reshape(target, output.shape[:-1]), "int32")
    return ops.sparse_categorical_crossentropy(target, output, from_logits, axis)


def dropout(x: Any, level: float, noise_shape: Any = None, seed: Any = None) -> Any:
    return keras.random.dropout(x, level, noise_shape, seed)


def in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    return ops.in_top_k(targets, predictions, k)


def one_hot(indices: Any, num_classes: int) -> Any:
    return ops.one_hot(indices, num_classes)


def _strides(strides: Any) -> Any:
    return tuple(strides) if isinstance(strides, (list, tuple)) else strides


def conv2d(
    x: Any, kernel: Any, strides: Any = (1, 1), padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = (1, 1),
) -> Any:  # fmt: skip
    return ops.conv(x, kernel, _strides(strides), padding, data_format, dilation_rate)


def conv1d(
    x: Any, kernel: Any, strides: int = 1, padding: str = "valid",
    data_format: str | None = None, dilation_rate: int = 1,
) -> Any:  # fmt: skip
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv3d(
    x: Any, kernel: Any, strides: Any = (1, 1, 1), padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = (1, 1, 1),
) -> Any:  # fmt: skip
    return ops.conv(x, kernel, _strides(strides), padding, data_format, dilation_rate)


def depthwise_conv2d(
    x: Any, depthwise_kernel: Any, strides: Any = (1, 1), padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = (1, 1),
) -> Any:  # fmt: skip
    return ops.depthwise_conv(
        x, depthwise_kernel, _strides(strides), padding, data_format, dilation_rate
    )


def separable_conv2d(
    x: Any, depthwise_kernel: Any, pointwise_kernel: Any, strides: Any = (1, 1),
    padding: str = "valid", data_format: str | None = None, dilation_rate: Any = (1, 1),
) -> Any:  # fmt: skip
    return ops.separable_conv(
        x, depthwise_kernel, pointwise_kernel, _strides(strides), padding, data_format,
        dilation_rate,
    )  # fmt: skip


def conv2d_transpose(
    x: Any, kernel: Any, output_shape: Any, strides: Any = (1, 1), padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = (1, 1),
) -> Any:  # fmt: skip
    """The output has the shape that follows from the others; `output_shape` must be that one."""
    return ops.conv_transpose(
        x, kernel, _strides(strides), padding, None, data_format, dilation_rate
    )


def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Any:
    return ops.batch_normalization(x, mean, var, axis, beta, gamma, epsilon)


def normalize_batch_in_training(
    x: Any, gamma: Any, beta: Any, reduction_axes: Sequence[int], epsilon: float = 1e-3
) -> Any:
    """The normalised batch, its mean and its variance."""
    mean, var = ops.moments(x, axes=tuple(reduction_axes), keepdims=True)
    out = (x - mean) / ops.sqrt(var + epsilon) * gamma + beta
    return out, ops.squeeze(mean), ops.squeeze(var)


def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Any:
    """The connectionist loss of each row, (batch, 1), from probabilities; the blank is last."""
    blank = y_pred.shape[-1] - 1
    lengths = [ops.cast(ops.reshape(n, (-1,)), "int32") for n in (label_length, input_length)]
    logits = ops.log(y_pred + 1e-7)
    labels = ops.cast(y_true, "int32")
    return ops.expand_dims(ops.ctc_loss(labels, logits, *lengths, mask_index=blank), 1)


def ctc_decode(
    y_pred: Any, input_length: Any, greedy: bool = True, beam_width: int = 100, top_paths: int = 1
) -> Any:
    """Decoded labels, padded with -1, and their scores."""
    strategy: dict[str, Any] = {"strategy": "greedy" if greedy else "beam_search"}
    if not greedy:
        strategy |= {"beam_width": beam_width, "top_paths": top_paths}
    blank = y_pred.shape[-1] - 1
    lengths = ops.cast(input_length, "int32")
    labels, scores = ops.ctc_decode(ops.log(y_pred + 1e-7), lengths, mask_index=blank, **strategy)
    return [ops.cast(path, "int32") for path in labels], scores


def pool3d(
    x: Any, pool_size: Any, strides: Any = (1, 1, 1), padding: str = "valid",
    data_format: str | None = None, pool_mode: str = "max",
) -> Any:  # fmt: skip
    return pool2d(x, pool_size, strides, padding, data_format, pool_mode)


def pool2d(
    x: Any, pool_size: Any, strides: Any = (1, 1), padding: str = "valid",
    data_format: str | None = None, pool_mode: str = "max",
) -> Any:  # fmt: skip
    pool = ops.max_pool if pool_mode == "max" else ops.average_pool
    return pool(x, pool_size, _strides(strides), padding, data_format)


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """The one or the other; where the condition is an array, element by element."""
    chosen = [x() if callable(x) else x for x in (then_expression, else_expression)]
    missing = len(chosen[0].shape) - len(getattr(condition, "shape", ()))
    for _ in range(missing if getattr(condition, "shape", ()) else 0):
        condition = ops.expand_dims(condition, -1)
    return ops.where(condition, *chosen)


def map_fn(fn: Callable[..., Any], elems: Any, name: str | None = None, dtype: Any = None) -> Any:
    return ops.map(fn, elems)


def rnn(step_function: Callable[..., Any], inputs: Any, initial_states: Any, **kwargs: Any) -> Any:
    return keras.src.backend.rnn(step_function, inputs, initial_states, **kwargs)


__all__ = sorted(
    name
    for name, thing in list(globals().items())
    if getattr(thing, "__module__", None) == __name__ and not name.startswith("_")
)
