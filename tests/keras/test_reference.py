"""The losses of 20 training steps equal those of Keras's JAX backend; tools/reference_losses.py."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
REFERENCE = json.loads((HERE / "reference" / "jax.json").read_text())

#: Float32 on either side: rounding grows over 20 steps, fastest where small divisors count. The
#: largest difference measured was a quarter of this (depthwise), the next a twentieth.
RTOL, ATOL = 5e-5, 5e-6
#: float16 has 11 digits; JAX rounds to it inside of kernels at other places.
HALF_FLOATS = 0.02


def _tool():
    path = HERE.parents[1] / "tools" / "reference_losses.py"
    spec = importlib.util.spec_from_file_location("reference_losses", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = _tool()


def test_every_case_has_a_reference():
    assert sorted(REFERENCE) == sorted(tool.CASES)


@pytest.mark.parametrize("name", tool.CASES)
def test_losses_of_twenty_steps(name):
    rtol = HALF_FLOATS if name.startswith("half_floats") else RTOL
    np.testing.assert_allclose(tool.run(name), REFERENCE[name], rtol=rtol, atol=ATOL)
