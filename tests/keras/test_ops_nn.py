"""Convolutions, attention, losses and their gradients against definitions written out here."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from keras import ops

import lamella

rng = np.random.default_rng(3)


def normal(*shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype("float32")


def plain_conv(x: Any, k: Any, stride: int, padding: str, dilation: int, groups: int) -> Any:
    """[n, *space, c] with k [*taps, c / groups, o], one output element at a time."""
    n_axes = x.ndim - 2
    reach = [(s - 1) * dilation + 1 for s in k.shape[:n_axes]]
    if padding == "same":
        out = [-(-s // stride) for s in x.shape[1:-1]]
        total = [max((o - 1) * stride + r - s, 0) for o, r, s in zip(out, reach, x.shape[1:-1])]
        x = np.pad(x, [(0, 0), *((t // 2, t - t // 2) for t in total), (0, 0)])
    else:
        out = [(s - r) // stride + 1 for s, r in zip(x.shape[1:-1], reach)]
    y = np.zeros((x.shape[0], *out, k.shape[-1]))
    cin, cout = k.shape[-2], k.shape[-1] // groups
    for place in itertools.product(*map(range, out)):
        window = tuple(slice(p * stride, p * stride + r, dilation) for p, r in zip(place, reach))
        patch = x[(slice(None), *window)]
        for g in range(groups):
            a = patch[..., g * cin : (g + 1) * cin].reshape(len(x), -1)
            b = k[..., g * cout : (g + 1) * cout].reshape(-1, cout)
            y[(slice(None), *place, slice(g * cout, (g + 1) * cout))] = a @ b
    return y


@pytest.mark.parametrize(
    ("space", "taps", "stride", "padding", "dilation", "groups"),
    [
        ((9,), (3,), 1, "valid", 1, 1),
        ((9,), (4,), 2, "same", 1, 1),
        ((7, 6), (3, 3), 1, "same", 1, 1),
        ((7, 6), (3, 2), 2, "same", 1, 2),
        ((7, 8), (2, 3), 1, "valid", 2, 1),
        ((5, 4, 6), (2, 2, 3), 2, "same", 1, 1),
    ],
)
def test_conv(space: Any, taps: Any, stride: int, padding: str, dilation: int, groups: int) -> None:
    x, k = normal(2, *space, 4), normal(*taps, 4 // groups, 6)
    expected = plain_conv(x, k, stride, padding, dilation, groups)
    actual = ops.conv(x, k, stride, padding, "channels_last", dilation)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)
    first = ops.conv(np.moveaxis(x, -1, 1), k, stride, padding, "channels_first", dilation)
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_conv_is_a_conv_in_groups(multiplier: int) -> None:
    x, k = normal(2, 6, 5, 3), normal(3, 3, 3, multiplier)
    expected = plain_conv(x, k.reshape(3, 3, 1, -1), 2, "same", 1, 3)
    np.testing.assert_allclose(ops.depthwise_conv(x, k, 2, "same"), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("stride", "padding"), [(1, "valid"), (2, "same"), (2, "valid")])
def test_conv_transpose_is_the_gradient_of_conv(stride: int, padding: str) -> None:
    x, k = normal(2, 8, 8, 3), normal(4, 4, 3, 5)
    y = ops.conv(x, k, stride, padding)
    g = normal(*y.shape)
    expected = lamella.grad(lambda x: ops.sum(ops.conv(x, k, stride, padding) * g))(x)
    np.testing.assert_allclose(
        ops.conv_transpose(g, k, stride, padding), expected, rtol=1e-4, atol=1e-4
    )


def test_a_convolution_without_result_is_refused() -> None:
    with pytest.raises(ValueError, match="empty output"):
        ops.conv(normal(1, 2, 2, 1), normal(3, 3, 1, 1))


def attention(q: Any, k: Any, v: Any, mask: Any) -> np.ndarray:
    y = np.zeros((*q.shape[:3], v.shape[-1]))
    for b, h in itertools.product(range(q.shape[0]), range(q.shape[2])):
        group = h * k.shape[2] // q.shape[2]
        scores = q[b, :, h] @ k[b, :, group].T / np.sqrt(q.shape[-1])
        weights = np.exp(np.where(mask, scores, -np.inf))
        y[b, :, h] = weights / weights.sum(-1, keepdims=True) @ v[b, :, group]
    return y


@pytest.mark.parametrize("key_heads", [4, 2])
def test_attention(key_heads: int) -> None:
    q, k, v = normal(2, 5, 4, 8), normal(2, 5, key_heads, 8), normal(2, 5, key_heads, 3)
    actual = ops.dot_product_attention(q, k, v, is_causal=True, flash_attention=True)
    np.testing.assert_allclose(actual, attention(q, k, v, np.tri(5, dtype=bool)), rtol=1e-4)
    mask = rng.random((5, 5)) < 0.7
    mask |= np.eye(5, dtype=bool)
    actual = ops.dot_product_attention(q, k, v, mask=mask[None, None])
    np.testing.assert_allclose(actual, attention(q, k, v, mask), rtol=1e-4, atol=1e-6)


def every_alignment(labels: list[int], frames: np.ndarray, blank: int) -> float:
    """-log of the summed probability of all paths that spell `labels`."""
    total = 0.0
    for path in itertools.product(range(frames.shape[1]), repeat=len(frames)):
        spelt = [c for i, c in enumerate(path) if (i == 0 or path[i - 1] != c) and c != blank]
        if spelt == labels:
            total += np.prod([frames[t, c] for t, c in enumerate(path)])
    return -np.log(total)


def test_ctc_loss_sums_over_all_alignments() -> None:
    logits = normal(2, 5, 4)
    frames = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    target, lengths, times = np.array([[1, 1, 3], [2, 3, 0]]), np.array([3, 2]), np.array([5, 4])
    expected = [
        every_alignment([1, 1, 3], frames[0], 0),
        every_alignment([2, 3], frames[1, :4], 0),
    ]
    np.testing.assert_allclose(ops.ctc_loss(target, logits, lengths, times), expected, rtol=1e-5)


def test_ctc_loss_has_a_gradient() -> None:
    logits, target = normal(1, 4, 3), np.array([[1, 2]])

    def loss(x: Any) -> Any:
        return ops.sum(ops.ctc_loss(target, x, np.array([2]), np.array([4])))

    direction = normal(1, 4, 3)
    step = np.float32(1e-2)
    slope = (loss(logits + step * direction) - loss(logits - step * direction)) / (2 * step)
    np.testing.assert_allclose(np.sum(lamella.grad(loss)(logits) * direction), slope, rtol=1e-2)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_losses_of_logits_are_those_of_probabilities(scale: float) -> None:
    """Where probabilities are representable; beyond, the loss of logits stays finite."""
    logits, labels = scale * normal(6, 5), np.arange(6) % 5
    hot = np.eye(5, dtype="float32")[labels]
    sparse = ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    np.testing.assert_allclose(
        sparse, ops.categorical_crossentropy(hot, logits, from_logits=True), rtol=1e-5
    )
    assert np.all(np.isfinite(sparse))
    binary = ops.binary_crossentropy(hot, logits, from_logits=True)
    assert np.all(np.isfinite(binary))
    if scale == 1.0:
        np.testing.assert_allclose(
            sparse, ops.sparse_categorical_crossentropy(labels, ops.softmax(logits)), rtol=1e-4
        )
        np.testing.assert_allclose(
            binary, ops.binary_crossentropy(hot, ops.sigmoid(logits)), rtol=1e-4
        )


def test_slopes_where_a_function_has_a_kink() -> None:
    zero = np.zeros(3, "float32")
    assert not np.any(lamella.grad(lambda x: ops.sum(ops.relu(x)))(zero))
    assert not np.any(lamella.grad(lambda x: ops.sum(ops.divide_no_nan(x, x)))(zero))
    large = np.full(3, 100.0, "float32")
    for name in ("elu", "selu", "softplus", "gelu", "silu", "celu", "log_sigmoid"):
        slope = lamella.grad(lambda x, name=name: ops.sum(getattr(ops, name)(x)))(large)
        assert np.all(np.isfinite(slope)), name


def test_moments_have_first_and_second_derivatives() -> None:
    x, weights, direction = normal(6, 3), normal(3), normal(6, 3)

    def loss(x: Any) -> Any:
        mean, variance = ops.moments(x, [0])
        return ops.sum(weights * variance * variance + mean * variance)

    def slope(x: Any) -> Any:
        return ops.sum(lamella.grad(loss)(x) * direction)

    step = np.float32(1e-2)
    for f, df in ((loss, lamella.grad(loss)), (slope, lamella.grad(slope))):
        difference = (f(x + step * direction) - f(x - step * direction)) / (2 * step)
        np.testing.assert_allclose(np.sum(df(x) * direction), difference, rtol=2e-2)


@pytest.mark.parametrize("shape", [(33, 16, 16, 40), (100, 50, 64), (2, 400, 400, 3)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_moments_of_large_batches(shape: tuple[int, ...], keepdims: bool) -> None:
    """Far from zero, with images of different means, where the mean of squares would have no digit
    of the variance left."""
    x = normal(*shape) + 3000 + 100 * normal(shape[0], *[1] * (len(shape) - 1))
    axes = tuple(range(len(shape) - 1))
    found = lamella.jit(lambda x: ops.moments(x, axes, keepdims=keepdims))(x)
    exact = x.astype("float64")
    np.testing.assert_allclose(found[0], exact.mean(axes, keepdims=keepdims), rtol=1e-6)
    np.testing.assert_allclose(found[1], exact.var(axes, keepdims=keepdims), rtol=1e-3)

    def slope(x: Any) -> Any:
        mean, variance = ops.moments(x, axes)
        return ops.sum(ops.sin(mean) + 2 * variance)

    gradient = lamella.jit(lamella.grad(slope))(x)
    mean, n = exact.mean(axes), x[..., 0].size
    expected = (np.cos(mean) + 4 * (exact - mean)) / n
    np.testing.assert_allclose(gradient, expected, atol=1e-3 * np.abs(expected).max())


def test_moments_of_an_empty_batch_trace() -> None:
    slope = lamella.grad(lambda x: ops.sum(ops.moments(x, [-1], keepdims=True)[1]))
    assert slope(np.zeros((0, 4), "float32")).shape == (0, 4)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_average_pool_counts_what_lies_inside(padding: str) -> None:
    ones = np.ones((1, 5, 5, 2), "float32")
    np.testing.assert_allclose(ops.average_pool(ones, 3, 2, padding), 1, rtol=1e-6)


def test_fold_adds_what_unfold_took() -> None:
    x = normal(1, 2, 5, 5)
    counts = ops.fold(ops.unfold(np.ones_like(x), 3), 5, 3)
    np.testing.assert_allclose(ops.fold(ops.unfold(x, 3), 5, 3), x * counts, rtol=1e-5)


def test_sparsemax_projects_onto_the_simplex():
    x = np.random.default_rng(1).normal(size=(5, 6)).astype("float32")
    y = ops.sparsemax(x)
    np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=1e-6)
    # the nearest point: equally far from x wherever it is positive, further where it is zero
    shift = np.where(y > 0, x - y, np.nan)
    np.testing.assert_allclose(np.nanmax(shift, -1), np.nanmin(shift, -1), rtol=1e-5)
    assert (x[y == 0] <= np.nanmax(shift, -1, keepdims=True).repeat(6, -1)[y == 0] + 1e-6).all()


@pytest.mark.parametrize(
    ("f", "plain"),
    [
        (lambda x: ops.gelu(x, approximate=False), lambda x: 0.5 * x * (1 + ops.erf(x / 2**0.5))),
        (ops.gelu, lambda x: 0.5 * x * (1 + ops.tanh(0.7978846 * (x + 0.044715 * x * x * x)))),
        (ops.silu, lambda x: x / (1 + ops.exp(-x))),
    ],
)
def test_slopes_that_are_written_out_are_those_of_the_definition(f: Any, plain: Any) -> None:
    x = np.linspace(-6, 6, 121, dtype="float32")
    weights = normal(121)

    def slope(f: Any) -> Any:
        return lamella.grad(lambda x: ops.sum(f(x) * weights))

    def curvature(f: Any) -> Any:
        return lamella.grad(lambda x: ops.sum(slope(f)(x)))

    np.testing.assert_allclose(f(x), plain(x), atol=1e-6)
    np.testing.assert_allclose(slope(f)(x), slope(plain)(x), atol=5e-6)
    np.testing.assert_allclose(curvature(f)(x), curvature(plain)(x), atol=3e-5)
