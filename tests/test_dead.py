"""Loops and branches do not compute what nobody reads."""

import numpy as np
import pytest

import lamella
from lamella.frontend.trace import trace
from lamella.passes.dead import eliminate_dead
from lamella.types import Type

T = Type((5,), np.dtype("float64"))


def looped(x):
    total, (_, doubled) = lamella.scan(lambda c, v: (c + v, (np.exp(c), 2 * v)), x[0], x)
    return [total, doubled]


def chosen(x):
    first, _ = lamella.cond(
        x[0] > 0, lambda: (x + 1, np.sin(x)), lambda: (x - 1, np.cos(x) * np.sin(x))
    )
    return [first]


def names(program):
    inside = [n for eq in program.equations for _, p in eq.programs for n in names(p)]
    return [eq.primitive.name for eq in program.equations] + inside


@pytest.mark.parametrize("f", [looped, chosen])
def test_unread_results_are_not_computed(f):
    program, _ = trace(f, [T])
    after = eliminate_dead(program)
    assert {"exp", "sin", "cos"}.intersection(names(program))
    assert not {"exp", "sin", "cos"}.intersection(names(after))
    for x in (np.arange(5.0), np.arange(5.0) + 1):
        for got, expected in zip(after.verify().run(x), program.run(x), strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_results_may_be_written_over_donated_arguments(sign):
    def step(x, y):
        _, rows = lamella.scan(lambda c, v: (c, v * v), None, y[::-1])
        return rows, lamella.cond(rows[0] > x[0] + 4, lambda: x + rows, lambda: y - 1)

    x, y = sign * np.arange(1.0, 6), np.arange(5.0)
    expected = step(x, y)
    got = lamella.jit(step, donate_argnums=(0, 1))(x.copy(), y.copy())
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)
