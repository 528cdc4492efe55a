"""Functions whose arguments TensorFlow 1 named or ordered differently, and its old names.

Each calls the function of TensorFlow 2, which makes a node or computes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorflow_lamella.core.dtypes import as_dtype
from tensorflow_lamella.errors import unsupported
from tensorflow_lamella.names import export, get, has, put

#: Old names of functions that are unchanged: new name -> old names.
RENAMED: dict[str, str] = {
    "math.acos": "acos", "math.log": "log", "math.log1p": "log1p", "math.ceil": "ceil",
    "math.digamma": "digamma", "math.erf": "erf", "math.divide_no_nan": "div_no_nan",
    "math.log_sigmoid": "log_sigmoid", "math.erfc": "erfc", "math.expm1": "expm1",
    "math.lgamma": "lgamma", "math.reciprocal": "reciprocal", "math.rint": "rint",
    "math.rsqrt": "rsqrt", "math.is_finite": "is_finite", "math.is_inf": "is_inf",
    "math.is_nan": "is_nan", "math.floordiv": "floordiv floor_div", "math.floormod": "floormod mod",
    "math.logical_xor": "logical_xor", "math.squared_difference": "squared_difference",
    "math.conj": "conj", "math.imag": "imag", "math.real": "real", "math.angle": "angle",
    "math.cumprod": "cumprod", "math.top_k": "nn.top_k",
    "math.segment_sum": "segment_sum", "math.segment_mean": "segment_mean",
    "math.segment_max": "segment_max", "math.segment_min": "segment_min",
    "math.segment_prod": "segment_prod", "math.unsorted_segment_sum": "unsorted_segment_sum",
    "math.unsorted_segment_mean": "unsorted_segment_mean", "math.bincount": "bincount",
    "math.unsorted_segment_max": "unsorted_segment_max", "math.polyval": "polyval",
    "math.invert_permutation": "invert_permutation", "math.betainc": "betainc",
    "math.igamma": "igamma", "math.igammac": "igammac", "math.zeta": "zeta",
    "math.polygamma": "polygamma", "math.lbeta": "lbeta", "math.xlogy": "xlogy",
    "linalg.inv": "matrix_inverse", "linalg.det": "matrix_determinant",
    "linalg.diag": "matrix_diag",
    "linalg.diag_part": "matrix_diag_part", "linalg.tensor_diag": "diag",
    "linalg.tensor_diag_part": "diag_part", "linalg.solve": "matrix_solve",
    "linalg.triangular_solve": "matrix_triangular_solve", "linalg.cholesky": "cholesky",
    "linalg.cholesky_solve": "cholesky_solve", "linalg.qr": "qr", "linalg.svd": "svd",
    "linalg.eigh": "self_adjoint_eig", "linalg.eigvalsh": "self_adjoint_eigvals",
    "linalg.lstsq": "matrix_solve_ls", "linalg.band_part": "matrix_band_part",
    "linalg.set_diag": "matrix_set_diag", "linalg.trace": "trace", "linalg.cross": "cross",
    "linalg.transpose": "matrix_transpose", "linalg.logdet": "logdet", "linalg.expm": "expm",
    "signal.fft": "fft spectral.fft", "signal.ifft": "ifft spectral.ifft",
    "signal.fft2d": "fft2d", "signal.ifft2d": "ifft2d", "signal.rfft": "spectral.rfft",
    "signal.irfft": "spectral.irfft", "debugging.check_numerics": "check_numerics",
    "strings.join": "string_join", "strings.to_number": "string_to_number",
    "strings.substr": "substr", "strings.regex_replace": "regex_replace",
    "strings.as_string": "as_string", "io.decode_raw": "decode_raw", "io.decode_csv": "decode_csv",
    "io.parse_example": "parse_example", "io.parse_single_example": "parse_single_example",
    "io.read_file": "read_file", "io.write_file": "write_file",
    "io.matching_files": "matching_files",
    "io.encode_base64": "encode_base64", "io.decode_base64": "decode_base64",
    "sets.intersection": "sets.set_intersection", "quantization.quantize": "quantize",
    "tensor_scatter_nd_update": "tensor_scatter_update",
    "tensor_scatter_nd_add": "tensor_scatter_add", "math.accumulate_n": "accumulate_n",
    "math.zero_fraction": "nn.zero_fraction",

    "random.poisson": "random_poisson",
}  # fmt: skip


class _Later:
    """A function of TensorFlow 2 under an old name, found when it is called."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return get(self.name, 2)(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<function tf.{self.name}>"


for _new, _old in RENAMED.items():
    for _name in _old.split():
        if not has(_name, 2):
            put(_Later(_new), _name, version=1)


# Arithmetic of the first releases


