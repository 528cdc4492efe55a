"""Specs of contractions: parsing, printing, extents, roles."""

import pytest

from lamella.indexmap import Affine, parse, permute_operand

CONVOLUTION = "n 2y+i-1 2x+j-1 c, i j c o -> n y x o"


@pytest.mark.parametrize(
    "spec",
    [CONVOLUTION, "b i k, b k j -> b i j", ",  -> ", "i, j -> i j",
     "n y-i+1 c, i c -> n y c", "n -i 3, i -> n", "n 2y+3i c, i c -> n y c"],
)  # fmt: skip
def test_prints_what_it_parsed(spec):
    assert str(parse(spec)) == spec
    assert parse(str(parse(spec))) == parse(spec)


def test_dimension():
    dim = parse(CONVOLUTION).a[1]
    assert dim == Affine((("y", 2), ("i", 1)), -1)
    assert dim.axis is None
    assert dim.bounds({"y": 4, "i": 3}) == (-1, 7)
    assert parse("n y-2i, i -> n y").a[1].bounds({"y": 4, "i": 3}) == (-4, 3)
    assert parse(CONVOLUTION).out[1].axis == "y"


def test_extents():
    found = parse(CONVOLUTION).extents((8, 28, 28, 3), (3, 5, 3, 16), (8, 14, 13, 16))
    assert found == {"n": 8, "y": 14, "x": 13, "o": 16, "i": 3, "j": 5, "c": 3}


@pytest.mark.parametrize(
    ("spec", "shapes", "message"),
    [("i k, k j -> i j", ((2, 3), (4, 5), (2, 5)), "axis k has extent 4"),
     ("i k, k j -> i j", ((2, 3, 1), (3, 5), (2, 5)), "operand 0 has 2 dimensions"),
     ("y+i, i -> y", ((5,), (3,), (4, 1)), "the result has 1 dimensions"),
     ("2y+i, y -> y", ((5,), (3,), (3,)), "axis i is unknown")],
)  # fmt: skip
def test_extents_refuse(spec, shapes, message):
    with pytest.raises(ValueError, match=message):
        parse(spec).extents(*shapes)


@pytest.mark.parametrize(
    ("spec", "message"),
    [("i j -> i", "two operands"), ("i, j, k -> i", "two operands"), ("i, j", "two operands"),
     ("ij, j -> i", "not a sum"), ("i*2, j -> i", "not a sum"), ("2y++i, j -> y", "not a sum")],
)  # fmt: skip
def test_parse_refuses(spec, message):
    with pytest.raises(ValueError, match=message):
        parse(spec)


def test_roles_and_batch():
    conv = parse(CONVOLUTION)
    assert str(conv.permuted("out", "b", "a")) == "n y x o, i j c o -> n 2y+i-1 2x+j-1 c"
    assert str(conv.permuted("a", "out", "b")) == "n 2y+i-1 2x+j-1 c, n y x o -> i j c o"
    assert str(parse("i k, k j -> i j").batched(True, False)) == "a i k, k j -> a i j"


def test_result_shape():
    assert parse("i k, k j -> j i").result_shape((2, 3), (3, 5)) == (5, 2)
    with pytest.raises(ValueError, match="give `shape`"):
        parse("y+i, i -> y").result_shape((5,), (3,))


def test_permute_operand():
    # x[i, k, b] seen as transpose(x, (2, 0, 1))[b, i, k]
    assert permute_operand("b i k, k j -> b i j", 0, (2, 0, 1)) == "i k b, k j -> b i j"
    assert permute_operand("i k, k j -> i j", 1, (1, 0)) == "i k, j k -> i j"
