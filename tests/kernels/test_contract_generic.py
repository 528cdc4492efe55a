"""The element by element contraction: any spec, any dtype."""

import numpy as np
import pytest
from contraction import TOLERANCE, execute, random

from lamella import indexmap, ops
from lamella.kernels.contract_generic import lower_generic
from lamella.types import DTYPES, type_of

SPECS = [
    ("i k, k j -> i j", (3, 4), (4, 5), (3, 5)),
    ("n 2y+i-1 c, i c o -> n y o", (2, 7, 3), (3, 3, 2), (2, 4, 2)),
    ("n y o, i c o -> n 2y+i-1 c", (2, 4, 2), (3, 3, 2), (2, 7, 3)),
    ("i i, k -> i k", (3, 3), (2,), (3, 2)),
    ("i, j -> i+j i", (3,), (2,), (2, 3)),
    ("i k, k ->", (2, 3), (3,), ()),
    ("i k, k j -> i j", (3, 0), (0, 2), (3, 2)),
]
NAMES = [n for n in DTYPES if not n.startswith(("complex", "bool"))]


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize(("spec", "a", "b", "shape"), SPECS)
def test_against_numpy(spec, a, b, shape, dtype):
    rng = np.random.default_rng(0)
    x, y = random(rng, a, dtype), random(rng, b, dtype)
    expected = ops.contract.numpy(x, y, spec=spec, shape=shape)
    out = type_of(expected)
    lowered = lower_generic(indexmap.parse(spec), type_of(x), type_of(y), out)
    (got,) = execute(lowered, [x, y], [out])
    np.testing.assert_allclose(
        got.astype("f8"), expected.astype("f8"), rtol=0, atol=10 * TOLERANCE.get(dtype, 0)
    )
