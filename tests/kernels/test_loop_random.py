"""Random loop bodies against their meaning."""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import run_loop, typed
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lamella import ops
from lamella.kernels.kernel import CannotFuse
from lamella.program import Builder, building

EXTENTS = [1, 2, 3, 5, 7, 16, 17, 33]


def unary(draw: Any, x: Any) -> Any:
    return draw(st.sampled_from([ops.tanh, ops.neg, ops.abs, ops.cos, ops.sigmoid]))(x)


def binary(draw: Any, x: Any, pool: list[Any]) -> Any:
    same = [v for v in pool if v.type == x.type]
    f = draw(st.sampled_from([ops.add, ops.sub, ops.mul, ops.maximum, ops.minimum]))
    return f(x, draw(st.sampled_from(same)))


def reduce_(draw: Any, x: Any) -> Any:
    axes = tuple(i for i in range(x.type.ndim) if draw(st.booleans()))
    f = draw(st.sampled_from([ops.max, ops.min, ops.sum]))
    y = f(x, axes=axes)
    if f is ops.sum:
        y = ops.tanh(y)
    if draw(st.booleans()):
        kept = tuple(i for i in range(x.type.ndim) if i not in axes)
        y = ops.broadcast(y, shape=x.type.shape, axes=kept)
    return y


def view(draw: Any, x: Any) -> Any:
    shape, n = x.type.shape, x.type.ndim
    kind = draw(st.sampled_from(["transpose", "slice", "flip", "pad", "concatenate", "flatten"]))
    if kind == "transpose":
        return ops.transpose(x, axes=tuple(draw(st.permutations(range(n)))))
    if kind == "slice":
        start = tuple(draw(st.integers(0, s - 1)) for s in shape)
        stop = tuple(draw(st.integers(a + 1, s)) for a, s in zip(start, shape))
        step = tuple(draw(st.integers(1, 3)) for _ in shape)
        return ops.slice(x, start=start, stop=stop, step=step)
    if kind == "flip":
        return ops.flip(x, axes=tuple(i for i in range(n) if draw(st.booleans())))
    if kind == "pad":
        low, high = (tuple(draw(st.integers(0, 2)) for _ in shape) for _ in range(2))
        return ops.pad(x, low=low, high=high, value=draw(st.sampled_from([0, -1.5])))
    if kind == "flatten" or n == 0:
        return ops.reshape(x, shape=(x.type.size,))
    return ops.concatenate(x, unary(draw, x), axis=draw(st.integers(0, n - 1)))


@st.composite
def bodies(draw: Any) -> Any:
    n = draw(st.integers(1, 3))
    shape = tuple(draw(st.sampled_from(EXTENTS)) for _ in range(n))
    builder = Builder()
    with building(builder):
        inputs = [builder.make_value(typed(*shape)) for _ in range(draw(st.integers(1, 2)))]
        pool = list(inputs)
        for _ in range(draw(st.integers(1, 7))):
            x = draw(st.sampled_from(pool))
            kind = draw(st.sampled_from(["unary", "binary", "binary", "reduce", "view"]))
            if kind == "binary":
                y = binary(draw, x, pool)
            else:
                y = {"unary": unary, "reduce": reduce_, "view": view}[kind](draw, x)
            if y.type.size <= 40000:
                pool.append(y)
    made = [v for v in pool if v not in inputs]
    assume(made)
    outputs = [made[-1], *draw(st.lists(st.sampled_from(made), max_size=2))]
    return builder.finish(inputs, list(dict.fromkeys(outputs)))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=bodies(), seed=st.integers(0, 100))
def test_random_bodies(body: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=t.shape).astype(t.dtype) for t in body.in_types]
    wanted = body.run(*arrays)
    try:
        results = run_loop(body, *arrays)
    except CannotFuse:
        assume(False)
    for got, want in zip(results, wanted):
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5)
