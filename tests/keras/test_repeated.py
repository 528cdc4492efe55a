"""Recurrent layers on embeddings project each distinct word once; nobody sees it in the results."""

import keras  # before its backend
import numpy as np
import pytest
from keras.src import backend

import lamella
from keras_lamella.src import repeated
from lamella.frontend.trace import trace
from lamella.types import type_of

WORDS, FEATURES, UNITS, BATCH, TIME = 900, 8, 4, 10, 40
RNG = np.random.default_rng(3)


def normal(*shape):
    return RNG.normal(scale=0.5, size=shape).astype(np.float32)


PARAMETERS = {
    "lstm": [normal(FEATURES, 4 * UNITS), normal(UNITS, 4 * UNITS), normal(4 * UNITS)],
    "gru": [normal(FEATURES, 3 * UNITS), normal(UNITS, 3 * UNITS), normal(2, 3 * UNITS)],
}
TABLE = normal(WORDS, FEATURES)
IDS = {
    "few words": RNG.integers(0, 30, (BATCH, TIME)),
    "several blocks": RNG.integers(0, 330, (BATCH, TIME)),
    "padding": np.pad(RNG.integers(1, WORDS, (BATCH, 20)), ((0, 0), (0, TIME - 20))),
    "one word": np.full((BATCH, TIME), WORDS - 1),
    "no word twice": RNG.permutation(WORDS)[: BATCH * TIME].reshape(BATCH, TIME),
    "out of range": RNG.integers(-3, WORDS + 3, (BATCH, TIME)) // 7 * 7,
}


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(repeated, "LEAST_FLOPS", 0)


def layer(kind, both, inputs, kernel, recurrent, bias):
    zeros = np.zeros((BATCH, UNITS), np.float32)
    states = [zeros] * (2 if kind == "lstm" else 1)
    one, rest = [kernel, recurrent, bias], [np.tanh, keras.ops.sigmoid, True]
    if both:
        f, two = getattr(backend, f"bidirectional_{kind}"), [x[..., ::-1] for x in one]
        (_, a, _), (_, b, _) = f(inputs, *states, *states, None, *one, *two, *rest)
        return np.concatenate([a, b], axis=-1)
    return getattr(backend, kind)(inputs, *states, None, *one, *rest)[1]


def loss(kind, both, plain):
    def f(table, kernel, recurrent, bias, ids):
        rows = np.take(table, ids, axis=0)
        rows = rows * np.float32(2) * np.float32(0.5) if plain else rows  # no gather any more
        out = layer(kind, both, rows, kernel, recurrent, bias)
        return np.sum(np.sin(out) * np.arange(TIME, dtype=np.float32)[:, None])

    return f


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS)
@pytest.mark.parametrize("both", [False, True], ids=["one way", "both ways"])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_values_and_gradients(kind, both, ids):
    check(kind, both, ids.astype(np.int32))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "int64"])
def test_integers_of_any_type(dtype):
    check("lstm", False, IDS["few words"].astype(dtype))


def check(kind, both, ids):
    """The same value and gradients as where nothing is known of the rows."""
    arguments = [TABLE, *PARAMETERS[kind], ids]
    results = []
    for plain in (False, True):
        f = lamella.value_and_grad(loss(kind, both, plain), argnums=(0, 1, 2, 3))
        value, gradients = lamella.jit(f)(*arguments)
        results.append([value, *gradients])
    for got, expected in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def branches(plain):
    arguments = [TABLE, *PARAMETERS["lstm"], IDS["padding"].astype(np.int32)]
    f = loss("lstm", True, plain)
    program, _ = trace(lambda *xs: [f(*xs)], [type_of(x) for x in arguments])
    return [eq for eq in program.equations if eq.primitive.name == "switch"]


def test_only_rows_of_a_table_are_looked_through():
    assert len(branches(plain=False)) == 1
    assert branches(plain=True) == []


def test_small_products_are_taken_as_they_stand(monkeypatch):
    monkeypatch.setattr(repeated, "LEAST_FLOPS", 1e8)
    assert branches(plain=False) == []
