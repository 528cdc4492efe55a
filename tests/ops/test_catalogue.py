"""Every primitive against its own record: what typing, numpy, vjp and batch say must agree.

The operands are the record's samples. Gradients are compared with central differences in float64
along one random direction, the first derivative and the second.
"""

import numpy as np
import pytest

from lamella import ops
from lamella.autodiff import backward, differentiable
from lamella.batching import batch_program
from lamella.frontend.trace import trace
from lamella.primitive import PRIMITIVES, no_gradient
from lamella.types import FLOATS, dtype_of, type_of

SEED = 20


def cases(keep=lambda primitive: True):
    """(primitive, operands, attrs) for every sample of every primitive."""
    found = []
    for name, primitive in sorted(PRIMITIVES.items()):
        if keep(primitive):
            samples = primitive.samples(np.random.default_rng(SEED))
            for k, (operands, attrs) in enumerate(samples):
                operands = tuple(np.asarray(x) for x in operands)
                found.append(pytest.param(primitive, operands, attrs, id=f"{name}-{k}"))
    return found


def listed(x):
    return x if isinstance(x, tuple) else (x,)


def meaning(primitive, operands, attrs):
    with np.errstate(all="ignore"):
        return tuple(np.asarray(y) for y in listed(primitive.numpy(*operands, **attrs)))


def program_of(primitive, operands, attrs):
    return trace(lambda *xs: listed(primitive(*xs, **attrs)), [type_of(x) for x in operands])[0]


def assert_same(actual, expected, **tolerance):
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e, **tolerance)


def is_float64(x):
    """The operands and results whose gradients are checked; complex ones too."""
    return x.dtype in (np.float64, np.complex128)


def normal(rng, like):
    """Random numbers of the shape and dtype of `like`."""
    x = rng.normal(size=like.shape)
    return np.asarray(x + 1j * rng.normal(size=like.shape) if like.dtype.kind == "c" else x)


def paired(g, x):
    """The change of the result along x: cotangents are paired without conjugation."""
    return np.sum(g * x).real


# ------------------------------------------------------------------ typing and NumPy


def converted(operands, dtype):
    """The float64 operands in another float dtype; the rest as they are."""
    return tuple(x.astype(dtype) if x.dtype == np.float64 else x for x in operands)


@pytest.mark.parametrize(("primitive", "operands", "attrs"), cases())
def test_typing_is_the_type_of_the_meaning(primitive, operands, attrs):
    programs = [v for v in attrs.values() if hasattr(v, "equations")]
    accepted = 0
    for dtype in (np.dtype("float64"), *FLOATS):
        xs = converted(operands, dtype)
        try:
            expected = listed(primitive.typing(*map(type_of, xs), **attrs))
        except TypeError:
            assert dtype != np.float64 or programs == []
            continue
        accepted += 1
        assert tuple(map(type_of, meaning(primitive, xs, attrs))) == expected
    assert accepted


@pytest.mark.parametrize(("primitive", "operands", "attrs"), cases())
def test_meaning_leaves_its_operands_alone_and_takes_any_strides(primitive, operands, attrs):
    expected = meaning(primitive, operands, attrs)
    strided = [np.repeat(x[..., None], 2, -1)[..., 0] for x in operands]
    for x in strided:
        x.flags.writeable = False
    assert_same(meaning(primitive, strided, attrs), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("primitive", "operands", "attrs"), cases(lambda p: p.family == "elementwise")
)
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1, 1)])
def test_elementwise_shapes(primitive, operands, attrs, shape):
    xs = [np.resize(x, shape).astype(x.dtype) for x in operands]
    expected = listed(primitive.typing(*map(type_of, xs), **attrs))
    assert tuple(map(type_of, meaning(primitive, xs, attrs))) == expected
    constant = [np.broadcast_to(x.ravel()[:1].reshape(()), (2, 3)) for x in operands]
    one = meaning(primitive, [x[0, 0] for x in constant], attrs)
    assert_same(
        meaning(primitive, constant, attrs), [np.broadcast_to(y, (2, 3)) for y in one], rtol=1e-12
    )


# -------------------------------------------------------------------------- gradients


#: Without a gradient of all results; each has a test of its own.
PARTLY = ("while_loop", "eig")


