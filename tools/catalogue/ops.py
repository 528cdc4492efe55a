"""Every function of keras.ops."""

from __future__ import annotations

import numpy as np
from keras import ops

from catalogue.cases import add, count, function, outside, real


def op(names: str, text: str, f=None, **settings):
    """Cases of functions of keras.ops; `f(function)` makes a call of each, by default itself."""
    for name in names.split():
        plain = getattr(ops, name.partition(",")[0])
        key = f"ops.{name}".replace(",_", ", ")
        function(key, text, f(plain) if f else plain, **settings)


def call(key, text, f, **settings):
    """One case of keras.ops by a call of its own."""
    function(f"ops.{key}", text, f, **settings)


# -- elementwise -------------------------------------------------------------------------------

op("""abs absolute angle arcsinh arctan ceil conj conjugate copy cos cosh deg2rad exp exp2 expm1 erf
   erfc fabs floor i0 imag isfinite isinf isnan isneginf isposinf isreal logical_not nan_to_num
   negative rad2deg real round sign signbit sin sinc sinh square stop_gradient tan tanh trunc""",
   "real 3 4")  # fmt: skip
op("""celu elu gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu
   log_sigmoid log_softmax relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign
   sparse_plus sparse_sigmoid squareplus swish tanh_shrink""", "real 3 4")  # fmt: skip
op("cbrt log log10 log1p log2 reciprocal rsqrt sqrt", "positive 3 4")
op("arccos arcsin arctanh erfinv", "unit 3 4")
call("arccosh", "positive 3 4", lambda x: ops.arccosh(x + 1))
call("threshold", "real 3 4", lambda x: ops.threshold(x, 0.2, 3.0))
call("clip", "real 3 4", lambda x: ops.clip(x, -0.5, 0.6))
call("cast", "real 3 4", lambda x: ops.cast(x * 3, "int32"))
call("saturate_cast", "real 3 4", lambda x: ops.saturate_cast(x * 300, "int8"))
call("nan_to_num, holes", "holed 3 4", lambda x: ops.nan_to_num(x, nan=2.0))
op("bitwise_invert bitwise_not", "whole 3 4")
op("""add arctan2 divide divide_no_nan equal floor_divide fmax fmin fmod greater greater_equal
   heaviside hypot isclose less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor
   maximum minimum mod multiply not_equal subtract true_divide""", "real 3 4, real 3 4"
)  # fmt: skip
op("add,_broadcast multiply,_broadcast", "real 3 4, real 2 1 4")
op("add,_mixed subtract,_mixed multiply,_mixed divide,_mixed", "real 3 4, whole 3 4")
op("floor_divide,_integers mod,_integers power,_integers", "count 3 4, count 3 4")
op("nextafter", "real 3 4, real 3 4", differentiate=False)
op("power", "positive 3 4, real 3 4")
op("bitwise_and bitwise_or bitwise_xor gcd lcm", "whole 3 4, count 3 4")
op("bitwise_left_shift bitwise_right_shift left_shift right_shift", "count 3 4, count 3 4")
op("ldexp", "real 3 4, whole 3 4")
op("polar", "positive 3 4, real 3 4", lambda f: lambda r, a: ops.view_as_real(f(r, a)))
call("view_as_complex", "real 3 4 2", lambda x: ops.real(ops.view_as_complex(x) ** 2))
call("view_as_real", "real 3 4", lambda x: ops.view_as_real(ops.cast(x, "complex64")))

# -- reductions and running sums ---------------------------------------------------------------

op("amax amin logsumexp max mean median min prod ptp std sum trapezoid var argmax argmin cumsum "
   "cumprod any all count_nonzero average diff sort argsort", "real 3 4")  # fmt: skip
op("max,_axis mean,_axis median,_axis min,_axis prod,_axis std,_axis sum,_axis var,_axis "
   "argmax,_axis all,_axis any,_axis logsumexp,_axis",
   "real 3 4 2", lambda f: lambda x: f(x, axis=1, keepdims=True))  # fmt: skip
