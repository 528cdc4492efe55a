"""tf.get_variable and tf.variable_scope: variables that are shared by name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from tensorflow_lamella.core import state
from tensorflow_lamella.core.dtypes import as_dtype
from tensorflow_lamella.core.shape import TensorShape
from tensorflow_lamella.names import export, get, put
from tensorflow_lamella.v1.graph import GraphKeys, get_default_graph
from tensorflow_lamella.v1.tensor import GraphTensor
from tensorflow_lamella.v1.variables import GraphVariable


class _AutoReuse:
    def __repr__(self) -> str:
        return "<_ReuseMode.AUTO_REUSE: 1>"


AUTO_REUSE = _AutoReuse()
put(AUTO_REUSE, "AUTO_REUSE", version=1)


@export("VariableScope", version=1)
class VariableScope:
    """A prefix of names, whether variables are found or made, and what new ones get."""

    def __init__(self, reuse: Any, name: str = "", initializer: Any = None, regularizer: Any = None,
                 caching_device: Any = None, custom_getter: Any = None, name_scope: str = "",
                 dtype: Any = "float32", constraint: Any = None) -> None:  # fmt: skip
        self.name, self.original_name_scope = name, name_scope
        self.initializer, self.regularizer, self.constraint = initializer, regularizer, constraint
        self.custom_getter, self.dtype = custom_getter, as_dtype(dtype)
        self.reuse = reuse
        self.counts: dict[str, int] = {}

    def reuse_variables(self) -> None:
        """Find variables instead of making them."""
        self.reuse = True

    def set_initializer(self, initializer: Any) -> None:
        """The initializer of variables that give none."""
        self.initializer = initializer

    def set_regularizer(self, regularizer: Any) -> None:
        """The regularizer of variables that give none."""
        self.regularizer = regularizer

    def global_variables(self) -> list[Any]:
        """The variables in this scope."""
        return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, self._pattern())

    def trainable_variables(self) -> list[Any]:
        """The trainable variables in this scope."""
        return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, self._pattern())

    def _pattern(self) -> str:
        return f"{self.name}/" if self.name else ""

    def get_collection(self, name: str) -> list[Any]:
        """What is in the collection and in this scope."""
        return get_default_graph().get_collection(name, self._pattern())


class EagerStore:
    """Stands in for a graph where variables of get_variable are eager."""

    def __init__(self) -> None:
        self.store: dict[str, Any] = {}
        self.variable_scope: Any = None


_eager = EagerStore()


def _home() -> Any:
    return _eager if state.graph() is None else get_default_graph()


@export("get_variable_scope", version=1)
def get_variable_scope() -> VariableScope:
    """The scope that is open."""
    home = _home()
    if home.variable_scope is None:
        home.variable_scope = VariableScope(False)
    return home.variable_scope


@export("variable_scope", version=1)
class variable_scope(contextlib.ContextDecorator):
    """`with tf.variable_scope("layer1"):` puts layer1/ before the names of variables.

    reuse: True finds variables that exist, tf.AUTO_REUSE finds or makes them, None does as the
    scope around. With `name_or_scope=None`, `default_name` is made unique.
    """

    def __init__(self, name_or_scope: Any = None, default_name: str | None = None,
                 values: Any = None, initializer: Any = None, regularizer: Any = None,
                 caching_device: Any = None, partitioner: Any = None, custom_getter: Any = None,
                 reuse: Any = None, dtype: Any = None, use_resource: Any = None,
                 constraint: Any = None, auxiliary_name_scope: bool = True) -> None:  # fmt: skip
        if name_or_scope is None and default_name is None:
            raise TypeError("If default_name is None then name_or_scope is required")
        self._name, self._default, self._reuse = name_or_scope, default_name, reuse
        self._given = {"initializer": initializer, "regularizer": regularizer, "dtype": dtype,
                       "custom_getter": custom_getter, "constraint": constraint}  # fmt: skip
        self._auxiliary = auxiliary_name_scope
        self._stack: list[contextlib.ExitStack] = []

    def __enter__(self) -> VariableScope:
        stack = contextlib.ExitStack()
        scope = stack.enter_context(self._opened())
        self._stack.append(stack)
        return scope

    def __exit__(self, *error: Any) -> None:
        self._stack.pop().__exit__(*error)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[VariableScope]:
        home, outer = _home(), get_variable_scope()
        scope = self._scope(outer)
        home.variable_scope = scope
        counts, scope.counts = scope.counts, dict(scope.counts)
        given = isinstance(self._name, VariableScope)
        short = scope.name.rpartition("/")[2] if given else self._chosen
        try:
            with self._name_scope(short) as name_scope:
                scope.original_name_scope = scope.original_name_scope or name_scope
                yield scope
        finally:
            scope.counts = counts
            home.variable_scope = outer

    def _name_scope(self, name: str) -> Any:
        if state.graph() is None or not self._auxiliary or not name:
            return contextlib.nullcontext("")
        return get_default_graph().name_scope(name)

    def _scope(self, outer: VariableScope) -> VariableScope:
        base = outer
        if isinstance(self._name, VariableScope):
            base, full = self._name, self._name.name
        else:
            self._chosen = self._name if self._name is not None else _unique(outer, self._default)
            full = f"{outer.name}/{self._chosen}" if outer.name else self._chosen
            if self._name is not None:
                outer.counts[self._name] = outer.counts.get(self._name, 0) + 1
        reuse = self._reuse if self._reuse is not None else (base.reuse or outer.reuse)
        if self._reuse is False and outer.reuse is True:
            reuse = True
        given = {k: getattr(base, k) if v is None else v for k, v in self._given.items()}
        return VariableScope(reuse, full, **given)


def _unique(outer: VariableScope, name: Any) -> str:
    count = outer.counts.get(name, 0)
    outer.counts[name] = count + 1
    return f"{name}_{count}" if count else name


@export("get_variable", version=1)
def get_variable(
    name: str, shape: Any = None, dtype: Any = None, initializer: Any = None,
    regularizer: Any = None, trainable: bool | None = None, collections: Any = None,
    caching_device: Any = None, partitioner: Any = None, validate_shape: bool = True,
    use_resource: Any = None, custom_getter: Any = None, constraint: Any = None,
    synchronization: Any = None, aggregation: Any = None,
) -> Any:  # fmt: skip
    """The variable of this name in the open scope: found or made, as the scope's `reuse` says.

    Raises ValueError where a variable to be made exists, or one to be found does not.
    """
    scope = get_variable_scope()
    full = f"{scope.name}/{name}" if scope.name else name
    options = {"shape": shape, "dtype": dtype or scope.dtype, "trainable": trainable,
               "initializer": scope.initializer if initializer is None else initializer,
               "regularizer": scope.regularizer if regularizer is None else regularizer,
               "collections": collections, "validate_shape": validate_shape,
               "constraint": scope.constraint if constraint is None else constraint}  # fmt: skip
    if dtype is None and hasattr(options["initializer"], "dtype"):
        tensor = isinstance(options["initializer"], GraphTensor) or hasattr(initializer, "shape")
        options["dtype"] = options["initializer"].dtype if tensor else options["dtype"]
    getter = custom_getter or scope.custom_getter
    if getter is not None:
        return getter(_found_or_made, full, reuse=scope.reuse, **options)
    return _found_or_made(full, reuse=scope.reuse, **options)


def _found_or_made(name: str, reuse: Any = None, **options: Any) -> Any:
    store = _home().store
    known = store.get(name)
    if known is None:
        if reuse is True:
            raise ValueError(
                f"Variable {name} does not exist, or was not created with tf.get_variable(). Did "
                "you mean to set reuse=tf.AUTO_REUSE in VarScope?"
            )
        store[name] = _make(name, **options)
        return store[name]
    eager = state.graph() is None
    if not reuse and not eager:
        raise ValueError(
            f"Variable {name} already exists, disallowed. Did you mean to set reuse=True or "
            "reuse=tf.AUTO_REUSE in VarScope?"
        )
    shape = options.get("shape")
    if shape is not None and not known.shape.is_compatible_with(TensorShape(shape)):
        raise ValueError(
            f"Trying to share variable {name}, but specified shape {TensorShape(shape)} and found "
            f"shape {known.shape}."
        )
    return known


def _make(name: str, shape: Any = None, dtype: Any = None, initializer: Any = None,
          regularizer: Any = None, trainable: Any = None, collections: Any = None,
          validate_shape: bool = True, constraint: Any = None, **unused: Any) -> Any:  # fmt: skip
    value = _initial(name, shape, as_dtype(dtype), initializer)
    if state.graph() is None:
        return get("Variable", 2)(value, trainable=trainable is not False, name=name)
    graph = get_default_graph()
    with graph.name_scope(None):
        v = GraphVariable(
            value,
            trainable=trainable,
            collections=collections,
            name=name,
            validate_shape=validate_shape,
            dtype=dtype,
            constraint=constraint,
        )
        if regularizer is not None:
            with graph.name_scope(f"{name}/Regularizer/"), graph.outside():
                loss = regularizer(v)
            if loss is not None:
                graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
    return v


def _initial(name: str, shape: Any, dtype: Any, initializer: Any) -> Any:
    if initializer is None:
        if not dtype.is_floating:
            initializer = get("zeros_initializer", 1)()
        else:
            initializer = get("glorot_uniform_initializer", 1)()
    if isinstance(initializer, type):
        initializer = initializer()
    if not callable(initializer):
        return initializer
    if shape is None:
        raise ValueError(f"Shape of a new variable ({name}) must be fully defined, got None")
    sizes = TensorShape(shape)
    if not sizes.is_fully_defined():
        raise ValueError(
            f"Shape of a new variable ({name}) must be fully defined, but instead was {sizes}."
        )
    known = [int(d) for d in sizes]
    return lambda: _initialised(initializer, known, dtype)


def _initialised(initializer: Any, shape: list[int], dtype: Any) -> Any:
    try:
        return initializer(shape, dtype=dtype)
    except TypeError as error:
        if "dtype" not in str(error):
            raise
        return initializer(shape)


@export("get_local_variable", version=1)
def get_local_variable(name: str, *args: Any, **kwargs: Any) -> Any:
    """As get_variable, for a variable that is not trained or saved."""
    kwargs["trainable"] = False
    kwargs["collections"] = [*(kwargs.get("collections") or ()), GraphKeys.LOCAL_VARIABLES]
    return get_variable(name, *args, **kwargs)


@export("variable_op_scope", version=1)
def variable_op_scope(values: Any, name_or_scope: Any, default_name: Any = None,
                      **kwargs: Any) -> Any:  # fmt: skip
    """The old name of variable_scope."""
    return variable_scope(name_or_scope, default_name, values, **kwargs)


@export("no_regularizer", version=1)
def no_regularizer(_: Any) -> None:
    """A regularizer that does nothing."""


@export("make_template", version=1)
def make_template(name_: str, func_: Callable[..., Any], create_scope_now_: bool = False,
                  unique_name_: Any = None, custom_getter_: Any = None,
                  **kwargs: Any) -> Callable[..., Any]:  # fmt: skip
    """A function that makes its variables in its first call and finds them in others."""
    made: list[VariableScope] = []

    def template(*args: Any, **more: Any) -> Any:
        if made:
            with variable_scope(made[0], reuse=True):
                return func_(*args, **kwargs, **more)
        with variable_scope(unique_name_, name_, custom_getter=custom_getter_) as scope:
            made.append(scope)
            return func_(*args, **kwargs, **more)

    return template


@export("name_scope", version=1)
class name_scope(contextlib.ContextDecorator):
    """`with tf.name_scope("model"):` puts model/ before the names of operations."""

    def __init__(self, name: Any, default_name: Any = None, values: Any = None) -> None:
        self._name = name if name is not None else default_name
        if isinstance(values, str):
            self._name = name or values
        self._stack: list[Any] = []

    name = property(lambda self: self._name)

    def __enter__(self) -> str:
        graph = state.graph() is not None
        scope = (get_default_graph().name_scope(self._name) if graph
                 else contextlib.nullcontext(f"{self._name}/"))  # fmt: skip
        self._stack.append(scope)
        return scope.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._stack.pop().__exit__(*error)


@export("op_scope", version=1)
def op_scope(values: Any, name: Any, default_name: Any = None) -> name_scope:
    """The old name of name_scope."""
    return name_scope(name, default_name, values)


@export("device", version=1)
def device(name: Any) -> Any:
    """A note on new operations: everything runs on the processor."""
    if state.graph() is None:
        return contextlib.nullcontext()
    return get_default_graph().device(name)


@export("colocate_with", version=1)
def colocate_with(op: Any, ignore_existing: bool = False) -> Any:
    """Without effect: there is one device."""
    return contextlib.nullcontext()


def _of_graph(name: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(get_default_graph(), name)(*args, **kwargs)

    call.__name__, call.__doc__ = name, f"Graph.{name} of the default graph."
    return export(name, version=1)(call)


for _name in ("add_to_collection", "add_to_collections", "get_collection", "get_collection_ref"):
    _of_graph(_name)
