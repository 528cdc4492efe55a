"""What converted control flow calls, when it runs.

State is the names that a statement assigns: `get()` gives their values, `put(values)` sets them.
Where the decision is a traced tensor, the values that are tensors or numbers go through the
engine's control flow; other values must not change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optree
from keras.src import backend
from keras.src.backend.common import KerasVariable

from keras_lamella.src.variable import VariableScope
from lamella.frontend.trace import Trace, user_line
from lamella.program import building
from tensorflow_lamella import names as table
from tensorflow_lamella.core import state
from tensorflow_lamella.core.autograph.convert import converted
from tensorflow_lamella.core.convert import raw, to_array
from tensorflow_lamella.core.dispatch import wrap
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.errors import InvalidArgumentError

core = backend.core
#: Rows up to which a loop over a tensor is written out.
UNROLLED = 8


class Undefined:
    """The value of a name that was not assigned yet."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name} is not assigned>"

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        raise UnboundLocalError(f"the variable {self.name!r} is used before it is assigned")


def traced(x: Any) -> bool:
    """Whether `x` is a tensor whose numbers are not known."""
    return state.is_traced_value(x.__lamella_array__() if isinstance(x, Tensor) else x)


def _flag(x: Any) -> bool:
    return bool(np.asarray(x)) if isinstance(x, Tensor) else bool(x)


# -- expressions -----------------------------------------------------------------------------


def function(f: Any) -> Any:
    """`f` converted, if it is the program's and tensors are being traced."""
    return converted(f) if state.is_traced() else f


def returned(x: Any) -> Any:
    """What a function returns."""
    return None if isinstance(x, Undefined) else x


def not_(x: Any) -> Any:
    """`not x`."""
    return table.get("logical_not")(_bool(x)) if traced(x) else not x


def _bool(x: Any) -> Any:
    return table.get("cast")(x, "bool")


def _logical(values: Sequence[Callable[[], Any]], stops: bool, name: str) -> Any:
    found: Any = not stops
    pending: list[Any] = []
    for value in values:
        found = value()
        if traced(found):
            pending.append(_bool(found))
        elif bool(found) == stops:
            return found
    if not pending:
        return found
    out = pending[0]
    for x in pending[1:]:
        out = table.get(name)(out, x)
    return out


def and_(*values: Callable[[], Any]) -> Any:
    """`a and b and ...`."""
    return _logical(values, False, "logical_and")


def or_(*values: Callable[[], Any]) -> Any:
    """`a or b or ...`."""
    return _logical(values, True, "logical_or")


def free(*flags: Any) -> Any:
    """Whether no flag of break or continue is set."""
    return not_(or_(*(lambda f=f: f for f in flags)))


def choose(test: Any, body: Callable[[], Any], orelse: Callable[[], Any]) -> Any:
    """`body if test else orelse`."""
    if not traced(test):
        return body() if test else orelse()
    return table.get("cond")(_bool(test), body, orelse)


def assert_(test: Any, message: Callable[[], Any]) -> None:
    """`assert test, message`."""
    if traced(test):
        table.get("debugging.Assert")(_bool(test), [np.asarray(str(message()))])
    elif not test:
        raise AssertionError(*([message()] if message() != "" else []))


# -- state -----------------------------------------------------------------------------------


