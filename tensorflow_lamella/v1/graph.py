"""Graphs of TensorFlow 1: operations, their names, scopes and collections.

An operation holds a function of arrays and what it is applied to. It can only use operations made
before it, so the order in which operations are made is an order in which they can run.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import optree

from tensorflow_lamella.core import state
from tensorflow_lamella.names import export
from tensorflow_lamella.v1.abstract import USUAL

_NAME = re.compile(r"^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*$")


@export("Operation")
@export("NodeDef", version=1)
class Operation:
    """A node: `fn(*args, **kwargs)`, where tensors among the arguments are filled in by a run.

    Attributes:
        name, type: as in TensorFlow; the name is unique in the graph.
        inputs: the tensors among the arguments, in order.
        control_inputs: operations that run before this one.
        outputs: the tensors that it makes.
        context: the branch or the loop body that it was made in, or None.
        kind: how it is run (see `evaluate.RULES`): "call" applies `fn` to arrays.
    """

    def __init__(self, graph: Graph, name: str, type: str, kind: str, fn: Any,
                 inputs: Sequence[Any], arguments: Any = None) -> None:  # fmt: skip
        self.graph, self.name, self.type = graph, name, type
        self.kind, self.fn = kind, fn
        self.inputs = list(inputs)
        self.arguments = arguments  # (leaves with None for inputs, places of the inputs, structure)
        self.control_inputs: list[Operation] = []
        self.outputs: list[Any] = []
        self.context: Any = None
        self.device = ""
        self.attributes: dict[str, Any] = {}
        self.sources = self.inputs  # the tensors that the types of the outputs depend on
        self.fixed = all(t.op.fixed for t in inputs)  # no size of the outputs is unknown
        self.ranked = any(t.op.ranked for t in inputs)  # a rank before it is unknown
        self.host = kind == "host" or any(t.is_text for t in inputs)  # runs in Python
        self.settled = USUAL[0]  # a world in which it works
        self.dynamic = False  # sizes of its outputs depend on numbers
        self.structure: Any = None  # how the outputs make up what `fn` gives
        self.number = graph.add(self)

    def __call__(self, values: Sequence[Any], *first: Any) -> Any:
        """The flat results of `fn` on `first` and its arguments, `values` in place of inputs."""
        leaves, places, structure = self.arguments
        leaves = list(leaves)
        for place, value in zip(places, values, strict=True):
            leaves[place] = value
        args, kwargs = optree.tree_unflatten(structure, leaves)
        flat, self.structure = optree.tree_flatten(self.fn(*first, *args, **kwargs))
        return flat

    @property
    def node_def(self) -> Operation:
        """The record of this node in a GraphDef: itself."""
        return self

    op = property(lambda self: self.type)
    op_def = property(lambda self: self)
    input = property(lambda self: [t.name.removesuffix(":0") for t in self.inputs])

    def get_attr(self, name: str) -> Any:
        """An attribute; ValueError where there is none of this name."""
        if name not in self.attributes:
            raise ValueError(f"Operation '{self.name}' has no attr named '{name}'.")
        return self.attributes[name]

    def values(self) -> tuple[Any, ...]:
        """The outputs."""
        return tuple(self.outputs)

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Run it in `session`, or in the default session."""
        from tensorflow_lamella.v1.session import default_session

        default_session(session, f"run operation '{self.name}'").run(self, feed_dict)

    def _add_control_input(self, operation: Operation) -> None:
        if operation.number > self.number:
            raise ValueError(
                f"'{operation.name}' was made after '{self.name}' and cannot run before"
            )
        self.control_inputs.append(operation)
        self.graph.version += 1

    def _add_control_inputs(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            self._add_control_input(operation)

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"


class Context:
    """A branch of cond or the body of a loop: operations made inside belong to it."""

    def __init__(self, outer: Context | None) -> None:
        self.outer = outer

    def has(self, operation: Operation) -> bool:
        """Was the operation made in this context, or in one inside it?"""
        context = operation.context
        while context is not None and context is not self:
            context = context.outer
        return context is self


@export("GraphKeys", version=1)
class GraphKeys:
    """The names of the collections."""

    GLOBAL_VARIABLES = VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    METRIC_VARIABLES = "metric_variables"
    MODEL_VARIABLES = "model_variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    SUMMARIES = "summaries"
    QUEUE_RUNNERS = "queue_runners"
    TABLE_INITIALIZERS = "table_initializer"
    ASSET_FILEPATHS = "asset_filepaths"
    REGULARIZATION_LOSSES = "regularization_losses"
    CONCATENATED_VARIABLES = "concatenated_variables"
    SAVERS = "savers"
    WEIGHTS = "weights"
    BIASES = "biases"
    ACTIVATIONS = "activations"
    UPDATE_OPS = "update_ops"
    LOSSES = "losses"
    INIT_OP = "init_op"
    LOCAL_INIT_OP = "local_init_op"
    READY_OP = "ready_op"
    SUMMARY_OP = "summary_op"
    GLOBAL_STEP = "global_step"
    TRAIN_OP = "train_op"
    EVAL_STEP = "eval_step"


@export("Graph")
class Graph:
    """Operations with unique names, collections, and the scopes that are open."""

    def __init__(self) -> None:
        self.version = 0  # changes where an old operation changes
        self.seed: int | None = None
        self.store: dict[str, Any] = {}  # variables by name, of get_variable
        self.finalized = False
        self._operations: dict[str, Operation] = {}
        self._names: dict[str, int] = {}
        self._collections: dict[str, list[Any]] = {}
        self._scope = ""
        self._control: list[list[Operation]] = []
        self._device = ""
        self._context: Context | None = None
        self.variable_scope: Any = None
        self.keras_variables: dict[int, Any] = {}  # (Keras's, the graph's) by identity

    # Operations

    def add(self, operation: Operation) -> int:
        """Keep a new operation; its number. RuntimeError where the graph is finalized."""
        if self.finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")
        self._operations[operation.name] = operation
        operation.context = self._context
        operation.device = self._device
        operation.control_inputs = list(dict.fromkeys(op for ops in self._control for op in ops))
        return len(self._operations)

    def get_operations(self) -> list[Operation]:
        """All operations in the order in which they were made."""
        return list(self._operations.values())

    def get_operation_by_name(self, name: str) -> Operation:
        """The operation; KeyError where there is none."""
        found = self.as_graph_element(name)
        if not isinstance(found, Operation):
            raise ValueError(f"{name!r} is the name of a tensor, not of an operation")
        return found

    def get_tensor_by_name(self, name: str) -> Any:
        """The tensor `operation:index`; KeyError where there is none."""
        if ":" not in name:
            raise ValueError(
                f"The name '{name}' refers to an Operation, not a Tensor. Tensor names must be of "
                'the form "<op_name>:<output_index>".'
            )
        return self.as_graph_element(name)

    def as_graph_element(self, thing: Any, allow_tensor: bool = True,
                         allow_operation: bool = True) -> Any:  # fmt: skip
        """The operation or tensor that `thing` is, or names; KeyError, ValueError, TypeError."""
        if isinstance(thing, str):
            return self._named(thing)
        thing = getattr(thing, "_as_graph_element", lambda: thing)()
        graph = getattr(thing, "graph", None)
        if graph is None:
            raise TypeError(f"Can not convert a {type(thing).__name__} into a Tensor or Operation.")
        if graph is not self:
            raise ValueError(f"{thing} is not an element of this graph.")
        return thing

    def _named(self, name: str) -> Any:
        base, colon, index = name.partition(":")
        operation = self._operations.get(base)
        if operation is None:
            kind = "Tensor" if colon else "Operation"
            raise KeyError(
                f"The name '{name}' refers to a {kind} which does not exist. The operation, "
                f"'{base}', does not exist in the graph."
            )
        if not colon:
            return operation
        if not index.isdigit() or int(index) >= len(operation.outputs):
            raise KeyError(
                f"The name '{name}' refers to a Tensor which does not exist. The operation "
                f"'{base}' exists but only has {len(operation.outputs)} outputs."
            )
        return operation.outputs[int(index)]

    # Names

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """`name` inside the open name scopes, with _1, _2 ... where it is taken."""
        if self._scope:
            name = f"{self._scope}/{name}"
        count = self._names.get(name.lower(), 0)
        if mark_as_used:
            self._names[name.lower()] = count + 1
        if not count:
            return name
        unique = f"{name}_{count}"
        while unique.lower() in self._names:
            count += 1
            unique = f"{name}_{count}"
        if mark_as_used:
            self._names[name.lower()] = count + 1
            self._names[unique.lower()] = 1
        return unique

    def operation_name(self, name: str) -> str:
        """The unique name of a new operation; one that ends with / is taken as it is."""
        if name.endswith("/"):
            return name[:-1]
        name = name.replace(" ", "_")
        if not _NAME.match(name) and not (self._scope and name):
            raise ValueError(f"'{name}' is not a valid scope name")
        return self.unique_name(name)

    @contextlib.contextmanager
    def name_scope(self, name: str | None) -> Iterator[str]:
        """Put `name/` before the names of operations; one that ends with / is entered again."""
        before = self._scope
        if name and not name.endswith("/") and not re.match(r"^[A-Za-z0-9_.\\/>-]*$", name):
            raise ValueError(f"'{name}' is not a valid scope name")
        if not name:
            self._scope = ""
        else:
            self._scope = name[:-1] if name.endswith("/") else self.unique_name(name)
        try:
            yield f"{self._scope}/" if self._scope else ""
        finally:
            self._scope = before

    def get_name_scope(self) -> str:
        """The open name scopes, joined with /."""
        return self._scope

    # What new operations get

    @contextlib.contextmanager
    def control_dependencies(self, control_inputs: Sequence[Any] | None) -> Iterator[None]:
        """New operations run after `control_inputs`; None forgets those of the blocks around."""
        before = self._control
        if control_inputs is None:
            self._control = []
        else:
            self._control = [*before, [as_operation(x) for x in control_inputs]]
        try:
            yield
        finally:
            self._control = before

    @contextlib.contextmanager
    def device(self, name: Any) -> Iterator[None]:
        """A note on new operations: everything runs on the processor."""
        before = self._device
        self._device = name if isinstance(name, str) else ""
        try:
            yield
        finally:
            self._device = before

    @contextlib.contextmanager
    def inside(self, context: Context) -> Iterator[None]:
        """New operations belong to a branch or a loop body."""
        before, control = self._context, self._control
        self._context, self._control = context, []
        try:
            yield
        finally:
            self._context, self._control = before, control

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        """New operations belong to no branch or loop (variables are made so)."""
        before, control = self._context, self._control
        self._context, self._control = None, []
        try:
            yield
        finally:
            self._context, self._control = before, control

    context = property(lambda self: self._context)

    # Collections

    def add_to_collection(self, name: str, value: Any) -> None:
        """Append to the collection."""
        self._collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        """Append to each of the collections."""
        for name in dict.fromkeys([names] if isinstance(names, str) else names):
            self.add_to_collection(name, value)

    def get_collection(self, name: str, scope: str | None = None) -> list[Any]:
        """A copy of the collection; with `scope`, those whose names match it from their start."""
        items = list(self._collections.get(name, ()))
        if scope is None:
            return items
        pattern = re.compile(scope)
        return [x for x in items if hasattr(x, "name") and pattern.match(x.name)]

    def get_collection_ref(self, name: str) -> list[Any]:
        """The collection itself."""
        return self._collections.setdefault(name, [])

    def get_all_collection_keys(self) -> list[str]:
        """The names of the collections that hold something."""
        return [name for name, items in self._collections.items() if items]

    def clear_collection(self, name: str) -> None:
        """Empty the collection."""
        self._collections.pop(name, None)

    # The graph as a whole

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Make it the graph that operations are added to, also where ops compute eagerly."""
        from tensorflow_lamella.v1.recorder import Recorder

        _current.graphs.append(self)
        try:
            with state.recording(state.graph() or Recorder()):
                yield self
        finally:
            _current.graphs.pop()

    def finalize(self) -> None:
        """Refuse new operations from here on."""
        self.finalized = True

    def as_graph_def(self, *args: Any, **kwargs: Any) -> GraphDef:
        """The nodes, for reading: names, types, inputs."""
        return GraphDef(self.get_operations())

    def is_feedable(self, tensor: Any) -> bool:
        """Whether a run may be given the value of this tensor: of any."""
        return True

    def gradient_override_map(self, table: Any) -> Any:
        """An error: gradients are those of the engine."""
        raise NotImplementedError(
            "Graph.gradient_override_map is not supported; use tf.custom_gradient, or "
            "tf.stop_gradient around the difference of the two functions"
        )

    graph_def_versions = property(lambda self: GraphDef([]))
    building_function = False


@export("GraphDef", "compat.v1.GraphDef", version=1)
class GraphDef:
    """The nodes of a graph, for reading."""

    def __init__(self, nodes: Sequence[Operation] = ()) -> None:
        self.node = list(nodes)
        self.producer = 0

    def __str__(self) -> str:
        return "".join(
            f'node {{\n  name: "{n.name}"\n  op: "{n.type}"\n'
            + "".join(f'  input: "{name}"\n' for name in n.input) + "}\n" for n in self.node
        )  # fmt: skip

    def SerializeToString(self) -> bytes:
        """The text as bytes: TensorFlow cannot load it."""
        return str(self).encode()

    def ByteSize(self) -> int:
        """The length of the text."""
        return len(self.SerializeToString())


class _Current(threading.local):
    def __init__(self) -> None:
        self.graphs: list[Graph] = []


_current = _Current()
_default = [Graph()]


@export("get_default_graph", version=1)
def get_default_graph() -> Graph:
    """The graph that operations are added to."""
    return _current.graphs[-1] if _current.graphs else _default[0]


@export("reset_default_graph", version=1)
def reset_default_graph() -> None:
    """Begin a new default graph."""
    if _current.graphs:
        raise AssertionError(
            "Do not use tf.reset_default_graph() to clear nested graphs. If you need a cleared "
            "graph, exit the nesting and create a new graph."
        )
    _default[0] = Graph()


def as_operation(thing: Any) -> Operation:
    """The operation behind an operation, a tensor or a variable."""
    if isinstance(thing, Operation):
        return thing
    operation = getattr(thing, "op", None)
    if not isinstance(operation, Operation):
        raise TypeError(f"an operation or a tensor of a graph is wanted, got {thing!r}")
    return operation


def make_operation(
    fn: Callable[..., Any] | None,
    args: Sequence[Any] = (),
    kwargs: dict[str, Any] | None = None,
    *,
    name: str,
    type: str,
    kind: str = "call",
    graph: Graph | None = None,
) -> Operation:
    """A new operation without outputs; tensors and variables among the arguments are its inputs."""
    from tensorflow_lamella.v1.tensor import GraphTensor, as_graph_tensor

    leaves, structure = optree.tree_flatten((tuple(args), kwargs or {}), none_is_leaf=True)
    leaves = [as_graph_tensor(x) for x in leaves]
    places = [i for i, x in enumerate(leaves) if isinstance(x, GraphTensor)]
    inputs = [leaves[i] for i in places]
    graph = graph or (inputs[0].graph if inputs else get_default_graph())
    for t in inputs:
        if t.graph is not graph:
            raise ValueError(f"{t} must be from the same graph as {inputs[0]}.")
    leaves = [None if isinstance(x, GraphTensor) else x for x in leaves]
    return Operation(graph, graph.operation_name(name), type, kind, fn, inputs,
                     (leaves, places, structure))  # fmt: skip
