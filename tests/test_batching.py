"""vmap over whole Programs: gradients, control flow, custom rules."""

import numpy as np
import pytest

from lamella import ops
from lamella.autodiff import backward
from lamella.batching import batch_program
from lamella.frontend.trace import trace
from lamella.program import current_builder, program_of
from lamella.types import Type, type_of

D = np.dtype("float64")
VECTOR = Type((3,), D)
SCALAR = Type((), D)
INDEX = Type((), np.dtype("int32"))


def batched_run(program, flags, *arrays):
    """`program` over a batch through the batching rules."""
    size = next(len(x) for x, b in zip(arrays, flags) if b)
    return trace(
        lambda *xs: batch_program(program, size, flags, xs)[0], list(map(type_of, arrays))
    )[0].run(*arrays)


def check(program, flags, *arrays):
    """The batched Program is the loop over the batch."""
    size = next(len(x) for x, b in zip(arrays, flags) if b)
    rows = [program.run(*(x[k] if b else x for x, b in zip(arrays, flags))) for k in range(size)]
    for actual, expected in zip(batched_run(program, flags, *arrays), zip(*rows), strict=True):
        np.testing.assert_allclose(actual, np.stack(expected), rtol=1e-10)


def gradient_of(program):
    """The gradient of the sum of the first output, as a Program."""

    def run(*xs):
        (y, *_) = current_builder().inline(program, xs)
        one = ops.full(shape=y.type.shape, dtype="float64", value=1.0)
        return backward(0, [y], [one], [x for x in xs if x.type.dtype == D])

    return trace(run, program.in_types)[0]


def sample(primitive, k=0):
    operands, attrs = primitive.samples(np.random.default_rng(1))[k]

    def run(*xs):
        y = primitive(*xs, **attrs)
        return y if isinstance(y, tuple) else (y,)

    return trace(run, list(map(type_of, operands)))[0]


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.mark.parametrize("flags", [(True, True, True), (False, True, False), (True, False, False)])
def test_gradient_of_scan(rng, flags):
    program = gradient_of(sample(ops.scan))
    shapes = [(3,), (3,), (4, 3)]
    arrays = [rng.normal(size=(2, *s) if b else s) for s, b in zip(shapes, flags)]
    check(program, flags, *arrays)


@pytest.mark.parametrize("flags", [(True, True, False), (False, True, True), (True, False, False)])
def test_gradient_of_switch(rng, flags):
    program = gradient_of(sample(ops.switch))
    index = np.array([0, 2, -3, 1], np.int32) if flags[0] else np.int32(1)
    arrays = [rng.normal(size=(4, 3) if b else (3,)) for b in flags[1:]]
    check(program, flags, index, *arrays)


def test_while_loop_runs_until_the_last_element_is_done(rng):
    program = sample(ops.while_loop)
    limit, start = np.array([1.0, 5.0, 3.0]), np.array([0.0, 1.0, 7.0])
    check(program, (True, False, True, False), limit, np.float64(0.5), start, np.float64(2.0))
    check(program, (False, True, False, False), np.float64(4), np.ones(3) / 3, np.float64(0),
          np.float64(1))  # fmt: skip
    check(program, (False, False, False, True), np.float64(4), np.float64(1), np.float64(0), start)


def test_custom_gradient_survives_batching(rng):
    """The rule of a batched call is the batched rule; what is shared receives the sum."""
    body = program_of(lambda w, x: (ops.mul(w, ops.sin(x)),), VECTOR, VECTOR)

    def rule(gs, ys, w, x):
        return [ops.mul(gs[0], x), ops.add(gs[0], ys[0])]

    call = trace(
        lambda w, x: ops.call(w, x, body=body, vjp=rule, checkpoint=False), [VECTOR, VECTOR]
    )[0]
    w, x, g = rng.normal(size=3), rng.normal(size=(2, 3)), rng.normal(size=(2, 3))

    def run(w, x, g):
        (y,), _ = batch_program(call, 2, (False, True), (w, x))
        return backward(0, [y], [g], [w, x])

    g_w, g_x = trace(run, list(map(type_of, (w, x, g))))[0].run(w, x, g)
    np.testing.assert_allclose(g_w, (g * x).sum(0))
    np.testing.assert_allclose(g_x, g + w * np.sin(x))


def test_what_has_no_batch_axis_stays_without(rng):
    program = program_of(lambda x, y: (ops.sin(x), ops.mul(x, y)), SCALAR, SCALAR)

    def run(x, y):
        out, has = batch_program(program, 3, (False, True), (x, y))
        assert has == [False, True]
        return out

    outer = trace(run, [SCALAR, Type((3,), D)])[0]
    assert outer.out_types == (SCALAR, Type((3,), D))


def test_batch_of_a_batch(rng):
    program = sample(ops.gather)
    x, indices = rng.normal(size=(2, 4, 5, 3)), rng.integers(0, 5, (4, 2, 4))

    def run(x, indices):
        inner = trace(
            lambda x, i: batch_program(program, 4, (True, True), (x, i))[0],
            [Type((4, 5, 3), D), Type((4, 2, 4), np.dtype("int64"))],
        )[0]
        return batch_program(inner, 2, (True, False), (x, indices))[0]

    (out,) = trace(run, [type_of(x), type_of(indices)])[0].run(x, indices)
    expected = [[x[a, b][indices[b]] for b in range(4)] for a in range(2)]
    np.testing.assert_array_equal(out, expected)
