"""tf.Tensor: an immutable array with TensorFlow's operators and methods.

A Tensor holds a NumPy array (eager), or a Tracer of the engine (inside of tf.function, of Keras's
compiled steps, and while a tape records). Operators are the ops of `tensorflow_lamella.ops`, found
by name when they are called.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lamella.frontend.tracer import ConcreteValueError
from tensorflow_lamella import names
from tensorflow_lamella.core import state
from tensorflow_lamella.core.dtypes import DType, as_dtype
from tensorflow_lamella.core.shape import TensorShape
from tensorflow_lamella.errors import OperatorNotAllowedInGraphError


def _binary(name: str) -> Any:
    def operator(self: Any, other: Any) -> Any:
        return names.get(name)(self, other) if _is_operand(other, self) else NotImplemented

    return operator


def _reflected(name: str) -> Any:
    def operator(self: Any, other: Any) -> Any:
        return names.get(name)(other, self) if _is_operand(other, self) else NotImplemented

    return operator


def _unary(name: str) -> Any:
    def operator(self: Any) -> Any:
        return names.get(name)(self)

    return operator


def _is_operand(x: Any, beside: Any) -> bool:
    """Whether `x` can be converted to a tensor beside `beside`; Keras's symbolic tensors answer."""
    if isinstance(x, (str, bytes)):
        return beside.dtype.name == "string"
    return x is not None and not isinstance(x, (dict, set)) and not hasattr(x, "_keras_history")


class Operators:
    """The operators of tensors and variables."""

    __array_priority__ = 2000

    __add__, __radd__ = _binary("add"), _reflected("add")
    __sub__, __rsub__ = _binary("subtract"), _reflected("subtract")
    __mul__, __rmul__ = _binary("multiply"), _reflected("multiply")
    __truediv__, __rtruediv__ = _binary("truediv"), _reflected("truediv")
    __floordiv__, __rfloordiv__ = _binary("math.floordiv"), _reflected("math.floordiv")
    __mod__, __rmod__ = _binary("math.floormod"), _reflected("math.floormod")
    __pow__, __rpow__ = _binary("pow"), _reflected("pow")
    __matmul__, __rmatmul__ = _binary("matmul"), _reflected("matmul")
    __lt__, __le__ = _binary("less"), _binary("less_equal")
    __gt__, __ge__ = _binary("greater"), _binary("greater_equal")
    __and__, __rand__ = _binary("_and"), _reflected("_and")
    __or__, __ror__ = _binary("_or"), _reflected("_or")
    __xor__, __rxor__ = _binary("_xor"), _reflected("_xor")
    __neg__, __abs__, __invert__ = _unary("negative"), _unary("abs"), _unary("_invert")

    def __pos__(self) -> Any:
        return self

    def __eq__(self, other: Any) -> Any:
        return names.get("_equals")(self, other) if _is_operand(other, self) else False

    def __ne__(self, other: Any) -> Any:
        return names.get("_differs")(self, other) if _is_operand(other, self) else True

    def __hash__(self) -> int:
        raise TypeError("Tensor is unhashable. Instead, use tensor.ref() as the key.")

    def __getitem__(self, index: Any) -> Any:
        return names.get("_getitem")(self, index)

    def ref(self) -> Reference:
        """A key for dicts and sets that stands for this tensor; `deref()` gives it back."""
        return Reference(self)

    experimental_ref = ref


class Reference:
    """A tensor or variable as a key: equal to the references of the same object."""

    def __init__(self, thing: Any) -> None:
        self._thing = thing

    def deref(self) -> Any:
        """The tensor or variable."""
        return self._thing

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Reference) and self._thing is other._thing

    def __hash__(self) -> int:
        return id(self._thing)

    def __repr__(self) -> str:
        return f"<Reference wrapping {self._thing!r}>"


