"""Kernels of single equations (scatter, running folds, updates of slices) against their meaning."""

import ctypes

import ml_dtypes
import numpy as np
import pytest
from harness import table_of
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella import native, ops
from lamella.program import Builder, building
from lamella.types import dtype_of, type_of

KERNEL = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 2)
DTYPES = ["float32", "float64", "float16", "bfloat16", "int32", "int8", "uint16"]


def aligned(shape, dtype):
    """Aligned to 64 bytes and readable past its end, where nothing meaningful is."""
    dtype = dtype_of(dtype)
    nbytes = int(np.prod(shape, dtype=int)) * dtype.itemsize
    raw = np.full(nbytes + 256, 0x7F, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + nbytes].view(dtype).reshape(shape)


def copied(x):
    out = aligned(x.shape, x.dtype)
    out[...] = x
    return out


def equation(primitive, operands, attrs):
    builder = Builder()
    with building(builder):
        primitive(*(builder.make_value(type_of(x)) for x in operands), **attrs)
    return builder.equations[0]


def execute(primitive, operands, attrs, inplace=False):
    """The results of the kernels, chunks in reverse order; inplace: over the first operand."""
    eq = equation(primitive, operands, attrs)
    lowered = eq.primitive.lower.lower_equation(eq)
    arrays = [copied(x) for x in operands]
    results = [aligned(v.type.shape, v.type.dtype) for v in eq.results]
    if inplace:
        assert (0, 0) in lowered.inplace or not lowered.launches
        results[0] = arrays[0]
    buffers = [*arrays, *results, *(aligned((n,), np.uint8) for n in lowered.scratch)]
    table = table_of(buffers)
    made = native.compile_kernels({x.kernel.key: x.kernel.make_text for x in lowered.launches})
    for launch in lowered.launches:
        ids = np.array(launch.arguments, np.int64)
        for chunk in reversed(range(launch.kernel.n_chunks)):
            KERNEL(made[launch.kernel.key])(table.ctypes.data, ids.ctypes.data, chunk, chunk + 1)
    return results[0]


def check(primitive, operands, attrs, exact=True):
    expected = primitive.numpy(*operands, **attrs)
    for inplace in (False, True):
        actual = execute(primitive, operands, attrs, inplace)
        assert actual.dtype == expected.dtype
        wide = np.float64 if actual.dtype.kind in "fV" else actual.dtype
        rtol = 0 if exact else 16 * float(ml_dtypes.finfo(actual.dtype).eps)
        np.testing.assert_allclose(actual.astype(wide), expected.astype(wide), rtol=rtol, atol=rtol)


def numbers(rng, shape, dtype):
    """Small whole numbers and quarters: sums of them are exact in any order."""
    x = rng.integers(0, 5, shape)
    return np.asarray(x / 4 if dtype_of(dtype).kind in "fV" else x).astype(dtype_of(dtype))


@pytest.fixture
def rng():
    return np.random.default_rng(2)


# -------------------------------------------------------------------------- scatter


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "axis", "count"),
    [
        ((7, 5), 0, (4,)),
        ((3, 9, 40), 1, (6, 2)),
        ((40,), 0, (30,)),
        ((2, 3), 1, ()),
        ((4, 2), 0, (0,)),
    ],
)
def test_scatter_add(rng, dtype, shape, axis, count):
    indices = rng.integers(-1, shape[axis] + 1, count).astype("int32")
    updates = numbers(rng, (*shape[:axis], *count, *shape[axis + 1 :]), dtype)
    check(ops.scatter_add, (numbers(rng, shape, dtype), indices, updates), {"axis": axis})


@pytest.mark.parametrize("index_dtype", ["int8", "uint8", "int64", "uint64"])
def test_index_dtypes(rng, index_dtype):
    indices = np.array([0, 3, 3, 5, 120], index_dtype)
    if index_dtype == "uint64":
        indices[4] = np.iinfo("uint64").max
    x, updates = numbers(rng, (4, 3), "float32"), numbers(rng, (5, 3), "float32")
    check(ops.scatter_add, (x, indices, updates), {"axis": 0})


