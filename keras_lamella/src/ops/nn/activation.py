"""Activation functions."""

from __future__ import annotations

import numpy as np

from keras_lamella.src.ops.core import stop_gradient
from keras_lamella.src.ops.dtypes import accumulator, as_dtype, to_float, weak
from keras_lamella.src.tensor import convert_to_tensor
from lamella import ops, transforms
from lamella.frontend.functions import apply
from lamella.frontend.tracer import Tracer


def _constants(x, *values):
    """The numbers `values` at the dtype of `x`."""
    return [weak(v, x.dtype) for v in values]


def relu(x):
    x = convert_to_tensor(x)
    return np.where(x <= 0, np.zeros((), x.dtype), x)  # slope 0 at 0; NaN stays


def relu6(x):
    x = convert_to_tensor(x)
    return np.where(x >= 6, np.asarray(6, x.dtype), relu(x))


def sigmoid(x):
    return apply(ops.sigmoid, to_float(x))


def sparse_sigmoid(x):
    x = to_float(x)
    half, one = _constants(x, 0.5, 1.0)
    return _between(x, half * (x + one), np.zeros((), x.dtype), np.ones((), x.dtype))


def _between(x, inside, below, above):
    """`inside` for -1 < x < 1."""
    return np.where(x <= -1, below, np.where(x >= 1, above, inside))


def tanh(x):
    return np.tanh(to_float(x))


def tanh_shrink(x):
    x = to_float(x)
    return x - np.tanh(x)


def softplus(x):
    x = to_float(x)
    (zero,) = _constants(x, 0.0)
    return np.maximum(x, zero) + np.log1p(np.exp(-np.absolute(x)))


def softsign(x):
    x = to_float(x)
    (one,) = _constants(x, 1.0)
    return x / (one + np.absolute(x))


def soft_shrink(x, threshold=0.5):
    x = to_float(x)
    (t,) = _constants(x, float(threshold))
    return np.where(x > t, x - t, np.where(x < -t, x + t, np.zeros((), x.dtype)))


def sparse_plus(x):
    x = to_float(x)
    quarter, one = _constants(x, 0.25, 1.0)
    return _between(x, quarter * np.square(x + one), np.zeros((), x.dtype), x)


def silu(x):
    return _with_slope(_silu, _silu_slope, to_float(x))


def _silu(x):
    return x * sigmoid(x)


def _silu_slope(x):
    (one,) = _constants(x, 1.0)
    s = sigmoid(x)
    return s * (one + x * (one - s))


def squareplus(x, b=4):
    x = to_float(x)
    half, b = _constants(x, 0.5, float(b))
    return (x + np.sqrt(np.square(x) + b)) * half


def log_sigmoid(x):
    return -softplus(-to_float(x))


def leaky_relu(x, negative_slope=0.2):
    x = to_float(x)
    (slope,) = _constants(x, float(negative_slope))
    return np.where(x >= 0, x, slope * x)


def hard_sigmoid(x):
    x = to_float(x)
    sixth, half = _constants(x, 1 / 6, 0.5)
    y = x * sixth + half
    return np.where(y <= 0, np.zeros((), x.dtype), np.where(y >= 1, np.ones((), x.dtype), y))


def hard_silu(x):
    x = to_float(x)
    return x * hard_sigmoid(x)


def elu(x, alpha=1.0):
    x = to_float(x)
    zero, alpha = _constants(x, 0.0, float(alpha))
    # The minimum keeps the exponential, and its gradient, finite where x is large.
    return np.where(x >= 0, x, alpha * np.expm1(np.minimum(x, zero)))


def selu(x):
    x = to_float(x)
    (scale,) = _constants(x, 1.0507009873554805)
    return scale * elu(x, 1.6732632423543772)


def celu(x, alpha=1.0):
    x = to_float(x)
    zero, alpha = _constants(x, 0.0, float(alpha))
    return np.maximum(x, zero) + alpha * np.expm1(np.minimum(x, zero) / alpha)


def gelu(x, approximate=True):
    f, slope = (_tanh_gelu, _tanh_gelu_slope) if approximate else (_gelu, _gelu_slope)
    return _with_slope(f, slope, to_float(x))


def _with_slope(f, slope, x):
    """f(x), whose cotangent is g * slope(x): the forward pass computes the slope beside f(x), and
    the backward pass reads it instead of computing from x what f computed."""
    if not isinstance(x, Tracer):
        return f(x)
    return transforms.custom_gradient(lambda x: (f(x), lambda g: g * slope(x)))(x)