class Values:
    """The values of names, apart: arrays that control flow carries, and everything else."""

    def __init__(self, values: Sequence[Any], names: Sequence[str]) -> None:
        self.names = names
        self.arrays: list[Any] = []
        self._parts: list[tuple[list[Any], Any]] = []
        for value in values:
            leaves, structure = optree.tree_flatten(value, none_is_leaf=True,
                                                    namespace="tensorflow")  # fmt: skip
            self._parts.append(([_HOLE if _is_carried(x) else x for x in leaves], structure))
            self.arrays += [to_array(x) for x in leaves if _is_carried(x)]

    def rebuild(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """The values with other arrays."""
        given = iter(arrays)
        return tuple(
            optree.tree_unflatten(s, [wrap(next(given)) if x is _HOLE else x for x in leaves])
            for leaves, s in self._parts
        )

    def differs(self, other: Values) -> str | None:
        """What is of another nesting or shape in `other`; None if there is nothing."""
        for name, (a, s), (b, t) in zip(self.names, self._parts, other._parts):
            if s != t or any(not _unchanged(x, y) for x, y in zip(a, b)):
                return repr(name)
        for x, y in zip(self.arrays, other.arrays):
            if x.shape != y.shape:
                return f"one of {', '.join(self.names)} (shapes {x.shape} and {y.shape})"
        return None


_HOLE = object()


def _is_carried(x: Any) -> bool:
    return isinstance(x, (bool, int, float, complex, np.ndarray, np.generic, KerasVariable)) or (
        raw(x) is not None
    )  # fmt: skip


def _unchanged(x: Any, y: Any) -> bool:
    if x is y:
        return True
    try:
        return bool(x == y)
    except Exception:
        return False


# -- if --------------------------------------------------------------------------------------


class Trial:
    """Runs code in a trace that is thrown away; variables stay as they are."""

    def __init__(self) -> None:
        self._trace = Trace()

    def __call__(self, *steps: Callable[[], Any]) -> Any:
        """What the last of the steps returns."""
        scope = VariableScope.current()
        with building(self._trace):
            if scope is None:
                return [f() for f in steps][-1]
            return scope.isolated(lambda: [f() for f in steps][-1])[0]


def if_(test: Any, body: Callable[[], None], orelse: Callable[[], None], get: Any, put: Any,
        names: Sequence[str]) -> None:  # fmt: skip
    """`if test: body else: orelse`."""
    if not traced(test):
        (body if _flag(test) else orelse)()
        return
    before = get()
    skipped, wanted = _outcome(before, (body, orelse), get, put, names)
    found: list[Values] = []

    def run(branch: Callable[[], None]) -> list[Any]:
        put(before)
        branch()
        after = [value if skip is None else skip for skip, value in zip(skipped, get())]
        found.append(Values(after, names))
        return [_typed(x, dtype) for x, dtype in zip(found[-1].arrays, wanted)]

    out = core.cond(np.reshape(to_array(_bool(test)), ()), lambda: run(body), lambda: run(orelse))
    put(found[0].rebuild(out))


def _outcome(before: Any, branches: Sequence[Any], get: Any, put: Any,
             names: Sequence[str]) -> tuple[list[Any], list[Any]]:  # fmt: skip
    """What the branches assign: for each name Undefined where not both do (else None), and the
    dtypes of the arrays. The branches are run for that, to no other effect."""
    trial = Trial()
    outcomes = []
    for branch in branches:
        put(before)
        outcomes.append(trial(branch, get))
    put(before)
    skipped = [next((v for v in pair if isinstance(v, Undefined)), None) for pair in zip(*outcomes)]

    def values(outcome: Any) -> Values:
        kept = [v if skip is None else skip for skip, v in zip(skipped, outcome)]
        return trial(lambda: Values(kept, names))

    first, second = map(values, outcomes)
    name = first.differs(second)
    if name is not None:
        raise TypeError(
            f"{name} is not of the same kind in both branches of an `if` over a tensor (at "
            f"{user_line()}); assign tensors of the same shape and nesting to it in both"
        )
    return skipped, [x.dtype for x in first.arrays]


def _typed(x: Any, dtype: Any) -> Any:
    return x if x.dtype == dtype else x.astype(dtype)


# -- while and for ---------------------------------------------------------------------------


class Loop:
    """A loop's state while the engine carries it: the names that had values before the loop."""

    def __init__(self, get: Any, put: Any, names: Sequence[str], step: Callable[[], None]) -> None:
        self._get, self._put = get, put
        self._before = get()
        self._kept = [i for i, v in enumerate(self._before) if not isinstance(v, Undefined)]
        self.names = [names[i] for i in self._kept]
        start = [self._before[i] for i in self._kept]
        trial = Trial()
        after = trial(step, self._values)
        put(self._before)
        start = trial(lambda: [_settled(x, y) for x, y in zip(start, after)])
        self.values = Values(start, self.names)
        found = trial(lambda: Values(after, self.names))
        self._check(found)
        self.arrays = [_typed(x, y.dtype) for x, y in zip(self.values.arrays, found.arrays)]

    def _values(self) -> list[Any]:
        values = self._get()
        return [values[i] for i in self._kept]

    def enter(self, arrays: Sequence[Any]) -> None:
        """Give the names these values."""
        values = list(self._before)
        for i, value in zip(self._kept, self.values.rebuild(arrays)):
            values[i] = value
        self._put(tuple(values))

    def leave(self) -> list[Any]:
        """The values of the names."""
        after = Values(self._values(), self.names)
        self._check(after)
        return [_typed(x, y.dtype) for x, y in zip(after.arrays, self.arrays)]

    def _check(self, after: Values) -> None:
        name = self.values.differs(after)
        if name is not None:
            raise TypeError(
                f"{name} does not keep its kind in a loop over tensors (at {user_line()}); it must "
                "hold tensors of the same shape and nesting all the time"
            )


def _settled(x: Any, after: Any) -> Any:
    """A start value; a TensorArray learns the shape of its elements from what a step writes."""
    return x.like(after) if hasattr(x, "like") else x


def while_(test: Callable[[], Any], body: Callable[[], None], get: Any, put: Any,
           names: Sequence[str]) -> None:  # fmt: skip
    """`while test: body`."""
    while True:
        decision = test()
        if traced(decision):
            break
        if not _flag(decision):
            return
        body()
    loop = Loop(get, put, names, body)

    def holds(*arrays: Any) -> Any:
        loop.enter(arrays)
        return np.reshape(to_array(_bool(test())), ())

    def step(*arrays: Any) -> Any:
        loop.enter(arrays)
        body()
        return loop.leave()

    loop.enter(list(core.while_loop(holds, step, list(loop.arrays))))


class Range:
    """The numbers from `start` below `stop`, where a bound is traced."""

    def __init__(self, start: Any, stop: Any, step: Any) -> None:
        self.start, self.stop, self.step = start, stop, step


def range_(f: Any, *args: Any, **kwargs: Any) -> Any:
    """`range(...)` or `tf.range(...)`."""
    if f is not range and f is not table.get("range"):
        return function(f)(*args, **kwargs)
    if not any(map(traced, args)):
        return f(*args, **kwargs)
    start, stop = (0, args[0]) if len(args) == 1 else args[:2]
    return Range(start, stop, args[2] if len(args) > 2 else kwargs.get("delta", 1))


def for_(items: Any, stop: str | None, body: Callable[[Any], None], get: Any, put: Any,
         names: Sequence[str]) -> None:  # fmt: skip
    """`for item in items: body`; `stop` is the name of the flag that break sets."""
    if isinstance(items, Range):
        _for_range(items, body, get, put, names)
        return
    if isinstance(items, Tensor) and state.is_traced() and len(items) > UNROLLED:
        _for_rows(items, body, get, put, names)
        return
    for item in items:
        body(item)
        if stop is not None:
            broken = get()[names.index(stop)]
            if not traced(broken) and _flag(broken):
                return


def _for_rows(items: Tensor, body: Callable[[Any], None], get: Any, put: Any,
              names: Sequence[str]) -> None:  # fmt: skip
    rows = to_array(items)
    loop = Loop(get, put, names, lambda: body(wrap(rows[0])))

    def step(carry: Any, row: Any) -> Any:
        loop.enter(carry)
        body(wrap(row))
        return loop.leave(), None

    loop.enter(core.scan(step, list(loop.arrays), rows)[0])


def _for_range(items: Range, body: Callable[[Any], None], get: Any, put: Any,
               names: Sequence[str]) -> None:  # fmt: skip
    first, last, delta = (to_array(x) for x in (items.start, items.stop, items.step))
    if state.is_traced_value(delta):
        raise InvalidArgumentError("range with a step that is a traced tensor")
    first = _typed(first, last.dtype)
    loop = Loop(get, put, names, lambda: body(wrap(first)))

    def goes_on(i: Any, *carry: Any) -> Any:
        return i < last if delta > 0 else i > last

    def step(i: Any, *carry: Any) -> Any:
        loop.enter(carry)
        body(wrap(i))
        return [i + _typed(delta, i.dtype), *loop.leave()]

    loop.enter(list(core.while_loop(goes_on, step, [first, *loop.arrays]))[1:])