op("nanmax nanmean nanmedian nanmin nanprod nanstd nansum nanvar nancumsum nancumprod nanargmax "
   "nanargmin", "holed 3 4", lambda f: lambda x: f(x, axis=1))  # fmt: skip
op("percentile nanpercentile", "real 3 5", lambda f: lambda x: f(x, 30.0, axis=1))
op("quantile nanquantile", "real 3 5", lambda f: lambda x: f(x, np.float32([0.1, 0.5]), axis=1))
call("average, weights", "real 3 4, positive 3 4", lambda x, w: ops.average(x, 1, weights=w))
call("norm", "real 3 4", ops.norm)
call("norm, nuclear", "real 3 4", lambda x: ops.norm(x, "nuc"), atol=1e-4)
call("norm, ord 3", "real 3 4", lambda x: ops.norm(x, 3, axis=1))
call("normalize", "real 3 4", ops.normalize)
call("moments", "real 2 3 4", lambda x: ops.moments(x, (0, 1)))
call("corrcoef", "real 3 5", ops.corrcoef)
call("allclose", "real 3 4, real 3 4", ops.allclose)
call("argpartition", "real 7", lambda x: ops.sum(x[ops.argpartition(x, 3)[:4]]))
call("top_k", "real 3 5", lambda x: ops.top_k(x, 2))
call("in_top_k", "count 3, real 3 7", lambda t, p: ops.in_top_k(t, p, 3))
call("searchsorted", "real 6, real 4", lambda a, v: ops.searchsorted(ops.sort(a), v))
call("digitize", "real 3 4", lambda x: ops.digitize(x, [-1.0, 0.0, 1.0]))
call("histogram", "real 20", lambda x: [
    ops.cast(part, "float32") for part in ops.histogram(x, bins=5, range=(-2, 2))])  # fmt: skip
call("bincount", "count 9, positive 9", lambda i, w: ops.bincount(i, weights=w, minlength=8))
call("isin", "whole 3 4, whole 5", ops.isin)
call("unique", "whole 9", ops.unique, jit=False)
call("nonzero", "whole 3 4", ops.nonzero, jit=False)
call("associative_scan", "real 5 3", lambda x: ops.associative_scan(ops.add, x, axis=0))

# -- shapes ------------------------------------------------------------------------------------

op("array convert_to_tensor ravel transpose flip fliplr flipud squeeze tril triu "
   "trace diagonal diag empty_like,_zeros ones_like zeros_like rot90",
   "real 3 3", lambda f: (lambda x: f(x) * 0) if f is ops.empty_like else f)  # fmt: skip
op("append hstack,_pair vstack,_pair dstack,_pair kron outer inner dot",
   "real 3 4, real 3 4",
   lambda f: (lambda x, y: f([x, y])) if f in (ops.hstack, ops.vstack, ops.dstack)
   else (lambda x, y: f(x, ops.transpose(y))) if f is ops.dot else f)  # fmt: skip
