"""Names of TensorFlow 2 that organise a program: scopes, devices, printing, Python calls."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorflow_lamella.core import effects, state
from tensorflow_lamella.core.convert import raw, to_array
from tensorflow_lamella.core.dispatch import wrap
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.errors import OnlyInPython, unsupported
from tensorflow_lamella.names import export, put

put(state.outside, "init_scope")


@export("executing_eagerly")
def executing_eagerly() -> bool:
    """Whether numbers are known here."""
    return state.graph() is None and not state.is_traced()


@export("inside_function")
def inside_function() -> bool:
    """Whether a function is being traced."""
    return state.is_traced()


@export("device")
@contextlib.contextmanager
def device(device_name: Any) -> Iterator[None]:
    """Nothing: there is one device, the processor."""
    yield


_scopes: list[str] = []


@export("name_scope")
class name_scope:
    """A prefix for names; outside of graphs names have no effect."""

    def __init__(self, name: Any, *unused: Any, **also_unused: Any) -> None:
        self.name = name

    def __enter__(self) -> str:
        _scopes.append(self.name or "")
        return "/".join(filter(None, _scopes)) + "/"

    def __exit__(self, *error: Any) -> None:
        _scopes.pop()


@export("get_current_name_scope")
def get_current_name_scope() -> str:
    """The prefix that is in force."""
    return "/".join(filter(None, _scopes))


@export("control_dependencies")
@contextlib.contextmanager
def control_dependencies(control_inputs: Any) -> Iterator[None]:
    """Nothing: what a program does is done in the order in which it says it."""
    yield


@export("group")
def group(*inputs: Any, **kwargs: Any) -> None:
    """Nothing: the inputs are computed already."""


@export("no_op")
def no_op(name: Any = None) -> None:
    """Nothing."""


@export("get_logger")
def get_logger() -> logging.Logger:
    """The logger "tensorflow"."""
    return logging.getLogger("tensorflow")


@export("timestamp")
def timestamp(name: Any = None) -> Tensor:
    """Seconds since 1970."""
    if state.is_traced():
        raise OnlyInPython("it asks for the time")
    return wrap(np.array(time.time()))


@export("print")
def print_(*inputs: Any, output_stream: Any = None, summarize: Any = 3, sep: str = " ",
           end: str = "\n", name: Any = None) -> None:  # fmt: skip
    """Print tensors and other things; a compiled function prints each time that it runs."""
    stream = output_stream if hasattr(output_stream, "write") else (
        sys.stdout if output_stream == "stdout" else sys.stderr
    )  # fmt: skip
    places: list[Any] = []
    parts = [_template(x, places) for x in inputs]

    def show(*numbers: np.ndarray) -> None:
        given = iter(numbers)
        print(*(_text(part, given, summarize) for part in parts), sep=sep, end=end, file=stream)

    effects.perform(show, *places)


_TENSOR = object()


def _template(x: Any, places: list[Any]) -> Any:
    """`x` with its tensors replaced by a mark, and appended to `places`."""
    if isinstance(x, (list, tuple)):
        return type(x)(_template(item, places) for item in x)
    if isinstance(x, dict):
        return {key: _template(item, places) for key, item in x.items()}
    found = raw(x)
    if found is None:
        return x
    places.append(found)
    return _TENSOR


def _text(part: Any, numbers: Iterator[np.ndarray], summarize: Any) -> Any:
    if part is _TENSOR:
        return numbers_text(next(numbers), summarize)
    if isinstance(part, (list, tuple)):
        inner = ", ".join(str(_text(item, numbers, summarize)) for item in part)
        return f"[{inner}]" if isinstance(part, list) else f"({inner})"
    if isinstance(part, dict):
        inner = ", ".join(f"'{k}': {_text(v, numbers, summarize)}" for k, v in part.items())
        return f"{{{inner}}}"
    return part


def numbers_text(array: np.ndarray, summarize: Any) -> str:
    """As tf.print: the first and last `summarize` elements of each axis."""
    if array.ndim == 0:
        item = array[()]
        return item.decode(errors="replace") if isinstance(item, bytes) else _number(item)
    items: list[str] = [numbers_text(row, summarize) for row in array]
    if summarize not in (None, -1) and len(items) > 2 * summarize:
        items = [*items[:summarize], "...", *items[-summarize:]]
    return f"[{' '.join(items)}]" if array.ndim == 1 else f"[{(chr(10) + ' ').join(items)}]"


def _number(x: Any) -> str:
    if isinstance(x, (bool, np.bool_)):
        return "1" if x else "0"
    return f"{float(x):.9g}" if isinstance(x, (float, np.floating)) else str(x)


@export("py_function")
def py_function(func: Any = None, inp: Any = (), Tout: Any = None, name: Any = None) -> Any:
    """Call Python on eager tensors, which have `.numpy()`; otherwise as tf.numpy_function."""
    return numpy_function(lambda *values: func(*map(wrap, values)), inp, Tout)


@export("numpy_function")
def numpy_function(func: Any = None, inp: Any = (), Tout: Any = None, stateful: bool = True,
                   name: Any = None) -> Any:  # fmt: skip
    """Call Python on numbers; possible where numbers are known, so not in a compiled function."""
    values = [to_array(x) for x in inp]
    if any(state.is_traced_value(x) for x in values):
        raise unsupported(
            "tf.numpy_function and tf.py_function inside of a compiled function",
            "write it with tf.* or numpy functions (which are traced), or call it outside",
        )
    out = func(*(np.asarray(getattr(x, "array", x)) for x in values))
    return _returned(out, Tout)


def _returned(out: Any, kinds: Any) -> Any:
    if isinstance(kinds, (list, tuple)):
        several = out if isinstance(out, (list, tuple)) else [out]
        return [_returned(x, kind) for x, kind in zip(several, kinds)]
    if out is None:
        return None
    array = to_array(out)
    return wrap(array if kinds is None else np.asarray(array).astype(numpy_dtype(kinds)))


@export("register_tensor_conversion_function")
def register_tensor_conversion_function(base_type: Any, conversion_func: Any,
                                        priority: int = 100) -> None:  # fmt: skip
    """Refused: give your class `__array__`."""
    raise unsupported("tf.register_tensor_conversion_function", "give the class `__array__`")


# -- tf.compat: text and bytes -------------------------------------------------------------------


@export("compat.as_bytes")
def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
    """Text as bytes; bytes as they are."""
    if isinstance(bytes_or_text, (bytes, bytearray)):
        return bytes(bytes_or_text)
    if isinstance(bytes_or_text, str):
        return bytes_or_text.encode(encoding)
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}")


@export("compat.as_text", "compat.as_str")
def as_text(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """Bytes as text; text as it is."""
    return as_bytes(bytes_or_text, encoding).decode(encoding)


@export("compat.as_str_any")
def as_str_any(value: Any, encoding: str = "utf-8") -> str:
    """Bytes as text, everything else as `str` shows it."""
    return as_text(value, encoding) if isinstance(value, bytes) else str(value)
