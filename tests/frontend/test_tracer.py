"""What a Tracer answers: operators, attributes, methods, and errors that help."""

import copy

import ml_dtypes
import numpy as np
import pytest

from lamella.frontend.trace import run, trace
from lamella.frontend.tracer import ConcreteValueError
from lamella.program import Value
from lamella.types import Type

F32 = Type((2, 3), np.dtype(np.float32))


def traced(f, *inputs):
    """What `f` returns while it is traced, when that is no array."""
    seen = []

    def g(*xs):
        seen.append(f(*xs))
        return ()

    trace(g, [Type(np.shape(x), np.asarray(x).dtype) for x in inputs])
    return seen[0]


def test_attributes_are_known_while_tracing():
    x = np.zeros((2, 3), np.float32)
    known = traced(lambda x: (x.shape, x.dtype, x.ndim, x.size, x.nbytes, x.itemsize, len(x)), x)
    assert known == ((2, 3), np.dtype(np.float32), 2, 6, 24, 4, 2)
    assert traced(lambda x: (repr(x), f"{x}"), x) == ("Tracer<float32[2,3]>",) * 2


def test_hash_is_by_identity_and_attributes_can_be_set():
    def f(x, y):
        x._keras_mask = y
        return {x: 1, y: 2}[x], x._keras_mask is y, hash(x) == hash(x)

    assert traced(f, 1.0, 2.0) == (1, True, True)


def test_copies_are_the_same_traced_value():
    assert traced(lambda x: copy.deepcopy([x])[0] is x and copy.copy(x) is x, 1.0)


def test_augmented_assignment_rebinds():
    def f(x):
        y = x
        y += 1
        y *= 2
        return x, y

    a, b = run(f, np.ones(2))
    np.testing.assert_array_equal(a, [1, 1])
    np.testing.assert_array_equal(b, [4, 4])


def test_iteration_unpacks_rows():
    def f(x):
        a, b = x
        return b - a

    np.testing.assert_array_equal(run(f, np.array([[1, 2], [5, 7]])), [4, 5])


def test_unknown_operands_get_their_turn():
    class Other:
        def __radd__(self, x):
            return ("radd", x.shape)

        def __eq__(self, x):
            return "equal"

    assert traced(lambda x: x + Other(), np.zeros(2)) == ("radd", (2,))
    assert traced(lambda x: x == Other(), np.zeros(2)) == "equal"


def test_objects_that_stand_for_an_array():
    class Variable:
        def __lamella_array__(self):
            return np.array([1.0, 2.0])

    v = Variable()
    np.testing.assert_array_equal(run(lambda x: x + v, np.ones(2)), [2, 3])
    np.testing.assert_array_equal(run(lambda x: np.stack([x, v * x]), np.ones(2)), [[1, 1], [1, 2]])


def test_bfloat16_stays_beside_python_numbers():
    x = np.ones(3, ml_dtypes.bfloat16)
    for f in (lambda x: x + 1.5, lambda x: 2 * x, lambda x: np.maximum(x, 0.0),
              lambda x: np.where(x > 0, x, 0.0), np.mean, np.exp, lambda x: x**2):  # fmt: skip
        assert run(f, x).dtype == ml_dtypes.bfloat16
    assert run(lambda x: x + np.float32(1), x).dtype == np.float32


@pytest.mark.parametrize(
    ("use", "what", "instead"),
    [
        (lambda x: 1 if x > 0 else 2, "truth value", "np.where"),
        (lambda x: not x, "truth value", "lamella.cond"),
        (float, r"float\(\)", "Return it"),
        (int, r"int\(\)", "shape"),
        (complex, r"complex\(\)", "Return it"),
        (range, "as an integer", "lamella.while_loop"),
        (lambda x: [1, 2][x], "as an integer", r"x\[i\]"),
        (lambda x: x.item(), r"item\(\)", "Return it"),
        (lambda x: x.tolist(), r"tolist\(\)", "Return it"),
        (np.asarray, "np.asarray", "np.stack"),
        (lambda x: np.array([x, x]), "np.asarray", "np.stack"),
        (lambda x: 3 in np.ones(2) * x, "`in`", "np.any"),
        (lambda x: f"{x:.2f}", "formatting", "Return it"),
    ],
)
def test_requests_for_a_number_name_the_line_and_the_alternative(use, what, instead):
    with pytest.raises(ConcreteValueError, match=rf"{what}.*test_tracer.py:\d+.*{instead}"):
        run(use, np.array(1))


