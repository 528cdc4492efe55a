"""Words in a step that is being traced."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from lamella.frontend.tracer import ConcreteValueError

Recipe = Callable[[Sequence[np.ndarray]], np.ndarray]
"""From the arrays of a batch, words and numbers, to an array."""


def is_words(x: np.ndarray) -> bool:
    """Does an array hold strings, bytes or objects?"""
    return x.dtype.kind in "USO"


class Words(NDArrayOperatorsMixin):
    """Has shape and dtype; what NumPy computes from it, `compute(function, args, kwargs)` does.

    value: the words of the batch for which the step is traced; recipe: how they come from it.
    """

    def __init__(self, value: np.ndarray, recipe: Recipe, compute: Callable[..., Any]) -> None:
        self.shape, self.dtype, self.ndim = value.shape, value.dtype, value.ndim
        self.recipe, self.compute = recipe, compute

    def __getattr__(self, name: str) -> Any:
        found = None if name.startswith("__") else getattr(np.ndarray, name, None)
        if found is None:
            raise AttributeError(f"words have no attribute {name!r}")
        if callable(found):
            return lambda *args, **kwargs: self.compute(found, (self, *args), kwargs)
        return self.compute(getattr, (self, name), {})

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, key: Any) -> Any:
        return self.compute(operator.getitem, (self, key), {})

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        return self.compute(getattr(ufunc, method), args, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self.compute(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise ConcreteValueError(
            f"a compiled step takes numbers, the data has words ({self.dtype}): put them through "
            "keras.layers.TextVectorization or StringLookup before fit, or let the model begin "
            "with such a layer"
        )
