"""Keras variables: each owns an array that compiled steps update in place."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from keras.src import tree
from keras.src.backend.common import KerasVariable

from keras_lamella.src.tensor import as_tensor, convert_to_tensor
from lamella.compile.executable import aligned_copy, aligned_zeros
from lamella.frontend.trace import Trace
from lamella.frontend.tracer import Tracer
from lamella.program import current_builder, not_building
from lamella.types import Type, dtype_of, type_of


class Variable(KerasVariable):
    """A Keras variable over an array of its own.

    Inside a `VariableScope` its value is traced and an assignment replaces the traced value;
    outside, the value is the array. A compiled step writes the array in place; whoever was given
    the array before keeps the old numbers (see `owned`).
    """

    @property
    def _value(self) -> Any:
        scope = _active.scope
        if scope is None or self._array is None:
            return as_tensor(self._array)
        return scope.read(self)

    @_value.setter
    def _value(self, array: Any) -> None:
        self._array = array

    def _initialize(self, value: Any) -> None:
        self._array = _fresh(value, self._dtype)
        self._shape = self._array.shape

    def _initialize_with_initializer(self, initializer: Any) -> None:
        from keras.src.initializers import Zeros  # needs the backend

        if type(initializer) is Zeros:  # the state of optimizers, which is large
            self._array = aligned_zeros(Type(self._shape, _dtype_of(self._dtype)))
            return
        with outside_of_steps():  # a layer may be built while a step that uses it is traced
            super()._initialize_with_initializer(initializer)

    def _direct_assign(self, value: Any) -> None:
        scope = _active.scope
        if scope is None:
            self._array = _fresh(value, self._dtype)
        else:
            scope.assign(self, value)

    def _convert_to_tensor(self, value: Any, dtype: Any = None) -> Any:
        return convert_to_tensor(value, dtype=dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype=dtype)

    def __lamella_array__(self) -> Any:
        return self.value

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Operators between arrays and variables, and NumPy's functions, take the values."""
        if any(isinstance(x, Variable) for x in kwargs.get("out", ())):
            return NotImplemented
        return getattr(ufunc, method)(*map(value_of, inputs), **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        args, kwargs = tree.map_structure(value_of, (args, kwargs))
        return function(*args, **kwargs)

    def owned(self) -> np.ndarray:
        """The array, for writing in place: a copy of it first if anybody else holds it."""
        if sys.getrefcount(self._array) > 2:
            self._array = _fresh(self._array, self._dtype)
        return self._array


def value_of(x: Any) -> Any:
    """The value of a variable; anything else as it is."""
    return x.value if isinstance(x, Variable) else x


def replace(variables: Sequence[Variable], arrays: Sequence[np.ndarray]) -> None:
    """Assign all or, should an interrupt come, none: no Python runs between two of them."""
    fresh = [_fresh(x, v._dtype) for v, x in zip(variables, arrays)]
    deque(map(object.__setattr__, variables, repeat("_array"), fresh), maxlen=0)


def _fresh(value: Any, dtype: str) -> np.ndarray:
    if isinstance(value, Tracer):
        raise TypeError(
            f"a traced value {value.type} is assigned to a variable outside of the step that is "
            "being traced; assign variables inside train_step, test_step or a layer's call"
        )
    array = np.asarray(value, dtype=_dtype_of(dtype))
    return aligned_copy(array, Type(array.shape, array.dtype))


def _dtype_of(dtype: str) -> np.dtype:
    """Of an array that holds a variable: the engine's, or another that Keras knows."""
    return dtype_of(dtype) if dtype in _ENGINE else np.dtype(dtype)


_ENGINE = frozenset(
    f"{kind}{bits}" for kind, sizes in {
        "float": (16, 32, 64), "int": (8, 16, 32, 64), "uint": (8, 16, 32, 64), "complex": (64, 128)
    }.items() for bits in sizes
) | {"bool", "bfloat16"}  # fmt: skip


class _Active(threading.local):
    scope: VariableScope | None = None


_active = _Active()


@contextlib.contextmanager
def outside_of_steps() -> Iterator[None]:
    """Inside, nothing is traced: variables have their arrays, functions compute."""
    outer, _active.scope = _active.scope, None
    try:
        with not_building():
            yield
    finally:
        _active.scope = outer


class VariableScope:
    """While entered: reading a variable gives a Tracer, assigning one replaces the Tracer.

    `assigned` holds, in order, what the assigned variables are now, by `id(variable)`;
    `captured(values)` tells which variables a trace read.
    """

    def __init__(self, tracer_of: Callable[[np.ndarray], Tracer] | None = None) -> None:
        outer = Trace()  # owns the Tracers that stand for the variables' arrays
        self._tracer_of = tracer_of or (lambda array: outer.make_tracer(type_of(array)))
        self._inputs: dict[int, tuple[Variable, Tracer]] = {}
        self.assigned: dict[int, Any] = {}

    def __enter__(self) -> VariableScope:
        self._previous, _active.scope = _active.scope, self
        return self

    def __exit__(self, *error: Any) -> None:
        _active.scope = self._previous

    @staticmethod
    def current() -> VariableScope | None:
        """The scope that is entered in this thread."""
        return _active.scope

    def read(self, variable: Variable) -> Any:
        key = id(variable)
        if key not in self._inputs:
            self._inputs[key] = variable, self._tracer_of(variable._array)
        return self.assigned.get(key, self._inputs[key][1])

    def first(self, variable: Variable) -> Any:
        """What the variable was before any assignment in this scope."""
        self.read(variable)
        return self._inputs[id(variable)][1]

    def assign(self, variable: Variable, value: Any) -> None:
        builder = current_builder()
        builder.lift(self.read(variable))  # what is written is an input as well
        self.assigned[id(variable)] = builder.lift(value)

    def variable(self, key: int) -> Variable:
        """The variable of an `assigned` key."""
        return self._inputs[key][0]

    def captured(self, values: Sequence[Any]) -> list[Variable]:
        """The variables that the captured outer Tracers of a trace stand for."""
        variables = {id(tracer): variable for variable, tracer in self._inputs.values()}
        return [variables[id(v)] for v in values]

    def isolated(
        self, f: Callable[[], Any], given: Mapping[int, Any] | None = None
    ) -> tuple[Any, dict[int, Any]]:
        """f(), run with variables as `given`, and what it assigned; here nothing is assigned."""
        before, inside = self.assigned, {**self.assigned, **(given or {})}
        self.assigned = dict(inside)
        try:
            out = f()
            after = self.assigned
        finally:
            self.assigned = before
        return out, {key: x for key, x in after.items() if inside.get(key) is not x}
