"""Recurrent cells: tf.nn.rnn_cell and tf.contrib.rnn."""

from __future__ import annotations

import copy
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

import optree

from tensorflow_lamella.core.shape import TensorShape
from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1.nn import dropout
from tensorflow_lamella.v1.variable_scope import get_variable, variable_scope

_PLACES = ("nn.rnn_cell", "contrib.rnn", "models.rnn.rnn_cell")


def _cell(*names: str) -> Callable[[Any], Any]:
    return export(*(f"{p}.{n}" for p in _PLACES for n in names), version=1)


LSTMStateTuple = namedtuple("LSTMStateTuple", ("c", "h"))
LSTMStateTuple.__doc__ = "The state of an LSTM: memory and output."
_cell("LSTMStateTuple")(LSTMStateTuple)


def _v2(name: str) -> Any:
    return get(name, 2)


@_cell("RNNCell")
class RNNCell:
    """`output, state = cell(inputs, state)`; a class of its own defines `call` or `__call__`.

    Variables are made in the first call, in a scope named after the class, and found in others.
    """

    _scope_name = "rnn_cell"

    def __init__(self, trainable: bool = True, name: str | None = None, dtype: Any = None,
                 **kwargs: Any) -> None:  # fmt: skip
        self._name, self.trainable = name, trainable
        self._scope: Any = None

    state_size: Any = property(lambda self: _abstract("state_size"))
    output_size: Any = property(lambda self: _abstract("output_size"))

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """(output, new state) for inputs (batch, features)."""
        if self._scope is not None:
            with variable_scope(self._scope, reuse=True, auxiliary_name_scope=False):
                return self.call(inputs, state)
        with variable_scope(scope or self._name or self._scope_name) as opened:
            out = self.call(inputs, state)
            self._scope = opened
        return out

    def call(self, inputs: Any, state: Any) -> Any:
        """(output, new state)."""
        raise NotImplementedError("a cell defines call(inputs, state)")

    def build(self, input_shape: Any) -> None:
        """Make the variables: here they are made in the first call."""

    def zero_state(self, batch_size: Any, dtype: Any = "float32") -> Any:
        """Zeros of the structure of the state, (batch, size) each."""
        return optree.tree_map(lambda n: _zeros(batch_size, n, dtype), self.state_size)

    @property
    def trainable_variables(self) -> list[Any]:
        """The variables in the cell's scope."""
        return self._scope.trainable_variables() if self._scope else []

    variables = weights = trainable_weights = trainable_variables

    def _linear(self, xs: Sequence[Any], size: int, kernel: str = "kernel", bias: str = "bias",
                initial_bias: Any = None) -> Any:  # fmt: skip
        """concat(xs) @ kernel + bias."""
        x = xs[0] if len(xs) == 1 else _v2("concat")(list(xs), 1)
        w = get_variable(kernel, [int(x.shape[-1]), size], dtype=x.dtype,
                         initializer=getattr(self, "_kernel_initializer", None))  # fmt: skip
        zeros = get("zeros_initializer", 1)()
        b = get_variable(bias, [size], dtype=x.dtype, initializer=initial_bias or zeros)
        return _v2("matmul")(x, w) + b


def _abstract(name: str) -> Any:
    raise NotImplementedError(f"a cell defines {name}")


def _zeros(batch: Any, size: Any, dtype: Any) -> Any:
    sizes = list(size) if isinstance(size, (tuple, list, TensorShape)) else [size]
    return _v2("zeros")([batch, *map(int, sizes)], dtype)


def _activation(f: Any) -> Callable[[Any], Any]:
    if f is None:
        return _v2("math.tanh")
    return _v2(f if f in ("tanh",) else f"nn.{f}") if isinstance(f, str) else f


@_cell("BasicRNNCell")
class BasicRNNCell(RNNCell):
    """output = state = activation(W [x, state] + b)."""

    _scope_name = "basic_rnn_cell"

    def __init__(self, num_units: int, activation: Any = None, reuse: Any = None,
                 name: str | None = None, dtype: Any = None, input_size: Any = None,
                 **kwargs: Any) -> None:  # fmt: skip
        super().__init__(name=name)
        self._num_units, self._activation = num_units, _activation(activation)

    state_size = property(lambda self: self._num_units)
    output_size = property(lambda self: self._num_units)

    def call(self, inputs: Any, state: Any) -> Any:
        output = self._activation(self._linear([inputs, state], self._num_units))
        return output, output


