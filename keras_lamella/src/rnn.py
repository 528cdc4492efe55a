"""Recurrent loops: one scan over time, with the product of the inputs taken out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from keras.src import tree

from keras_lamella.src.ops.control import is_stepwise, scan
from keras_lamella.src.repeated import project
from keras_lamella.src.tensor import convert_to_tensor
from keras_lamella.src.variable import VariableScope

#: Do masked steps output zeros? Keras does not hand this to `lstm` and `gru`; None: nobody told.
_ZEROS: ContextVar[bool | None] = ContextVar("zeros", default=None)
#: The mask that Keras does not hand to `bidirectional_lstm` and `bidirectional_gru`.
_MASK: ContextVar[Any] = ContextVar("mask", default=None)

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
        new = tuple(convert_to_tensor(n, s.dtype) for n, s in zip(new, before))
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
        NotImplementedError: with a mask, outside of `masked_steps`; Keras then calls `rnn`.
    """
    _check_mask(mask)
    kernel, recurrent_kernel, bias = _tensors(kernel, recurrent_kernel, bias)
    cell = _lstm_cell(recurrent_kernel, activation, recurrent_activation)
    projected = _project(inputs, kernel, bias)
    states = initial_state_h, initial_state_c
    masks = None if mask is None else _time_mask(mask, time_major=False)
    return _loop(cell, projected, states, return_sequences, go_backwards, unroll, masks)


@contextmanager
def masked_steps(zeros: bool) -> Iterator[None]:
    """Inside, `lstm` and `gru` take masks; what is masked outputs zeros, or what came before."""
    token = _ZEROS.set(zeros)
    try:
        yield
    finally:
        _ZEROS.reset(token)


@contextmanager
def masked_directions(mask: Any, zeros: bool | None) -> Iterator[None]:
    """Inside, `bidirectional_lstm` and `bidirectional_gru` use `mask` (batch, time), or None."""
    token = _MASK.set(mask)
    try:
        with masked_steps(bool(zeros)):
            yield
    finally:
        _MASK.reset(token)


def _both_masks(mask: Any) -> Any:
    """The mask of each step, (time, direction, batch), or None."""
    if mask is not None:
        raise NotImplementedError
    if _MASK.get() is None:
        return None
    forward = _time_mask(_MASK.get(), time_major=False)
    return np.stack([forward, _flip(forward)], axis=1)


def _check_mask(mask: Any) -> None:
    if mask is not None and _ZEROS.get() is None:
        raise NotImplementedError


def _lstm_cell(recurrent_kernel: Any, activation: Any, recurrent_activation: Any) -> Any:
    """`cell(x, (h, c)) -> (h, c)` with x the projected input; all may have leading axes."""

    def cell(x: Any, states: Any) -> Any:
        h, c = states
        i, f, g, o = np.split(x + h @ recurrent_kernel, 4, axis=-1)
        c = recurrent_activation(f) * c + recurrent_activation(i) * activation(g)
        return recurrent_activation(o) * activation(c), c

    return cell


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
    _check_mask(mask)
    kernel, recurrent_kernel, bias = _tensors(kernel, recurrent_kernel, bias)
    outer, inner = (bias, None) if bias is None or not reset_after else (bias[0], bias[1])
    cell = _gru_cell(recurrent_kernel, inner, activation, recurrent_activation, reset_after)
    projected = _project(inputs, kernel, outer)
    states = (initial_state,)
    masks = None if mask is None else _time_mask(mask, time_major=False)
    return _loop(cell, projected, states, return_sequences, go_backwards, unroll, masks)


def _gru_cell(recurrent_kernel: Any, bias: Any, activation: Any, recurrent_activation: Any,
              reset_after: bool) -> Any:  # fmt: skip
    """`cell(x, (h,)) -> (h,)`; bias: of h @ recurrent_kernel, or None."""
    units = recurrent_kernel.shape[-2]

    def reset_before(x: Any, h: Any) -> Any:
        x_zr, x_h = x[..., : 2 * units], x[..., 2 * units :]
        zr = recurrent_activation(x_zr + h @ recurrent_kernel[..., : 2 * units])
        z, r = np.split(zr, 2, axis=-1)
        return z, activation(x_h + (r * h) @ recurrent_kernel[..., 2 * units :])

    def reset_afterwards(x: Any, h: Any) -> Any:
        inner = h @ recurrent_kernel
        inner = inner if bias is None else inner + bias
        zr = recurrent_activation(x[..., : 2 * units] + inner[..., : 2 * units])
        z, r = np.split(zr, 2, axis=-1)
        return z, activation(x[..., 2 * units :] + r * inner[..., 2 * units :])

    def cell(x: Any, states: Any) -> Any:
        (h,) = states
        z, candidate = (reset_afterwards if reset_after else reset_before)(x, h)
        return (z * h + (1 - z) * candidate,)

    return cell


def _project(inputs: Any, kernel: Any, bias: Any) -> Any:
    """inputs @ kernel + bias for all times at once, time first: (time, batch, gates)."""

    def plain(inputs: Any, kernel: Any, bias: Any) -> Any:
        projected = np.einsum("bti,dij->tdbj", inputs, kernel)
        return projected if bias is None else projected + bias

    return project(inputs, kernel[None], None if bias is None else bias[None], plain)[:, 0]


