"""Iterators over datasets, and the options that datasets take."""

from __future__ import annotations

from typing import Any

from tensorflow_lamella.core import state
from tensorflow_lamella.data.elements import as_tensors
from tensorflow_lamella.errors import OutOfRangeError, unsupported
from tensorflow_lamella.names import export


def check_not_traced() -> None:
    """NotImplementedError while a function is traced: its elements would become constants."""
    if state.is_traced():
        raise unsupported(
            "a loop over a tf.data.Dataset inside of a compiled function",
            "compile the step with @tf.function and write the loop around it",
        )


@export("data.Iterator")
class DatasetIterator:
    """One pass over a dataset."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self._stream = dataset.elements()

    def __iter__(self) -> DatasetIterator:
        return self

    def __next__(self) -> Any:
        check_not_traced()
        return as_tensors(next(self._stream))

    next = __next__

    def get_next(self) -> Any:
        """The next element; OutOfRangeError at the end."""
        try:
            return next(self)
        except StopIteration:
            raise OutOfRangeError("End of sequence") from None

    def get_next_as_optional(self) -> Any:
        """Refused: use a for loop."""
        raise unsupported("Iterator.get_next_as_optional", "use a for loop, or next(it, None)")

    @property
    def element_spec(self) -> Any:
        """As of the dataset."""
        return self._dataset.element_spec


@export("data.Options")
class Options:
    """Settings of a pipeline; accepted, without effect."""

    def __init__(self) -> None:
        self.__dict__["experimental_optimization"] = self.__dict__["threading"] = _Anything()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.__dict__.setdefault(name, _Anything())


class _Anything:
    """Takes any attribute."""
