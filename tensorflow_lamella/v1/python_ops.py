"""Operations that run in Python: py_func, Print, Assert."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.errors import InvalidArgumentError
from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1.graph import Operation, get_default_graph
from tensorflow_lamella.v1.recorder import building, in_graph
from tensorflow_lamella.v1.tensor import GraphTensor
from tensorflow_lamella.v1.variables import host_operation


@export("py_func", version=1)
def py_func(func: Callable[..., Any], inp: Sequence[Any], Tout: Any, stateful: bool = True,
            name: str | None = None) -> Any:  # fmt: skip
    """`func` of the numbers of `inp`, with results of the dtypes `Tout`; it has no gradient."""
    if not building():
        return get("numpy_function", 2)(func, inp, Tout)
    several = isinstance(Tout, (list, tuple))
    dtypes = [numpy_dtype(t) for t in (Tout if several else [Tout])]

    def call(session: Any, *arrays: np.ndarray) -> list[np.ndarray]:
        out = func(*(a[()] if a.ndim == 0 else a for a in arrays))
        results = list(out) if several and isinstance(out, (list, tuple)) else [out]
        if len(results) != len(dtypes):
            raise InvalidArgumentError(
                None, None, f"{func} returned {len(results)} results, Tout names {len(dtypes)}"
            )
        return [_as(x, d) for x, d in zip(results, dtypes)]

    op = host_operation(call, inp, [(t, None) for t in (Tout if several else [Tout])],
                        name or "PyFunc", "PyFunc")  # fmt: skip
    return op.outputs if several else op.outputs[0]


def _as(x: Any, dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "O":
        return to_array(x, dtype)
    array = np.asarray(x)
    if array.dtype != dtype:
        raise InvalidArgumentError(
            None, None, f"py_func returned {array.dtype.name}, Tout says {dtype.name}"
        )
    return array


@in_graph("Print", eager="print")
def Print(input_: Any, data: Sequence[Any], message: str | None = None, first_n: int | None = None,
          summarize: int | None = None, name: str | None = None) -> GraphTensor:  # fmt: skip
    """`input_`; when it is computed, `data` is printed to standard error."""
    left = [first_n if first_n is not None and first_n >= 0 else None]

    def show(session: Any, *arrays: np.ndarray) -> list[Any]:
        if left[0] == 0:
            return []
        left[0] = None if left[0] is None else left[0] - 1
        print((message or "") + "".join(_shown(a, summarize or 3) for a in arrays), file=sys.stderr)
        return []

    op = host_operation(show, list(data), [], name or "Print", "Print")
    with get_default_graph().control_dependencies([op]):
        return get("identity", 2)(input_)


def _shown(a: np.ndarray, most: int) -> str:
    flat = [x.decode() if isinstance(x, bytes) else f"{x}" for x in a.ravel()[:most]]
    return f"[{' '.join(flat)}{'...' if a.size > most else ''}]"


@in_graph("print")
def print_(*inputs: Any, **kwargs: Any) -> Operation:
    """An operation that prints."""
    stream = kwargs.get("output_stream", sys.stderr)
    stream = stream if hasattr(stream, "write") else sys.stderr
    tensors = [x for x in inputs if isinstance(x, GraphTensor) or hasattr(x, "_as_graph_element")]

    def show(session: Any, *arrays: np.ndarray) -> list[Any]:
        given = iter(arrays)
        words = [next(given) if any(x is t for t in tensors) else x for x in inputs]
        print(*words, file=stream, end=kwargs.get("end", "\n"))
        return []

    return host_operation(show, tensors, [], kwargs.get("name") or "PrintV2", "PrintV2")


@in_graph("Assert", "debugging.Assert")
def Assert(condition: Any, data: Sequence[Any], summarize: int | None = None,
           name: str | None = None) -> Operation:  # fmt: skip
    """An operation that raises InvalidArgumentError with `data` where `condition` is false."""

    def check(session: Any, condition: np.ndarray, *arrays: np.ndarray) -> list[Any]:
        if not condition.all():
            shown = " ".join(_shown(a, summarize or 3) for a in arrays)
            raise InvalidArgumentError(None, None, f"assertion failed: {shown}")
        return []

    return host_operation(check, [condition, *data], [], name or "Assert", "Assert")


def _comparison(name: str, function: str) -> None:
    def check(x: Any, y: Any, data: Any = None, summarize: Any = None, message: Any = "",
              name: str | None = None) -> Operation:  # fmt: skip
        holds = get("math.reduce_all", 2)(get(function, 2)(x, y))
        said = [message] if message else []
        return Assert(holds, [*said, *(data or [x, y])], summarize, name or default)

    default = name
    check.__name__ = name
    check.__doc__ = f"An operation that raises unless {function.replace('_', ' ')} holds."
    in_graph(name, f"debugging.{name}", eager=f"debugging.{name}")(check)


for _name, _function in (("assert_equal", "equal"), ("assert_less", "less"),
                         ("assert_less_equal", "less_equal"), ("assert_greater", "greater"),
                         ("assert_greater_equal", "greater_equal")):  # fmt: skip
    _comparison(_name, _function)


def _sign(name: str, function: str) -> None:
    def check(x: Any, data: Any = None, summarize: Any = None, message: Any = "",
              name: str | None = None) -> Operation:  # fmt: skip
        x = get("convert_to_tensor", 2)(x)
        holds = get("math.reduce_all", 2)(get(function, 2)(x, get("zeros_like", 2)(x)))
        return Assert(holds, data or [x], summarize, name or default)

    default = name
    check.__name__, check.__doc__ = name, f"An operation that raises unless x is {name[7:]}."
    in_graph(name, f"debugging.{name}", eager=f"debugging.{name}")(check)


for _name, _function in (
    ("assert_positive", "greater"),
    ("assert_non_negative", "greater_equal"),
    ("assert_negative", "less"),
    ("assert_non_positive", "less_equal"),
):
    _sign(_name, _function)


@in_graph("add_check_numerics_ops", eager="no_op")
def add_check_numerics_ops() -> Operation:
    """An operation that raises where a tensor of the graph is infinite or no number."""
    graph = get_default_graph()
    floats = [t for op in graph.get_operations() if op.context is None and op.kind == "call"
              for t in op.outputs if not t.is_text and t.dtype.is_floating]  # fmt: skip

    def check(session: Any, *arrays: np.ndarray) -> list[Any]:
        for t, a in zip(floats, arrays):
            if not np.isfinite(a).all():
                raise InvalidArgumentError(None, t.op, f"{t.name} : Tensor had NaN or Inf values")
        return []

    return host_operation(check, floats, [], "CheckNumerics", "CheckNumerics")
