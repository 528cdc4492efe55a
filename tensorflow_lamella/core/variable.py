"""tf.Variable: a Keras variable with TensorFlow's operators and methods.

Since it is one, layers track it, optimizers train it, and compiled steps update it in place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from keras.src.backend.common import global_state
from keras.src.backend.common.stateless_scope import get_stateless_scope

from keras_lamella.src.variable import Variable as KerasVariable
from keras_lamella.src.variable import outside_of_steps
from tensorflow_lamella import names
from tensorflow_lamella.core import state
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dtypes import DType, as_dtype, numpy_dtype
from tensorflow_lamella.core.shape import TensorShape
from tensorflow_lamella.core.tensor import Operators, Tensor


@contextlib.contextmanager
def _outside_of_shape_inference() -> Iterator[None]:
    """A layer may be built while Keras infers the shapes of one around it."""
    scope = get_stateless_scope()
    global_state.set_global_attribute("stateless_scope", None)
    try:
        yield
    finally:
        global_state.set_global_attribute("stateless_scope", scope)


class VariableType(type(KerasVariable)):  # type: ignore[misc]
    """While a graph is being built, `tf.Variable(...)` makes a variable of the graph."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        graph = state.graph()
        if graph is not None:
            return graph.variable(*args, **kwargs)
        return super().__call__(*args, **kwargs)

    def __instancecheck__(cls, x: Any) -> bool:
        graphs = cls.__name__ == "Variable" and hasattr(x, "_as_graph_element")
        return super().__instancecheck__(x) or (graphs and isinstance(x, Operators))


@names.export("Variable")
class Variable(Operators, KerasVariable, metaclass=VariableType):
    """A tensor that can be assigned.

    Args:
        initial_value: a tensor, array, number or nested list, or a function without arguments.
        dtype: what `initial_value` is cast to.
        trainable, name, shape: as in TensorFlow; `validate_shape`, `caching_device` and others that
            only concern devices are accepted and have no effect.

    >>> v = tf.Variable([1.0, 2.0]); v.assign_add([1.0, 1.0]).numpy()
    array([2., 3.], dtype=float32)
    """

    def __init__(
        self, initial_value: Any = None, trainable: bool | None = None, validate_shape: bool = True,
        caching_device: Any = None, name: str | None = None, variable_def: Any = None,
        dtype: Any = None, import_scope: Any = None, constraint: Any = None,
        synchronization: Any = None, aggregation: Any = None, shape: Any = None, **unused: Any,
    ) -> None:  # fmt: skip
        if initial_value is None:
            raise ValueError("The `initial_value` arg to `tf.Variable` must be specified")
        with outside_of_steps():
            value = initial_value() if callable(initial_value) else initial_value
            array = _numbers(value, numpy_dtype(dtype))
        self._tf_name = name or "Variable"
        with _outside_of_shape_inference():
            super().__init__(array, dtype=array.dtype.name, trainable=trainable is not False,
                             autocast=False, name=self._tf_name.replace("/", "_"))  # fmt: skip
        self._declared = TensorShape(self._shape if shape is None else shape)
        if constraint is not None:
            self.constraint = constraint

    @property
    def name(self) -> str:
        """The given name and ":0"."""
        return f"{self._tf_name}:0"

    @property
    def dtype(self) -> DType:
        """The element type."""
        return as_dtype(self._dtype)

    @property
    def shape(self) -> TensorShape:
        """The shape, as it was declared."""
        return self._declared

    def get_shape(self) -> TensorShape:
        """As `shape`."""
        return self.shape

    @property
    def device(self) -> str:
        """Where it lies: always the processor."""
        return "/job:localhost/replica:0/task:0/device:CPU:0"

    def __lamella_array__(self) -> Any:
        """The present value."""
        return self.value_array()

    def value_array(self) -> Any:
        """The present value as an array or a Tracer."""
        return KerasVariable.value.fget(self)

    def read_value(self) -> Tensor:
        """The present value as a tensor."""
        return Tensor(self.value_array())

    def numpy(self) -> Any:
        """The present numbers."""
        return self.read_value().numpy()

    def eval(self, session: Any = None) -> Any:
        """As `numpy`."""
        return self.numpy()

    initial_value = initialized_value = read_value

    def assign(self, value: Any, use_locking: Any = False, name: Any = None,
               read_value: bool = True) -> Variable:  # fmt: skip
        """Replace the value; ValueError where the shape does not fit. Returns the variable."""
        array = to_array(value, np.dtype(numpy_dtype(self._dtype)))
        if not self._declared.is_compatible_with(array.shape):
            raise ValueError(
                f"Cannot assign value to variable '{self.name}': Shape mismatch. The variable "
                f"shape {self._declared}, and the assigned value shape {TensorShape(array.shape)} "
                "are incompatible."
            )
        self._shape, self._ndim = tuple(array.shape), array.ndim
        self._direct_assign(array)
        return self

    def assign_add(self, delta: Any, use_locking: Any = False, name: Any = None,
                   read_value: bool = True) -> Variable:  # fmt: skip
        """Add to the value."""
        return self.assign(self + delta)

    def assign_sub(self, delta: Any, use_locking: Any = False, name: Any = None,
                   read_value: bool = True) -> Variable:  # fmt: skip
        """Subtract from the value."""
        return self.assign(self - delta)

    def scatter_nd_update(self, indices: Any, updates: Any, name: Any = None) -> Variable:
        """Replace the slices at `indices`."""
        return self.assign(names.get("tensor_scatter_nd_update")(self, indices, updates))

    def scatter_nd_add(self, indices: Any, updates: Any, name: Any = None) -> Variable:
        """Add to the slices at `indices`."""
        return self.assign(names.get("tensor_scatter_nd_add")(self, indices, updates))

    def scatter_nd_sub(self, indices: Any, updates: Any, name: Any = None) -> Variable:
        """Subtract from the slices at `indices`."""
        return self.assign(names.get("tensor_scatter_nd_sub")(self, indices, updates))

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Any:
        return iter(self.read_value())

    def __bool__(self) -> bool:
        return bool(self.read_value())

    def __int__(self) -> int:
        return int(self.read_value())

    def __float__(self) -> float:
        return float(self.read_value())

    def __index__(self) -> int:
        return self.read_value().__index__()

    __array_ufunc__ = Tensor.__array_ufunc__
    __array_function__ = Tensor.__array_function__

    def __repr__(self) -> str:
        about = f"'{self.name}' shape={self.shape} dtype={self.dtype.name}"
        value = self.read_value()
        if state.is_traced_value(value.__lamella_array__()):
            return f"<tf.Variable {about}>"
        return f"<tf.Variable {about}, numpy={value.numpy()!r}>"

    def __hash__(self) -> int:
        return id(self)

    def __deepcopy__(self, memo: Any) -> Variable:
        return Variable(self.numpy(), trainable=self.trainable, name=self._tf_name)


def _numbers(value: Any, dtype: np.dtype | None) -> Any:
    array = to_array(value, None if isinstance(value, Tensor) else dtype)
    if state.is_traced_value(array):
        raise ValueError(
            "the initial value of a tf.Variable depends on a traced tensor; create the variable "
            "outside of the tf.function, or give a function of no arguments (lambda: ...)"
        )
    array = np.asarray(getattr(array, "array", array))
    return array if dtype is None else array.astype(dtype)