@_cell("GRUCell")
class GRUCell(RNNCell):
    """Gated recurrent unit (Cho et al., 2014)."""

    _scope_name = "gru_cell"

    def __init__(self, num_units: int, activation: Any = None, reuse: Any = None,
                 kernel_initializer: Any = None, bias_initializer: Any = None,
                 name: str | None = None, dtype: Any = None, input_size: Any = None,
                 **kwargs: Any) -> None:  # fmt: skip
        super().__init__(name=name)
        self._num_units, self._activation = num_units, _activation(activation)
        self._kernel_initializer, self._bias = kernel_initializer, bias_initializer

    state_size = property(lambda self: self._num_units)
    output_size = property(lambda self: self._num_units)

    def call(self, inputs: Any, state: Any) -> Any:
        ones = self._bias or get("ones_initializer", 1)()
        with variable_scope("gates"):
            both = _v2("sigmoid")(self._linear([inputs, state], 2 * self._num_units,
                                               initial_bias=ones))  # fmt: skip
        r, u = _v2("split")(both, 2, 1)
        with variable_scope("candidate"):
            c = self._activation(self._linear([inputs, r * state], self._num_units,
                                              initial_bias=self._bias))  # fmt: skip
        state = u * state + (1 - u) * c
        return state, state


@_cell("BasicLSTMCell")
class BasicLSTMCell(RNNCell):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997), gates i, j, f, o."""

    _scope_name = "basic_lstm_cell"

    def __init__(self, num_units: int, forget_bias: float = 1.0, state_is_tuple: bool = True,
                 activation: Any = None, reuse: Any = None, name: str | None = None,
                 dtype: Any = None, input_size: Any = None, **kwargs: Any) -> None:  # fmt: skip
        super().__init__(name=name)
        self._num_units, self._forget_bias = num_units, forget_bias
        self._tuple, self._activation = state_is_tuple, _activation(activation)

    @property
    def state_size(self) -> Any:
        n = self._num_units
        return LSTMStateTuple(n, n) if self._tuple else 2 * n

    output_size = property(lambda self: self._num_units)

    def call(self, inputs: Any, state: Any) -> Any:
        pair = isinstance(state, (tuple, list))  # until 1.0 one tensor of both, side by side
        c, h = state if pair else _v2("split")(state, 2, 1)
        gates = self._linear([inputs, h], 4 * self._num_units)
        i, j, f, o = _v2("split")(gates, 4, 1)
        sigmoid = _v2("sigmoid")
        c = c * sigmoid(f + self._forget_bias) + sigmoid(i) * self._activation(j)
        h = self._activation(c) * sigmoid(o)
        return h, LSTMStateTuple(c, h) if pair else _v2("concat")([c, h], 1)


@_cell("LSTMCell")
class LSTMCell(RNNCell):
    """BasicLSTMCell with peepholes, clipping and a projection of the output (Sak et al., 2014)."""

    _scope_name = "lstm_cell"

    def __init__(self, num_units: int, use_peepholes: bool = False, cell_clip: float | None = None,
                 initializer: Any = None, num_proj: int | None = None,
                 proj_clip: float | None = None, num_unit_shards: Any = None,
                 num_proj_shards: Any = None, forget_bias: float = 1.0, state_is_tuple: bool = True,
                 activation: Any = None, reuse: Any = None, name: str | None = None,
                 dtype: Any = None, input_size: Any = None, **kwargs: Any) -> None:  # fmt: skip
        super().__init__(name=name)
        self._num_units, self._peepholes, self._clip = num_units, use_peepholes, cell_clip
        self._kernel_initializer, self._forget_bias = initializer, forget_bias
        self._num_proj, self._proj_clip = num_proj, proj_clip
        self._tuple, self._activation = state_is_tuple, _activation(activation)

    @property
    def state_size(self) -> Any:
        n, m = self._num_units, self.output_size
        return LSTMStateTuple(n, m) if self._tuple else n + m

    output_size = property(lambda self: self._num_proj or self._num_units)

    def call(self, inputs: Any, state: Any) -> Any:
        n = self._num_units
        pair = isinstance(state, (tuple, list))
        c_before, m_before = state if pair else _v2("split")(state, [n, self.output_size], 1)
        i, j, f, o = _v2("split")(self._linear([inputs, m_before], 4 * n), 4, 1)
        sigmoid = _v2("sigmoid")
        f = f + self._forget_bias
        if self._peepholes:
            f, i = f + self._peephole("f") * c_before, i + self._peephole("i") * c_before
        c = sigmoid(f) * c_before + sigmoid(i) * self._activation(j)
        if self._clip is not None:
            c = _v2("clip_by_value")(c, -self._clip, self._clip)
        if self._peepholes:
            o = o + self._peephole("o") * c
        m = sigmoid(o) * self._activation(c)
        if self._num_proj is not None:
            m = self._projected(m)
        return m, LSTMStateTuple(c, m) if pair else _v2("concat")([c, m], 1)

    def _peephole(self, gate: str) -> Any:
        return get_variable(f"w_{gate}_diag", [self._num_units], dtype="float32",
                            initializer=self._kernel_initializer)  # fmt: skip

    def _projected(self, m: Any) -> Any:
        with variable_scope("projection"):
            w = get_variable("kernel", [self._num_units, self._num_proj], dtype=m.dtype,
                             initializer=self._kernel_initializer)  # fmt: skip
        m = _v2("matmul")(m, w)
        return m if self._proj_clip is None else _v2("clip_by_value")(
            m, -self._proj_clip, self._proj_clip)  # fmt: skip


@_cell("LayerNormBasicLSTMCell")
class LayerNormBasicLSTMCell(BasicLSTMCell):
    """An LSTM whose gates are normalised over the units (Ba, Kiros and Hinton, 2016)."""

    _scope_name = "layer_norm_basic_lstm_cell"

    def call(self, inputs: Any, state: Any) -> Any:
        c, h = state
        gates = self._linear([inputs, h], 4 * self._num_units)
        parts = zip("ijfo", _v2("split")(gates, 4, 1))
        i, j, f, o = (self._normalised(x, name) for name, x in parts)
        sigmoid = _v2("sigmoid")
        c = c * sigmoid(f + self._forget_bias) + sigmoid(i) * self._activation(j)
        c = self._normalised(c, "state")
        h = self._activation(c) * sigmoid(o)
        return h, LSTMStateTuple(c, h)

    def _normalised(self, x: Any, name: str) -> Any:
        with variable_scope(name):
            gamma = get_variable(
                "gamma", [self._num_units], initializer=get("ones_initializer", 1)()
            )
            beta = get_variable(
                "beta", [self._num_units], initializer=get("zeros_initializer", 1)()
            )
        mean, variance = _v2("nn.moments")(x, [1], None, True)
        return _v2("nn.batch_normalization")(x, mean, variance, beta, gamma, 1e-5)


for _name in ("LSTMBlockCell", "LSTMBlockFusedCell", "CoupledInputForgetGateLSTMCell"):
    export(f"contrib.rnn.{_name}", version=1)(type(_name, (BasicLSTMCell,), {
        "__doc__": "An LSTM; its variables are those of BasicLSTMCell."}))  # fmt: skip
export("contrib.rnn.GRUBlockCell", "contrib.rnn.GRUBlockCellV2", version=1)(GRUCell)


class _Wrapper(RNNCell):
    """A cell around another one."""

    def __init__(self, cell: RNNCell) -> None:
        super().__init__()
        self._cell = cell

    state_size = property(lambda self: self._cell.state_size)
    output_size = property(lambda self: self._cell.output_size)

    def zero_state(self, batch_size: Any, dtype: Any = "float32") -> Any:
        """That of the cell inside."""
        return self._cell.zero_state(batch_size, dtype)

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """(output, new state)."""
        return self.call(inputs, state)


@_cell("MultiRNNCell")
class MultiRNNCell(RNNCell):
    """Cells one above the other."""

    def __init__(self, cells: Sequence[RNNCell], state_is_tuple: bool = True) -> None:
        super().__init__()
        if not cells:
            raise ValueError("Must specify at least one cell for MultiRNNCell.")
        # [cell] * n is n layers with weights of their own, as in the first releases
        self._cells = [copy.deepcopy(c) if any(c is b for b in cells[:i]) else c
                       for i, c in enumerate(cells)]  # fmt: skip
        self._tuple = state_is_tuple

    @property
    def state_size(self) -> Any:
        sizes = tuple(cell.state_size for cell in self._cells)
        return sizes if self._tuple else sum(optree.tree_leaves(sizes))

    output_size = property(lambda self: self._cells[-1].output_size)

    def zero_state(self, batch_size: Any, dtype: Any = "float32") -> Any:
        """Those of the cells."""
        if not self._tuple:
            return super().zero_state(batch_size, dtype)
        return tuple(cell.zero_state(batch_size, dtype) for cell in self._cells)

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """(output of the last cell, states of all)."""
        if not self._tuple:
            state = _v2("split")(state, [c.state_size for c in self._cells], 1)
        states = []
        with variable_scope(scope or "multi_rnn_cell"):
            for i, (cell, before) in enumerate(zip(self._cells, state)):
                with variable_scope(f"cell_{i}"):
                    inputs, after = cell(inputs, before)
                states.append(after)
        return inputs, tuple(states) if self._tuple else _v2("concat")(states, 1)


@_cell("DropoutWrapper")
class DropoutWrapper(_Wrapper):
    """Drops parts of what goes into a cell, comes out of it, and stays in it."""

    def __init__(self, cell: RNNCell, input_keep_prob: Any = 1.0, output_keep_prob: Any = 1.0,
                 state_keep_prob: Any = 1.0, variational_recurrent: bool = False,
                 input_size: Any = None, dtype: Any = None, seed: int | None = None,
                 **unused: Any) -> None:  # fmt: skip
        super().__init__(cell)
        self._keep, self._seed = (input_keep_prob, output_keep_prob, state_keep_prob), seed

    def call(self, inputs: Any, state: Any) -> Any:
        into, out, stay = self._keep
        output, new = self._cell(self._dropped(inputs, into), state)
        if not (isinstance(stay, (int, float)) and stay == 1):
            new = optree.tree_map(lambda s: self._dropped(s, stay), new)
        return self._dropped(output, out), new

    def _dropped(self, x: Any, keep: Any) -> Any:
        whole = isinstance(keep, (int, float)) and keep == 1
        return x if whole else dropout(x, keep, seed=self._seed)


@_cell("ResidualWrapper")
class ResidualWrapper(_Wrapper):
    """Adds the inputs to the output."""

    def __init__(self, cell: RNNCell, residual_fn: Any = None) -> None:
        super().__init__(cell)
        self._residual = residual_fn or (lambda x, y: x + y)

    def call(self, inputs: Any, state: Any) -> Any:
        output, new = self._cell(inputs, state)
        return self._residual(inputs, output), new


@_cell("DeviceWrapper")
class DeviceWrapper(_Wrapper):
    """The cell: there is one device."""

    def __init__(self, cell: RNNCell, device: Any) -> None:
        super().__init__(cell)

    def call(self, inputs: Any, state: Any) -> Any:
        return self._cell(inputs, state)


@_cell("OutputProjectionWrapper")
class OutputProjectionWrapper(_Wrapper):
    """A dense layer after the output."""

    def __init__(self, cell: RNNCell, output_size: int, activation: Any = None,
                 reuse: Any = None) -> None:  # fmt: skip
        super().__init__(cell)
        self._size, self._act = output_size, activation

    output_size = property(lambda self: self._size)

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """(projected output, new state)."""
        output, new = self._cell(inputs, state)
        with variable_scope("output_projection_wrapper", reuse=get("AUTO_REUSE", 1)):
            y = self._linear([output], self._size)
        return (self._act(y) if self._act else y), new


@_cell("InputProjectionWrapper")
class InputProjectionWrapper(_Wrapper):
    """A dense layer before the cell."""

    def __init__(self, cell: RNNCell, num_proj: int, activation: Any = None,
                 input_size: Any = None, reuse: Any = None) -> None:  # fmt: skip
        super().__init__(cell)
        self._size, self._act = num_proj, activation

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """(output, new state) on projected inputs."""
        with variable_scope("input_projection_wrapper", reuse=get("AUTO_REUSE", 1)):
            x = self._linear([inputs], self._size)
        return self._cell(self._act(x) if self._act else x, state)


__all__ = ["LSTMStateTuple", "RNNCell"]
