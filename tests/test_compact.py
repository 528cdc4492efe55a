"""Gradients of large tables are sums of the rows that a batch touches."""

import math

import numpy as np
import pytest

import lamella
from lamella import ops
from lamella.passes import run_pipeline
from lamella.passes.compact import LARGE, compact
from lamella.program import program_of
from lamella.types import Type

ROWS, COLUMNS, COUNT = 20_000, 32, 64
TABLE, IDS = Type((ROWS, COLUMNS), np.dtype("float32")), Type((8, 8), np.dtype("int32"))
UPDATES = Type((8, 8, COLUMNS), np.dtype("float32"))


def sums(ids, updates, value=0.0):
    zeros = ops.full(shape=TABLE.shape, dtype="float32", value=value)
    return ops.scatter_add(zeros, ids, updates, axis=0)


def moved(table, ids, updates):
    """A step of an optimizer that reads the gradient twice."""
    g = sums(ids, updates)
    return (ops.sub(table, ops.mul(g, ops.abs(g))),)


def arrays(seed=0, low=-2, high=ROWS + 2):
    rng = np.random.default_rng(seed)
    ids = rng.integers(low, high, IDS.shape).astype(np.int32)
    ids[2:4] = ids[0]  # rows that several indices touch
    updates = rng.normal(size=UPDATES.shape).astype(np.float32)
    updates[:, 0] = -0.0
    return rng.normal(size=TABLE.shape).astype(np.float32), ids, updates


def scattered(program):
    """Bytes of the arrays of floats that something is scattered into."""
    return [eq.results[0].type.nbytes for eq in program.equations
            if eq.primitive is ops.scatter_add]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_bits_are_those_of_the_whole_array(seed):
    program = program_of(moved, TABLE, IDS, UPDATES)
    (before,), (after,) = program.run(*arrays(seed)), compact(program).run(*arrays(seed))
    assert before.tobytes() == after.tobytes()


def test_nothing_of_the_tables_size_but_the_table():
    program = run_pipeline(program_of(moved, TABLE, IDS, UPDATES))
    assert scattered(program) == [(1 + COUNT) * COLUMNS * 4]
    large = [v for eq in program.equations for v in eq.results if v.type.nbytes >= TABLE.nbytes]
    assert large == list(program.outputs)


@pytest.mark.parametrize(
    "f",
    [
        lambda t, i, u: (sums(i, u),),  # wanted as it is
        lambda t, i, u: (ops.add(t, sums(i, u, value=1.0)),),  # not zero elsewhere
        lambda t, i, u: (ops.cumsum(sums(i, u), axis=0, reverse=False),),  # read by no loop
    ],
)
def test_other_sums_stay(f):
    assert scattered(compact(program_of(f, TABLE, IDS, UPDATES))) == [TABLE.nbytes]


@pytest.mark.parametrize(("rows", "count"), [(LARGE // 4 // COLUMNS - 1, 64), (ROWS, ROWS // 2)])
def test_small_or_full_sums_stay(rows, count):
    table = Type((rows, COLUMNS), np.dtype("float32"))

    def f(t, i, u):
        zeros = ops.full(shape=table.shape, dtype="float32", value=0)
        return (ops.add(t, ops.scatter_add(zeros, i, u, axis=0)),)

    ids, updates = Type((count,), np.dtype("int64")), Type((count, COLUMNS), np.dtype("float32"))
    assert scattered(compact(program_of(f, table, ids, updates))) == [table.nbytes]


def test_clipping_by_the_norm():
    def step(table, ids, target):
        def loss(table):
            return np.sum((table[ids] - target) ** 2)

        g = lamella.grad(loss)(table)
        return table - g * np.minimum(1, 3 / np.sqrt(np.sum(g * g)))

    table, ids, target = arrays(5, 0, ROWS)
    expected = np.zeros(TABLE.shape)
    np.add.at(expected, ids, 2.0 * (table[ids] - target))
    expected *= min(1, 3 / math.sqrt((expected**2).sum()))
    np.testing.assert_allclose(
        lamella.jit(step)(table, ids, target), table - expected, rtol=1e-5, atol=1e-5
    )
