"""Graphs of symbolic tensors as Keras 1 and 2 had them: K.gradients, K.function, its updates.

A derivative of a symbolic tensor is a symbolic tensor as well: an operation that runs the part of
the graph between the two and sweeps back through it.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
from keras import KerasTensor, Operation, ops, tree
from keras.src.backend.common import KerasVariable
from keras.src.models.functional import operation_fn

from keras_lamella.src.gradients import GradientTape
from keras_lamella.src.variable import VariableScope
from lamella.program import is_building
from lamella.transforms import grad


class Call(Operation):
    """A function of tensors as an operation of a functional model."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


class Shaped(Call):
    """A function whose first argument is the shape of the result, with symbolic sizes in it."""

    def __init__(self, function: Callable[..., Any], dtype: str) -> None:
        super().__init__(function)
        self.dtype = dtype

    def call(self, shape: Sequence[Any], *tensors: Any) -> Any:
        return self.function(tuple(map(int, shape)), *tensors)

    def compute_output_spec(self, shape: Sequence[Any], *tensors: Any) -> Any:
        known = [d if isinstance(d, int) and d >= 0 else None for d in shape]
        return KerasTensor(known, dtype=self.dtype)


def shaped(function: Callable[..., Any], shape: Sequence[Any], dtype: str, *tensors: Any) -> Any:
    """`function(shape, *tensors)`, where sizes may be symbolic: `(K.shape(x)[0], 2)`."""
    if holds_symbols(shape):
        return Shaped(function, dtype)(tuple(shape), *tensors)
    return function(tuple(shape), *tensors)


def shape_of(x: Any) -> tuple[Any, ...]:
    """The sizes of a tensor; those that a symbolic one does not know are symbolic."""

    def size(axis: int) -> Any:
        return Call(lambda array: ops.convert_to_tensor(array.shape[axis], "int32"))(x)

    return tuple(size(i) if n is None else n for i, n in enumerate(ops.shape(x)))


def as_tensor(sizes: Any) -> Any:
    """The tensor of `K.shape(x)`, a tuple; other things as they are."""
    if not isinstance(sizes, tuple):
        return sizes
    if holds_symbols(sizes):
        return Call(lambda *s: ops.stack([ops.convert_to_tensor(n, "int32") for n in s]))(*sizes)
    return ops.convert_to_tensor(sizes, "int32")


def holds_symbols(values: Any) -> bool:
    """Whether a symbolic tensor is among `values`, also inside of lists."""
    return any(isinstance(x, KerasTensor) for x in tree.flatten(values))


# -- derivatives -----------------------------------------------------------------------------------


class Gradient(Operation):
    """The derivatives of the sum of `targets` with respect to one symbolic tensor, or variables.

    It is called with what `targets` are computed from: the first is the tensor, the rest are the
    inputs that `targets` do not reach through it.
    """

    def __init__(self, graph: keras.Function, variables: Sequence[Any] = ()) -> None:
        super().__init__()
        self.graph, self.wrt = graph, list(variables)
        self._call_context_args = {"training"}

    def call(self, *arrays: Any, training: bool | None = None) -> Any:
        arrays = tuple(map(_array, arrays))
        if is_building() and VariableScope.current() is None and not self.wrt:
            return self._transformed(arrays, training)
        with GradientTape() as tape:
            seen = list(arrays) if self.wrt else [tape.watch(arrays[0]), *arrays[1:]]
            values = self._targets(seen, training)
        sources = self.wrt or seen[:1]
        found = tape.gradient(values, sources)
        found = [ops.zeros_like(x) if g is None else g for x, g in zip(sources, found)]
        return found if self.wrt else found[0]

    def _transformed(self, arrays: Sequence[Any], training: bool | None) -> Any:
        """The derivative outside of steps, as where Keras infers shapes."""

        def total(x: Any) -> Any:
            values = self._targets([x, *arrays[1:]], training)
            return sum(ops.sum(value) for value in values)

        return grad(total)(arrays[0])

    def _targets(self, arrays: Sequence[Any], training: bool | None) -> Any:
        values = self.graph._run_through_graph(
            arrays, operation_fn=lambda op: operation_fn(op, training=training)
        )
        return [_array(x) for x in tree.flatten(values)]

    def compute_output_spec(self, *tensors: Any, training: bool | None = None) -> Any:
        specs = [KerasTensor(x.shape, dtype=x.dtype) for x in self.wrt or tensors[:1]]
        return specs if self.wrt else specs[0]


def _array(x: Any) -> Any:
    """What a Tensor holds: Keras's layers give a program Tensors."""
    inner = getattr(x, "__lamella_array__", None)
    return x if inner is None else inner()


def gradients(loss: Any, variables: Any) -> list[Any]:
    """The derivatives of the sum of `loss` with respect to each of `variables`.

    Args:
        loss: a symbolic tensor, or a list of them; inside of a loss function or a layer, what was
            computed there.
        variables: symbolic tensors that `loss` is computed from, or weights; one or a list.

    Returns:
        A tensor for each; None where no loss depends on it.

    Raises:
        ValueError: the tensors are numbers: those are differentiated with a tf.GradientTape.
    """
    targets, sources = _listed(loss), _listed(variables)
    if _of_graph((targets, sources)):
        return importlib.import_module("tensorflow_lamella.v1.gradients").gradients(
            targets, sources
        )
    if not holds_symbols(targets):
        return _in_a_step(targets, sources)
    weights = [x for x in sources if isinstance(x, KerasVariable)]
    of_weights = iter(_with_respect_to_variables(targets, weights) if weights else ())
    return [
        next(of_weights) if isinstance(x, KerasVariable) else _with_respect_to(targets, x)
        for x in sources
    ]


