"""Optimizers, losses, metrics, gradients: the numbers that real TensorFlow recorded."""

from pathlib import Path

import numpy as np
import pytest
from v1_cases import CASES

REFERENCE = np.load(Path(__file__).parent / "reference.npz")


def flat(x):
    if isinstance(x, (list, tuple)):
        return [a for item in x for a in flat(item)]
    return [] if x is None else [np.asarray(x)]


@pytest.mark.parametrize("name", CASES)
def test_case(name, tf):
    wanted = sorted((k for k in REFERENCE.files if k.rpartition(".")[0] == name),
                    key=lambda k: int(k.rpartition(".")[2]))  # fmt: skip
    with tf.Graph().as_default(), tf.Session() as session:
        rounds = CASES[name](tf)
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        found = [a for fetches, feeds in rounds for a in flat(session.run(fetches, feeds))]
    assert len(found) == len(wanted) > 0
    for key, array in zip(wanted, found):
        want = REFERENCE[key]
        assert array.shape == want.shape, f"{key}: {array.shape}, not {want.shape}"
        assert array.dtype == want.dtype, f"{key}: {array.dtype}, not {want.dtype}"
        np.testing.assert_allclose(array, want, rtol=2e-5, atol=2e-6, err_msg=key)
