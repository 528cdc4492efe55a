"""keras.ops computes the same on arrays and in a trace, with Keras's dtypes and shapes."""

from __future__ import annotations

from typing import Any

import keras
import ml_dtypes
import numpy as np
import pytest
from keras import ops
from keras.src import tree

from lamella.frontend.trace import trace
from lamella.types import type_of

rng = np.random.default_rng(7)
X = rng.normal(size=(3, 4)).astype("float32")
Y = rng.uniform(0.2, 2, size=(3, 4)).astype("float32")
UNIT = rng.uniform(-0.9, 0.9, size=(3, 4)).astype("float32")
I = rng.integers(-5, 6, size=(3, 4)).astype("int32")  # noqa: E741
B = I > 0
V = rng.normal(size=(6,)).astype("float32")
IMAGE = rng.uniform(size=(2, 7, 6, 3)).astype("float32")
SQUARE = (rng.normal(size=(2, 3, 3)) + 3 * np.eye(3)).astype("float32")
WITH_NAN = np.where(rng.random((3, 4)) < 0.3, np.nan, X).astype("float32")


def traced(f: Any, *arrays: Any) -> Any:
    """`f` by way of a Program that NumPy evaluates."""
    structure = None

    def flat(*xs: Any) -> list[Any]:
        nonlocal structure
        structure = f(*xs)
        return tree.flatten(structure)

    program, _ = trace(flat, [type_of(a) for a in arrays])
    return tree.pack_sequence_as(structure, list(program.run(*arrays)))


def check(f: Any, *arrays: Any, rtol: float = 1e-5) -> None:
    eager, other = tree.flatten(f(*arrays)), tree.flatten(traced(f, *arrays))
    assert len(eager) == len(other)
    for a, b in zip(eager, other, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        a, b = (v.astype("float32") if v.dtype == ml_dtypes.bfloat16 else v for v in (a, b))
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-6)


UNARY = """
    abs absolute ceil conjugate cos cosh deg2rad exp exp2 expm1 fabs floor isfinite isinf isnan
    isneginf isposinf logical_not nan_to_num negative rad2deg real round sign signbit sin sinc sinh
    square tan tanh trunc ravel transpose flip fliplr flipud sort argsort max min sum mean prod var
    std any all argmax argmin cumsum cumprod median ptp count_nonzero zeros_like ones_like diff
    relu relu6 sigmoid sparse_sigmoid tanh_shrink softplus softsign soft_shrink sparse_plus silu
    squareplus log_sigmoid leaky_relu hard_sigmoid hard_silu elu selu gelu celu glu hard_tanh
    hard_shrink softmax log_softmax sparsemax logsumexp erf erfc i0 nansum nanmean nanmax nanmin
    nanstd nanprod nancumsum nanmedian nanargmax tril triu diagonal trace norm rfft
""".split()
POSITIVE = "log log2 log10 log1p sqrt cbrt rsqrt reciprocal arccosh".split()
UNIT_INTERVAL = "arcsin arccos arctan arctanh arcsinh erfinv".split()
BINARY = """
    add subtract multiply divide true_divide divide_no_nan floor_divide mod fmod power maximum
    minimum fmax fmin arctan2 hypot logaddexp logaddexp2 equal not_equal less less_equal greater
    greater_equal isclose outer inner vdot heaviside nextafter logical_and logical_or logical_xor
""".split()


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_unary(name: str, dtype: str) -> None:
    check(getattr(ops, name), X.astype(dtype), rtol=1e-5 if dtype == "float32" else 2e-2)


@pytest.mark.parametrize("name", POSITIVE)
def test_positive(name: str) -> None:
    check(getattr(ops, name), Y + 1)


@pytest.mark.parametrize("name", UNIT_INTERVAL)
def test_unit_interval(name: str) -> None:
    check(getattr(ops, name), UNIT)


@pytest.mark.parametrize("name", BINARY)
def test_binary(name: str) -> None:
    check(getattr(ops, name), X, Y)


@pytest.mark.parametrize("name", ["add", "multiply", "divide", "mod", "maximum", "equal", "power"])
def test_binary_with_a_number_and_integers(name: str) -> None:
    f = getattr(ops, name)
    check(lambda x: f(x, 2), I)
    check(lambda x: f(x, 2.5), I)
    check(lambda x: f(2, x), Y)
    check(f, np.abs(I), Y)


