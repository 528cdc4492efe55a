"""Data as old programs give it: numbers in nested lists."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def arrays(data: Any, count: int = 1) -> Any:
    """`data` with nested lists of numbers as arrays, for a model of `count` inputs (or outputs).

    `[[0], [1]]` is an array of shape (2, 1); a list of arrays is one array for each input.

    >>> arrays([[0, 1], [2, 3]]).shape
    (2, 2)
    >>> [x.shape for x in arrays([[[1], [2]], [[3], [4]]], count=2)]
    [(2, 1), (2, 1)]
    """
    if isinstance(data, dict):
        return {name: arrays(value) for name, value in data.items()}
    if not isinstance(data, (list, tuple)):
        return data
    if count > 1 and len(data) == count:
        return [arrays(item) for item in data]
    if _is_number(_first_leaf(data)):
        return _stacked(data)
    return type(data)(arrays(item) for item in data) if type(data) in (list, tuple) else data


def _stacked(data: Any) -> np.ndarray:
    try:
        return np.asarray(data)
    except ValueError as error:
        raise ValueError(
            "the nested lists given as data have rows of different lengths; pad them first "
            "(keras.utils.pad_sequences)"
        ) from error


def _first_leaf(data: Any) -> Any:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _is_number(x: Any) -> bool:
    return isinstance(x, (bool, int, float, complex, str, np.generic))


def _count(tensors: Callable[[], Sequence[Any]]) -> int:
    """How many inputs or outputs a model has; 1 while it is not known."""
    try:
        return len(tensors() or [0])
    except (AttributeError, ValueError):
        return 1


def takes_lists(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a model that takes x and y (and validation data) also as nested lists."""
    signature = inspect.signature(method)

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(self, *args, **kwargs)
        given = bound.arguments
        inputs, outputs = _count(lambda: self.inputs), _count(lambda: self.outputs)
        for name, count in (("x", inputs), ("y", outputs), ("sample_weight", outputs)):
            if given.get(name) is not None:
                given[name] = arrays(given[name], count)
        validation = given.get("validation_data")
        if isinstance(validation, (list, tuple)) and len(validation) in (2, 3):
            counts = (inputs, outputs, outputs)
            given["validation_data"] = tuple(map(arrays, validation, counts))
        return method(*bound.args, **bound.kwargs)

    wrapper.__signature__ = signature  # type: ignore[attr-defined]
    return wrapper