op("convert_to_numpy", "real 3 3", jit=False, differentiate=False)
call("array_split", "real 7 2", lambda x: ops.array_split(x, 3))
call("broadcast_to", "real 3 1", lambda x: ops.broadcast_to(x, (2, 3, 4)))
call("concatenate", "real 3 4, real 2 4", lambda x, y: ops.concatenate([x, y]))
call("diagflat", "real 3", lambda x: ops.diagflat(x, 1))
call("dsplit", "real 2 3 4", lambda x: ops.dsplit(x, 2))
call("hsplit", "real 3 4", lambda x: ops.hsplit(x, 2))
call("vsplit", "real 4 3", lambda x: ops.vsplit(x, [1, 3]))
call("split", "real 4 6", lambda x: ops.split(x, [1, 3], axis=1))
call("unstack", "real 3 4", lambda x: ops.unstack(x, axis=1))
call("stack", "real 3 4, real 3 4", lambda x, y: ops.stack([x, y], axis=1))
call("expand_dims", "real 3 4", lambda x: ops.expand_dims(x, 1))
call("meshgrid", "real 3, real 4", ops.meshgrid)
call("moveaxis", "real 2 3 4", lambda x: ops.moveaxis(x, 0, -1))
call("swapaxes", "real 2 3 4", lambda x: ops.swapaxes(x, 0, 2))
call("pad", "real 3 4", lambda x: ops.pad(x, [[1, 2], [0, 1]], constant_values=2.0))
call("pad, reflect", "real 3 4", lambda x: ops.pad(x, [[1, 2], [0, 1]], "reflect"))
call("pad, symmetric", "real 3 4", lambda x: ops.pad(x, [[1, 2], [0, 1]], "symmetric"))
call("rearrange", "real 2 6 3", lambda x: ops.rearrange(x, "b (h w) c -> b h (w c)", h=2))
call("repeat", "real 3 4", lambda x: ops.repeat(x, 2, axis=1))
call("reshape", "real 3 4", lambda x: ops.reshape(x, (2, -1)))
call("roll", "real 3 4", lambda x: ops.roll(x, 2, axis=1))
call("tile", "real 3 4", lambda x: ops.tile(x, (2, 1, 2)))
call("view", "real 3 4", lambda x: ops.view(x, "int32"))
call("vander", "real 4", lambda x: ops.vander(x, 3))
call("where", "bits 3 4, real 3 4, real 3 4", ops.where)
call("select", "bits 3 4, real 3 4, real 3 4", lambda b, x, y: ops.select([b, ~b], [x, y], 0.0))
call("unravel_index", "count 5", lambda i: ops.unravel_index(i, (3, 4)))
op("size ndim shape is_tensor dtype", "real 3 4",
   lambda f: lambda x: str(f(ops.convert_to_tensor(x))), jit=False)  # fmt: skip

# -- places ------------------------------------------------------------------------------------

call("take", "real 7 3, count 2 2", lambda x, i: ops.take(x, i, axis=0))
call("take_along_axis", "real 7 3, count 2 3", lambda x, i: ops.take_along_axis(x, i, axis=0))
call("get_item", "real 5 4", lambda x: ops.get_item(x, (slice(1, 4, 2), -1)))
call("slice", "real 5 4", lambda x: ops.slice(x, (1, 2), (3, 2)))
call("slice_update", "real 5 4, real 2 2", lambda x, u: ops.slice_update(x, (1, 2), u))
call("scatter", "real 3 2", lambda u: ops.scatter(np.int32([[0], [3], [0]]), u, (5, 2)))
call("scatter_update", "real 5 2, real 2 2",
     lambda x, u: ops.scatter_update(x, np.int32([[1], [3]]), u))  # fmt: skip


def by_segment(f):
    """`f` of six rows in segments 0, 1 and 3; what an empty one holds is not said."""
    return lambda x: f(x, np.int32([0, 0, 1, 3, 3, 3]), 4, True)[np.int32([0, 1, 3])]


op("segment_max segment_min segment_sum", "real 6 2", by_segment)
op("segment_prod", "real 6 2", by_segment, differentiate=False)  # JAX has no gradient of it

# -- creation ----------------------------------------------------------------------------------

op("bartlett blackman hamming hanning", "", lambda f: lambda: f(7))
op("eye identity tri", "", lambda f: lambda: f(4))
op("ones zeros", "", lambda f: lambda: f((2, 3)))
call("arange", "", lambda: (ops.arange(5), ops.arange(1, 2, 0.25)))
call("empty", "", lambda: ops.shape(ops.empty((2, 3))), jit=False)
call("full", "real", lambda x: ops.full((2, 3), x))
call("full_like", "real 3 4", lambda x: ops.full_like(x, 2.5))
call("kaiser", "", lambda: ops.kaiser(7, 3.0))
call("linspace", "real 3, real 3", lambda a, b: ops.linspace(a, b, 5))
call("logspace", "real 3, real 3", lambda a, b: ops.logspace(a, b, 4))
call("geomspace", "positive 3, positive 3", lambda a, b: ops.geomspace(a, b, 4))
call("one_hot", "count 3 2", lambda i: ops.one_hot(i, 7))
call("multi_hot", "count 3 2", lambda i: ops.multi_hot(i, 7))

# -- products ----------------------------------------------------------------------------------

