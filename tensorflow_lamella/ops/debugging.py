"""tf.debugging: checks of values, which a compiled function makes after each run, and of shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorflow_lamella.core import effects
from tensorflow_lamella.core.convert import matching, to_array
from tensorflow_lamella.core.dispatch import wrap
from tensorflow_lamella.core.dtypes import as_dtype
from tensorflow_lamella.core.shape import TensorShape
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.errors import InvalidArgumentError
from tensorflow_lamella.names import export, put

_COMPARISONS: dict[str, tuple[Callable[..., Any], str]] = {
    "equal": (np.equal, "=="),
    "none_equal": (np.not_equal, "!="),
    "less": (np.less, "<"),
    "less_equal": (np.less_equal, "<="),
    "greater": (np.greater, ">"),
    "greater_equal": (np.greater_equal, ">="),
}
_SIGNS: dict[str, tuple[Callable[..., Any], str]] = {
    "positive": (np.greater, "> 0"),
    "negative": (np.less, "< 0"),
    "non_negative": (np.greater_equal, ">= 0"),
    "non_positive": (np.less_equal, "<= 0"),
}


def _fail(message: Any, what: str, *values: Any) -> None:
    shown = "".join(f"\n{v}" for v in values)
    raise InvalidArgumentError(f"{message + ': ' if message else ''}{what}{shown}")


def _define_comparison(name: str, compare: Callable[..., Any], sign: str) -> None:
    def check(x: Any, y: Any, message: Any = None, summarize: Any = None, name: Any = None) -> None:
        def verify(a: Any, b: Any) -> None:
            if not np.all(compare(a, b)):
                _fail(message, f"Condition x {sign} y did not hold", a, b)

        effects.perform(verify, *matching([x, y], f"assert_{name}"))

    check.__name__ = f"assert_{name}"
    check.__doc__ = f"InvalidArgumentError unless x {sign} y for all elements."
    tops = [f"assert_{name}"] if name in ("equal", "less", "greater") else []
    put(check, f"debugging.assert_{name}", *tops)


def _define_sign(name: str, compare: Callable[..., Any], sign: str) -> None:
    def check(x: Any, message: Any = None, summarize: Any = None, name: Any = None) -> None:
        def verify(a: Any) -> None:
            if not np.all(compare(a, 0)):
                _fail(message, f"Condition x {sign} did not hold", a)

        effects.perform(verify, x)

    check.__name__ = f"assert_{name}"
    check.__doc__ = f"InvalidArgumentError unless x {sign} for all elements."
    put(check, f"debugging.assert_{name}")


for _name, (_compare, _sign) in _COMPARISONS.items():
    _define_comparison(_name, _compare, _sign)
for _name, (_compare, _sign) in _SIGNS.items():
    _define_sign(_name, _compare, _sign)


@export("Assert", "debugging.Assert")
def Assert(condition: Any, data: Any, summarize: Any = None, name: Any = None) -> None:
    """InvalidArgumentError with `data` unless all of `condition` is true."""

    def verify(truth: Any, *values: Any) -> None:
        if not np.all(truth):
            _fail(None, "assertion failed", *values)

    effects.perform(verify, condition, *data)


@export("debugging.assert_near")
def assert_near(x: Any, y: Any, rtol: Any = None, atol: Any = None, message: Any = None,
                summarize: Any = None, name: Any = None) -> None:  # fmt: skip
    """InvalidArgumentError unless |x - y| <= atol + rtol * |y|, by default 10 times the spacing."""

    def verify(a: Any, b: Any) -> None:
        least = 10 * np.finfo(a.dtype).eps
        relative, absolute = (least if t is None else float(t) for t in (rtol, atol))
        if not np.all(np.abs(a - b) <= absolute + relative * np.abs(b)):
            _fail(message, "x and y not equal to tolerance", a, b)

    effects.perform(verify, *matching([x, y], "assert_near"))


@export("debugging.check_numerics")
def check_numerics(tensor: Any, message: str, name: Any = None) -> Tensor:
    """The tensor; InvalidArgumentError where it holds NaN or infinity."""

    def verify(a: Any) -> None:
        if not np.all(np.isfinite(a)):
            kinds = [k for k, bad in (("Inf", np.isinf(a)), ("NaN", np.isnan(a))) if bad.any()]
            raise InvalidArgumentError(f"{message} : Tensor had {' and '.join(kinds)} values")

    effects.perform(verify, tensor)
    return wrap(to_array(tensor))


@export("debugging.assert_all_finite")
def assert_all_finite(x: Any, message: str, name: Any = None) -> Tensor:
    """As check_numerics."""
    return check_numerics(x, message)


@export("debugging.assert_shapes")
def assert_shapes(shapes: Any, data: Any = None, summarize: Any = None, message: Any = None,
                  name: Any = None) -> None:  # fmt: skip
    """ValueError unless the shapes fit: sizes may be numbers, names (equal everywhere) or None."""
    sizes: dict[Any, int] = {}
    for x, wanted in shapes.items() if isinstance(shapes, dict) else shapes:
        found = to_array(x).shape
        if len(found) != len(wanted):
            raise ValueError(f"{message or ''} a tensor of shape {found} where {wanted} is wanted")
        for d, want in zip(found, wanted):
            expected = want if isinstance(want, int) else sizes.setdefault(want, d)
            if want not in (None, ".", "*") and d != expected:
                raise ValueError(f"{message or ''} {want!r} is {expected} and {d} in {shapes}")


@export("debugging.assert_rank", "assert_rank")
def assert_rank(x: Any, rank: Any, message: Any = None, name: Any = None) -> None:
    """ValueError unless x has this many axes."""
    _ranked(x, message, lambda n: n == int(np.asarray(rank)), f"rank {rank}")


@export("debugging.assert_rank_at_least")
def assert_rank_at_least(x: Any, rank: Any, message: Any = None, name: Any = None) -> None:
    """ValueError unless x has at least so many axes."""
    _ranked(x, message, lambda n: n >= int(np.asarray(rank)), f"rank at least {rank}")


@export("debugging.assert_rank_in")
def assert_rank_in(x: Any, ranks: Any, message: Any = None, name: Any = None) -> None:
    """ValueError unless the number of axes is one of these."""
    _ranked(x, message, lambda n: n in [int(r) for r in ranks], f"a rank in {ranks}")


def _ranked(x: Any, message: Any, fits: Callable[[int], bool], wanted: str) -> None:
    shape = to_array(x).shape
    if not fits(len(shape)):
        raise ValueError(f"{message or ''} a tensor of shape {TensorShape(shape)}, {wanted} wanted")


@export("debugging.assert_scalar")
def assert_scalar(tensor: Any, message: Any = None, name: Any = None) -> Any:
    """ValueError unless the tensor has no axes."""
    _ranked(tensor, message, lambda n: n == 0, "a scalar")
    return tensor


@export("debugging.assert_type")
def assert_type(tensor: Any, tf_type: Any, message: Any = None, name: Any = None) -> None:
    """TypeError unless the dtype is this one."""
    if as_dtype(to_array(tensor).dtype) != as_dtype(tf_type):
        raise TypeError(f"{message or ''} {tensor!r} must be of type {as_dtype(tf_type)!r}")


@export("debugging.assert_integer")
def assert_integer(x: Any, message: Any = None, name: Any = None) -> None:
    """TypeError unless x holds integers."""
    if to_array(x).dtype.kind not in "iu":
        raise TypeError(f"{message or ''} expected integers, got {x!r}")


@export("debugging.is_numeric_tensor")
def is_numeric_tensor(tensor: Any) -> bool:
    """Whether it is a tensor of numbers."""
    return isinstance(tensor, Tensor) and tensor.dtype.name not in ("string", "bool")


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Accepted, without effect."""


put(_nothing, "debugging.enable_check_numerics", "debugging.disable_check_numerics",
    "debugging.set_log_device_placement", "debugging.enable_traceback_filtering",
    "debugging.disable_traceback_filtering")  # fmt: skip