@pytest.mark.parametrize("mode", ["add", "set", "max", "min", "mul"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int16"])
@pytest.mark.parametrize(("shape", "k"), [((6, 5, 3), 2), ((6, 70), 1), ((4, 3), 0), ((5, 4), 2)])
def test_scatter_nd(rng, mode, dtype, shape, k):
    indices = rng.integers(-1, 6, (9, k)).astype("int32")
    operands = numbers(rng, shape, dtype), indices, numbers(rng, (9, *shape[k:]), dtype)
    check(ops.scatter_nd, operands, {"mode": mode})


def test_nan_and_bool(rng):
    x = np.array([1, np.nan, 3, 4], "float32")
    indices, updates = np.array([[0], [1], [2]]), np.array([np.nan, 5, -1], "float32")
    check(ops.scatter_nd, (x, indices, updates), {"mode": "max"})
    flags = np.array([True, False, True])
    check(ops.scatter_nd, (~flags, indices, flags), {"mode": "set"})


@pytest.mark.parametrize(
    ("rows", "inner", "count"), [(20_000, 64, 2_000), (300, 128, 3_000), (50, 1, 60_000)]
)
def test_large_tables_in_many_chunks(rng, rows, inner, count):
    x = numbers(rng, (rows, inner), "float32")
    indices = rng.integers(0, rows, count)
    updates = numbers(rng, (count, inner), "float32")
    check(ops.scatter_add, (x, indices, updates), {"axis": 0})


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_random_scatters(data):
    shape = tuple(data.draw(st.lists(st.integers(1, 20), min_size=1, max_size=3)))
    k = data.draw(st.integers(0, len(shape)))
    count = data.draw(st.integers(0, 12))
    mode = data.draw(st.sampled_from(["add", "set", "max", "min", "mul"]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    indices = rng.integers(-2, 22, (count, k))
    operands = numbers(rng, shape, "float32"), indices, numbers(rng, (count, *shape[k:]), "float32")
    check(ops.scatter_nd, operands, {"mode": mode})


# ------------------------------------------------------------------------ running folds


@pytest.mark.parametrize("primitive", [ops.cumsum, ops.cumprod, ops.cummax, ops.cummin])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((5,), 0),
        ((4, 9), 1),
        ((3, 9), 1),
        ((7, 33), 0),
        ((2, 5, 150), 1),
        ((2, 3, 1), 1),
        ((3, 0), 1),
    ],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_running_folds(rng, primitive, dtype, shape, axis, reverse):
    x = numbers(rng, shape, dtype)
    check(primitive, (x,), {"axis": axis, "reverse": reverse}, exact=primitive is not ops.cumprod
          or dtype_of(dtype).kind in "iu")  # fmt: skip


def test_running_extremum_keeps_nan(rng):
    x = rng.normal(size=(3, 6)).astype("float32")
    x[1, 2] = np.nan
    check(ops.cummax, (x,), {"axis": 1, "reverse": False})
    check(ops.cummin, (x,), {"axis": 1, "reverse": True})


def test_long_rows_in_many_chunks(rng):
    for shape, axis in (((64, 3000), 1), ((300, 700), 0)):
        check(ops.cumsum, (numbers(rng, shape, "float32"),), {"axis": axis, "reverse": False})


# ------------------------------------------------------------------- updates of slices


@pytest.mark.parametrize(
    ("shape", "window"),
    [
        ((6,), (2,)),
        ((6, 5), (2, 5)),
        ((6, 5), (6, 2)),
        ((6, 5), (2, 3)),
        ((4, 5, 6), (2, 5, 3)),
        ((4, 5, 6), (4, 5, 6)),
        ((4, 5, 6), (1, 2, 6)),
        ((), ()),
        ((4, 3), (0, 3)),
        ((300, 2000), (2, 1500)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "int8", "bool"])
def test_update_of_a_slice(rng, shape, window, dtype):
    for start in (-3, 0, 1, 99):
        starts = [np.int32(start + i) for i in range(len(shape))]
        x, update = numbers(rng, shape, dtype), numbers(rng, window, dtype)
        check(ops.dynamic_update_slice, (x, update, *starts), {})
