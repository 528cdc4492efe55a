"""What a compiled function does with numbers besides returning them: printing, checking, logging.

While a function is traced there are no numbers; `perform(callback, *tensors)` becomes an equation
that calls Python. A count of what was done is a variable of the compiled step: each call takes it
and gives the next, so calls keep their order, are done in loops and branches as often as these run,
and are not taken for results that nobody reads. Eagerly the callback is called at once.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from keras.src.backend.common.symbolic_scope import in_symbolic_scope

from keras_lamella.src.variable import Variable, VariableScope, outside_of_steps
from lamella.ops.host import host
from lamella.primitive import PRIMITIVES, Primitive, no_gradient
from lamella.types import Type
from tensorflow_lamella.core import state
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.errors import unsupported

_refusing: list[str] = []


@contextlib.contextmanager
def refused(reason: str) -> Iterator[None]:
    """Inside, what would do something raises TypeError(reason)."""
    _refusing.append(reason)
    try:
        yield
    finally:
        _refusing.pop()


def perform(callback: Callable[..., None], *tensors: Any) -> None:
    """`callback(*arrays)` with the numbers of `tensors`, now or whenever the program comes here.

    Nothing is done where Keras asks for shapes only. Raises NotImplementedError where a function is
    traced that is no step of a program.
    """
    if in_symbolic_scope():
        return
    arrays = [to_array(x) for x in tensors]
    if not state.is_traced():
        callback(*[np.asarray(getattr(a, "array", a)) for a in arrays])
        return
    if _refusing:
        raise TypeError(_refusing[-1])
    if VariableScope.current() is None:
        raise unsupported(
            "tf.print, tf.summary or tf.debugging in this place",
            "move it out, or use tf.config.run_functions_eagerly(True)",
        )
    strings = {i: a for i, a in enumerate(arrays) if a.dtype == object}  # known, as all strings are

    def call(*numbers: np.ndarray) -> None:
        given = iter(numbers)
        callback(*[strings[i] if i in strings else next(given) for i in range(len(arrays))])

    done, numbers = _done(), [a for a in arrays if a.dtype != object]
    done.assign(_call()(done.value, *numbers, callback=call))


@functools.cache
def _done() -> Variable:
    """How often Python was called by compiled functions."""
    with outside_of_steps():
        return Variable(np.int32(0), dtype="int32", trainable=False, name="effects")


@functools.cache
def _call() -> Primitive:
    """`(done, *arrays) -> done + 1`, having called `callback(*arrays)`.

    It is not among the primitives by name: a Program with a Python function has no text.
    """

    def numpy(done: np.ndarray, *arrays: np.ndarray, callback: Callable[..., None]) -> np.ndarray:
        callback(*[np.array(a) for a in arrays])
        return done + np.int32(1)

    def batch(*_: Any, **__: Any) -> Any:
        raise unsupported("tf.print, tf.summary or tf.debugging in tf.vectorized_map", "tf.map_fn")

    def typing(done: Type, *arrays: Type, callback: Callable[..., None]) -> Type:
        return done

    made = host("python", typing=typing, numpy=numpy, vjp=no_gradient, batch=batch,
                samples=lambda rng: [])  # fmt: skip
    del PRIMITIVES[made.name]
    return made