def test_numpy_of_a_traced_value_is_refused_and_no_attribute():
    with pytest.raises(
        AttributeError, match=r"numpy\(\).*float64\[3\].*test_tracer.py:\d+.*Return"
    ):
        run(lambda x: x.numpy(), np.ones(3))
    assert run(lambda x: x if hasattr(x, "numpy") else -x, np.ones(1)) == [-1]
    with pytest.raises(AttributeError, match="'Tracer' object has no attribute 'number'"):
        run(lambda x: x.number, np.ones(3))


@pytest.mark.parametrize(
    ("use", "instead"),
    [
        (lambda x: x.__setitem__(0, 1.0), "lamella.update"),
        (lambda x: x.fill(0), "full_like"),
        (lambda x: x.sort(), r"np\.sort\(x\)"),
        (lambda x: np.ones(2).__iadd__(x), "x = x \\+ traced"),
        (lambda x: np.add(x, 1, out=np.ones(2)), "out="),
        (lambda x: np.copyto(np.ones(2), x), "np.where"),
        (lambda x: np.put(x, 0, 1.0), "lamella.update"),
        (lambda x: np.add(x, 1, where=np.array([True, False])), r"np\.where\(mask"),
        (lambda x: np.sum(x, out=np.ones(())), "out="),
    ],
)
def test_writing_into_arrays_is_refused(use, instead):
    with pytest.raises(TypeError, match=instead):
        run(use, np.ones(2))


@pytest.mark.parametrize(
    "use",
    [np.nonzero, np.unique, np.argwhere, np.flatnonzero, lambda x: np.where(x > 0),
     lambda x: np.bincount(x.astype(int)), lambda x: np.repeat(x, x.astype(int)),
     lambda x: np.compress(x > 0, x)],
)  # fmt: skip
def test_results_whose_shape_depends_on_data_are_refused(use):
    with pytest.raises(TypeError, match="depend"):
        run(use, np.ones(3))


def test_functions_without_a_traced_form_are_named():
    with pytest.raises(TypeError, match=r"np\.polyfit has no traced form"):
        run(lambda x: np.polyfit(x, x, 1), np.ones(3))
    with pytest.raises(TypeError, match=r"np\.add\.at has no traced form"):
        run(lambda x: np.add.at(x, 0, 1.0), np.ones(3))


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda x: x + np.ones(3), r"shapes \(2, 4\), \(3,\) cannot be broadcast"),
        (lambda x: x @ x, r"matmul: shapes \(2, 4\) and \(2, 4\) do not fit"),
        (lambda x: x.reshape(3, 3), r"cannot reshape an array of shape \(2, 4\) \(8 elements\)"),
        (lambda x: np.sum(x, 2), "axis 2 is out of bounds"),
        (lambda x: np.concatenate([x, np.ones((2, 3))]), "must be equal except along that axis"),
        (lambda x: np.stack([x, x[0]]), "must have the same shape"),
        (lambda x: np.einsum("ij,jk->ik", x, x), "axis 'j' has sizes 4 and 2"),
        (lambda x: np.einsum("ij,jk->iz", x, x), "result letters"),
        (lambda x: np.max(x[:0]), "no elements"),
        (lambda x: np.squeeze(x, 0), "size other than 1"),
        (lambda x: np.split(x, 3, 1), "no multiple of 3"),
        (lambda x: np.transpose(x, (0, 0)), "not a permutation"),
        (lambda x: np.pad(x, 1, "mirror"), "mode 'mirror'"),
    ],
)
def test_mistakes_say_what_was_given(use, message):
    with pytest.raises((ValueError, IndexError), match=message):
        run(use, np.ones((2, 4)))


def test_a_kept_traced_value_is_refused_later():
    kept = []
    run(lambda x: kept.append(x) or x, 1.0)
    for use in (
        lambda: kept[0] + 1,
        lambda: np.sum(kept[0]),
        lambda: run(lambda y: y * kept[0], 2.0),
    ):
        with pytest.raises(RuntimeError, match="kept after its function had ended"):
            use()


def test_values_of_an_enclosing_trace_become_inputs():
    found = []

    def outer(x):
        program, captured = trace(lambda y: [x * y + x], [F32])
        found.append((program, captured, x))
        return [x]

    trace(outer, [F32])
    program, captured, x = found[0]
    assert len(captured) == 1
    assert captured[0] is x
    assert program.in_types == (F32, F32)
    assert all(type(v) is Value for v in program.inputs)


def test_uniform_constants_are_made_in_place():
    program, _ = trace(
        lambda x: [x + np.ones((2, 3), np.float32), x * np.zeros(3, np.float32)], [F32]
    )
    assert not program.constants


def test_equations_know_the_users_line():
    program, _ = trace(lambda x: [np.tanh(x)], [F32])
    assert "test_tracer.py" in program.equations[0].source
