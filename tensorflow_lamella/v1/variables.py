"""Variables of a graph: each session has its own array for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorflow_lamella.core import state
from tensorflow_lamella.core.dtypes import DType, as_dtype, numpy_dtype
from tensorflow_lamella.core.shape import TensorShape
from tensorflow_lamella.core.tensor import Operators
from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1.graph import (
    Context,
    Graph,
    GraphKeys,
    Operation,
    get_default_graph,
    make_operation,
)
from tensorflow_lamella.v1.tensor import GraphShape, GraphTensor, as_graph_tensor, give_outputs


class GraphVariable(Operators):
    """`tf.Variable` while a graph is built.

    Args:
        initial_value: a tensor, array, number or nested list, or a function without arguments.
        trainable: whether optimizers change it (the collection TRAINABLE_VARIABLES).
        collections: the collections it belongs to, GLOBAL_VARIABLES if not given.
        validate_shape: False if its shape may change.
        dtype: what `initial_value` is cast to.
        constraint: a function applied to it after an optimizer's update.
    """

    def __init__(
        self, initial_value: Any = None, trainable: bool | None = None, collections: Any = None,
        validate_shape: bool = True, caching_device: Any = None, name: str | None = None,
        variable_def: Any = None, dtype: Any = None, expected_shape: Any = None,
        import_scope: Any = None, constraint: Any = None, use_resource: Any = None,
        synchronization: Any = None, aggregation: Any = None, shape: Any = None,
    ) -> None:  # fmt: skip
        if initial_value is None:
            raise ValueError("initial_value must be specified.")
        graph = get_default_graph()
        self.trainable = trainable is not False
        self.constraint = constraint
        self._save_slice_info = None
        with graph.outside(), graph.name_scope(name or "Variable") as scope:
            with graph.name_scope(f"{scope}Initializer/"):
                value = initial_value() if callable(initial_value) else initial_value
                self.initial_value = _as_tensor(value, dtype)
            self._declare(graph, scope, TensorShape(shape) if shape is not None else None,
                          validate_shape)  # fmt: skip
        keys = [GraphKeys.GLOBAL_VARIABLES] if collections is None else list(collections)
        if self.trainable and (trainable or collections is None):
            keys.append(GraphKeys.TRAINABLE_VARIABLES)
        graph.add_to_collections(keys, self)

    def _declare(self, graph: Graph, scope: str, shape: Any, validate: bool) -> None:
        """The operations: the variable itself, its initializer, and the reading of it."""
        first = self.initial_value
        shape = first.shape if shape is None else shape
        self.op = make_operation(None, name=scope, type="VariableV2", kind="variable", graph=graph)
        self.op.fn = self
        self.op.attributes["types"] = [
            (first.dtype.dtype, shape if validate else TensorShape(None))
        ]
        self.op.fixed = validate and shape.is_fully_defined()
        self.op.ranked = not validate
        (self._tensor,) = give_outputs(self.op)
        self.initializer = assignment(self, lambda x: x, [first], f"{scope}Assign/", "Assign").op

    def _as_graph_element(self) -> GraphTensor:
        return self._tensor

    def new_slot(self) -> Any:
        """An array for a session, without a value yet."""
        from tensorflow_lamella.v1.session import Slot, initial_array

        shape = [0 if d is None else d for d in self.shape] if self.shape.rank else ()
        return Slot(initial_array(self.dtype.dtype, shape))

    graph = property(lambda self: self.op.graph)
    name = property(lambda self: self._tensor.name)
    flexible = property(lambda self: not self.op.fixed)  # its shape may change
    device = property(lambda self: self.op.device)

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._tensor.dtype

    @property
    def shape(self) -> TensorShape:
        """The shape."""
        return self._tensor.shape

    def get_shape(self) -> GraphShape:
        """The shape, with sizes that have a `.value`."""
        return self._tensor.get_shape()

    def set_shape(self, shape: Any) -> None:
        """Add to what is known of the shape."""
        self._tensor.set_shape(shape)

    def value(self) -> GraphTensor:
        """The tensor of its present value."""
        return self._tensor

    def read_value(self) -> GraphTensor:
        """A tensor that reads it, after the control dependencies around."""
        return get("identity")(self._tensor, name="read")

    def initialized_value(self) -> GraphTensor:
        """What it is initialised with."""
        return self.initial_value

    def eval(self, session: Any = None) -> Any:
        """Its value in `session`, or in the default session."""
        return self._tensor.eval(session=session)

    def load(self, value: Any, session: Any = None) -> None:
        """Set its value in `session`, or in the default session."""
        from tensorflow_lamella.v1.session import default_session

        array = np.asarray(value, self.dtype.dtype)
        if not self.shape.is_compatible_with(array.shape):
            raise ValueError(f"cannot load an array of shape {array.shape} into {self.name} of "
                             f"shape {self.shape}")  # fmt: skip
        default_session(session, "load a variable").slot(self).set(array)

    def assign(self, value: Any, use_locking: bool = False, name: str | None = None,
               read_value: bool = True) -> GraphTensor:  # fmt: skip
        """A tensor that sets the value when it is run."""
        value = _as_tensor(value, self.dtype)
        self._check(value.shape)
        return assignment(self, lambda x: x, [value], name or "Assign", "Assign")

    def assign_add(self, delta: Any, use_locking: bool = False, name: str | None = None,
                   read_value: bool = True) -> GraphTensor:  # fmt: skip
        """A tensor that adds to the value when it is run."""
        inputs = [self._tensor, _as_tensor(delta, self.dtype)]
        self._check(inputs[1].shape)
        return assignment(self, np.add, inputs, name or "AssignAdd", "AssignAdd")

    def assign_sub(self, delta: Any, use_locking: bool = False, name: str | None = None,
                   read_value: bool = True) -> GraphTensor:  # fmt: skip
        """A tensor that subtracts from the value when it is run."""
        inputs = [self._tensor, _as_tensor(delta, self.dtype)]
        self._check(inputs[1].shape)
        return assignment(self, np.subtract, inputs, name or "AssignSub", "AssignSub")

    def _check(self, shape: TensorShape) -> None:
        if not self.shape.is_compatible_with(shape):
            raise ValueError(
                f"Dimension mismatch: the variable '{self.op.name}' has shape {self.get_shape()}, "
                f"the value has shape {GraphShape(shape)}; use tf.assign(ref, value, "
                "validate_shape=False) to change it"
            )

    def scatter_update(self, indices: Any, updates: Any, name: str | None = None) -> GraphTensor:
        """A tensor that replaces rows of the value when it is run."""
        return _scattered(self, "tensor_scatter_nd_update", indices, updates)

    def scatter_add(self, indices: Any, updates: Any, name: str | None = None) -> GraphTensor:
        """A tensor that adds to rows of the value when it is run."""
        return _scattered(self, "tensor_scatter_nd_add", indices, updates)

    def scatter_sub(self, indices: Any, updates: Any, name: str | None = None) -> GraphTensor:
        """A tensor that subtracts from rows of the value when it is run."""
        return _scattered(self, "tensor_scatter_nd_sub", indices, updates)

    def __getitem__(self, key: Any) -> GraphTensor:
        return self._tensor[key]

    def __iter__(self) -> Any:
        raise TypeError("'Variable' object is not iterable.")

    def __bool__(self) -> bool:
        return bool(self._tensor)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self._tensor.__array__()

    def __lamella_array__(self) -> Any:
        return self._tensor.__lamella_array__()

    def __eq__(self, other: Any) -> bool:
        return self is other

    def __ne__(self, other: Any) -> bool:
        return self is not other

    __hash__ = object.__hash__

    def __deepcopy__(self, memo: Any) -> GraphVariable:
        return self

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.get_shape()} dtype={self.dtype.name}_ref>"

    __str__ = __repr__


def _as_tensor(value: Any, dtype: Any = None) -> GraphTensor:
    value = as_graph_tensor(value)
    if isinstance(value, GraphTensor):
        if dtype is not None and value.dtype != as_dtype(dtype):
            raise ValueError(
                f"Tensor conversion requested dtype {as_dtype(dtype).name} for Tensor with dtype "
                f"{value.dtype.name}: {value}"
            )
        return value
    return get("convert_to_tensor", 1)(value, dtype=dtype)


def assignment(variable: GraphVariable, fn: Callable[..., Any], inputs: Sequence[Any], name: str,
               type: str) -> GraphTensor:  # fmt: skip
    """A tensor that sets the variable to `fn(*inputs)` when it is run."""
    op = make_operation(fn, inputs, name=name, type=type, kind="assign", graph=variable.graph)
    op.attributes |= {"variable": variable, "like": [variable._as_graph_element()]}
    op.sources = [*op.inputs, variable._as_graph_element()]
    return give_outputs(op)[0]


def update(variables: Sequence[GraphVariable], fn: Callable[..., Any], inputs: Sequence[Any],
           name: str, type: str) -> Operation:  # fmt: skip
    """An operation that sets all variables to what `fn(*inputs)` gives when it is run."""
    tensors = [v._as_graph_element() for v in variables]
    op = make_operation(fn, inputs, name=name, type=type, kind="update")
    op.attributes |= {"variables": list(variables), "like": tensors}
    op.sources = [*op.inputs, *tensors]
    give_outputs(op)
    return op


def _scattered(variable: Any, function: str, indices: Any, updates: Any) -> GraphTensor:
    indices = get("expand_dims")(indices, -1)
    return variable.assign(get(function)(variable.value(), indices, updates))


# Functions


def _eager(variable: Any) -> bool:
    return state.graph() is None


@export("assign", version=1)
def assign(ref: Any, value: Any, validate_shape: bool | None = None, use_locking: Any = None,
           name: str | None = None) -> Any:  # fmt: skip
    """A tensor that sets the variable when it is run."""
    if isinstance(ref, GraphVariable) and validate_shape is False:
        return assignment(
            ref, lambda x: x, [_as_tensor(value, ref.dtype)], name or "Assign", "Assign"
        )
    return ref.assign(value, name=name)


@export("assign_add", version=1)
def assign_add(ref: Any, value: Any, use_locking: Any = None, name: str | None = None) -> Any:
    """A tensor that adds to the variable when it is run."""
    return ref.assign_add(value, name=name)


@export("assign_sub", version=1)
def assign_sub(ref: Any, value: Any, use_locking: Any = None, name: str | None = None) -> Any:
    """A tensor that subtracts from the variable when it is run."""
    return ref.assign_sub(value, name=name)


@export("scatter_update", version=1)
def scatter_update(ref: Any, indices: Any, updates: Any, use_locking: Any = True,
                   name: str | None = None) -> Any:  # fmt: skip
    """A tensor that replaces rows of the variable when it is run."""
    return ref.scatter_update(indices, updates)


@export("scatter_add", version=1)
def scatter_add(ref: Any, indices: Any, updates: Any, use_locking: Any = False,
                name: str | None = None) -> Any:  # fmt: skip
    """A tensor that adds to rows of the variable when it is run."""
    return ref.scatter_add(indices, updates)


@export("scatter_sub", version=1)
def scatter_sub(ref: Any, indices: Any, updates: Any, use_locking: Any = False,
                name: str | None = None) -> Any:  # fmt: skip
    """A tensor that subtracts from rows of the variable when it is run."""
    return ref.scatter_sub(indices, updates)


def _collection(key: str) -> Callable[..., list[Any]]:
    def variables(scope: str | None = None) -> list[Any]:
        return get_default_graph().get_collection(key, scope)

    variables.__doc__ = f"The variables in the collection {key}, those in `scope` if it is given."
    return variables


global_variables = _collection(GraphKeys.GLOBAL_VARIABLES)
local_variables = _collection(GraphKeys.LOCAL_VARIABLES)
trainable_variables = _collection(GraphKeys.TRAINABLE_VARIABLES)
for _name, _function in (
    ("global_variables", global_variables), ("all_variables", global_variables),
    ("local_variables", local_variables), ("trainable_variables", trainable_variables),
    ("model_variables", _collection(GraphKeys.MODEL_VARIABLES)),
    ("moving_average_variables", _collection(GraphKeys.MOVING_AVERAGE_VARIABLES)),
):  # fmt: skip
    export(_name, version=1)(_function)


@export("variables_initializer", "initialize_variables", version=1)
def variables_initializer(var_list: Sequence[Any], name: str = "init") -> Operation:
    """An operation that initialises the variables."""
    return get("group", 1)(*(v.initializer for v in var_list), name=name)


@export("global_variables_initializer", "initialize_all_variables", version=1)
def global_variables_initializer() -> Any:
    """An operation that initialises all variables."""
    if state.graph() is None:
        return None  # eager variables have their values
    return variables_initializer(global_variables())


@export("local_variables_initializer", "initialize_local_variables", version=1)
def local_variables_initializer() -> Any:
    """An operation that initialises the local variables, those of tf.metrics."""
    return None if state.graph() is None else variables_initializer(local_variables())


def host_operation(fn: Callable[..., Any], inputs: Sequence[Any], types: Sequence[Any], name: str,
                   type: str) -> Operation:  # fmt: skip
    """An operation in Python: `fn(session, *arrays)` gives arrays of `types`, (dtype, shape)."""
    inputs = [_as_tensor(x) for x in inputs]
    op = make_operation(None, inputs, name=name, type=type, kind="host")
    op.fn = fn
    op.attributes["types"] = [(numpy_dtype(d), TensorShape(shape)) for d, shape in types]
    op.fixed = all(s.is_fully_defined() for _, s in op.attributes["types"])
    op.ranked = any(s.rank is None for _, s in op.attributes["types"])
    op.sources = []
    give_outputs(op)
    return op


@export("is_variable_initialized", version=1)
def is_variable_initialized(variable: GraphVariable) -> GraphTensor:
    """A bool tensor: does the session have a value of the variable?"""
    op = host_operation(
        lambda session: [np.asarray(session.slot(variable).initialized)],
        [],
        [("bool", ())],
        "IsVariableInitialized",
        "IsVariableInitialized",
    )
    return op.outputs[0]


@export("report_uninitialized_variables", version=1)
def report_uninitialized_variables(
    var_list: Any = None, name: str = "report_uninitialized_variables"
) -> Any:
    """A tensor of the names of the variables that the session has no value of."""
    graph = get_default_graph()

    def report(session: Any) -> list[np.ndarray]:
        chosen = var_list
        if chosen is None:
            with graph.as_default():
                chosen = global_variables() + local_variables()
        found = [v.op.name.encode() for v in chosen if not session.slot(v).initialized]
        return [np.array(found, object)]

    return host_operation(report, [], [("string", [None])], name, "Report").outputs[0]


__all__ = ["Context", "GraphVariable", "assignment", "host_operation", "update"]


def _scatter_nd(name: str, function: str) -> None:
    def scatter(ref: Any, indices: Any, updates: Any, use_locking: Any = None,
                name: str | None = None) -> Any:  # fmt: skip
        return ref.assign(get(function)(ref, indices, updates))

    scatter.__doc__ = f"A tensor that sets the variable to tf.{function}(ref, ...) when it is run."
    export(name, version=1)(scatter)


for _name, _same in (("scatter_nd_update", "tensor_scatter_nd_update"),
                         ("scatter_nd_add", "tensor_scatter_nd_add"),
                         ("scatter_nd_sub", "tensor_scatter_nd_sub")):  # fmt: skip
    _scatter_nd(_name, _same)


@export("count_up_to", version=1)
def count_up_to(ref: Any, limit: int, name: str | None = None) -> Any:
    """A tensor that adds one to the variable, and gives the number before it."""
    before = get("identity")(ref)
    with get_default_graph().control_dependencies([before]):
        more = ref.assign_add(1)
    with get_default_graph().control_dependencies([more]):
        return get("identity")(before)
