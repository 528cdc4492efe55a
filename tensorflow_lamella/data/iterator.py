"""Iterators over datasets, and the options that datasets take."""

from __future__ import annotations

from typing import Any

from lamella.frontend.trace import user_line
from tensorflow_lamella.core import state
from tensorflow_lamella.data.elements import as_tensors
from tensorflow_lamella.errors import OnlyInPython, OutOfRangeError, unsupported
from tensorflow_lamella.names import export


def check_not_traced() -> None:
    """OnlyInPython while a function is traced: the elements would become constants.

    The function then runs as Python, the steps that it calls compiled where they are functions of
    their own.
    """
    if state.is_traced():
        line = user_line()
        at = f" at {line}" if line else ""
        raise OnlyInPython(
            f"it takes elements of a tf.data.Dataset{at}; a step under @tf.function inside of the "
            "loop would be compiled"
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
