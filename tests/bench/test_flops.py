"""Operations of a training step, against counts by hand."""

import pytest

import lamella  # noqa: F401  selects Keras's backend

keras = pytest.importorskip("keras")
layers = keras.layers

from bench.flops import training_flops  # noqa: E402

CASES = {
    # forward and weight gradient; the second layer's input gradient too
    "dense": ((5,), [layers.Dense(7), layers.Dense(3)], 2 * (5 * 7) * 2 + 2 * (7 * 3) * 3),
    "conv": ((8, 8, 3), [layers.Conv2D(4, 3, strides=2, padding="same")], 4 * 16 * 4 * 27),
    "depthwise": ((6, 6, 3), [layers.DepthwiseConv2D(3)], 4 * 16 * 3 * 9),
    "transposed": ((4, 4, 2), [layers.Conv2DTranspose(5, 3, strides=2)], 4 * 16 * 9 * 2 * 5),
    "lstm": ((9, 3), [layers.LSTM(4)], 4 * 9 * 16 * (3 + 4)),
    "bidirectional": ((9, 3), [layers.Bidirectional(layers.LSTM(4))], 8 * 9 * 16 * (3 + 4)),
    "no contraction": ((4,), [layers.BatchNormalization(), layers.ReLU()], 0),
}


@pytest.mark.parametrize(("shape", "stack", "expected"), CASES.values(), ids=CASES)
def test_count(shape, stack, expected):
    assert training_flops(keras.Sequential([keras.Input(shape), *stack])) == expected


def test_attention_counts_projections_and_both_products():
    x = keras.Input((6, 8))
    y = layers.MultiHeadAttention(2, 4)(x, x)
    projections, products = 4 * 6 * 8 * 8, 2 * 6 * 6 * 8
    assert training_flops(keras.Model(x, y)) == 4 * (projections + products)
