"""Loops whose chunks fall into groups of their own: no thread waits for another one in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella
from lamella import native
from lamella.compile import compile_program
from lamella.compile.executable import Executable

STEPS, WAYS, ROWS, UNITS = 5, 2, 32, 64


@pytest.fixture(autouse=True)
def as_many_threads_as_before():
    before = native.num_threads()
    yield
    native.set_num_threads(before)


def arrays() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    shapes = (STEPS, WAYS, ROWS, 4 * UNITS), (WAYS, UNITS, 4 * UNITS), (WAYS, ROWS, UNITS)
    return [rng.normal(size=shape, scale=0.3).astype("float32") for shape in shapes]


def lstm(x: Any, weights: Any, h: Any, mix: Callable[[Any], Any] = lambda h: h) -> Any:
    """The last state and all states; mix: what the next step reads of a state."""

    def step(carry: Any, x: Any) -> Any:
        h, c = carry
        i, f, g, o = np.split(x + h @ weights, 4, axis=-1)
        c = lamella.sigmoid(f) * c + lamella.sigmoid(i) * np.tanh(g)
        h = mix(lamella.sigmoid(o) * np.tanh(c))
        return (h, c), h

    (h, _), states = lamella.scan(step, (h, np.zeros_like(h)), x)
    return h, states


def loss(x: Any, weights: Any, h: Any) -> Any:
    last, states = lstm(x, weights, h)
    return (last * last).sum() + states.sum()


def compiled(f: Callable[..., Any], *args: np.ndarray) -> Executable:
    return compile_program(lamella.jit(f).program(*args))


def barriers_inside(executable: Executable) -> list[str]:
    lines = executable.machine.listing().splitlines()
    depth, found = 0, []
    for line in lines:
        text = line.split(None, 1)[1]
        depth += text.startswith("FOR") - text.startswith("END")
        if depth and text.startswith("BARRIER"):
            found.append(text)
    return found


def test_directions_wait_for_nobody():
    """Not forward, and not in the gradient, which goes back."""
    for f in (lstm, lamella.grad(loss, argnums=(0, 1, 2))):
        assert set(barriers_inside(compiled(f, *arrays()))) == {"BARRIER of 2 groups"}


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 5])
def test_same_bits_on_any_number_of_threads(threads: int):
    f = compiled(lamella.grad(loss, argnums=(0, 1, 2)), *arrays())
    native.set_num_threads(1)
    expected = f(*arrays())
    native.set_num_threads(threads)
    for _ in range(10):
        for y, y0 in zip(f(*arrays()), expected):
            np.testing.assert_array_equal(y, y0)


@pytest.mark.parametrize(
    "mix", [lambda h: h[::-1], lambda h: h - h.mean(axis=0), lambda h: h + h.max(), np.negative]
)
def test_what_goes_from_one_direction_to_the_other_is_waited_for(mix: Callable[[Any], Any]):
    def mixed(*args: Any) -> Any:
        return lstm(*args, mix=mix)

    f = compiled(mixed, *arrays())
    apart = mix is np.negative
    assert all(("groups" in text) == apart for text in barriers_inside(f))
    native.set_num_threads(1)
    expected = f(*arrays())
    native.set_num_threads(2)
    for _ in range(10):
        for y, y0 in zip(f(*arrays()), expected):
            np.testing.assert_array_equal(y, y0)


def test_steps_after_the_loop_see_all_of_it():
    """Threads may leave the loop at different times; the state is read across directions."""

    def f(x: Any, weights: Any, h: Any) -> Any:
        last, states = lstm(x, weights, h)
        return last[::-1] + 1, states[:, ::-1] * 2

    g = compiled(f, *arrays())
    native.set_num_threads(2)
    last, states = lstm(*arrays())
    for _ in range(10):
        a, b = g(*arrays())
        np.testing.assert_allclose(a, last[::-1] + 1, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(b, states[:, ::-1] * 2, rtol=1e-4, atol=1e-5)
