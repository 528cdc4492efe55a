"""Tracer: a Value that answers NumPy's protocols, so that plain NumPy code builds a Program.

Operators, `np.*` functions (NEP-13 `__array_ufunc__`, NEP-18 `__array_function__`), methods and
indexing all end in lamella.frontend.numpy. A request for a concrete value is an error that names
the user's line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from lamella.program import Value
from lamella.types import Type

if TYPE_CHECKING:
    from lamella.frontend.trace import Trace


class ConcreteValueError(TypeError):
    """A Tracer was asked for its concrete value."""


def _refuse(tracer: Tracer, what: str, instead: str) -> NoReturn:
    raise ConcreteValueError(_refusal(tracer, what, instead))


def _refusal(tracer: Tracer, what: str, instead: str) -> str:
    from lamella.frontend.trace import user_line

    return (
        f"{what} needs a concrete value, but this is a traced {tracer.type} whose numbers are not "
        f"known while the program is being built (at {user_line()}). {instead}"
    )


_BRANCH = (
    "Use np.where to choose between arrays, lamella.cond to choose between computations, or "
    "lamella.while_loop to repeat one; shape, dtype and ndim are ordinary Python values"
)
_NUMBER = (
    "Return it from the traced function, or keep computing with it as an array; sizes must come "
    "from shape, ndim and len, which are ordinary Python integers"
)
_INDEX = (
    "To index with it write x[i], np.take or lamella.dynamic_slice; to loop up to it use "
    "lamella.while_loop; sizes of arrays must be static"
)
_ARRAY = (
    "Use np.stack or np.concatenate to build arrays of traced values; a library outside NumPy "
    "cannot be traced: call it on arrays outside the traced function"
)
_MUTATE = (
    "A traced array is immutable; use lamella.update(x, index, values), which returns a new array"
)


def check_alive(tracer: Tracer) -> None:
    """RuntimeError where the function that made `tracer` has ended."""
    if tracer.owner.closed:
        raise RuntimeError(
            f"a traced value {tracer.type} was kept after its function had ended (stored in a "
            "global, an attribute or a list); return it from the function instead"
        )


def _unary(ufunc: np.ufunc) -> Any:
    def operator(self: Tracer) -> Any:
        return self.__array_ufunc__(ufunc, "__call__", self)

    return operator


def _binary(ufunc: np.ufunc) -> Any:
    def operator(self: Tracer, other: Any) -> Any:
        if not _is_operand(other):
            return NotImplemented
        return self.__array_ufunc__(ufunc, "__call__", self, other)

    return operator


def _reflected(ufunc: np.ufunc) -> Any:
    def operator(self: Tracer, other: Any) -> Any:
        if not _is_operand(other):
            return NotImplemented
        return self.__array_ufunc__(ufunc, "__call__", other, self)

    return operator


_OPERANDS = (Value, np.ndarray, np.generic, bool, int, float, complex, list, tuple)


def _is_operand(x: Any) -> bool:
    return isinstance(x, _OPERANDS) or hasattr(x, "__lamella_array__")


def _call(ufunc: np.ufunc, *operands: Any, **kwargs: Any) -> Any:
    for x in operands:
        if isinstance(x, Tracer):
            check_alive(x)
    from lamella.frontend.numpy.elementwise import call_ufunc

    return call_ufunc(ufunc, *operands, **kwargs)


def _method(name: str, function: Any = None) -> Any:
    """The ndarray method that is `np.<name>(self, ...)`."""
    function = function or getattr(np, name)

    def method(self: Tracer, *args: Any, **kwargs: Any) -> Any:
        return self.__array_function__(function, (), (self, *args), kwargs)

    method.__name__, method.__doc__ = name, f"np.{function.__name__} of this array."
    return method


def _in_place(name: str, instead: str) -> Any:
    """An ndarray method that changes its array: an error."""

    def method(self: Tracer, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"x.{name}() works in place, and a traced array is immutable; use {instead}"
        )

    method.__name__, method.__doc__ = name, f"An error: use {instead}."
    return method


class Tracer(Value):
    """A traced array: has shape, dtype, ndim, size, NumPy's operators and methods, no numbers."""

    __slots__ = ("owner", "__dict__")
    __array_priority__ = 1000

    def __init__(self, type: Type, owner: Trace) -> None:
        super().__init__(type)
        self.owner = owner

    # NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__":
            return _call(ufunc, *inputs, **kwargs)
        from lamella.frontend.numpy.elementwise import ufunc_method

        return ufunc_method(ufunc, method, *inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from lamella.frontend import numpy as frontend

        check_alive(self)
        return frontend.implementation(function)(*args, **kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        _refuse(self, "np.asarray (or a library that calls it)", _ARRAY)

    # What is known

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return self.type.shape

    @property
    def dtype(self) -> np.dtype:
        """The NumPy dtype of the elements."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.type.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.type.size

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.type.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.type.nbytes

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of an array without axes")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("cannot iterate over an array without axes")
        return (self[i] for i in range(self.shape[0]))

    def __repr__(self) -> str:
        return f"Tracer<{self.type}>"

    def __format__(self, spec: str) -> str:
        if spec:
            _refuse(self, "formatting", _NUMBER)
        return repr(self)

    __hash__ = object.__hash__

    # What is not known

    def __bool__(self) -> bool:
        _refuse(self, "a truth value (if, while, and, or, not, bool())", _BRANCH)

    def __int__(self) -> int:
        _refuse(self, "int()", _NUMBER)

    def __float__(self) -> float:
        _refuse(self, "float()", _NUMBER)

    def __complex__(self) -> complex:
        _refuse(self, "complex()", _NUMBER)

    def __index__(self) -> int:
        _refuse(self, "use as an integer (range(), a size, an index of a list)", _INDEX)

    def __contains__(self, item: Any) -> bool:
        _refuse(self, "`in`", "Use np.any(x == item)")

    def item(self, *args: Any) -> NoReturn:
        """An error: there is no number yet."""
        _refuse(self, "item()", _NUMBER)

    def tolist(self) -> NoReturn:
        """An error: there are no numbers yet."""
        _refuse(self, "tolist()", _NUMBER)

    def tobytes(self, *args: Any) -> NoReturn:
        """An error: there are no numbers yet."""
        _refuse(self, "tobytes()", _NUMBER)

    def __getattr__(self, name: str) -> NoReturn:
        if name == "numpy":  # no attribute at all: libraries ask whether an array has it
            raise AttributeError(_refusal(self, "numpy()", _NUMBER))
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setitem__(self, index: Any, values: Any) -> NoReturn:
        raise TypeError(f"x[index] = values: {_MUTATE}")

    def fill(self, value: Any) -> NoReturn:
        """An error: use np.full_like."""
        raise TypeError(f"fill(): {_MUTATE}; or np.full_like(x, value)")

    # Indexing, casts, shapes

    def __getitem__(self, index: Any) -> Any:
        from lamella.frontend.numpy.indexing import getitem

        return getitem(self, index)

    def astype(self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True,
               copy: bool = True) -> Tracer:  # fmt: skip
        """This array cast to `dtype`."""
        return self.__array_function__(np.astype, (), (self, dtype), {})

    def view(self, dtype: Any) -> Tracer:
        """The same bits as another dtype of the same width."""
        from lamella import ops
        from lamella.types import dtype_of

        return ops.bitcast(self, dtype=dtype_of(dtype).name)

    def reshape(self, *shape: Any, order: str = "C") -> Tracer:
        """This array with another shape; one size may be -1."""
        shape = shape[0] if len(shape) == 1 else shape
        return self.__array_function__(np.reshape, (), (self, shape), {"order": order})

    def transpose(self, *axes: Any) -> Tracer:
        """This array with permuted axes, reversed where none are given."""
        order: Any = axes[0] if len(axes) == 1 else axes or None
        return self.__array_function__(np.transpose, (), (self, order), {})

    def flatten(self, order: str = "C") -> Tracer:
        """This array with one axis."""
        return self.reshape(-1, order=order)

    def copy(self, order: str = "C") -> Tracer:
        """This array itself: traced arrays are immutable."""
        return self

    def dot(self, b: Any) -> Tracer:
        """np.dot(self, b)."""
        return self.__array_function__(np.dot, (), (self, b), {})

    @property
    def T(self) -> Tracer:
        """All axes reversed."""
        return self.transpose()

    @property
    def mT(self) -> Tracer:
        """The last two axes swapped."""
        return self.__array_function__(np.matrix_transpose, (), (self,), {})

    @property
    def flat(self) -> Tracer:
        """The elements in order, as an array with one axis."""
        return self.reshape(-1)

    @property
    def real(self) -> Tracer:
        """The real part."""
        return self.__array_function__(np.real, (), (self,), {})

    @property
    def imag(self) -> Tracer:
        """The imaginary part."""
        return self.__array_function__(np.imag, (), (self,), {})

    __add__, __radd__ = _binary(np.add), _reflected(np.add)
    __sub__, __rsub__ = _binary(np.subtract), _reflected(np.subtract)
    __mul__, __rmul__ = _binary(np.multiply), _reflected(np.multiply)
    __truediv__, __rtruediv__ = _binary(np.divide), _reflected(np.divide)
    __floordiv__, __rfloordiv__ = _binary(np.floor_divide), _reflected(np.floor_divide)
    __mod__, __rmod__ = _binary(np.remainder), _reflected(np.remainder)
    __divmod__, __rdivmod__ = _binary(np.divmod), _reflected(np.divmod)
    __pow__, __rpow__ = _binary(np.power), _reflected(np.power)
    __matmul__, __rmatmul__ = _binary(np.matmul), _reflected(np.matmul)
    __and__, __rand__ = _binary(np.bitwise_and), _reflected(np.bitwise_and)
    __or__, __ror__ = _binary(np.bitwise_or), _reflected(np.bitwise_or)
    __xor__, __rxor__ = _binary(np.bitwise_xor), _reflected(np.bitwise_xor)
    __lshift__, __rlshift__ = _binary(np.left_shift), _reflected(np.left_shift)
    __rshift__, __rrshift__ = _binary(np.right_shift), _reflected(np.right_shift)
    __lt__, __le__ = _binary(np.less), _binary(np.less_equal)
    __gt__, __ge__ = _binary(np.greater), _binary(np.greater_equal)
    __eq__, __ne__ = _binary(np.equal), _binary(np.not_equal)  # type: ignore[assignment]
    __neg__, __pos__ = _unary(np.negative), _unary(np.positive)
    __abs__, __invert__ = _unary(np.absolute), _unary(np.invert)

    def conj(self) -> Tracer:
        """The complex conjugate."""
        return self.__array_ufunc__(np.conjugate, "__call__", self)

    conjugate = conj

    def __round__(self, ndigits: int | None = None) -> Any:
        return self.round(ndigits or 0)

    def __copy__(self) -> Tracer:
        return self

    def __deepcopy__(self, memo: Any) -> Tracer:
        return self

    sum, prod, mean = _method("sum"), _method("prod"), _method("mean")
    std, var = _method("std"), _method("var")
    max, min, ptp = _method("max"), _method("min"), _method("ptp")
    any, all = _method("any"), _method("all")
    argmax, argmin = _method("argmax"), _method("argmin")
    cumsum, cumprod = _method("cumsum"), _method("cumprod")
    ravel, squeeze, swapaxes = _method("ravel"), _method("squeeze"), _method("swapaxes")
    clip, round, take, repeat = (
        _method("clip"),
        _method("round"),
        _method("take"),
        _method("repeat"),
    )
    argsort, searchsorted = _method("argsort"), _method("searchsorted")
    argpartition, choose, compress = _method("argpartition"), _method("choose"), _method("compress")
    diagonal, trace, nonzero = _method("diagonal"), _method("trace"), _method("nonzero")
    sort, partition = _in_place("sort", "np.sort(x)"), _in_place("partition", "np.partition(x)")
    resize, put = _in_place("resize", "np.resize(x)"), _in_place("put", "lamella.update(x, ...)")
