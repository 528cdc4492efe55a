"""Crop: what no window holds is not computed, forward and in gradients; all else is the same."""

import numpy as np
import pytest

from lamella import ops
from lamella.autodiff import backward
from lamella.passes.crop import crop
from lamella.passes.dead import eliminate_dead
from lamella.program import current_builder, program_of
from lamella.types import Type, dtype_of

FLOAT = dtype_of("float32")
CONVOLUTION = "n y+i x+j c, i j c o -> n y x o"


def convolution(x, f):
    n, h, w, _ = x.type.shape
    return ops.contract(x, f, spec=CONVOLUTION, shape=(n, h - 2, w - 2, f.type.shape[3]))


def relu(x):
    zero = ops.full(shape=x.type.shape, dtype="float32", value=0.0)
    return ops.select(ops.less_equal(x, zero), zero, x)


def pool(x):
    none = (0, 0, 0, 0)
    return ops.window_max(x, size=(1, 2, 2, 1), strides=(1, 2, 2, 1), low=none, high=none)


def network(x, f1, bias, f2):
    """Of 13x13: 11x11, pooled 5x5 (one row is left out), 3x3, pooled 1x1 (again)."""
    h = convolution(x, f1)
    h = relu(ops.add(h, ops.broadcast(bias, shape=h.type.shape, axes=(3,))))
    return pool(relu(convolution(pool(h), f2)))


def gradients(*xs):
    start = len(current_builder().equations)
    y = network(*xs)
    one = ops.full(shape=y.type.shape, dtype="float32", value=1.0)
    return [y, *backward(start, [y], [one], list(xs[1:]))]


TYPES = [Type(s, FLOAT) for s in ((2, 13, 13, 3), (3, 3, 3, 4), (4,), (3, 3, 4, 5))]


def arrays(types=TYPES):
    rng = np.random.default_rng(0)
    return [rng.normal(size=t.shape).astype(t.dtype) for t in types]


def shapes_of(program, name):
    return [eq.results[0].type.shape for eq in program.equations if eq.primitive.name == name]


def assert_same(program, cropped, inputs):
    for expected, got in zip(program.run(*inputs), cropped.run(*inputs), strict=True):
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_what_no_window_holds_is_not_computed():
    program = program_of(lambda *xs: [network(*xs)], *TYPES)
    cropped = crop(program).verify()
    # the second convolution makes 2x2 of its 3x3 results, from 4x4 of 5x5, from 8x8 of 11x11
    assert shapes_of(cropped, "contract") == [(2, 8, 8, 4), (2, 2, 2, 5)]
    assert shapes_of(cropped, "window_max") == [(2, 4, 4, 4), (2, 1, 1, 5)]
    assert shapes_of(cropped, "slice") == shapes_of(cropped, "pad") == []
    assert_same(program, cropped, arrays())


def test_gradients_have_no_rows_of_zeros():
    program = eliminate_dead(program_of(gradients, *TYPES))
    cropped = crop(program).verify()
    sizes = [s for s in shapes_of(cropped, "contract") if s[0] == 2]
    assert sizes == [(2, 8, 8, 4), (2, 2, 2, 5), (2, 4, 4, 4)]
    assert shapes_of(cropped, "window_max_gradient") == [(2, 2, 2, 5), (2, 8, 8, 4)]
    assert shapes_of(cropped, "slice") == shapes_of(cropped, "pad") == []
    assert_same(program, cropped, arrays())


def test_an_output_is_whole():
    def body(*xs):
        h = convolution(xs[0], xs[1])
        return [h, pool(h)]

    program = program_of(body, *TYPES)
    assert shapes_of(crop(program).verify(), "contract") == [(2, 11, 11, 4)]


def test_sums_leave_out_zeros():
    def body(g, x):
        d = ops.window_max_gradient(g, x, size=(2, 2), strides=(2, 2), low=(0, 0), high=(0, 0))
        return [ops.sum(ops.add(d, d), axes=(0, 1)), ops.sum(ops.cos(d), axes=(1,))]

    def half(g, x):
        return body(g, x)[:1]

    types = Type((2, 2), FLOAT), Type((5, 5), FLOAT)
    for f, size in ((half, 4), (body, 5)):  # cos(0) is not 0
        program = eliminate_dead(program_of(f, *types))
        cropped = crop(program).verify()
        assert shapes_of(cropped, "window_max_gradient") == [(size, size)]
        assert shapes_of(cropped, "add") == [(4, 4)]
        assert_same(program, cropped, arrays(types))


@pytest.mark.parametrize(
    ("low", "high", "size", "strides"),
    [(0, 0, 3, 2), (1, 0, 3, 2), (1, 1, 2, 3), (0, 0, 1, 2), (2, 0, 3, 4), (3, 0, 2, 1)],
)
def test_windows_of_any_kind(low, high, size, strides):
    attrs = {"size": (size,), "strides": (strides,), "low": (low,), "high": (high,)}

    def body(x):
        y = ops.exp(x)
        m, s = ops.window_max(y, **attrs), ops.window_sum(y, **attrs)
        g = ops.window_max_gradient(s, y, **attrs)
        return [m, s, g, ops.sum(g, axes=(0,)), ops.slice(g, start=(1,), stop=(5,), step=(2,))]

    for n in range(6, 12):
        program = program_of(body, Type((n,), FLOAT))
        assert_same(program, crop(program).verify(), arrays(program.in_types))


def test_nested_programs_are_cropped():
    def body(x):
        return network(x, *(ops.full(shape=t.shape, dtype="float32", value=0.1) for t in TYPES[1:]))

    inner = program_of(lambda x: [body(x)], TYPES[0])
    program = program_of(lambda x: ops.call(x, body=inner, vjp=None, checkpoint=False), TYPES[0])
    (eq,) = crop(program).verify().equations
    assert shapes_of(eq.attrs["body"], "contract") == [(2, 8, 8, 4), (2, 2, 2, 5)]