@export("mul", version=1)
def mul(x: Any, y: Any, name: str | None = None) -> Any:
    """x * y: the name until 1.0."""
    return get("multiply", 2)(x, y, name=name or "Mul")


@export("sub", version=1)
def sub(x: Any, y: Any, name: str | None = None) -> Any:
    """x - y: the name until 1.0."""
    return get("subtract", 2)(x, y, name=name or "Sub")


@export("neg", version=1)
def neg(x: Any, name: str | None = None) -> Any:
    """-x: the name until 1.0."""
    return get("negative", 2)(x, name=name or "Neg")


@export("inv", version=1)
def inv(x: Any, name: str | None = None) -> Any:
    """1 / x: the name until 1.0."""
    return get("math.reciprocal", 2)(x, name=name or "Inv")


def _to(dtype: str) -> Callable[..., Any]:
    def convert(x: Any, name: str | None = None) -> Any:
        return get("cast", 2)(x, dtype, name=name or "Cast")

    convert.__name__, convert.__doc__ = f"to_{dtype}", f"`x` as {dtype}."
    return convert


for _name, _dtype in (("to_float", "float32"), ("to_double", "float64"), ("to_int32", "int32"),
                      ("to_int64", "int64"), ("to_bfloat16", "bfloat16"),
                      ("to_complex64", "complex64"), ("to_complex128", "complex128")):  # fmt: skip
    put(_to(_dtype), _name, version=1)


@export("div", version=1)
def div(x: Any, y: Any, name: str | None = None) -> Any:
    """x / y as in Python 2: integers are divided with rounding down."""
    dtype = getattr(x, "dtype", getattr(y, "dtype", None))
    whole = isinstance(x, int) and isinstance(y, int)
    if dtype is not None:
        whole = as_dtype(dtype).is_integer
    return get("math.floordiv" if whole else "truediv", 2)(x, y, name=name or "div")


# Reductions


def _axis(axis: Any, keepdims: Any, reduction_indices: Any, keep_dims: Any) -> tuple[Any, bool]:
    axis = reduction_indices if axis is None else axis
    keep = keepdims if keepdims is not None else keep_dims
    return axis, bool(keep)


def _reduction(name: str) -> Callable[..., Any]:
    def reduce(input_tensor: Any, axis: Any = None, keepdims: Any = None, name: str | None = None,
               reduction_indices: Any = None, keep_dims: Any = None) -> Any:  # fmt: skip
        chosen, keep = _axis(axis, keepdims, reduction_indices, keep_dims)
        return get(full, 2)(input_tensor, axis=chosen, keepdims=keep, name=name)

    full = f"math.{name}"
    reduce.__name__ = name
    reduce.__doc__ = f"tf.{name} with the argument names of all releases."
    return export(name, f"math.{name}", version=1)(reduce)


for _name in ("reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod", "reduce_all",
              "reduce_any", "reduce_logsumexp"):  # fmt: skip
    _reduction(_name)


def _arg(name: str) -> Callable[..., Any]:
    def arg(input: Any, axis: Any = None, name: str | None = None, dimension: Any = None,
            output_type: Any = "int64") -> Any:  # fmt: skip
        chosen = dimension if axis is None else axis
        return get(full, 2)(input, 0 if chosen is None else chosen, output_type, name=name)

    full = f"math.{name}"
    arg.__name__, arg.__doc__ = name, f"tf.{name} with the argument names of all releases."
    return export(name, f"math.{name}", f"arg_{name[3:]}", version=1)(arg)


_arg("argmax")
_arg("argmin")


@export("count_nonzero", "math.count_nonzero", version=1)
def count_nonzero(input_tensor: Any = None, axis: Any = None, keepdims: Any = None,
                  dtype: Any = "int64", name: str | None = None, reduction_indices: Any = None,
                  keep_dims: Any = None, input: Any = None) -> Any:  # fmt: skip
    """How many elements are not zero."""
    axis, keep = _axis(axis, keepdims, reduction_indices, keep_dims)
    x = input if input_tensor is None else input_tensor
    return get("math.count_nonzero", 2)(x, axis, keep, dtype, name=name)


@export("cumsum", "math.cumsum", version=1)
def cumsum(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False,
           name: str | None = None) -> Any:  # fmt: skip
    """Running sums."""
    return get("math.cumsum", 2)(x, axis, exclusive, reverse, name=name)


# Joining and splitting


@export("concat", version=1)
def concat(values: Any, axis: Any, name: str = "concat") -> Any:
    """The tensors one after the other; until 1.0 the axis came first, which is taken as well."""
    if isinstance(values, (int, np.integer)):
        values, axis = axis, int(values)
    values = [values] if not isinstance(values, (list, tuple)) else list(values)
    return get("concat", 2)(values, axis, name=name)


