"""Minimal filtering: 3x3 convolutions of stride 1 agree with the meaning, in every shape."""

import dataclasses

import numpy as np
import pytest
from contraction import aligned, check, execute

from lamella import native, ops
from lamella.kernels.contract import lower_contraction
from lamella.program import program_of
from lamella.types import type_of

FORWARD = "n y+i-{p} x+j-{q} c, i j c o -> n y x o"
INPUT = "n y x o, i j c o -> n y+i-{p} x+j-{q} c"

#: images, rows, columns, channels, result channels, padding down and across
CASES = [
    (16, 4, 4, 16, 16, 1, 1), (17, 5, 6, 16, 32, 1, 1), (130, 7, 6, 32, 16, 0, 0),
    (16, 16, 16, 32, 32, 1, 1), (20, 7, 9, 16, 48, 2, 0), (16, 32, 32, 16, 16, 1, 1),
    (16, 13, 13, 32, 64, 0, 0), (16, 60, 40, 64, 16, 1, 1),
]  # fmt: skip


def is_minimal(lowered):
    return lowered.launches[-1].kernel.key.endswith("minimal")


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("role", ["forward", "input"])
def test_convolution(case, role):
    n, h, w, c, o, p, q = case
    small = (n, h + 2 * p - 2, w + 2 * q - 2, o)
    shapes = (n, h, w, c), (3, 3, c, o), small
    if role == "forward":
        assert is_minimal(check(FORWARD.format(p=p, q=q), *shapes))
    else:
        x, f, y = shapes
        assert is_minimal(check(INPUT.format(p=p, q=q), y, f, x))


@pytest.mark.parametrize(
    ("spec", "shapes"),
    [
        ("n 2y+i-1 2x+j-1 c, i j c o -> n y x o", ((16, 8, 8, 16), (3, 3, 16, 16), (16, 4, 4, 16))),
        ("n y+i-2 x+j-2 c, i j c o -> n y x o", ((16, 8, 8, 16), (5, 5, 16, 16), (16, 8, 8, 16))),
        ("n y+i-1 x+j-1 c, i j c o -> n y x o", ((16, 8, 8, 3), (3, 3, 3, 16), (16, 8, 8, 16))),
        ("n y+i-1 x+j-1 c, i j c o -> n y x o", ((2, 8, 8, 16), (3, 3, 16, 16), (2, 8, 8, 16))),
    ],
)
def test_other_forms_stay_direct(spec, shapes):
    assert not is_minimal(check(spec, *shapes))


@pytest.mark.parametrize("vector_bytes", [16, 32])
def test_narrow_vectors(vector_bytes):
    target = dataclasses.replace(native.target(), vector_bytes=vector_bytes)
    shapes = (16, 6, 7, 8), (3, 3, 8, 24), (16, 6, 7, 24)
    assert is_minimal(check(FORWARD.format(p=1, q=1), *shapes, target=target))


@pytest.mark.parametrize("size", [6, 7])
def test_what_follows_is_computed_on_the_tile(size):
    rng = np.random.default_rng(size)
    shape = (16, size, size, 16)
    x, f, bias, before = (
        rng.normal(size=s).astype("float32") for s in (shape, (3, 3, 16, 16), (16,), shape)
    )

    def body(x, f, bias, before):
        y = ops.contract(x, f, spec=FORWARD.format(p=1, q=1), shape=shape)
        y = ops.add(y, ops.broadcast(bias, shape=shape, axes=(3,)))
        return [ops.tanh(y), ops.add(y, before)]

    made = program_of(body, *(type_of(v) for v in (x, f, bias, before)))
    lowered = lower_contraction(made, native.target())
    assert is_minimal(lowered)
    results = execute(lowered, [x, f, bias, before], made.out_types)
    for got, expected in zip(results, made.run(x, f, bias, before), strict=True):
        np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-5)


def test_numbers_that_are_not_finite_stay_in_their_image():
    x = aligned((16, 6, 6, 16), "float32", 1.0)
    x[3, 2, 2, 0] = np.inf
    f = aligned((3, 3, 16, 16), "float32", 1.0)
    spec = FORWARD.format(p=1, q=1)
    made = program_of(
        lambda x, f: [ops.contract(x, f, spec=spec, shape=x.type.shape)], type_of(x), type_of(f)
    )
    (out,) = execute(lower_contraction(made, native.target()), [x, f], made.out_types)
    assert not np.isfinite(out[3, 1:4, 1:4]).any()
    assert np.isfinite(np.delete(out, 3, axis=0)).all()


WEIGHT = "n y+i-{p} x+j-{q} c, n y x o -> i j c o"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradient_of_the_filter(case):
    n, h, w, c, o, p, q = case
    small = (n, h + 2 * p - 2, w + 2 * q - 2, o)
    lowered = check(WEIGHT.format(p=p, q=q), (n, h, w, c), small, (3, 3, c, o))
    assert lowered.launches[0].kernel.key.endswith("minimal")