@names.export("Tensor")
class Tensor(Operators):
    """An immutable array; see the module's docstring.

    >>> (tf.constant([1.0, 2.0]) * 2).numpy()
    array([2., 4.], dtype=float32)
    """

    def __init__(self, array: Any) -> None:
        self._array = array if not isinstance(array, np.generic) else np.asarray(array)

    def __lamella_array__(self) -> Any:
        """The array as NumPy, Keras and the engine may use it here."""
        array = self._array
        return array if isinstance(array, np.ndarray) else state.current(array)

    @property
    def shape(self) -> TensorShape:
        """The sizes of the axes."""
        return TensorShape(self._array.shape)

    def get_shape(self) -> TensorShape:
        """As `shape`."""
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """ValueError unless the shape is compatible with `shape`."""
        self.shape.assert_is_compatible_with(TensorShape(shape))

    @property
    def dtype(self) -> DType:
        """The element type."""
        return as_dtype(self._array.dtype)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._array.ndim

    @property
    def name(self) -> str:
        """TensorFlow 2 has names in graphs only."""
        raise AttributeError("Tensor.name is undefined when eager execution is enabled.")

    @property
    def device(self) -> str:
        """Where it lies: always the processor."""
        return "/job:localhost/replica:0/task:0/device:CPU:0"

    def numpy(self) -> Any:
        """The numbers: an array, or a NumPy scalar for a tensor without axes (bytes for a string).

        Raises NotImplementedError inside of tf.function, where there are no numbers yet.
        """
        array = self._numbers("numpy()")
        return array[()] if array.ndim == 0 else array.copy()

    def eval(self, *args: Any, **kwargs: Any) -> Any:
        """TensorFlow 1's way to ask for the numbers of a graph tensor; here as `numpy()`."""
        return self.numpy()

    def _numbers(self, what: str) -> np.ndarray:
        if state.is_traced_value(self._array):
            from lamella.frontend.trace import user_line

            raise NotImplementedError(
                f"{what}: the numbers of this tensor ({self!r}) are not known while its function "
                f"is being traced (at {user_line()}). Use tf.print, return the tensor, or call "
                "tf.config.run_functions_eagerly(True) to look at values"
            )
        return getattr(self._array, "array", self._array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._numbers("np.asarray"), dtype=dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = _UFUNCS.get(ufunc) if method == "__call__" and not kwargs else None
        if name is not None:
            return names.get(name)(*inputs)
        return _through_numpy(getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _through_numpy(function, args, kwargs)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("Scalar tensor has no `len()`")
        return self._array.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("Cannot iterate over a scalar tensor.")
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if state.is_traced_value(self._array):
            from lamella.frontend.trace import user_line

            raise OperatorNotAllowedInGraphError(
                f"a tensor decides an `if`, `while`, `and`, `or` or `not` at {user_line()}, but "
                "its numbers are not known while the function is being traced; use tf.cond, "
                "tf.where, tf.while_loop or tf.logical_and, or put the line into a function of its "
                "own that is decorated with @tf.function"
            )
        return bool(self._array)

    def __int__(self) -> int:
        return int(self._scalar("int()"))

    def __float__(self) -> float:
        return float(self._scalar("float()"))

    def __complex__(self) -> complex:
        return complex(self._scalar("complex()"))

    def __index__(self) -> int:
        return self._scalar("an integer").__index__()

    def _scalar(self, what: str) -> Any:
        array = self._array
        if state.is_traced_value(array):
            try:
                return array.__float__()
            except ConcreteValueError as error:
                raise OperatorNotAllowedInGraphError(f"{what}: {error}") from None
        return getattr(array, "array", array)

    def __format__(self, spec: str) -> str:
        if state.is_traced_value(self._array):
            return repr(self)
        return format(self.numpy() if self.ndim == 0 and spec else str(self), spec)

    def __repr__(self) -> str:
        about = f"shape={self.shape}, dtype={self.dtype.name}"
        if state.is_traced_value(self._array):
            return f"<tf.Tensor {about}>"
        return f"<tf.Tensor: {about}, numpy={self.numpy()!r}>"

    def __str__(self) -> str:
        about = f"shape={self.shape}, dtype={self.dtype.name}"
        if state.is_traced_value(self._array):
            return f"Tensor({about})"
        return f"tf.Tensor({self.numpy()}, {about})"

    def __copy__(self) -> Tensor:
        return self

    def __deepcopy__(self, memo: Any) -> Tensor:
        return self

    def __reduce__(self) -> Any:
        return Tensor, (self._numbers("pickling"),)


_UFUNCS = {
    np.add: "add", np.subtract: "subtract", np.multiply: "multiply", np.divide: "truediv",
    np.power: "pow", np.matmul: "matmul", np.floor_divide: "math.floordiv", np.less: "less",
    np.remainder: "math.floormod", np.less_equal: "less_equal", np.greater: "greater",
    np.greater_equal: "greater_equal", np.equal: "equal", np.not_equal: "not_equal",
}  # fmt: skip


def _through_numpy(function: Any, args: Any, kwargs: Any) -> Any:
    """A NumPy function of tensors: of their numbers, or, where those are traced, of their arrays;
    then the results are tensors as well."""
    from tensorflow_lamella.core.dispatch import attribute, wrap

    if state.is_traced():
        kwargs = {key: attribute(value) for key, value in kwargs.items()}
        return wrap(function(*(attribute(x) for x in args), **kwargs))
    kwargs = {key: _plain(value) for key, value in kwargs.items()}
    return function(*(_plain(x) for x in args), **kwargs)


def _plain(x: Any) -> Any:
    """The tensors in nested lists as NumPy arrays."""
    if isinstance(x, (list, tuple)):
        return type(x)(_plain(item) for item in x) if type(x) in (list, tuple) else x
    return np.asarray(x) if hasattr(x, "__lamella_array__") else x