def _loop(
    cell: Callable[..., Any], projected: Any, states: Any, return_sequences: bool,
    go_backwards: bool, unroll: bool, masks: Any = None,
) -> tuple[Any, Any, list[Any]]:  # fmt: skip
    """Last output, outputs (batch, time, units) in the order of the steps, final states.

    projected: (time, ..., gates), masks: (time, ...) or None; the output is the first state, but
    for masked steps.
    """
    zeros = _ZEROS.get()

    def step(carry: Any, x: Any) -> Any:
        before, last = carry
        new = tuple(n.astype(s.dtype) for n, s in zip(cell(x[0], before), before))
        if x[1] is None:
            return (new, None), new[0] if return_sequences else None
        last = _where(x[1], new[0], np.zeros_like(last) if zeros else last)
        new = tuple(_where(x[1], n, s) for n, s in zip(new, before))
        return (new, last), last if return_sequences else None

    states = tuple(_tensors(*states))
    last = None if masks is None else np.zeros_like(states[0])
    (states, last), outputs = scan(
        step, (states, last), (projected, masks), reverse=go_backwards, unroll=bool(unroll)
    )
    last = states[0] if last is None else last
    if not return_sequences:
        outputs = last[None]
    elif go_backwards:
        outputs = _flip(outputs)
    return last, _swap(outputs), list(states)


def bidirectional_lstm(
    inputs: Any, fwd_initial_state_h: Any, fwd_initial_state_c: Any, bwd_initial_state_h: Any,
    bwd_initial_state_c: Any, mask: Any, fwd_kernel: Any, fwd_recurrent_kernel: Any,
    fwd_bias: Any, bwd_kernel: Any, bwd_recurrent_kernel: Any, bwd_bias: Any,
    activation: Callable[[Any], Any], recurrent_activation: Callable[[Any], Any],
    return_sequences: bool = False, unroll: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """Both directions as one loop over arrays with an axis of two directions.

    Returns what `lstm` does, for each direction; outputs are in the order of the inputs.
    """
    masks = _both_masks(mask)
    kernel = _pair(fwd_kernel, bwd_kernel)
    recurrent_kernel = _pair(fwd_recurrent_kernel, bwd_recurrent_kernel)
    bias = None if fwd_bias is None else _pair(fwd_bias, bwd_bias)
    cell = _lstm_cell(recurrent_kernel, activation, recurrent_activation)
    states = (_pair(fwd_initial_state_h, bwd_initial_state_h),
              _pair(fwd_initial_state_c, bwd_initial_state_c))  # fmt: skip
    projected = _project_both(inputs, kernel, bias)
    outputs = _loop(cell, projected, states, return_sequences, False, unroll, masks)
    return _both_ways(outputs)


def bidirectional_gru(
    inputs: Any, fwd_initial_state: Any, bwd_initial_state: Any, mask: Any, fwd_kernel: Any,
    fwd_recurrent_kernel: Any, fwd_bias: Any, bwd_kernel: Any, bwd_recurrent_kernel: Any,
    bwd_bias: Any, activation: Callable[[Any], Any], recurrent_activation: Callable[[Any], Any],
    return_sequences: bool = False, unroll: bool = False, reset_after: bool = True,
) -> tuple[Any, Any]:  # fmt: skip
    """As `bidirectional_lstm`, of `gru`."""
    masks = _both_masks(mask)
    kernel = _pair(fwd_kernel, bwd_kernel)
    recurrent_kernel = _pair(fwd_recurrent_kernel, bwd_recurrent_kernel)
    outer, inner = None if fwd_bias is None else _pair(fwd_bias, bwd_bias), None
    if outer is not None and reset_after:
        outer, inner = outer[:, 0], outer[:, 1:]
    cell = _gru_cell(recurrent_kernel, inner, activation, recurrent_activation, reset_after)
    projected = _project_both(inputs, kernel, outer)
    states = (_pair(fwd_initial_state, bwd_initial_state),)
    outputs = _loop(cell, projected, states, return_sequences, False, unroll, masks)
    return _both_ways(outputs)


def _pair(forward: Any, backward: Any) -> Any:
    """One array with the axis of directions in front."""
    return np.stack(_tensors(forward, backward))


def _project_both(inputs: Any, kernel: Any, bias: Any) -> Any:
    """(time, direction, batch, gates); the second direction sees the inputs from the last one on.

    kernel (2, features, gates), bias (2, gates) or None.
    """

    def plain(inputs: Any, kernel: Any, bias: Any) -> Any:
        both = np.stack([inputs, np.flip(inputs, axis=1)])
        projected = np.einsum("dbti,dij->tdbj", both, kernel)
        return projected if bias is None else projected + bias[:, None]

    return project(inputs, kernel, bias, plain)


def _both_ways(result: tuple[Any, Any, list[Any]]) -> tuple[Any, Any]:
    """What `_loop` returns, taken apart: outputs are (direction, time, batch, units)."""
    last, outputs, states = result
    forward, backward = _swap(outputs[0]), _swap(np.flip(outputs[1], axis=0))
    return ((last[0], forward, [s[0] for s in states]),
            (last[1], backward, [s[1] for s in states]))  # fmt: skip


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
    """mask (..., batch) chooses rows of x or y."""
    return np.where(np.reshape(mask, mask.shape + (1,) * (x.ndim - mask.ndim)), x, y)


def _outputs_like(f: Callable[[], Any]) -> Any:
    """Zeros like the outputs of f(), from a trial run that assigns nothing."""
    scope = VariableScope.current()
    return tree.map_structure(np.zeros_like, scope.isolated(f)[0] if scope else f())
