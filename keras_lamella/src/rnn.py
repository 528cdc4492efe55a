"""Recurrent loops: one scan over time, with the product of the inputs taken out of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras.src import tree

from keras_lamella.src.ops.control import is_stepwise, scan
from keras_lamella.src.tensor import convert_to_tensor
from keras_lamella.src.variable import VariableScope

__all__ = ["bidirectional_gru", "bidirectional_lstm", "cudnn_ok", "gru", "lstm", "rnn"]


def rnn(
    step_function: Callable[..., Any],
    inputs: Any,
    initial_states: Any,
    go_backwards: bool = False,
    mask: Any = None,
    constants: Any = None,
    unroll: bool = False,
    input_length: Any = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple[Any, Any, Any]:
    """Run `step_function(input_t, states) -> (output_t, states)` along time.

    Args:
        inputs: nested arrays (batch, time, ...), or (time, batch, ...) with `time_major`.
        mask: bool (batch, time); where False, states and output stay as they were
            (`zero_output_for_mask`: the output is zero).
        unroll: write the steps out one after the other instead of a loop.

    Returns:
        last output (batch, ...), outputs (batch, time, ...), final states; with
        `return_all_outputs=False` outputs holds the last one only.
    """
    xs = inputs if time_major else tree.map_structure(_swap, inputs)
    masks = None if mask is None else _time_mask(mask, time_major)
    if go_backwards:
        xs = tree.map_structure(_flip, xs)
        masks = None if masks is None else _flip(masks)
    states = tuple(tree.flatten(initial_states))
    fixed = tuple(constants or ())
    length = tree.flatten(xs)[0].shape[0]
    keeps_last = masks is not None or not return_all_outputs

    def step(carry: Any, x: Any) -> Any:
        before, last = carry
        output, new = step_function(x[0], (*tree.pack_sequence_as(initial_states, before), *fixed))
        new = tuple(tree.flatten(new))
        if x[1] is not None:
            if last is None or zero_output_for_mask:
                last = tree.map_structure(np.zeros_like, output)
            new = tuple(_where(x[1], n, s) for n, s in zip(new, before))
            output = tree.map_structure(lambda o, p: _where(x[1], o, p), output, last)
        new = tuple(n.astype(s.dtype) for n, s in zip(new, before))
        return (new, output if keeps_last else None), output if return_all_outputs else None

    last = None
    if keeps_last and not (unroll or is_stepwise()):
        first = tree.map_structure(lambda x: x[0], xs)
        last = _outputs_like(lambda: step((states, None), (first, None))[0][1])
    (states, last), outputs = scan(step, (states, last), (xs, masks), length, unroll=bool(unroll))
    if not keeps_last:
        last = tree.map_structure(lambda x: x[-1], outputs)
    if not return_all_outputs:
        outputs = tree.map_structure(lambda x: x[None], last)
    if not time_major:
        outputs = tree.map_structure(_swap, outputs)
    return last, outputs, tree.pack_sequence_as(initial_states, list(states))


def lstm(
    inputs: Any, initial_state_h: Any, initial_state_c: Any, mask: Any, kernel: Any,
    recurrent_kernel: Any, bias: Any, activation: Callable[[Any], Any],
    recurrent_activation: Callable[[Any], Any], return_sequences: bool = False,
    go_backwards: bool = False, unroll: bool = False,
) -> tuple[Any, Any, list[Any]]:  # fmt: skip
    """Long short-term memory (Hochreiter and Schmidhuber, 1997), gates in the order i, f, c, o.

    Shapes: inputs (batch, time, features), kernel (features, 4 units), recurrent_kernel
    (units, 4 units), bias (4 units) or None, states (batch, units), mask (batch, time).
    Returns the last output, the outputs and [h, c].

    Raises:
        NotImplementedError: with a mask, since Keras does not tell `zero_output_for_mask` here;
            it then calls `rnn`.
    """
    if mask is not None:
        raise NotImplementedError

    kernel, recurrent_kernel, bias = _tensors(kernel, recurrent_kernel, bias)

    def cell(x: Any, states: Any) -> Any:
        h, c = states
        i, f, g, o = np.split(x + h @ recurrent_kernel, 4, axis=-1)
        c = recurrent_activation(f) * c + recurrent_activation(i) * activation(g)
        h = recurrent_activation(o) * activation(c)
        return h, (h, c)

    projected = _project(inputs, kernel, bias)
    return _fused_loop(cell, projected, (initial_state_h, initial_state_c), return_sequences,
                       go_backwards, unroll)  # fmt: skip


def gru(
    inputs: Any, initial_state: Any, mask: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    activation: Callable[[Any], Any], recurrent_activation: Callable[[Any], Any],
    return_sequences: bool = False, go_backwards: bool = False, unroll: bool = False,
    reset_after: bool = True,
) -> tuple[Any, Any, list[Any]]:  # fmt: skip
    """Gated recurrent unit (Cho et al., 2014), gates in the order z, r, h.

    Shapes: inputs (batch, time, features), kernel (features, 3 units), recurrent_kernel
    (units, 3 units), bias (2, 3 units) with `reset_after`, else (3 units), or None.
    Returns the last output, the outputs and [h]. Raises NotImplementedError as `lstm` does.
    """
    if mask is not None:
        raise NotImplementedError
    kernel, recurrent_kernel, bias = _tensors(kernel, recurrent_kernel, bias)
    units = recurrent_kernel.shape[0]
    input_bias, inner_bias = (bias, None) if bias is None or not reset_after else (bias[0], bias[1])

    def reset_before(x: Any, h: Any) -> Any:
        x_zr, x_h = x[:, : 2 * units], x[:, 2 * units :]
        zr = recurrent_activation(x_zr + h @ recurrent_kernel[:, : 2 * units])
        z, r = np.split(zr, 2, axis=-1)
        return z, activation(x_h + (r * h) @ recurrent_kernel[:, 2 * units :])

    def reset_afterwards(x: Any, h: Any) -> Any:
        inner = h @ recurrent_kernel
        inner = inner if inner_bias is None else inner + inner_bias
        z, r = np.split(recurrent_activation(x[:, : 2 * units] + inner[:, : 2 * units]), 2, axis=-1)
        return z, activation(x[:, 2 * units :] + r * inner[:, 2 * units :])

    def cell(x: Any, states: Any) -> Any:
        (h,) = states
        z, candidate = (reset_afterwards if reset_after else reset_before)(x, h)
        h = z * h + (1 - z) * candidate
        return h, (h,)

    projected = _project(inputs, kernel, input_bias)
    return _fused_loop(cell, projected, (initial_state,), return_sequences, go_backwards, unroll)


def _project(inputs: Any, kernel: Any, bias: Any) -> Any:
    """inputs @ kernel + bias for all times at once, time first: (time, batch, gates)."""
    projected = np.einsum("bti,ij->tbj", inputs, kernel)
    return projected if bias is None else projected + bias


def _fused_loop(cell: Callable[..., Any], projected: Any, states: tuple[Any, ...],
                return_sequences: bool, go_backwards: bool, unroll: bool) -> Any:  # fmt: skip
    last, outputs, states = rnn(
        cell, projected, states, go_backwards=go_backwards, unroll=unroll, time_major=True,
        return_all_outputs=return_sequences,
    )  # fmt: skip
    return last, _swap(outputs), list(states)


def bidirectional_lstm(*args: Any, **kwargs: Any) -> Any:
    """Not fused here: Keras runs the two directions one after the other."""
    raise NotImplementedError


def bidirectional_gru(*args: Any, **kwargs: Any) -> Any:
    """Not fused here: Keras runs the two directions one after the other."""
    raise NotImplementedError


def cudnn_ok(*args: Any, **kwargs: Any) -> bool:
    """There is no cuDNN."""
    return False


def _tensors(*xs: Any) -> list[Any]:
    return [None if x is None else convert_to_tensor(x) for x in xs]


def _swap(x: Any) -> Any:
    return np.swapaxes(x, 0, 1)


def _flip(x: Any) -> Any:
    return np.flip(x, axis=0)


def _time_mask(mask: Any, time_major: bool) -> Any:
    mask = mask.astype(bool)
    mask = mask[..., 0] if mask.ndim == 3 else mask
    return mask if time_major else _swap(mask)


def _where(mask: Any, x: Any, y: Any) -> Any:
    """mask (batch,) chooses rows of x or y."""
    return np.where(np.reshape(mask, mask.shape + (1,) * (x.ndim - 1)), x, y)


def _outputs_like(f: Callable[[], Any]) -> Any:
    """Zeros like the outputs of f(), from a trial run that assigns nothing."""
    scope = VariableScope.current()
    return tree.map_structure(np.zeros_like, scope.isolated(f)[0] if scope else f())