def _gelu(x):
    return x * _normal_share(x)


def _gelu_slope(x):
    half, peak = _constants(x, 0.5, float(1 / np.sqrt(2 * np.pi)))
    return _normal_share(x) + x * (peak * np.exp(-(half * (x * x))))


def _normal_share(x):
    """The share of the normal distribution below x."""
    half, one, scale = _constants(x, 0.5, 1.0, float(np.sqrt(0.5)))
    return half * (one + apply(ops.erf, x * scale))


def _tanh_gelu(x):
    half, one = _constants(x, 0.5, 1.0)
    return x * (half * (one + _inner_tanh(x)))


def _tanh_gelu_slope(x):
    half, one, scale, cubic = _constants(x, 0.5, 1.0, float(np.sqrt(2 / np.pi)), 3 * 0.044715)
    t = _inner_tanh(x)
    rise = scale * (one + cubic * (x * x))  # of what stands inside the tanh
    return half * (one + t) + (half * x) * ((one - t * t) * rise)


def _inner_tanh(x):
    scale, cubic = _constants(x, float(np.sqrt(2 / np.pi)), 0.044715)
    return np.tanh(scale * (x + cubic * (x * x * x)))


def glu(x, axis=-1):
    x = to_float(x)
    if x.shape[axis] % 2 != 0:
        raise ValueError(
            f"axis size must be divisible by 2. Received: x.shape={x.shape} with axis={axis}"
        )
    value, gate = np.split(x, 2, axis=axis)
    return value * sigmoid(gate)


def hard_tanh(x):
    x = to_float(x)
    return _between(x, x, np.asarray(-1, x.dtype), np.ones((), x.dtype))


def hard_shrink(x, threshold=0.5):
    x = to_float(x)
    (t,) = _constants(x, float(threshold))
    return np.where(np.absolute(x) > t, x, np.zeros((), x.dtype))


def threshold(x, threshold, default_value):
    x = to_float(x)
    limit, default_value = (convert_to_tensor(v, x.dtype) for v in (threshold, default_value))
    return np.where(x > limit, x, default_value)


def softmax(x, axis=-1):
    x = to_float(x)
    axis = tuple(axis) if isinstance(axis, list) else axis
    if not isinstance(x, Tracer):
        return _softmax(x, axis)

    @transforms.custom_gradient
    def traced(x):
        def cotangent(g):
            y = _softmax(x, axis)  # what the forward pass has computed
            return (g - _sum(g * y, axis)) * y

        return _softmax(x, axis), cotangent

    return traced(x)


def log_softmax(x, axis=-1):
    x = to_float(x)
    axis = tuple(axis) if isinstance(axis, list) else axis
    if not isinstance(x, Tracer):
        return _log_softmax(x, axis)

    @transforms.custom_gradient
    def traced(x):
        def cotangent(g):
            return g - _sum(g, axis) * np.exp(_log_softmax(x, axis))

        return _log_softmax(x, axis), cotangent

    return traced(x)


def _softmax(x, axis):
    e = np.exp(x - stop_gradient(np.max(x, axis=axis, keepdims=True)))
    return e / _sum(e, axis)


def _log_softmax(x, axis):
    x = x - stop_gradient(np.max(x, axis=axis, keepdims=True))
    return x - np.log(_sum(np.exp(x), axis))


def _sum(x, axis):
    """Half precision is summed in float32."""
    wide = as_dtype(x, accumulator(x.dtype))
    return as_dtype(np.sum(wide, axis=axis, keepdims=True), x.dtype)


def sparsemax(x, axis=-1):
    """Euclidean projection onto the simplex (Martins and Astudillo, 2016)."""
    x = to_float(x)
    z = np.flip(np.sort(x, axis=axis), axis=axis)
    shape = [1] * x.ndim
    shape[axis] = -1
    rank = np.arange(1, x.shape[axis] + 1).astype(x.dtype).reshape(shape)
    (one,) = _constants(x, 1.0)
    total = np.cumsum(z, axis=axis, dtype=x.dtype)
    support = z * rank > total - one
    size = np.sum(as_dtype(support, x.dtype), axis=axis, keepdims=True)
    inside = np.where(support, z, np.zeros((), x.dtype))
    tau = (np.sum(inside, axis=axis, keepdims=True) - one) / size
    return relu(x - tau)


__all__ = [
    "celu", "elu", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh",
    "leaky_relu", "log_sigmoid", "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu",
    "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid",
    "sparsemax", "squareplus", "tanh", "tanh_shrink", "threshold",
]  # fmt: skip
