"""Python's collector rests during a compilation, and is as it was afterwards."""

import gc

import numpy as np
import pytest

import lamella


@pytest.mark.parametrize("before", [True, False])
def test_collector_is_as_it_was(before):
    seen = []

    def f(x):
        seen.append(gc.isenabled())
        return np.tanh(x)

    was = gc.isenabled()
    (gc.enable if before else gc.disable)()
    try:
        lamella.jit(f)(np.ones(3, "float32"))
        assert seen == [False]
        assert gc.isenabled() == before
    finally:
        (gc.enable if was else gc.disable)()


def test_collector_goes_on_after_an_error():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        lamella.jit(f)(np.ones(3, "float32"))
    assert gc.isenabled()
