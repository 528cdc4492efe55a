"""The backward sweep over control flow: scans in scans, branches, checkpoints, custom rules.

Gradients are compared with central differences, and with the gradient of the unrolled loop.
"""

import numpy as np
import pytest

from lamella import ops
from lamella.autodiff import backward
from lamella.frontend.trace import trace
from lamella.program import Program, current_builder, program_of
from lamella.types import Type, type_of

D = np.dtype("float64")
VECTOR = Type((3,), D)
MATRIX = Type((3, 3), D)


def gradient(f, *arrays):
    """(sum of f's first result, its gradients) as a Program run on `arrays`."""
    program = gradient_program(f, *map(type_of, arrays))
    return program.run(*arrays)


def gradient_program(f, *types):
    def run(*xs):
        start = len(current_builder().equations)
        y = total(f(*xs))
        one = ops.full(shape=(), dtype="float64", value=1.0)
        floats = [x for x in xs if x.type.dtype == D]
        return [y, *backward(start, [y], [one], floats)]

    return trace(run, types)[0]


def total(y):
    return ops.sum(y, axes=tuple(range(y.type.ndim))) if y.type.ndim else y


def check(f, *arrays, rtol=1e-6):
    """The gradient agrees with central differences, and so does the gradient of its sum."""
    arrays = [np.asarray(x) for x in arrays]
    first = gradient_program(f, *map(type_of, arrays))
    compare(first, arrays, rtol)

    def slope(*xs):
        start = len(current_builder().equations)
        y = total(f(*xs))
        one = ops.full(shape=(), dtype="float64", value=1.0)
        parts = backward(start, [y], [one], [x for x in xs if x.type.dtype == D])
        out = total(parts[0])
        for part in parts[1:]:
            out = ops.add(out, total(ops.mul(part, part)))
        return out

    compare(gradient_program(slope, *map(type_of, arrays)), arrays, 20 * rtol)


def compare(program, arrays, rtol):
    rng = np.random.default_rng(7)
    by = [rng.normal(size=x.shape) if x.dtype == D else 0 for x in arrays]
    h = 1e-6
    ahead = program.run(*(np.asarray(x + h * d, x.dtype) for x, d in zip(arrays, by)))[0]
    behind = program.run(*(np.asarray(x - h * d, x.dtype) for x, d in zip(arrays, by)))[0]
    _, *found = program.run(*arrays)
    floats = [d for x, d in zip(arrays, by) if x.dtype == D]
    actual = sum(np.sum(g * d) for g, d in zip(found, floats))
    np.testing.assert_allclose(actual, (ahead - behind) / (2 * h), rtol=rtol, atol=rtol)


def matvec(w, h):
    return ops.contract(w, h, spec="i j, j -> i", shape=(w.type.shape[0],))


def scan(body, consts, carry, xs, length, reverse=False):
    rows = [Type(x.type.shape[1:], x.type.dtype) for x in xs]
    types = [*(v.type for v in (*consts, *carry)), *rows]
    program, captured = trace(body, types)
    assert captured == []
    return ops.scan(*consts, *carry, *xs, body=program, n_consts=len(consts), n_carry=len(carry),
                    length=length, reverse=reverse)  # fmt: skip


def scans_of(program):
    return [eq for eq in program.equations if eq.primitive is ops.scan]


@pytest.fixture
def rng():
    return np.random.default_rng(3)


# -------------------------------------------------------------------------- scan


def recurrent(w, h, xs):
    """h <- tanh(w h + x); all h."""

    def body(w, h, x):
        new = ops.tanh(ops.add(matvec(w, h), x))
        return new, new

    return scan(body, [w], [h], [xs], xs.type.shape[0])[1]


def test_recurrent_network(rng):
    check(recurrent, rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=(5, 3)))


def test_scan_equals_its_unrolled_form(rng):
    def unrolled(w, h, xs):
        out = []
        for t in range(4):
            x = ops.slice(xs, start=(t, 0), stop=(t + 1, 3), step=(1, 1))
            h = ops.tanh(ops.add(matvec(w, h), ops.reshape(x, shape=(3,))))
            out.append(ops.reshape(h, shape=(1, 3)))
        return ops.concatenate(*out, axis=0)

    arrays = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=(4, 3))
    for a, b in zip(gradient(recurrent, *arrays), gradient(unrolled, *arrays)):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_only_what_the_sweep_reads_is_stacked():
    xs = Type((5, 3), D)
    program = gradient_program(recurrent, MATRIX, VECTOR, xs)
    forward, back = scans_of(program)
    # h of every step is an output already; the sweep also reads h before every step, nothing else.
    assert len(forward.results) == 2 + 1
    assert back.attrs["reverse"]
    # The cotangent of w is one contraction after the scan, so that the carry is that of h alone.
    assert [v.type for v in back.operands[: back.attrs["n_consts"]]] == [MATRIX]
    assert back.attrs["n_carry"] == 1