@export("concat_v2", version=1)
def concat_v2(values: Any, axis: Any, name: str = "concat_v2") -> Any:
    """tf.concat between two releases."""
    return concat(values, axis, name)


@export("split", version=1)
def split(value: Any, num_or_size_splits: Any, axis: Any = 0, num: Any = None,
          name: str = "split", split_dim: Any = None, num_split: Any = None) -> Any:  # fmt: skip
    """Parts along an axis; the order until 1.0, (axis, number, value), is taken as well."""
    if isinstance(value, (int, np.integer)) and not isinstance(axis, (int, np.integer)):
        value, num_or_size_splits, axis = axis, num_or_size_splits, int(value)
    if split_dim is not None:
        axis = split_dim
    return get("split", 2)(value, num_split or num_or_size_splits, axis, name=name)


@export("pack", version=1)
def pack(values: Any, axis: int = 0, name: str = "pack") -> Any:
    """tf.stack: the name until 1.0."""
    return get("stack", 2)(values, axis, name=name)


@export("unpack", version=1)
def unpack(value: Any, num: Any = None, axis: int = 0, name: str = "unpack") -> Any:
    """tf.unstack: the name until 1.0."""
    return get("unstack", 2)(value, num, axis, name=name)


@export("expand_dims", version=1)
def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """A new axis of size 1."""
    return get("expand_dims", 2)(input, dim if axis is None else axis, name=name)


@export("squeeze", version=1)
def squeeze(input: Any, axis: Any = None, name: str | None = None,
            squeeze_dims: Any = None) -> Any:  # fmt: skip
    """Without axes of size 1."""
    return get("squeeze", 2)(input, squeeze_dims if axis is None else axis, name=name)


@export("transpose", version=1)
def transpose(a: Any, perm: Any = None, name: str = "transpose", conjugate: bool = False) -> Any:
    """The axes in another order."""
    return get("transpose", 2)(a, perm, conjugate, name=name)


@export("batch_matmul", version=1)
def batch_matmul(x: Any, y: Any, adj_x: bool = False, adj_y: bool = False,
                 name: str | None = None) -> Any:  # fmt: skip
    """tf.matmul over leading axes: the name until 1.0."""
    return get("matmul", 2)(x, y, transpose_a=adj_x, transpose_b=adj_y, name=name)


@export("where", version=1)
def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """`x` or `y` by element; a condition of one axis chooses whole rows."""
    if x is None:
        return get("where", 2)(condition, name=name)
    kind = getattr(condition, "shape", None)
    rank = getattr(getattr(x, "shape", None), "rank", None)
    if kind is not None and kind.rank == 1 and rank is not None and rank > 1:
        condition = get("reshape", 2)(condition, [-1] + [1] * (rank - 1))
    return get("where", 2)(condition, x, y, name=name)


@export("select", version=1)
def select(condition: Any, t: Any, e: Any, name: str | None = None) -> Any:
    """tf.where: the name until 1.0."""
    return where(condition, t, e, name)


@export("gather", version=1)
def gather(params: Any, indices: Any, validate_indices: Any = None, name: str | None = None,
           axis: Any = None, batch_dims: int = 0) -> Any:  # fmt: skip
    """The slices of `params` at `indices`."""
    return get("gather", 2)(params, indices, axis=axis, batch_dims=batch_dims, name=name)


@export("one_hot", version=1)
def one_hot(indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: Any = None,
            dtype: Any = None, name: str | None = None) -> Any:  # fmt: skip
    """One where the index is, zero elsewhere."""
    return get("one_hot", 2)(indices, depth, 1 if on_value is None else on_value,
                             0 if off_value is None else off_value, -1 if axis is None else axis,
                             dtype, name=name)  # fmt: skip


@export("shape", version=1)
def shape(input: Any, name: str | None = None, out_type: Any = "int32") -> Any:
    """The sizes, as a tensor."""
    return get("shape", 2)(input, out_type, name=name)


@export("size", version=1)
def size(input: Any, name: str | None = None, out_type: Any = "int32") -> Any:
    """The number of elements, as a tensor."""
    return get("size", 2)(input, out_type, name=name)


@export("zeros_like", version=1)
def zeros_like(tensor: Any, dtype: Any = None, name: str | None = None,
               optimize: bool = True) -> Any:  # fmt: skip
    """Zeros of the shape of `tensor`."""
    return get("zeros_like", 2)(tensor, dtype, name=name)


@export("ones_like", version=1)
def ones_like(tensor: Any, dtype: Any = None, name: str | None = None,
              optimize: bool = True) -> Any:  # fmt: skip
    """Ones of the shape of `tensor`."""
    return get("ones_like", 2)(tensor, dtype, name=name)


