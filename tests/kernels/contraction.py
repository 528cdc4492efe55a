"""Run the kernels of a contraction, and compare with the meaning."""

import ctypes

import numpy as np
from harness import table_of

from lamella import native, ops
from lamella.kernels.contract import lower_contraction
from lamella.program import Builder, building
from lamella.types import dtype_of, type_of

KERNEL = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 2)
TOLERANCE = {"float64": 1e-12, "float32": 2e-5, "float16": 4e-3, "bfloat16": 3e-2}


def aligned(shape, dtype, fill=None):
    """An array aligned to 64 bytes that may be read 64 bytes past its end."""
    dtype = dtype_of(dtype)
    nbytes = int(np.prod(shape, dtype=int)) * dtype.itemsize
    raw = np.full(nbytes + 256, 0x7F, np.uint8)  # NaN or huge wherever somebody else's bytes are
    start = -raw.ctypes.data % 64
    array = raw[start : start + nbytes].view(dtype).reshape(shape)
    if fill is not None:
        array[...] = fill
    return array


def program(spec, shape, a, b):
    """The Program of one contract equation."""
    builder = Builder()
    with building(builder):
        x, y = builder.make_value(type_of(a)), builder.make_value(type_of(b))
        out = ops.contract(x, y, spec=spec, shape=shape)
    return builder.finish([x, y], [out])


def execute(lowered, inputs, outputs, backwards=False):
    """Run the launches, chunk by chunk: each chunk must be independent of the others."""
    arrays = [aligned(x.shape, x.dtype, x) for x in inputs]
    arrays += [aligned(t.shape, t.dtype) for t in outputs]
    arrays += [aligned((n,), np.uint8) for n in lowered.scratch]
    table = table_of(arrays)
    made = native.compile_kernels({x.kernel.key: x.kernel.make_text for x in lowered.launches})
    for launch in lowered.launches:
        ids = np.array(launch.arguments, np.int64)
        chunks = range(launch.kernel.n_chunks)
        for chunk in reversed(chunks) if backwards else chunks:
            KERNEL(made[launch.kernel.key])(table.ctypes.data, ids.ctypes.data, chunk, chunk + 1)
    return arrays[len(inputs) : len(inputs) + len(outputs)]


def random(rng, shape, dtype="float32"):
    dtype = dtype_of(dtype)
    if dtype.kind in "iu":
        return rng.integers(0, 9, shape).astype(dtype)
    return rng.normal(size=shape).astype(dtype)


def check(spec, a_shape, b_shape, shape, dtype="float32", seed=0, target=None):
    """Lower, run and compare with ops.contract.numpy in float64; returns the Lowered."""
    rng = np.random.default_rng(seed)
    a, b = random(rng, a_shape, dtype), random(rng, b_shape, dtype)
    body = program(spec, shape, a, b)
    lowered = lower_contraction(body, target or native.target())
    (got,) = execute(lowered, [a, b], body.out_types, backwards=seed % 2 == 1)
    if dtype in TOLERANCE:
        wide = [np.asarray(x, np.float64) for x in (a, b)]
        expected = ops.contract.numpy(*wide, spec=spec, shape=shape)
        error = np.abs(got.astype(np.float64) - expected)
        scale = 1 + ops.contract.numpy(*map(np.abs, wide), spec=spec, shape=shape)
        worst = float(np.nan_to_num(error / scale, nan=np.inf).max(initial=0))
        assert worst <= TOLERANCE[dtype], (spec, worst)
    else:
        expected = ops.contract.numpy(a, b, spec=spec, shape=shape)
        np.testing.assert_array_equal(got, expected)
    return lowered