def _listed(x: Any) -> list[Any]:
    return list(x) if isinstance(x, (list, tuple)) else [x]


def _of_graph(values: Any) -> bool:
    """Are there tensors of a graph of TensorFlow 1?"""
    v1 = sys.modules.get("tensorflow_lamella.v1.tensor")
    return v1 is not None and any(map(v1.is_graph_value, tree.flatten(values)))


def _in_a_step(targets: list[Any], sources: list[Any]) -> list[Any]:
    if not is_building():
        raise ValueError(
            "K.gradients differentiates symbolic tensors, such as model.output with respect to "
            "model.input; of numbers compute the loss inside `with tf.GradientTape() as tape:` "
            "and call tape.gradient(loss, variables)"
        )
    with GradientTape() as tape:
        pass  # the step is recorded anyway
    return tape.gradient([_array(x) for x in targets], [_array(x) for x in sources])


def _with_respect_to(targets: list[Any], x: Any) -> Any:
    met, others = _sources(targets, x)
    if not met:
        return None
    return Gradient(keras.Function([x, *others], targets))(x, *others)


def _with_respect_to_variables(targets: list[Any], variables: list[Any]) -> Any:
    _, inputs = _sources(targets)
    return Gradient(keras.Function(inputs, targets), variables)(*inputs)


def _sources(targets: Sequence[Any], stop: Any = None) -> tuple[bool, list[Any]]:
    """Is `stop` met on the ways back from `targets`, and the inputs at which the others end."""
    found: dict[int, Any] = {}
    seen: set[int] = set()
    waiting = list(targets)
    while waiting:
        x = waiting.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        operation, index, _ = x._keras_history
        node = operation._inbound_nodes[index] if operation else None
        if x is not stop and (node is None or node.is_input):
            found[id(x)] = x
        elif x is not stop and node is not None:
            waiting.extend(node.input_tensors)
    return id(stop) in seen, list(found.values())


# -- functions -------------------------------------------------------------------------------------


class Step(NamedTuple):
    """What `optimizer.get_updates` gives: a step down a symbolic loss, when a function runs."""

    optimizer: Any
    variables: list[Any]
    gradients: list[Any]


def get_updates(self: Any, *args: Any, loss: Any = None, params: Any = None, **_: Any) -> list[Any]:
    """`optimizer.get_updates(loss, params)`, or `(params, constraints, loss)` until Keras 2.0.5."""
    for x in args:
        if isinstance(x, KerasTensor):
            loss = x
        elif params is None and isinstance(x, (list, tuple)) and x:
            params = list(x)
    derivatives = gradients(loss, params)
    if not self.built:
        self.build(params)
    return [Step(self, list(params), derivatives)]


def function(
    inputs: Sequence[Any], outputs: Any = (), updates: Sequence[Any] | None = None, **_: Any
) -> Callable[[Any], Any]:
    """A function of arrays that computes symbolic `outputs` from their `inputs`.

    A learning phase among the inputs is taken: `K.function([model.input, K.learning_phase()],
    [layer.output])([x, 0])`. `updates` are what optimizer.get_updates or K.update gave, or pairs
    (variable, symbolic new value): they are made after the outputs were computed.
    """
    wanted = [x for x in _listed(inputs) if isinstance(x, KerasTensor)]
    single = not isinstance(outputs, (list, tuple))
    outputs = _listed(outputs)
    steps = [u for u in updates or () if u is not None and not isinstance(u, KerasVariable)]
    extra = [x for u in steps for x in (u.gradients if isinstance(u, Step) else u[1:])]
    model = keras.Model(wanted, [*outputs, *extra])

    def call(values: Any) -> Any:
        given = list(zip(inputs, _listed(values)))
        phase = [value for x, value in given if not isinstance(x, KerasTensor)]
        arrays = [value for x, value in given if isinstance(x, KerasTensor)]
        results = model(arrays, training=bool(phase and phase[0]))
        results = results if isinstance(results, (list, tuple)) else [results]
        numbers = [ops.convert_to_numpy(x) for x in results[: len(outputs)]]
        _update(steps, iter(results[len(outputs) :]))
        return numbers[0] if single else numbers

    return call


def _update(steps: Sequence[Any], values: Any) -> None:
    for step in steps:
        if isinstance(step, Step):
            step.optimizer.apply([next(values) for _ in step.variables], step.variables)
        else:
            step[0].assign(next(values))


# -- numbers and symbolic tensors ------------------------------------------------------------------


def variables_take_symbols() -> None:
    """`K.variable(0.) + layer.output` is a symbolic tensor, as sums of losses are begun."""
    for name in ("add", "sub", "mul", "truediv", "pow"):
        plain = getattr(KerasVariable, f"__{name}__")
        reflected = getattr(KerasTensor, f"__r{name}__")
        setattr(KerasVariable, f"__{name}__", _of_symbols(plain, reflected))


def _of_symbols(plain: Callable[..., Any], reflected: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def method(self: Any, other: Any) -> Any:
        return reflected(other, self) if isinstance(other, KerasTensor) else plain(self, other)

    return method