call("matmul", "real 2 3 4, real 2 4 5", ops.matmul)
call("matmul, vector", "real 3 4, real 4", ops.matmul)
call("einsum", "real 2 3 4, real 2 5 4", lambda x, y: ops.einsum("bij,bkj->bik", x, y))
call("tensordot", "real 2 3 4, real 3 4 5", lambda x, y: ops.tensordot(x, y, axes=2))
call("vdot", "real 3 4, real 3 4", ops.vdot)
call("cross", "real 4 3, real 4 3", ops.cross)
call("cdist", "real 3 4, real 5 4", ops.cdist)
call("correlate", "real 6, real 3", lambda x, y: ops.correlate(x, y, mode="same"))

# -- functions of functions --------------------------------------------------------------------


@ops.custom_gradient
def clipped_square(x):
    def gradient(*args, upstream=None):
        upstream = args[0] if upstream is None else upstream
        return ops.clip(2 * x * upstream, -1.0, 1.0)

    return x * x, gradient


def heron(x):
    """The square root of x by iteration."""
    start = (ops.ones_like(x), ops.zeros((), "int32"))
    return ops.while_loop(lambda y, i: i < 6, lambda y, i: (0.5 * (y + x / y), i + 1), start)[0]


call("custom_gradient", "real 3 4", clipped_square)
call("map", "real 3 4", lambda x: ops.map(lambda row: ops.sum(row) * row, x))
call("vectorized_map", "real 3 4", lambda x: ops.vectorized_map(ops.cumsum, x))
call("vectorize", "real 3 4", lambda x: ops.vectorize(ops.sum, signature="(n)->()")(x))
call("scan", "real, real 5", lambda c, x: ops.scan(lambda a, b: (a * 0.5 + b, a * b), c, x))
call("fori_loop", "real 3", lambda x: ops.fori_loop(0, 4, lambda i, y: ops.sin(y) + x, x))
call("while_loop", "positive 3", heron, differentiate=False)  # JAX differentiates none in reverse
call("cond", "real 3 4", lambda x: ops.cond(ops.sum(x) > 0, lambda: x * 2, lambda: x - 1))
call("switch", "real 3 4", lambda x: ops.switch(1, [lambda y: y, lambda y: y * y], x))
call("jvp", "real 3 4, real 3 4", lambda x, t: ops.jvp(ops.tanh, (x,), (t,)))

# -- signals -----------------------------------------------------------------------------------

op("fft fft2 ifft2", "real 2 8, real 2 8", lambda f: lambda a, b: f((a, b)))
op("rfft", "real 2 8")
call("irfft", "real 2 5, real 2 5", lambda a, b: ops.irfft((a, b)))
call("stft", "real 2 40", lambda x: ops.stft(x, 8, 4, 8), atol=1e-4)
call("istft", "real 2 9 5, real 2 9 5", lambda a, b: ops.istft((a, b), 8, 4, 8))
call("extract_sequences", "real 2 9", lambda x: ops.extract_sequences(x, 4, 2))

# -- linear algebra: what has no sign of its own -----------------------------------------------


def matrix(name, f, definite=False, **settings):
    """`f` of square, well-conditioned matrices."""

    def make(rng):
        a = real(rng, 2, 4, 4)
        a = a @ np.swapaxes(a, -1, -2) if definite else a
        return f, [a + 4 * np.eye(4, dtype=np.float32)]

    add(f"ops.{name}", make, **settings)


matrix("cholesky", ops.cholesky, definite=True)
matrix("cholesky_inverse", lambda a: ops.cholesky_inverse(ops.cholesky(a[0])), definite=True)
op("det", "real 2 3 3")
matrix("eig", lambda a: ops.sort(ops.real(ops.eig(a)[0])), definite=True, differentiate=False)
matrix("eigh", lambda a: ops.eigh((a + ops.swapaxes(a, 1, 2)) / 2)[0], definite=True)
matrix("inv", ops.inv)
matrix("logdet", ops.logdet, definite=True)
matrix("slogdet", ops.slogdet)
matrix("lu_factor", ops.lu_factor)
matrix("matrix_rank", ops.linalg.matrix_rank)
matrix("qr", lambda a: [ops.abs(x) for x in ops.qr(a)])
matrix("svd", lambda a: ops.svd(a, compute_uv=False))
call("lstsq", "real 5 3, real 5 2", ops.lstsq, rtol=1e-3, atol=1e-4)
call("pinv", "real 5 3", ops.linalg.pinv, rtol=1e-3, atol=1e-4)
matrix("solve", lambda a: ops.solve(a, ops.matmul(a, a[..., :2]) + 1))
matrix("solve_triangular", lambda a: ops.solve_triangular(a, a[..., :1], lower=True))