def test_values_that_are_the_same_in_every_step_are_computed_once(rng):
    def f(w, h, xs):
        def body(w, h, x):
            e = ops.exp(w)
            return ops.sin(ops.add(ops.mul(e, h), x)), ops.mul(h, e)

        return scan(body, [w], [h], [xs], 4)[1]

    arrays = rng.normal(size=3), rng.normal(size=3), rng.normal(size=(4, 3))
    check(f, *arrays)
    program = gradient_program(f, *map(type_of, arrays))
    _, back = scans_of(program)
    assert "exp" in [eq.primitive.name for eq in program.equations]
    assert "exp" not in [eq.primitive.name for eq in back.attrs["body"].equations]


def test_elementwise_const_is_summed_in_the_carry(rng):
    def f(w, h):
        return scan(lambda w, h: [ops.mul(ops.sin(h), w)], [w], [h], [], 3)[0]

    check(f, rng.normal(size=3), rng.normal(size=3))


def test_const_that_is_not_needed_gets_no_accumulator(rng):
    def f(h):
        w = ops.full(shape=(3,), dtype="float64", value=0.7)
        return scan(lambda w, h: [ops.mul(ops.sin(h), w)], [w], [h], [], 3)[0]

    h = rng.normal(size=3)
    check(f, h)
    _, back = scans_of(gradient_program(f, VECTOR))
    assert back.attrs["n_carry"] == 1


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_in_scan(rng, reverse):
    def outer(w, h, xs):
        def body(w, h, x):
            inner = scan(
                lambda w, h, x: [ops.tanh(ops.add(ops.mul(w, h), x)), h],
                [x], [h], [w], 3, reverse,
            )  # fmt: skip
            return [inner[0], total(inner[1])]

        return scan(body, [w], [h], [xs], 4, reverse)[1]

    check(outer, rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=(4, 3)))


def test_integer_carry_and_xs(rng):
    def f(w, h, places):
        def body(w, n, h, place):
            row = ops.gather(w, place, axis=0)
            step = ops.full(shape=(), dtype="int32", value=1)
            scale = ops.broadcast(ops.convert(n, dtype="float64"), shape=(3,), axes=())
            return [ops.add(n, step), ops.add(ops.mul(h, row), scale), ops.mul(h, h)]

        start = ops.full(shape=(), dtype="int32", value=2)
        return scan(body, [w], [start, h], [places], 3)[2]

    check(f, rng.normal(size=(4, 3)), rng.normal(size=3), np.array([1, 3, 1]))


def test_scan_of_no_steps_passes_the_carry_through(rng):
    w, h, xs = rng.normal(size=(3, 3)), rng.normal(size=3), np.zeros((0, 3))

    def last(w, h, xs):
        return scan(lambda w, h, x: [ops.mul(matvec(w, h), x)], [w], [h], [xs], 0)[0]

    _, g_w, g_h, g_xs = gradient(last, w, h, xs)
    np.testing.assert_array_equal(g_w, np.zeros((3, 3)))
    np.testing.assert_array_equal(g_h, np.ones(3))
    assert g_xs.shape == (0, 3)


def test_carry_without_a_cotangent_and_outputs_that_are_inputs(rng):
    def f(c, h, xs):
        def body(c, h, k, x):
            return [ops.mul(h, x), ops.add(k, x), c, x, k]

        out = scan(body, [c], [h, c], [xs], 3)
        return ops.add(ops.add(total(out[2]), total(out[3])), total(ops.mul(out[0], out[0])))

    check(f, rng.normal(size=3), rng.normal(size=3), rng.normal(size=(3, 3)))


def test_the_sweep_leaves_the_body_that_it_was_given_alone(rng):
    body = program_of(lambda w, h: [ops.mul(ops.sin(h), w)], VECTOR, VECTOR)
    text = str(body)

    def f(w, h):
        return ops.scan(w, h, body=body, n_consts=1, n_carry=1, length=2, reverse=False)[0]

    check(f, rng.normal(size=3), rng.normal(size=3))
    assert str(body) == text


