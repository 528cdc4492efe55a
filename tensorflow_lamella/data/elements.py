"""Elements of a dataset: nested tuples and dicts of NumPy arrays. Lists are tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import optree

from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dispatch import wrap
from tensorflow_lamella.core.function import Function
from tensorflow_lamella.core.spec import TensorSpec
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.errors import InvalidArgumentError, Unsupported


def flatten(element: Any) -> tuple[list[Any], Any]:
    """The tensors of an element as arrays, and its structure."""
    leaves, structure = optree.tree_flatten(element, is_leaf=_is_leaf, none_is_leaf=True)
    return [x if _is_nested_dataset(x) else np.asarray(to_array(x)) for x in leaves], structure


def _is_leaf(x: Any) -> bool:
    return isinstance(x, list)


def _is_nested_dataset(x: Any) -> bool:
    return hasattr(x, "as_numpy_iterator")


def as_arrays(element: Any) -> Any:
    """An element with its tensors as arrays."""
    leaves, structure = flatten(element)
    return optree.tree_unflatten(structure, leaves)


def as_tensors(element: Any) -> Any:
    """An element with its arrays as tensors."""
    return optree.tree_map(wrap, element)


def each(f: Callable[..., Any], *elements: Any) -> Any:
    """`f` applied to the arrays at the same place."""
    return optree.tree_map(f, *elements)


def stack(elements: Sequence[Any]) -> Any:
    """Elements as one batch; InvalidArgumentError where their shapes differ."""
    return each(_stacked, *elements)


def _stacked(*arrays: Any) -> Any:
    shapes = {np.shape(a) for a in arrays}
    if len(shapes) > 1:
        raise InvalidArgumentError(
            f"Cannot batch tensors with different shapes: {sorted(shapes)[:4]}; use padded_batch"
        )
    return np.stack(arrays)


def spec_of(element: Any, batch: Any = ...) -> Any:
    """TensorSpecs of an element; `batch` replaces the first size."""

    def spec(x: Any) -> Any:
        if _is_nested_dataset(x):
            return x.element_spec
        shape = list(np.shape(x))
        if batch is not ... and shape:
            shape[0] = batch
        return TensorSpec(shape, np.asarray(x).dtype)

    return each(spec, element)


class Mapped:
    """A function of a program, called with the tensors of an element, giving arrays.

    It is compiled like a tf.function; where it asks for numbers or strings it is plain Python.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        self._python = getattr(f, "python_function", f)
        self._compiled: Function | None = Function(self._python)
        self.together: dict[bool, Any] = {}  # how many elements are mapped at once

    def __call__(self, element: Any) -> Any:
        """The result as an element."""
        args = element if type(element) is tuple else (element,)
        if self._compiled is not None and _is_numeric(args):
            try:
                return _result(self._compiled(*as_tensors(args)))
            except (TypeError, NotImplementedError, Unsupported, InvalidArgumentError):
                self._compiled = None
        return _result(self._python(*as_tensors(args)))

    def traced(self, element: Any) -> Any:
        """The result on Tracers, as tensors."""
        if self._compiled is None:
            raise TypeError("it is plain Python")
        args = element if type(element) is tuple else (element,)
        out = self._compiled(*as_tensors(args))
        return tuple(out) if isinstance(out, list) and _holds_tensors(out) else out


def _is_numeric(args: Any) -> bool:
    return all(isinstance(x, (np.ndarray, np.generic)) and np.asarray(x).dtype != object
               for x in optree.tree_leaves(args, none_is_leaf=True))  # fmt: skip


def _result(out: Any) -> Any:
    if _is_nested_dataset(out):
        return out
    return as_arrays(tuple(out) if isinstance(out, list) and _holds_tensors(out) else out)


def _holds_tensors(items: Iterable[Any]) -> bool:
    return any(isinstance(x, Tensor) and x.ndim > 0 for x in items)
