"""Equations after a contraction run on its sums, before anything is stored."""

import numpy as np
import pytest
from contraction import execute, random

from lamella import native, ops
from lamella.kernels import contract_tile
from lamella.kernels.contract import lower_contraction
from lamella.kernels.kernel import CannotFuse
from lamella.program import Builder, building
from lamella.types import type_of

#: (spec, a, b, result): matrix, masked lanes, dot product, split sum, padding, transposed, any
CASES = [
    ("i k, k j -> i j", (32, 50), (50, 128), (32, 128)),
    ("i k, k j -> i j", (7, 5), (5, 10), (7, 10)),
    ("i k, k j -> i j", (3, 4), (4, 17), (3, 17)),
    ("i k, k -> i", (37, 50), (50,), (37,)),
    ("k i, k j -> i j", (4000, 3), (4000, 20), (3, 20)),
    ("n y+i-1 x+j-1 c, n y x o -> i j c o", (4, 8, 8, 16), (4, 8, 8, 16), (3, 3, 16, 16)),
    ("n y+i-1 x+j-1 c, i j c o -> n y x o", (3, 9, 7, 5), (3, 3, 5, 17), (3, 9, 7, 17)),
    ("n y x o, i j c o -> n 2y+i-1 2x+j-1 c", (2, 4, 4, 5), (3, 3, 6, 5), (2, 8, 8, 6)),
    ("i, j -> i+j", (5,), (4,), (8,)),
]


def build(spec, a, b, shape, make, *others, dtype="float32"):
    """The Program of a contraction and `make(result, *others)`, and operands for it."""
    rng = np.random.default_rng(0)
    arrays = [random(rng, s, dtype) for s in (a, b, *others)]
    builder = Builder()
    with building(builder):
        values = [builder.make_value(type_of(x)) for x in arrays]
        result = ops.contract(*values[:2], spec=spec, shape=shape)
        outputs = make(result, *values[2:])
    return builder.finish(values, outputs), arrays


def check(body, arrays, tolerance=1e-4):
    lowered = lower_contraction(body, native.target())
    got = execute(lowered, arrays, body.out_types)
    with np.errstate(all="ignore"):
        expected = body.run(*arrays)
    for x, y in zip(got, expected, strict=True):
        np.testing.assert_allclose(
            x.astype("f8"), y.astype("f8"), rtol=tolerance, atol=tolerance * 10
        )
    return lowered


def bias_relu(x, bias):
    last = len(x.type.shape) - 1
    wide = ops.broadcast(bias, shape=x.type.shape, axes=(last,))
    zero = ops.full(shape=x.type.shape, dtype=x.type.dtype.name, value=0)
    return [ops.maximum(ops.add(x, wide), zero)]


def momentum(x, weight, velocity):
    """A weight's update from its gradient x: two outputs, the gradient is none of them."""
    rate = ops.full(shape=x.type.shape, dtype=x.type.dtype.name, value=0.1)
    moved = ops.add(ops.mul(rate, velocity), x)
    return [ops.sub(weight, ops.mul(rate, moved)), moved]


def long_chain(x, other):
    for _ in range(12):
        x = ops.tanh(ops.add(x, other))
    return [x]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0])
class TestEveryForm:
    def test_bias_and_relu(self, case):
        check(*build(*case, bias_relu, case[3][-1:]))

    def test_update_of_a_weight(self, case):
        lowered = check(*build(*case, momentum, case[3], case[3]))
        assert {(2, 0), (3, 1)} <= lowered.inplace

    def test_long_chain_loops_over_rows(self, case):
        check(*build(*case, long_chain, case[3]), tolerance=1e-3)

    def test_sums_and_what_follows(self, case):
        check(*build(*case, lambda x: [x, ops.neg(x)]))

    def test_another_dtype(self, case):
        check(*build(*case, lambda x: [ops.convert(x, dtype="float64"),
                                       ops.greater(x, ops.neg(x))]))  # fmt: skip


def test_half_floats_are_summed_as_float32():
    case = CASES[0]
    body, arrays = build(*case, lambda x: [ops.add(x, x)], dtype="bfloat16")
    check(body, arrays, tolerance=0.02)


@pytest.mark.parametrize(
    ("case", "fetches"),
    [
        (("i k, k j -> i j", (533, 36), (36, 517), (533, 517)), True),  # the result
        (("i k, k j -> i j", (4099, 68), (68, 5), (4099, 5)), True),  # rows of an operand
        (("k i, k j -> i j", (9001, 37), (9001, 50), (37, 50)), True),  # steps of the sum
        (("i k, k j -> i j", (64, 36), (36, 517), (64, 517)), False),
    ],
    ids=["result", "rows", "steps", "small"],
)
def test_lines_of_large_arrays_are_asked_for_ahead(case, fetches, monkeypatch):
    monkeypatch.setattr(contract_tile, "fetch_next_chunk", lambda text, cycles: None)
    lowered = check(*build(*case, momentum, case[3], case[3]), tolerance=1e-3)
    assert any("prefetch" in x.kernel.make_text() for x in lowered.launches) == fetches


def test_no_gradient_in_memory():
    """One launch that takes the operands and the state: the gradient has no array."""
    body, arrays = build("k i, k j -> i j", (32, 84), (32, 128), (84, 128), momentum,
                         (84, 128), (84, 128))  # fmt: skip
    lowered = check(body, arrays)
    assert len(lowered.launches) == 1
    assert lowered.scratch == ()


def test_reduction_of_the_result_is_refused():
    body, _ = build(*CASES[0], lambda x: [ops.sum(x, axes=(0,))])
    with pytest.raises(CannotFuse, match="sum"):
        lower_contraction(body, native.target())


def test_same_output_twice():
    check(*build(*CASES[0], lambda x: [x, ops.neg(x), x]))


def test_same_operand_twice():
    builder = Builder()
    x = random(np.random.default_rng(0), (20, 30))
    with building(builder):
        value = builder.make_value(type_of(x))
        out = ops.contract(value, value, spec="i k, j k -> i j", shape=(20, 20))
    check(builder.finish([value], [out]), [x])


@pytest.mark.parametrize("channels", [12, 16], ids=["direct", "minimal"])
def test_chunks_touch_only_their_blocks(channels):
    """What lets a chain of layers over the images of a batch run without barriers."""
    spec, shape = "n y+i-1 x+j-1 c, i j c o -> n y x o", (32, 12, 12, channels)
    body, arrays = build(spec, shape, (3, 3, channels, channels), shape, bias_relu, (channels,))
    launch = check(body, arrays).launches[-1]
    image = 12 * 12 * channels * 4 * 32 // launch.kernel.n_chunks
    assert launch.kernel.blocks[:4] == (image, None, None, image)


@pytest.mark.parametrize(
    ("spec", "a", "b", "shape"),
    [
        ("b i k, k j -> b i j", (3, 40, 16), (16, 128), (3, 40, 128)),
        ("a b i k, k j -> a b i j", (2, 3, 5, 16), (16, 64), (2, 3, 5, 64)),
    ],
)
def test_neighbours_stay_neighbours(spec, a, b, shape):
    """Loops go over merged axes; what lies in a row is still loaded and stored as vectors."""
    body, arrays = build(spec, a, b, shape, bias_relu, (shape[-1],))
    lowered = check(body, arrays)
    text = "".join(launch.kernel.make_text() for launch in lowered.launches)
    assert "masked.gather" not in text
    assert "masked.scatter" not in text
