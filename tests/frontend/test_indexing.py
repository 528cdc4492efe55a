"""x[index] and lamella.update on Tracers follow NumPy, over random indices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lamella.frontend.functions import update
from lamella.frontend.trace import run
from lamella.transforms import grad

SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=4)


def counting(shape):
    return np.arange(float(np.prod(shape))).reshape(shape)


def assert_same(got, expected):
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_basic_indices(data):
    shape = data.draw(SHAPES)
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    x = counting(shape)
    assert_same(run(lambda x: x[index], x), x[index])


def arrays_for(n):
    return hnp.arrays(
        np.int64, st.sampled_from([(), (1,), (3,), (2, 1), (2, 3)]), elements=st.integers(-n, n - 1)
    )


@st.composite
def mixed_indices(draw, shape):
    """Integers, slices, None, Ellipsis, integer arrays and masks in any mixture that fits."""
    index = []
    axis = 0
    while axis < len(shape):
        n = shape[axis]
        kind = draw(st.sampled_from(["array", "array", "slice", "int", "none", "mask", "stop"]))
        if kind == "stop":
            break
        if kind == "none":
            index.append(None)
            continue
        if kind == "array":
            index.append(draw(arrays_for(n)))
        elif kind == "slice":
            index.append(draw(st.slices(n)))
        elif kind == "int":
            index.append(draw(st.integers(-n, n - 1)))
        else:
            mask = np.zeros(n, bool)
            mask[draw(st.integers(0, n - 1))] = True  # one element, so that it broadcasts
            index.append(mask)
        axis += 1
    if axis < len(shape) and draw(st.booleans()):
        index.insert(len(index), Ellipsis)
    return tuple(index)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_mixed_indices(data):
    shape = data.draw(SHAPES)
    index = data.draw(mixed_indices(shape))
    x = counting(shape)
    assert_same(run(lambda x: x[index], x), x[index])


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_traced_index_arrays(data):
    """The same indices with every integer array traced."""
    shape = data.draw(SHAPES)
    index = data.draw(mixed_indices(shape))
    places = [i for i, item in enumerate(index)
              if isinstance(item, np.ndarray) and item.dtype != bool]  # fmt: skip

    def f(x, *arrays):
        items = list(index)
        for i, array in zip(places, arrays, strict=True):
            items[i] = array
        return x[tuple(items)]

    x = counting(shape)
    assert_same(run(f, x, *(index[i] for i in places)), x[index])


@settings(deadline=None, max_examples=200)
@given(st.data(), st.sampled_from(["set", "add", "mul", "max", "min"]))
def test_update(data, mode):
    shape = data.draw(SHAPES)
    index = data.draw(mixed_indices(shape))
    x = counting(shape)
    values = -1.5 if data.draw(st.booleans()) else np.full(np.shape(x[index]), 2.5)
    assert_same(run(lambda x: update(x, index, values, mode), x), update(x, index, values, mode))


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_update_at_traced_indices(data):
    n, m = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    rows = data.draw(arrays_for(n))
    x = counting((n, m))
    for index in (lambda r: r, lambda r: (r, slice(None, None, 2)), lambda r: (slice(None), r % m)):
        assert_same(
            run(lambda x, r, index=index: update(x, index(r), 1.0, "add"), x, rows),
            update(x, index(rows), 1.0, "add"),
        )


def test_masks():
    x = counting((3, 4))
    for mask in (x > 4, np.array([True, False, True]), np.zeros((3, 4), bool)):
        assert_same(run(lambda x, mask=mask: x[mask], x), x[mask])


def test_small_integer_dtypes_reach_long_axes():
    x = counting((300,))
    index = np.array([-1, -128, 127], np.int8)
    assert_same(run(lambda x, i: x[i], x, index), x[index.astype(int)])
    unsigned = np.array([0, 255], np.uint8)
    assert_same(run(lambda x, i: x[i], x, unsigned), x[unsigned])


def test_traced_indices_out_of_range_are_clipped_and_not_updated():
    x, far = counting((3,)), np.array([7, -9, 1])
    assert_same(run(lambda x, i: x[i], x, far), np.array([2.0, 0.0, 1.0]))
    assert_same(run(lambda x, i: update(x, i, 5.0), x, far), np.array([0.0, 5.0, 2.0]))


def test_gradient_of_repeated_indices_adds_up():
    index = np.array([0, 2, 0])
    g = grad(lambda x: np.sum(x[index] * np.array([1.0, 10.0, 100.0])))(np.zeros(3))
    np.testing.assert_array_equal(g, [101.0, 0.0, 10.0])


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (5, IndexError, "index 5 is out of bounds for axis 0 with size 3"),
        ((0, np.array([1, -9])), IndexError, "index -9 is out of bounds for axis 1"),
        ((0, 0, 0), IndexError, "too many indices: the array has 2 axes, 3"),
        ((Ellipsis, Ellipsis), IndexError, "single ellipsis"),
        (1.5, IndexError, "an index must be an integer"),
        ("a", IndexError, "an index must be an integer"),
    ],
)
def test_errors_of_known_indices(index, error, message):
    with pytest.raises(error, match=message):
        run(lambda x: x[index], counting((3, 4)))


def test_slices_of_a_known_length_begin_at_traced_places():
    x = counting((5, 6, 7))
    i, j = np.int32(2), np.int64(1)
    assert_same(run(lambda x, i: x[i : i + 2], x, i), x[2:4])
    assert_same(run(lambda x, i, j: x[:, i : i + 3, j : 4 + j], x, i, j), x[:, 2:5, 1:5])
    assert_same(run(lambda x, i: x[1, ..., None, i : i + 5 : 2], x, i), x[1, ..., None, 2:7:2])
    assert_same(run(lambda x, i: x[..., i : i + 3, :][[0, 4]], x, i), x[..., 2:5, :][[0, 4]])
    assert_same(run(lambda x, i: x[i : i + 3], x, np.int32(4)), x[2:5])  # moved inside
    assert_same(run(lambda x, i: x[i : i + 9], x, i), x)
    slope = run(grad(lambda x, i: (x[i : i + 2, 0] ** 2).sum()), x, i)
    expected = np.zeros_like(x)
    expected[2:4, 0] = 2 * x[2:4, 0]
    assert_same(slope, expected)


def test_errors_of_traced_indices():
    x = counting((3, 4))
    with pytest.raises(TypeError, match=r"traced bool mask bool\[3,4\].*np\.where\(mask"):
        run(lambda x: x[x > 0], x)
    with pytest.raises(IndexError, match=r"array of integers, got float64\[\]"):
        run(lambda x: x[x[0, 0]], x)
    for length_unknown in (lambda x, n: x[:n], lambda x, n: x[n:], lambda x, n: x[n : 2 * n]):
        with pytest.raises(TypeError, match=r"bound of a slice.*dynamic_slice"):
            run(length_unknown, x, np.int32(2))
    with pytest.raises(ValueError, match="mode must be one of set, add"):
        update(x, 0, 1.0, "divide")
