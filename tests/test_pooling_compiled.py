"""A convolution, ReLU and pooling: what is kept for the gradient, and what stays in the cache."""

import numpy as np

from lamella import ops
from lamella.autodiff import backward
from lamella.compile import compile_program
from lamella.passes import run_pipeline
from lamella.program import current_builder, program_of
from lamella.types import Type, dtype_of

TYPES = [Type(s, dtype_of("float32")) for s in ((64, 34, 34, 16), (3, 3, 16, 16))]
POOL = {"size": (1, 2, 2, 1), "strides": (1, 2, 2, 1), "low": (0,) * 4, "high": (0,) * 4}


def forward(x, f):
    shape = (64, 32, 32, 16)
    y = ops.contract(x, f, spec="n y+i x+j c, i j c o -> n y x o", shape=shape)
    zero = ops.full(shape=shape, dtype="float32", value=0.0)
    return ops.window_max(ops.select(ops.less_equal(y, zero), zero, y), **POOL)


def step(x, f):
    start = len(current_builder().equations)
    y = forward(x, f)
    return [y, *backward(start, [y], [y], [f])]


def check(program):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=t.shape).astype("float32") for t in TYPES]
    executable = compile_program(program)
    for got, expected in zip(executable(*arrays), program.run(*arrays), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    return [i.text for i in executable.machine.code.instructions]


def test_pooling_follows_its_convolution_chunk_by_chunk():
    lines = check(program_of(lambda x, f: [forward(x, f)], *TYPES))
    (chain,) = [line for line in lines if "chain of" in line]
    assert "contract" in chain
    assert "window_max" in chain


def test_the_gradient_needs_no_mask_of_the_relu():
    """The sign of the result, which the pooling's gradient reads, says what that of x did."""
    program = program_of(step, *TYPES)
    fused = run_pipeline(program)
    stored = {v.type.dtype.name for eq in fused.equations for v in eq.results}
    assert stored == {"float32"}
    check(program)
