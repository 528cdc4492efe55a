"""Absorption: operands that are computed inside the kernel of a contraction."""

import numpy as np
import pytest

from lamella import ops
from lamella.compile import compile_program
from lamella.compile.absorb import absorb
from lamella.passes import run_pipeline
from lamella.program import Builder, building
from lamella.types import Type

IMAGES, ROWS, COLUMNS, CHANNELS = 12, 9, 7, 24
SHAPE = (IMAGES, ROWS, COLUMNS, CHANNELS)

#: spec of the contraction of z and another operand, the other's shape, the result's
PRODUCTS = {
    "1x1": ("n x y c, c o -> n x y o", (CHANNELS, 20), (IMAGES, ROWS, COLUMNS, 20)),
    "depthwise": ("n x+i-1 y+j-1 c, i j c -> n x y c", (3, 3, CHANNELS), SHAPE),
    "strided": ("n 2x+i-1 2y+j-1 c, i j c o -> n x y o", (3, 3, CHANNELS, 8), (IMAGES, 5, 4, 8)),
    "filters": ("n x y c, n x y o -> c o", (IMAGES, ROWS, COLUMNS, 20), (CHANNELS, 20)),
    "depthwise filters": ("n x+i-1 y+j-1 c, n x y c -> i j c", SHAPE, (3, 3, CHANNELS)),
}


def normalized_product(spec, other, result, dtype="float32", ending=True, swapped=False):
    """relu(y * scale + shift) where a mask allows it, times `other`; then something else."""
    builder = Builder()
    types = [(SHAPE, dtype), ((CHANNELS,), dtype), ((CHANNELS,), dtype), (SHAPE, "bool"),
             (other, dtype), (result, dtype)]  # fmt: skip
    inputs = [builder.make_value(Type(s, np.dtype(d))) for s, d in types]
    y, scale, shift, mask, w, residual = inputs
    with building(builder):
        across = [ops.broadcast(v, shape=SHAPE, axes=(3,)) for v in (scale, shift)]
        zero = ops.full(shape=SHAPE, dtype=dtype, value=0.0)
        z = ops.maximum(ops.add(ops.mul(y, across[0]), across[1]), zero)
        z = ops.select(mask, z, zero)
        product = ops.contract(*((w, z) if swapped else (z, w)), spec=spec, shape=result)
        last = ops.sub(product, residual) if ending else product
    return builder.finish(inputs, [last])


def arrays_for(program):
    rng = np.random.default_rng(3)
    return [rng.random(t.shape) < 0.7 if t.dtype == bool else rng.normal(size=t.shape)
            .astype(t.dtype) for t in program.in_types]  # fmt: skip


def is_absorbed(program):
    return len(absorb(run_pipeline(program)).equations) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ending", [True, False], ids=["ending", "plain"])
@pytest.mark.parametrize("name", PRODUCTS)
def test_an_operand_computed_in_its_kernel(name, ending, dtype):
    program = normalized_product(*PRODUCTS[name], dtype, ending)
    assert is_absorbed(program)
    arrays = arrays_for(program)
    (result,), (expected,) = compile_program(program)(*arrays), program.run(*arrays)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


def test_the_second_operand():
    spec = "c o, n x y c -> n x y o"
    program = normalized_product(spec, (CHANNELS, 20), (*SHAPE[:3], 20), swapped=True)
    assert is_absorbed(program)
    arrays = arrays_for(program)
    (result,), (expected,) = compile_program(program)(*arrays), program.run(*arrays)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


def test_the_ending_reads_what_the_prologue_reads():
    """An array that both read must not become the result: tiles to come still need it."""
    builder = Builder()
    y, w = (builder.make_value(Type(s, np.dtype("float32"))) for s in (SHAPE, (3, 3, CHANNELS)))
    with building(builder):
        x = ops.neg(y)
        z = ops.maximum(x, ops.full(shape=SHAPE, dtype="float32", value=0.0))
        h = ops.contract(z, w, spec=PRODUCTS["depthwise"][0], shape=SHAPE)
        last = ops.add(h, x)
    program = builder.finish([y, w], [last])
    assert is_absorbed(program)
    arrays = arrays_for(program)
    (expected,) = program.run(*arrays)
    (result,) = compile_program(program, donated={0: 0})(arrays[0].copy(), arrays[1])
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_what_is_rounded_to_memory_stays_an_array(dtype):
    from lamella.types import bfloat16

    dtype = bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    assert not is_absorbed(normalized_product(*PRODUCTS["depthwise"], dtype.name))


def test_what_several_chunks_would_compute_stays_an_array():
    """With two images the result's channels are divided too."""
    shapes = [(2, 32, 32, 64), (64, 512), (2, 32, 32, 512)]
    builder = Builder()
    y, w = (builder.make_value(Type(s, np.dtype("float32"))) for s in shapes[:2])
    with building(builder):
        z = ops.exp(y)
        product = ops.contract(z, w, spec="n x y c, c o -> n x y o", shape=shapes[2])
    program = run_pipeline(builder.finish([y, w], [product]))
    assert absorb(program).equations == program.equations


def test_what_two_read_stays_an_array():
    builder = Builder()
    y, w = (builder.make_value(Type(s, np.dtype("float32"))) for s in (SHAPE, (CHANNELS, 20)))
    with building(builder):
        z = ops.mul(y, y)
        products = [ops.contract(z, w, spec=PRODUCTS["1x1"][0], shape=PRODUCTS["1x1"][2])
                    for w in (w, ops.neg(w))]  # fmt: skip
    program = builder.finish([y, w], products)
    fused = run_pipeline(program)
    assert absorb(fused).equations == fused.equations