# -- networks ----------------------------------------------------------------------------------

for _n, _shape in ((1, "2 9 3"), (2, "2 7 6 3"), (3, "1 5 4 6 2")):
    op(f"max_pool,_{_n} average_pool,_{_n}", f"real {_shape}",
       lambda f: lambda x: f(x, 2, 2, padding="same"))  # fmt: skip
    op(f"adaptive_average_pool,_{_n} adaptive_max_pool,_{_n}", f"real {_shape}",
       lambda f, n=_n: lambda x: f(x, (3,) * n))  # fmt: skip
for _n, _shape in ((1, "2 9 4"), (2, "1 6 7 4"), (3, "1 5 4 5 2")):
    _c = int(_shape[-1])
    _kernel = " ".join(["3"] * _n)
    call(f"conv, {_n}", f"real {_shape}, real {_kernel} {_c} 3",
         lambda x, w: ops.conv(x, w, 2, "same"))  # fmt: skip
    call(f"conv, {_n} valid, dilated", f"real {_shape}, real {_kernel} {_c} 3",
         lambda x, w: ops.conv(ops.tile(x, 2)[..., : x.shape[-1]], w, 1, "same",
                               dilation_rate=2))  # fmt: skip
    call(f"conv_transpose, {_n}", f"real {_shape}, real {_kernel} 3 {_c}",
         lambda x, w: ops.conv_transpose(x, w, 2, "same"))  # fmt: skip
for _n, _shape in ((1, "2 9 4"), (2, "1 6 7 4")):
    _kernel = " ".join(["3"] * _n)
    call(f"depthwise_conv, {_n}", f"real {_shape}, real {_kernel} 4 2",
         lambda x, w: ops.depthwise_conv(x, w, 1, "same"))  # fmt: skip
    call(f"separable_conv, {_n}", f"real {_shape}, real {_kernel} 4 2, real {'1 ' * _n}8 3",
         lambda x, w, p: ops.separable_conv(x, w, p, 2, "valid"))  # fmt: skip
call("conv, groups", "real 1 6 7 4, real 3 3 2 6", lambda x, w: ops.conv(x, w, 1, "valid"))
call("conv, channels first", "real 1 4 6 7, real 3 3 4 2",
     lambda x, w: ops.conv(x, w, 1, "same", data_format="channels_first"))  # fmt: skip
call("batch_normalization", "real 3 4, real 4, positive 4, real 4, real 4",
     lambda x, m, v, b, s: ops.batch_normalization(x, m, v, -1, b, s))  # fmt: skip
call("layer_normalization", "real 3 4, real 4, real 4", ops.layer_normalization)
call("rms_normalization", "real 3 4, real 4", ops.rms_normalization)
op("dot_product_attention", "real 2 5 3 4, real 2 6 3 4, real 2 6 3 4")
call("dot_product_attention, causal", "real 1 5 2 4, real 1 5 2 4, real 1 5 2 4",
     lambda q, k, v: ops.dot_product_attention(q, k, v, is_causal=True))  # fmt: skip
call("dot_product_attention, masked", "real 1 5 2 4, real 1 5 2 4, real 1 5 2 4, bits 1 2 5 5",
     lambda q, k, v, m: ops.dot_product_attention(q, k, v, mask=m | np.eye(5, dtype=bool)),
     )  # fmt: skip
