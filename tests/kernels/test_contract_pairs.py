"""bfloat16 contractions multiply pairs, where the processor can; sums stay exact in float32."""

import dataclasses

import numpy as np
import pytest
from contraction import execute, program

from lamella import native, ops
from lamella.indexmap import parse
from lamella.kernels.contract import lower_contraction
from lamella.kernels.contract_pairs import pack_chunks, pair_form
from lamella.types import bfloat16

PAIRS = native.target().bf16 and native.target().vector_bytes == 64
#: (spec, a, b, result): where nothing is packed, one operand, both, in panels, batched, padded
CASES = [
    ("i k, j k -> i j", (20, 64), (40, 64), (20, 40)),
    ("i k, k j -> i j", (20, 64), (64, 40), (20, 40)),
    ("k i, k j -> i j", (64, 20), (64, 40), (20, 40)),
    ("k i, j k -> i j", (6, 33), (17, 6), (33, 17)),
    ("i k, k j -> i j", (300, 512), (512, 96), (300, 96)),
    ("b t i, t b j -> i j", (40, 10, 24), (10, 40, 30), (24, 30)),
    ("b h t s, b s h d -> b t h d", (2, 3, 9, 16), (2, 16, 3, 20), (2, 9, 3, 20)),
    ("n y+i-1 x+j-1 c, i j c o -> n y x o", (2, 8, 8, 6), (3, 3, 6, 24), (2, 8, 8, 24)),
    ("n y x o, i j c o -> n 2y+i-1 2x+j-1 c", (2, 4, 4, 6), (3, 3, 5, 6), (2, 8, 8, 5)),
]


def lower(spec, a, b, shape, target=None):
    rng = np.random.default_rng(0)
    x, y = (rng.integers(-4, 5, size=s).astype(bfloat16) for s in (a, b))
    body = program(spec, shape, x, y)
    lowered = lower_contraction(body, target or native.target())
    expected = ops.contract.numpy(x.astype("f8"), y.astype("f8"), spec=spec, shape=shape)
    (got,) = execute(lowered, [x, y], body.out_types)
    np.testing.assert_array_equal(got, expected.astype(bfloat16))
    return "".join(launch.kernel.make_text() for launch in lowered.launches)


@pytest.mark.parametrize("case", CASES)
def test_sums_of_small_integers_are_exact(case):
    text = lower(*case)
    assert ("dpbf16ps" in text) == PAIRS


def test_other_processors_multiply_as_float32():
    target = dataclasses.replace(native.target(), bf16=False)
    assert "dpbf16ps" not in lower(*CASES[0], target=target)


@pytest.mark.parametrize(
    ("spec", "a", "b", "shape"),
    [
        ("i k, j k -> i j", (20, 63), (40, 63), (20, 40)),  # odd
        ("i k, k j -> i j", (1, 64), (64, 40), (1, 40)),  # packing would cost more than it saves
        ("n y+i x c, i c -> n y x c", (2, 9, 8, 16), (2, 16), (2, 8, 8, 16)),  # not alone in y+i
    ],
)
def test_other_contractions_multiply_as_float32(spec, a, b, shape):
    assert "dpbf16ps" not in lower(spec, a, b, shape)


def test_the_axis_that_needs_less_packing_is_chosen():
    target = dataclasses.replace(native.target(), bf16=True, vector_bytes=64)
    found = pair_form(
        parse("i k l, k j l -> i j"), (9, 32, 4), (32, 9, 4), (9, 9), bfloat16, target
    )
    assert found is not None
    assert found.packed == (None, None)
    assert found.shapes == ((9, 32, 2), (32, 9, 2))


def test_packing_is_split_by_shape():
    assert pack_chunks((64, 40), 0) == 1
    assert pack_chunks((4096, 512), 0) == 16
    assert pack_chunks((2, 1 << 20), 0) == 1