def smooth(primitive):
    return primitive.vjp is not no_gradient and primitive.name not in PARTLY


def has_gradient(operands, program):
    return any(map(is_float64, operands)) and any(map(differentiable, program.outputs))


def gradient_program(program):
    """(*operands, *cotangents of the float outputs) -> cotangents of the float operands."""
    outs = [i for i, y in enumerate(program.outputs) if differentiable(y)]

    def run(*values):
        from lamella.program import current_builder

        xs, gs = values[: len(program.inputs)], values[len(program.inputs) :]
        ys = current_builder().inline(program, xs)
        full = [None] * len(ys)
        for i, g in zip(outs, gs):
            full[i] = g
        return backward(0, ys, full, [x for x in xs if differentiable(x)])

    types = [*program.in_types, *(program.out_types[i] for i in outs)]
    return trace(run, types)[0]


def directions(rng, arrays):
    return [normal(rng, x) if is_float64(x) else None for x in arrays]


def moved(arrays, by, step):
    return [x if d is None else np.asarray(x + step * d) for x, d in zip(arrays, by)]


def check_gradient(program, operands, rtol):
    """The gradient along a random direction is the central difference along it."""
    rng = np.random.default_rng(SEED)
    gradient = gradient_program(program)
    outs = [y for y in program.run(*operands) if is_float64(y)]
    gs = [normal(rng, y) for y in outs]
    by = directions(rng, operands)
    h = 1e-6
    ahead, behind = (
        [y for y in program.run(*moved(operands, by, s)) if is_float64(y)] for s in (h, -h)
    )
    expected = sum(paired(g, a - b) / (2 * h) for g, a, b in zip(gs, ahead, behind))
    found = gradient.run(*operands, *gs)
    actual = sum(paired(g, d) for g, d in zip(found, [d for d in by if d is not None]))
    scale = 1 + sum(np.sum(np.abs(g)) for g in found)
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * scale)
    return gradient, gs


@pytest.mark.parametrize(("primitive", "operands", "attrs"), cases(smooth))
def test_gradient_and_its_gradient(primitive, operands, attrs):
    program = program_of(primitive, operands, attrs)
    if not has_gradient(operands, program):
        pytest.skip("no floating point operand and result in this sample")
    gradient, gs = check_gradient(program, operands, 1e-6)
    check_gradient(gradient, (*operands, *gs), 1e-5)


def test_while_loop_says_what_to_use_for_gradients():
    ((operands, attrs), *_) = ops.while_loop.samples(np.random.default_rng(SEED))
    program = program_of(ops.while_loop, operands, attrs)
    with pytest.raises(TypeError, match="fori_loop"):
        gradient_program(program)


# --------------------------------------------------------------------------- batching


def batched_operand(rng, x, size):
    """Batch elements like `x`: numbers scaled, indices shuffled along the first axis."""
    rows = [x]
    for _ in range(size - 1):
        row = x * rng.uniform(0.9, 1.0) if is_float64(x) else rng.permutation(x) if x.ndim else x
        rows.append(np.asarray(row, x.dtype))
    return np.stack(rows)


@pytest.mark.parametrize(("primitive", "operands", "attrs"), cases())
def test_batching_is_a_loop(primitive, operands, attrs):
    rng = np.random.default_rng(SEED)
    n, size = len(operands), 3
    patterns = {(True,) * n, *(tuple(i == k for i in range(n)) for k in range(n))} - {()}
    program = program_of(primitive, operands, attrs)
    for flags in sorted(patterns):
        xs = [batched_operand(rng, x, size) if b else x for x, b in zip(operands, flags)]
        rows = [program.run(*(x[k] if b else x for x, b in zip(xs, flags))) for k in range(size)]
        expected = [np.stack(column) for column in zip(*rows)]

        def run(*values, flags=flags):
            out, has = batch_program(program, size, flags, values)
            assert all(has)
            return out

        batched = trace(run, list(map(type_of, xs)))[0]
        assert_same(batched.run(*xs), expected, rtol=1e-9, atol=1e-12)


def test_every_primitive_is_exported_and_has_samples():
    for name, primitive in PRIMITIVES.items():
        assert getattr(ops, name) is primitive
        assert primitive.samples(np.random.default_rng(SEED)), name
    assert dtype_of("float32") == np.float32