CALLS = {
    "matmul": (lambda x, y: ops.matmul(x, ops.transpose(y)), X, Y),
    "einsum": (lambda x, y: ops.einsum("ij,kj->ik", x, y), X, Y),
    "tensordot": (lambda x, y: ops.tensordot(x, y, axes=[[0], [0]]), X, Y),
    "where": (ops.where, B, X, Y),
    "select": (lambda b, x, y: ops.select([b, ~b], [x, y], 0), B, X, Y),
    "clip": (lambda x: ops.clip(x, -0.5, 0.5), X),
    "take": (lambda x, i: ops.take(x, i % 3, axis=0), X, I),
    "take_along_axis": (lambda x, i: ops.take_along_axis(x, i % 3, axis=0), X, I),
    "one_hot": (lambda i: ops.one_hot(i, 5), I),
    "one_hot, axis 0": (lambda i: ops.one_hot(i, 5, axis=0), I),
    "multi_hot": (lambda i: ops.multi_hot(i, 5), np.abs(I)),
    "pad": (lambda x: ops.pad(x, [[1, 2], [0, 1]], "reflect"), X),
    "roll": (lambda x: ops.roll(x, 2, axis=1), X),
    "repeat": (lambda x: ops.repeat(x, 2, axis=0), X),
    "tile": (lambda x: ops.tile(x, (2, 1)), X),
    "split": (lambda x: ops.split(x, [1, 3], axis=1), X),
    "stack": (lambda x, y: ops.stack([x, y], axis=1), X, Y),
    "concatenate promotes": (lambda x, i: ops.concatenate([x, i]), X, I),
    "searchsorted": (lambda x, v: ops.searchsorted(ops.sort(v), x), X, V),
    "digitize": (lambda x: ops.digitize(x, [-1.0, 0.0, 1.0]), X),
    "histogram": (lambda x: ops.histogram(x, bins=4, range=(-2, 2)), V),
    "bincount": (lambda i: ops.bincount(i, minlength=7), np.abs(I[0])),
    "quantile": (lambda x: ops.quantile(x, [0.1, 0.5], axis=1), X),
    "nanquantile": (lambda x: ops.nanquantile(x, 0.3, axis=1), WITH_NAN),
    "nanmean": (lambda x: ops.nanmean(x, axis=0), WITH_NAN),
    "nanvar": (lambda x: ops.nanvar(x, axis=1, keepdims=True), WITH_NAN),
    "average": (lambda x, y: ops.average(x, axis=1, weights=y), X, Y),
    "top_k": (lambda x: ops.top_k(x, 2), X),
    "in_top_k": (lambda i, x: ops.in_top_k(i[:, 0] % 4, x, 2), I, X),
    "segment_sum": (lambda x, i: ops.segment_sum(x, i[:, 0], 4), X, I),
    "segment_max": (lambda x, i: ops.segment_max(x, i[:, 0], 4), X, I),
    "cdist": (ops.cdist, X, Y),
    "cross": (lambda x, y: ops.cross(x[:, :3], y[:, :3]), X, Y),
    "correlate": (lambda v, x: ops.correlate(v, x[0, :3], mode="same"), V, X),
    "corrcoef": (ops.corrcoef, X),
    "linspace": (lambda x, y: ops.linspace(x, y, 5, axis=-1), X, Y),
    "vander": (lambda v: ops.vander(v, 3), V),
    "unravel_index": (lambda i: ops.unravel_index(ops.abs(i), (3, 4)), I),
    "moments": (lambda x: ops.moments(x, [0, 1, 2]), IMAGE),
    "moments, float16": (lambda x: ops.moments(x, [0]), IMAGE.astype("float16")),
    "normalize": (lambda x: ops.normalize(x), X),
    "max_pool": (lambda x: ops.max_pool(x, 3, 2, "same"), IMAGE),
    "average_pool": (lambda x: ops.average_pool(x, 3, 2, "same"), IMAGE),
    "adaptive_average_pool": (lambda x: ops.adaptive_average_pool(x, (3, 4)), IMAGE),
    "adaptive_max_pool": (lambda x: ops.adaptive_max_pool(x, (3, 4)), IMAGE),
    "unfold": (lambda x: ops.unfold(ops.transpose(x, (0, 3, 1, 2)), 2, padding=1), IMAGE),
    "depth_to_space": (lambda x: ops.depth_to_space(ops.tile(x, (1, 1, 1, 4)), 2), IMAGE),
    "psnr": (lambda x, y: ops.psnr(x, y, 1.0), X, Y),
    "rgb_to_hsv": (ops.image.rgb_to_hsv, IMAGE),
    "hsv_to_rgb": (ops.image.hsv_to_rgb, IMAGE),
    "rgb_to_grayscale": (ops.image.rgb_to_grayscale, IMAGE),
    "resize": (lambda x: ops.image.resize(x, (4, 9), "bicubic", antialias=True), IMAGE),
    "resize, nearest": (lambda x: ops.image.resize(x, (4, 9), "nearest"), IMAGE),
    "resize, cropped": (
        lambda x: ops.image.resize(x, (4, 9), crop_to_aspect_ratio=True),
        IMAGE,
    ),
    "affine_transform": (
        lambda x, v: ops.image.affine_transform(x, ops.concatenate([v, v[:2] * 0]), "bilinear"),
        IMAGE,
        V,
    ),
    "gaussian_blur": (lambda x: ops.image.gaussian_blur(x, (3, 5)), IMAGE),
    "sobel_edges": (ops.image.sobel_edges, IMAGE),
    "det": (ops.det, SQUARE),
    "inv": (ops.inv, SQUARE),
    "solve": (lambda a: ops.solve(a, a[:, 0]), SQUARE),
    "pinv": (ops.linalg.pinv, SQUARE),
    "norm, nuclear": (lambda a: ops.norm(a, "nuc", axis=(1, 2)), SQUARE),
    "qr": (ops.qr, SQUARE),
    "stft": (lambda v: ops.stft(v, 4, 2, 4), V),
    "istft": (lambda v: ops.istft(ops.stft(v, 4, 2, 4), 4, 2, 4), V),
    "extract_sequences": (lambda v: ops.extract_sequences(v, 3, 2), V),
}


