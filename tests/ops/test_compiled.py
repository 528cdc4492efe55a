"""Every primitive and its gradient as machine code, against the meaning.

All samples of a primitive, at one dtype, are compiled as one Program.
"""

import numpy as np
import pytest
from test_catalogue import PARTLY, SEED, converted, gradient_program, listed

from lamella.autodiff import differentiable
from lamella.compile import compile_program
from lamella.frontend.trace import trace
from lamella.primitive import PRIMITIVES, no_gradient
from lamella.program import current_builder
from lamella.types import dtype_of, type_of

#: Relative to the largest magnitude; half floats are rounded at other places in fused kernels.
TOLERANCE = {"float64": 1e-10, "float32": 3e-5, "float16": 2e-2, "bfloat16": 2e-1}
NAMES = sorted(name for name in PRIMITIVES if name != "fused")


def programs_of(primitive, dtype):
    """(Program, its operands) for every sample that the primitive takes at `dtype`."""
    for operands, attrs in primitive.samples(np.random.default_rng(SEED)):
        xs = converted([np.asarray(x) for x in operands], dtype)
        try:
            yield trace(lambda *v, a=attrs: listed(primitive(*v, **a)), map(type_of, xs))[0], xs
        except TypeError:  # the primitive does not take this dtype
            continue


def with_gradients(primitive, found):
    """The Programs, and those of their gradients."""
    rng = np.random.default_rng(SEED)
    for program, xs in found:
        yield program, xs
        if primitive.vjp is no_gradient or primitive.name in PARTLY:
            continue
        if any(map(differentiable, program.inputs)) and any(map(differentiable, program.outputs)):
            gradient = gradient_program(program)
            types = gradient.in_types[len(xs) :]
            gs = [np.asarray(rng.normal(size=t.shape)).astype(t.dtype) for t in types]
            yield gradient, (*xs, *gs)


def together(programs):
    """One Program that runs all `programs` on the operands of each."""

    def run(*values):
        out, rest = [], list(values)
        for p in programs:
            own, rest = rest[: len(p.inputs)], rest[len(p.inputs) :]
            out += current_builder().inline(p, own)
        return out

    return trace(run, [t for p in programs for t in p.in_types])[0]


def wide(x):
    return x.astype(np.float64) if x.dtype.kind in "fV" else x


def assert_close(actual, expected, dtype):
    assert actual.dtype == expected.dtype
    if not np.issubdtype(wide(expected).dtype, np.inexact):
        np.testing.assert_array_equal(actual, expected)
        return
    finite = np.abs(wide(expected))[np.isfinite(wide(expected))]
    tolerance = TOLERANCE[dtype] * max(1.0, finite.max(initial=0.0))
    np.testing.assert_allclose(wide(actual), wide(expected), rtol=TOLERANCE[dtype], atol=tolerance)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", NAMES)
def test_compiled_is_the_meaning(name, dtype):
    primitive = PRIMITIVES[name]
    found = list(programs_of(primitive, dtype_of(dtype)))
    if dtype in ("float64", "float32"):
        found = list(with_gradients(primitive, found))
    if not found:
        pytest.skip(f"{name} does not take {dtype}")
    program = together([p for p, _ in found])
    operands = [x for _, xs in found for x in xs]
    expected = program.run(*operands)
    for actual, e in zip(compile_program(program).run(operands), expected, strict=True):
        assert_close(actual, e, dtype)