op("depth_to_space", "real 1 3 2 8", lambda f: lambda x: f(x, 2))
op("space_to_depth", "real 1 6 4 2", lambda f: lambda x: f(x, 2))
call("unfold", "real 1 2 6 5", lambda x: ops.unfold(x, 3, padding=1, stride=2))
call("fold", "real 1 18 9", lambda x: ops.fold(x, (6, 5), 3, padding=1, stride=2))
call("psnr", "share 2 4 4 3, share 2 4 4 3", lambda x, y: ops.psnr(x, y, 1.0))
op("binary_crossentropy", "share 3 4, share 3 4")
op("categorical_crossentropy", "share 3 4, real 3 4",
   lambda f: lambda t, x: f(t, x, from_logits=True))  # fmt: skip
op("sparse_categorical_crossentropy", "count 3, real 3 7",
   lambda f: lambda t, x: f(t, x, from_logits=True))  # fmt: skip


def _ctc(f):
    def make(rng):
        labels = count(rng, 2, 3)
        lengths = np.int32([3, 2]), np.int32([7, 6])
        return lambda x: f(labels, x, *lengths), [real(rng, 2, 7, 8)]

    return make


add("ops.ctc_loss", _ctc(lambda t, x, nt, nx: ops.ctc_loss(t, x, nt, nx, mask_index=0)))
add("ops.ctc_decode", _ctc(lambda t, x, nt, nx: ops.ctc_decode(x, nx)), differentiate=False)

# -- images ------------------------------------------------------------------------------------


def image(name, f, text="share 2 7 6 3", **settings):
    function(f"ops.image.{name}", text, f, **settings)


I = ops.image  # noqa: E741
image("rgb_to_grayscale", I.rgb_to_grayscale)
image("rgb_to_hsv", I.rgb_to_hsv)
image("hsv_to_rgb", I.hsv_to_rgb)
image("crop_images", lambda x: I.crop_images(x, 1, 2, target_height=4, target_width=3))
image("pad_images", lambda x: I.pad_images(x, 1, 2, target_height=9, target_width=9))
for _method in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"):
    image(f"resize, {_method}", lambda x, m=_method: I.resize(x, (5, 9), m))
image("resize, antialias", lambda x: I.resize(x, (3, 4), antialias=True))
image("resize, cropped", lambda x: I.resize(x, (4, 9), crop_to_aspect_ratio=True))
image("resize, padded", lambda x: I.resize(x, (4, 9), pad_to_aspect_ratio=True))
image("extract_patches", lambda x: I.extract_patches(x, 3, 2, padding="same"))
image("extract_patches_3d", lambda x: I.extract_patches_3d(x, 2), "share 1 4 5 4 2")
image("gaussian_blur", lambda x: I.gaussian_blur(x, (3, 5), (1.0, 0.7), "channels_last"))
image("sobel_edges", I.sobel_edges)
image("ssim", lambda x, y: I.ssim(x, y, 1.0), "share 1 14 13 2, share 1 14 13 2", rtol=1e-3)
_TURN = np.float32([[0.9, -0.2, 1.1, 0.1, 1.1, -0.4, 0, 0]])
for _fill in ("constant", "nearest", "reflect", "wrap"):
    image(f"affine_transform, {_fill}",
          lambda x, m=_fill: I.affine_transform(x, _TURN, "bilinear", m),
          "share 1 7 6 3")  # fmt: skip
_FROM = np.float32([[[0, 0], [6, 0], [0, 5], [6, 5]]])
_TO = np.float32([[[0.5, 0.2], [5.5, 0.4], [0.3, 4.5], [5.8, 4.9]]])
image("perspective_transform", lambda x: I.perspective_transform(x, _FROM, _TO), "share 1 6 7 3",
      rtol=1e-3, atol=1e-4)  # fmt: skip
image(
    "map_coordinates", lambda x, c: I.map_coordinates(x, c * 3, order=1), "share 6 5, positive 2 4"
)
image("scale_and_translate",
      lambda x, s, t: I.scale_and_translate(x, (1, 5, 8, 3), s, t, (1, 2), "linear"),
      "share 1 7 6 3, positive 2, share 2", rtol=1e-3)  # fmt: skip

outside("ops.image.elastic_transform layers.RandomElasticTransform",
        "draw their random numbers themselves; tests/keras/test_ops_random.py")  # fmt: skip
outside("ops.sparsemax", "under JAX its rows do not add up to one; tests/keras/test_ops_nn.py")