@export("boolean_mask", version=1)
def boolean_mask(tensor: Any, mask: Any, name: str = "boolean_mask", axis: Any = None) -> Any:
    """The parts where the mask is true."""
    return get("boolean_mask", 2)(tensor, mask, axis or 0, name=name)


@export("sparse_to_dense", version=1)
def sparse_to_dense(sparse_indices: Any, output_shape: Any, sparse_values: Any,
                    default_value: Any = 0, validate_indices: bool = True,
                    name: str | None = None) -> Any:  # fmt: skip
    """`sparse_values` at `sparse_indices`, `default_value` elsewhere."""
    sparse_values = get("convert_to_tensor", 2)(sparse_values)
    base = get("fill", 2)(output_shape, get("cast", 2)(default_value, sparse_values.dtype))
    rank = getattr(sparse_indices, "shape", np.shape(sparse_indices))
    if len(rank) < 2:
        sparse_indices = get("reshape", 2)(sparse_indices, [-1, 1])
    count = get("shape", 2)(sparse_indices)[:1]
    values = get("broadcast_to", 2)(sparse_values, count)
    return get("tensor_scatter_nd_update", 2)(base, sparse_indices, values, name=name)


@export("confusion_matrix", "math.confusion_matrix", "contrib.metrics.confusion_matrix", version=1)
def confusion_matrix(labels: Any, predictions: Any, num_classes: Any = None, dtype: Any = "int32",
                     name: str | None = None, weights: Any = None) -> Any:  # fmt: skip
    """How often each label met each prediction: (labels, predictions)."""
    if num_classes is None:
        raise unsupported("tf.confusion_matrix without num_classes", "give num_classes")
    cast, hot = get("cast", 2), get("one_hot", 2)
    rows = hot(cast(get("reshape", 2)(labels, [-1]), "int32"), num_classes)
    columns = hot(cast(get("reshape", 2)(predictions, [-1]), "int32"), num_classes)
    if weights is not None:
        rows = rows * get("reshape", 2)(cast(weights, "float32"), [-1, 1])
    return cast(get("matmul", 2)(rows, columns, transpose_a=True), dtype, name=name)


@export("add_n", version=1)
def add_n(inputs: Any, name: str | None = None) -> Any:
    """The sum of the tensors."""
    total = inputs[0]
    for x in inputs[1:]:
        total = total + x
    return get("identity", 2)(total, name=name or "AddN")


@export("global_norm", "linalg.global_norm", version=1)
def global_norm(t_list: Any, name: str | None = None) -> Any:
    """The square root of the sum of all squares; None among the tensors is left out."""
    squares = [get("math.reduce_sum", 2)(get("square", 2)(t)) for t in t_list if t is not None]
    return get("sqrt", 2)(add_n(squares), name=name or "global_norm")


@export("clip_by_global_norm", version=1)
def clip_by_global_norm(t_list: Any, clip_norm: Any, use_norm: Any = None,
                        name: str | None = None) -> Any:  # fmt: skip
    """The tensors scaled together to a global norm of at most `clip_norm`, and the norm."""
    norm = global_norm(t_list) if use_norm is None else use_norm
    scale = clip_norm / get("maximum", 2)(norm, clip_norm)
    return [None if t is None else t * get("cast", 2)(scale, t.dtype) for t in t_list], norm


@export("space_to_depth", version=1)
def space_to_depth(input: Any, block_size: Any, name: Any = None, data_format: str = "NHWC") -> Any:
    """Blocks of pixels as channels."""
    return get("nn.space_to_depth", 2)(input, block_size, data_format, name=name)


@export("depth_to_space", version=1)
def depth_to_space(input: Any, block_size: Any, name: Any = None, data_format: str = "NHWC") -> Any:
    """Channels as blocks of pixels."""
    return get("nn.depth_to_space", 2)(input, block_size, data_format, name=name)


@export("reverse", "reverse_v2", version=1)
def reverse(tensor: Any, axis: Any, name: str | None = None) -> Any:
    """Reversed along axes; until 1.0 they were given as a list of bools, which is taken as well."""
    if isinstance(axis, (list, tuple)) and axis and all(isinstance(a, bool) for a in axis):
        axis = [i for i, flag in enumerate(axis) if flag]
    return get("reverse", 2)(tensor, axis, name=name)


@export("random_crop", version=1)
def random_crop(value: Any, size: Any, seed: Any = None, name: str | None = None) -> Any:
    """A part of this size at a random place."""
    return get("image.random_crop", 2)(value, size, seed, name=name)


@export("nn.in_top_k", "math.in_top_k", version=1)
def in_top_k(predictions: Any, targets: Any, k: int, name: str | None = None) -> Any:
    """Whether each target is among the `k` largest predictions of its row."""
    return get("math.in_top_k", 2)(targets, predictions, k, name=name)
