"""tf.nn.dynamic_rnn, static_rnn and their bidirectional forms."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import optree

from tensorflow_lamella.core import state as mode
from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1.control_flow import scan_over
from tensorflow_lamella.v1.rnn_cell import RNNCell
from tensorflow_lamella.v1.variable_scope import variable_scope


def _v2(name: str) -> Any:
    return get(name, 2)


def _chosen(running: Any, new: Any, old: Any) -> Any:
    """Rows of `new` where the sequence still runs, of `old` where it has ended."""
    return optree.tree_map(lambda a, b: _v2("where")(_v2("reshape")(
        running, [-1] + [1] * (len(a.shape) - 1)), a, b), new, old)  # fmt: skip


@export("nn.dynamic_rnn", version=1)
def dynamic_rnn(cell: RNNCell, inputs: Any, sequence_length: Any = None, initial_state: Any = None,
                dtype: Any = None, parallel_iterations: Any = None, swap_memory: bool = False,
                time_major: bool = False, scope: Any = None) -> Any:  # fmt: skip
    """Run a cell along time: (outputs (batch, time, ...), last state).

    After the end of a sequence (`sequence_length`) outputs are zero and the state stays.
    """
    with variable_scope(scope or "rnn"):
        steps = inputs if time_major else optree.tree_map(_swapped, inputs)
        first = optree.tree_leaves(steps)[0]
        state = initial_state
        if state is None:
            if dtype is None:
                raise ValueError("If there is no initial_state, you must give a dtype.")
            state = cell.zero_state(_v2("shape")(first)[1], dtype)
        outputs, state = _run(cell, steps, state, sequence_length, first)
        outputs = outputs if time_major else optree.tree_map(_swapped, outputs)
    return outputs, state


def _swapped(x: Any) -> Any:
    rank = len(x.shape)
    return _v2("transpose")(x, [1, 0, *range(2, rank)])


def _run(cell: RNNCell, steps: Any, state: Any, length: Any, first: Any) -> Any:
    if mode.graph() is None:
        return _run_eagerly(cell, steps, state, length, first)
    if length is None:

        def step(s: Any, x: Any) -> Any:
            output, new = cell(x, s)
            return new, output
    else:
        length = _v2("cast")(length, "int32")
        times = _v2("range")(_v2("shape")(first)[0])
        steps = (steps, times)

        def step(s: Any, x: Any) -> Any:
            output, new = cell(x[0], s)
            running = _v2("less")(x[1], length)
            zeros = optree.tree_map(_v2("zeros_like"), output)
            return _chosen(running, new, s), _chosen(running, output, zeros)

    last, outputs = scan_over(step, state, steps, name="while")
    return outputs, last


def _run_eagerly(cell: RNNCell, steps: Any, state: Any, length: Any, first: Any) -> Any:
    outputs = []
    for t in range(int(first.shape[0])):
        output, new = cell(optree.tree_map(operator.itemgetter(t), steps), state)
        if length is not None:
            running = _v2("less")(t, _v2("cast")(length, "int32"))
            new = _chosen(running, new, state)
            output = _chosen(running, output, optree.tree_map(_v2("zeros_like"), output))
        state = new
        outputs.append(output)
    return optree.tree_map(lambda *ys: _v2("stack")(list(ys)), *outputs), state


@export("nn.static_rnn", "contrib.rnn.static_rnn", "nn.rnn", "models.rnn.rnn.rnn", version=1)
def static_rnn(cell: RNNCell, inputs: Sequence[Any], initial_state: Any = None, dtype: Any = None,
               sequence_length: Any = None, scope: Any = None) -> Any:  # fmt: skip
    """Run a cell over a list of inputs, one for each time: (list of outputs, last state)."""
    if not isinstance(inputs, (list, tuple)):
        raise TypeError(
            "inputs must be a sequence; use tf.unstack(x, axis=1), or tf.nn.dynamic_rnn"
        )
    if not inputs:
        raise ValueError("inputs must not be empty")
    outputs = []
    with variable_scope(scope or "rnn"):
        state = initial_state
        if state is None:
            if dtype is None:
                raise ValueError("If no initial_state is provided, dtype must be specified")
            state = cell.zero_state(_v2("shape")(optree.tree_leaves(inputs)[0])[0], dtype)
        for t, x in enumerate(inputs):
            output, new = cell(x, state)
            if sequence_length is not None:
                running = _v2("less")(t, _v2("cast")(sequence_length, "int32"))
                new = _chosen(running, new, state)
                output = _chosen(running, output, optree.tree_map(_v2("zeros_like"), output))
            state = new
            outputs.append(output)
    return outputs, state


@export("nn.raw_rnn", version=1)
def raw_rnn(*args: Any, **kwargs: Any) -> Any:
    """An error."""
    from tensorflow_lamella.errors import unsupported

    raise unsupported("tf.nn.raw_rnn", "use tf.nn.dynamic_rnn or tf.scan")


@export("nn.bidirectional_dynamic_rnn", version=1)
def bidirectional_dynamic_rnn(
    cell_fw: RNNCell, cell_bw: RNNCell, inputs: Any, sequence_length: Any = None,
    initial_state_fw: Any = None, initial_state_bw: Any = None, dtype: Any = None,
    parallel_iterations: Any = None, swap_memory: bool = False, time_major: bool = False,
    scope: Any = None,
) -> Any:  # fmt: skip
    """Two cells, one from each end: ((outputs, outputs), (state, state))."""
    options = {"dtype": dtype, "time_major": time_major, "sequence_length": sequence_length}
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as fw:
            forward = dynamic_rnn(
                cell_fw, inputs, initial_state=initial_state_fw, scope=fw, **options
            )
        with variable_scope("bw") as bw:
            turned = _reversed(inputs, sequence_length, time_major)
            backward, last = dynamic_rnn(cell_bw, turned, initial_state=initial_state_bw, scope=bw,
                                         **options)  # fmt: skip
            backward = _reversed(backward, sequence_length, time_major)
    return (forward[0], backward), (forward[1], last)


def _reversed(x: Any, length: Any, time_major: bool) -> Any:
    time, batch = (0, 1) if time_major else (1, 0)
    if length is None:
        return optree.tree_map(lambda v: _v2("reverse")(v, [time]), x)
    return optree.tree_map(
        lambda v: _v2("reverse_sequence")(v, length, seq_axis=time, batch_axis=batch), x
    )


@export("nn.static_bidirectional_rnn", "contrib.rnn.static_bidirectional_rnn",
        "nn.bidirectional_rnn", version=1)  # fmt: skip
def static_bidirectional_rnn(
    cell_fw: RNNCell, cell_bw: RNNCell, inputs: Sequence[Any], initial_state_fw: Any = None,
    initial_state_bw: Any = None, dtype: Any = None, sequence_length: Any = None, scope: Any = None,
) -> Any:  # fmt: skip
    """Two cells over a list, one from each end: (joined outputs, state forward, state backward)."""
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as fw:
            forward, last_fw = static_rnn(cell_fw, inputs, initial_state_fw, dtype, scope=fw)
        with variable_scope("bw") as bw:
            backward, last_bw = static_rnn(cell_bw, list(inputs)[::-1], initial_state_bw, dtype,
                                           scope=bw)  # fmt: skip
    outputs = [_v2("concat")([f, b], 1) for f, b in zip(forward, backward[::-1])]
    return outputs, last_fw, last_bw