# ------------------------------------------------------------------- call, switch


def call(body, xs, **attrs):
    program, _ = trace(body, [x.type for x in xs])
    return ops.call(*xs, **{"body": program, "vjp": None, "checkpoint": False, **attrs})


def test_operand_given_twice_is_counted_twice(rng):
    check(lambda x: call(lambda a, b: [ops.mul(ops.sin(a), b)], [x, x])[0], rng.normal(size=3))


def test_checkpoint_computes_again_from_barriers(rng):
    def f(x):
        return call(lambda x: [ops.sin(ops.exp(x))], [x], checkpoint=True)[0]

    check(f, rng.normal(size=3))
    names = [eq.primitive.name for eq in gradient_program(f, VECTOR).equations]
    assert names.index("call") < names.index("barrier") < names.index("exp")


def test_checkpoint_in_scan_keeps_only_its_operands(rng):
    def f(h):
        def body(h):
            return call(lambda h: [ops.sin(ops.exp(ops.cos(h)))], [h], checkpoint=True)

        return scan(body, [], [h], [], 3)[0]

    check(f, rng.normal(size=3))
    forward, _ = scans_of(gradient_program(f, VECTOR))
    assert len(forward.results) == 1 + 1


@pytest.mark.parametrize("as_program", [False, True])
def test_custom_gradient(rng, as_program):
    def rule(gs, ys, x):
        return [ops.mul(gs[0], ops.add(x, ys[0]))]

    if as_program:
        rule_of_vectors = program_of(lambda g, y, x: rule([g], [y], x), VECTOR, VECTOR, VECTOR)
    vjp = rule_of_vectors if as_program else rule
    x = rng.normal(size=3)
    _, g = gradient(lambda x: call(lambda x: [ops.sin(x)], [x], vjp=vjp)[0], x)
    np.testing.assert_allclose(g, x + np.sin(x))

    def in_scan(x):
        return scan(lambda x: call(lambda x: [ops.sin(x)], [x], vjp=vjp), [], [x], [], 2)[0]

    _, g = gradient(in_scan, x)
    y, z = np.sin(x), np.sin(np.sin(x))
    np.testing.assert_allclose(g, (y + z) * (x + y))


def test_custom_rule_in_scan_may_use_values_from_outside(rng):
    def f(c, h):
        def rule(gs, ys, x):
            return [ops.mul(gs[0], c)]

        return scan(lambda h: call(lambda h: [ops.sin(h)], [h], vjp=rule), [], [h], [], 3)[0]

    c = rng.normal(size=3)
    _, g_c, g_h = gradient(f, c, rng.normal(size=3))
    np.testing.assert_allclose(g_h, c**3)
    np.testing.assert_array_equal(g_c, np.zeros(3))


def switch(index, branches, xs):
    programs = {f"branch{k}": trace(b, [x.type for x in xs])[0] for k, b in enumerate(branches)}
    return ops.switch(index, *xs, n=len(branches), **programs)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_switch_in_scan(rng, index):
    branches = [
        lambda x, y: [ops.sin(ops.mul(x, y))],
        lambda x, y: [ops.exp(x)],
        lambda x, y: [x],
    ]

    def f(w, h, which):
        return scan(lambda w, h, k: switch(k, branches, [h, w]), [w], [h], [which], 3)[0]

    which = np.array([index, 1, 0], np.int32)
    check(f, rng.normal(size=3), rng.normal(size=3), which)


def test_while_loop_on_constants_does_not_stand_in_the_way(rng):
    ((operands, attrs), *_) = ops.while_loop.samples(rng)

    def f(x):
        looped = ops.while_loop(*(current_builder().lift(v) for v in operands), **attrs)
        return ops.mul(x, ops.broadcast(looped[1], shape=(3,), axes=()))

    _, g = gradient(f, rng.normal(size=3))
    assert np.all(g == ops.while_loop.numpy(*operands, **attrs)[1])


def test_wrong_rule_is_named():
    bad = program_of(lambda g, y, x: [ops.sum(g, axes=(0,))], VECTOR, VECTOR, VECTOR)
    with pytest.raises(TypeError, match=r"float64\[3\] has type float64\[\]"):
        gradient_program(lambda x: call(lambda x: [ops.sin(x)], [x], vjp=bad)[0], VECTOR)


def test_programs_are_valid(rng):
    program = gradient_program(recurrent, MATRIX, VECTOR, Type((5, 3), D))
    assert isinstance(program.verify(), Program)