@pytest.mark.parametrize("name", CALLS)
def test_call(name: str) -> None:
    f, *arrays = CALLS[name]
    check(f, *arrays)


def test_64_bit_results_become_32_bit() -> None:
    assert ops.convert_to_tensor(np.arange(3)).dtype == "int32"
    assert ops.add(np.ones(2), np.ones(2)).dtype == "float32"
    assert ops.cast(np.arange(3), "int64").dtype == "int64"


def test_a_python_number_does_not_widen_bfloat16() -> None:
    x = ops.ones((2,), dtype="bfloat16")
    assert ops.multiply(x, 2.0).dtype == ml_dtypes.bfloat16
    assert ops.where(x > 0, x, 0.0).dtype == ml_dtypes.bfloat16
    assert ops.relu6(x).dtype == ml_dtypes.bfloat16


def test_half_precision_is_summed_in_single() -> None:
    x = np.full(5000, 1.0, "float16")
    assert ops.sum(x) == 5000
    assert ops.mean(x) == 1
    assert traced(ops.sum, x) == 5000


def test_int8_products_do_not_overflow() -> None:
    x = np.full((1, 4), 100, "int8")
    assert ops.matmul(x, x.T) == 40000


def test_unknown_dimensions_stay_unknown() -> None:
    x = keras.KerasTensor((None, 8, 8, 3))
    assert ops.max_pool(x, 2).shape == (None, 4, 4, 3)
    layer = keras.layers.Lambda(lambda x: ops.mean(ops.square(x), axis=(1, 2)))
    assert layer(x).shape == (None, 3)


def test_a_missing_operation_says_so() -> None:
    with pytest.raises(NotImplementedError, match=r"numpy\.frobnicate"):
        _ = keras.src.backend.numpy.frobnicate


def test_quantiles_of_numpy() -> None:
    for method in ("linear", "lower", "higher", "midpoint", "nearest"):
        expected = np.quantile(X, [0.0, 0.35, 1.0], axis=1, method=method, keepdims=True)
        actual = ops.quantile(X, [0.0, 0.35, 1.0], axis=1, method=method, keepdims=True)
        np.testing.assert_allclose(actual, expected, rtol=1e-5)
