"""Every public function, layer, loss ... of Keras gives what it gives on the JAX backend.

The cases are tools/catalogue, their results under JAX reference/catalogue.npz: outputs, called on
arrays and compiled, and gradients with respect to weights and inputs.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from keras import tree

import lamella

HERE = Path(__file__).parent
TOOLS = HERE.parents[1] / "tools"


def _tool():
    path = TOOLS / "reference_catalogue.py"
    spec = importlib.util.spec_from_file_location("reference_catalogue", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = _tool()
REFERENCE = tool.unpack(HERE / "reference" / "catalogue.npz")


def test_every_public_name_of_keras_has_a_case():
    assert tool.uncovered() == []


def test_every_case_has_a_reference():
    assert sorted(REFERENCE) == sorted(tool.CASES)


def agree(actual, expected, case, what):
    """Equal dtypes, shapes and, but for rounding, numbers."""
    assert len(actual) == len(expected)
    for i, (x, y) in enumerate(zip(actual, expected)):
        assert x.shape == y.shape, f"{what} {i}"
        if y.dtype.kind in "fc":
            assert x.dtype == y.dtype, f"{what} {i}"
            np.testing.assert_allclose(x, y, case.rtol, case.atol, err_msg=f"{what} {i}")
        else:
            np.testing.assert_array_equal(x, y, f"{what} {i}")


@pytest.mark.parametrize("key", tool.CASES)
def test_called_on_arrays(key):
    case = tool.CASES[key]
    f, arrays = case.make(tool.generator(key))
    actual = tool.outputs(f(*arrays))
    agree(actual, REFERENCE[key][: len(actual)], case, "output")


@pytest.mark.parametrize("key", [key for key, case in tool.CASES.items() if case.jit])
def test_compiled_with_gradients(key):
    case = tool.CASES[key]
    f, arrays = case.make(tool.generator(key))
    structure = tree.flatten(f(*arrays))
    tensors = [i for i, x in enumerate(structure) if hasattr(x, "dtype")]
    expected = [REFERENCE[key][i] for i in tensors]
    gradients = REFERENCE[key][len(structure) :]

    def both(*values):
        out = tree.flatten(f(*values))
        out = [out[i] for i in tensors]
        if not gradients:
            return out
        scalar, positions = tool.weighted(f, values)
        g = lamella.grad(scalar, argnums=tuple(range(len(positions))))
        return [*out, *g(*(values[i] for i in positions))]

    results = lamella.jit(both)(*arrays)
    agree(results[: len(tensors)], expected, case, "output")
    agree(results[len(tensors) :], gradients, case, "gradient")
