"""What a compiled function does with numbers besides returning them: printing, checking, logging.

While a function is traced there are no numbers; `perform(callback, *tensors)` makes the tensors
results of the machine code and calls `callback(*arrays)` after each run. Eagerly it is called at
once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lamella.frontend.eager import ConcreteTracer
from lamella.program import Builder, current_builder, is_building
from tensorflow_lamella.core import state
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.errors import unsupported

Effect = tuple[Callable[..., None], list[Any]]

_collecting: list[tuple[Builder, list[Effect]]] = []


@contextlib.contextmanager
def collected() -> Iterator[list[Effect]]:
    """The effects of the function that is being traced by the current Builder."""
    found: list[Effect] = []
    _collecting.append((current_builder(), found))
    try:
        yield found
    finally:
        _collecting.pop()


def perform(callback: Callable[..., None], *tensors: Any) -> None:
    """`callback(*arrays)` with the numbers of `tensors`, now or whenever the function has run.

    Raises NotImplementedError in a loop or a branch of a compiled function.
    """
    arrays = [to_array(x) for x in tensors]
    if not state.is_traced():
        callback(*[np.asarray(getattr(a, "array", a)) for a in arrays])
        return
    if not _collecting or not is_building() or _collecting[-1][0] is not current_builder():
        if any(isinstance(a, ConcreteTracer) or state.is_traced_value(a) for a in arrays):
            raise unsupported(
                "tf.print, tf.summary or tf.debugging inside of a compiled loop, branch or fit",
                "move it out, or use run_eagerly=True or tf.config.run_functions_eagerly(True)",
            )
        return
    _collecting[-1][1].append((callback, arrays))
