"""tf.contrib.legacy_seq2seq: decoders over lists of steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorflow_lamella.names import export
from tensorflow_lamella.v1.rnn import static_rnn
from tensorflow_lamella.v1.rnn_cell import RNNCell
from tensorflow_lamella.v1.variable_scope import variable_scope


@export("contrib.legacy_seq2seq.rnn_decoder", "nn.seq2seq.rnn_decoder", version=1)
def rnn_decoder(
    decoder_inputs: Sequence[Any],
    initial_state: Any,
    cell: RNNCell,
    loop_function: Callable[[Any, int], Any] | None = None,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """Run a cell over a list of (batch, ...) steps: (a list of outputs, the last state).

    `loop_function(output, i)` makes the input of step i of the output before it; without it the
    inputs are those given.
    """
    state = initial_state
    outputs: list[Any] = []
    with variable_scope(scope or "rnn_decoder") as here:
        for i, x in enumerate(decoder_inputs):
            if i:
                here.reuse_variables()
            if loop_function is not None and outputs:
                with variable_scope("loop_function", reuse=True):
                    x = loop_function(outputs[-1], i)
            output, state = cell(x, state)
            outputs.append(output)
    return outputs, state


@export("contrib.legacy_seq2seq.basic_rnn_seq2seq", "nn.seq2seq.basic_rnn_seq2seq", version=1)
def basic_rnn_seq2seq(
    encoder_inputs: Sequence[Any],
    decoder_inputs: Sequence[Any],
    cell: RNNCell,
    dtype: Any = "float32",
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """A decoder that begins in the last state of an encoder: (outputs, last state)."""
    with variable_scope(scope or "basic_rnn_seq2seq"):
        _, state = static_rnn(cell, list(encoder_inputs), dtype=dtype)
        return rnn_decoder(decoder_inputs, state, cell)
