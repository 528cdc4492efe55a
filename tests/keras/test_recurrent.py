"""Recurrent layers against a loop over their cell, and both directions in one loop."""

from __future__ import annotations

import keras
import numpy as np
import pytest

rng = np.random.default_rng(4)
X = rng.normal(size=(3, 7, 5)).astype("float32")
CELLS = {
    "lstm": lambda **k: keras.layers.LSTM(4, **k),
    "gru": lambda **k: keras.layers.GRU(4, **k),
    "gru before": lambda **k: keras.layers.GRU(4, reset_after=False, **k),
    "no bias": lambda **k: keras.layers.LSTM(4, use_bias=False, **k),
}

MASK = np.array(
    [[0, 0, 1, 1, 0, 1, 1], [1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0]], "bool"
)  # holes and ends, and nothing at all


def by_steps(layer, x):
    """The outputs of all steps and the last states, from the cell alone."""
    states = layer.cell.get_initial_state(len(x))
    states = states if isinstance(states, list) else [states]
    outputs = []
    for t in reversed(range(x.shape[1])) if layer.go_backwards else range(x.shape[1]):
        output, states = layer.cell(x[:, t], states)
        outputs.append(output)
    return np.stack(outputs, axis=1), states


def randomized(layer):
    layer.build(X.shape)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("kind", CELLS)
def test_outputs_and_states(kind, go_backwards):
    layer = randomized(
        CELLS[kind](return_sequences=True, return_state=True, go_backwards=go_backwards)
    )
    expected, states = by_steps(layer, X)
    outputs, *last = layer(X)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    for x, y in zip(last, states, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("kind", CELLS)
def test_two_directions(kind, unroll):
    both = randomized(
        keras.layers.Bidirectional(
            CELLS[kind](return_sequences=True, return_state=True, unroll=unroll), merge_mode=None
        )
    )
    forward, backward = by_steps(both.forward_layer, X), by_steps(both.backward_layer, X)
    states = [*forward[1], *backward[1]]
    model = keras.Sequential([keras.Input(X.shape[1:]), both])
    for outputs in (both(X), model.predict(X, verbose=0)):
        for x, y in zip(outputs, [forward[0], backward[0][:, ::-1], *states], strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("sequences", [False, True], ids=["last", "all"])
@pytest.mark.parametrize("kind", CELLS)
def test_training_in_one_loop_is_training_in_two(kind, sequences, masked):
    """Without cuDNN Keras runs the directions one after the other."""
    y = rng.normal(size=(3, 7, 8) if sequences else (3, 8)).astype("float32")
    weights, losses = [], []
    for in_one in (True, False):
        keras.utils.set_random_seed(1)
        inputs = keras.Input(X.shape[1:])
        mask = keras.ops.convert_to_tensor(MASK) if masked else None
        cell = CELLS[kind](return_sequences=sequences, use_cudnn="auto" if in_one else False)
        outputs = keras.layers.Bidirectional(cell)(inputs, mask=mask)
        model = keras.Model(inputs, outputs)
        model.compile("sgd", "mse")
        losses.append(model.fit(X, y, epochs=3, batch_size=3, verbose=0).history["loss"])
        weights.append(model.get_weights())
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_forward_layer_that_goes_backwards():
    both = randomized(
        keras.layers.Bidirectional(
            keras.layers.LSTM(4, go_backwards=True),
            backward_layer=keras.layers.LSTM(4),
            merge_mode=None,
        )
    )
    forward, backward = both(X)
    np.testing.assert_allclose(forward, by_steps(both.forward_layer, X)[0][:, -1], rtol=1e-4)
    np.testing.assert_allclose(backward, by_steps(both.backward_layer, X)[0][:, -1], rtol=1e-4)


@pytest.mark.parametrize("zeros", [False, True], ids=["goes on", "zeros"])
@pytest.mark.parametrize("sequences", [False, True], ids=["last", "all"])
@pytest.mark.parametrize("backwards", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("kind", CELLS)
def test_masks(kind, backwards, sequences, zeros):
    """As the loop that Keras runs over any cell, which it does without cuDNN."""
    options = {"return_sequences": sequences, "return_state": True, "go_backwards": backwards,
               "zero_output_for_mask": zeros}  # fmt: skip
    ours, plain = CELLS[kind](**options), CELLS[kind](**options, use_cudnn=False)
    randomized(ours)
    plain.build(X.shape)
    plain.set_weights(ours.get_weights())
    states = [rng.normal(size=(3, 4)).astype("float32") for _ in ours.get_initial_state(3)]
    results = []
    for layer in (ours, plain):
        inputs, mask = keras.Input(X.shape[1:]), keras.Input(MASK.shape[1:], dtype="bool")
        given = [keras.Input((4,)) for _ in states]
        model = keras.Model([inputs, mask, *given], layer(inputs, mask=mask, initial_state=given))
        results.append([*layer(X, mask=MASK, initial_state=states),
                        *model.predict([X, MASK, *states], verbose=0)])  # fmt: skip
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
