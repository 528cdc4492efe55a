"""Names of NumPy 1 that NumPy 2 does not have, for the files of a program.

`np.float` is looked up by NumPy's module `__getattr__`, which is told here who asks: the files of
the program get what NumPy 1 had, installed packages get NumPy's own answer.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorflow_lamella.callers import is_library


def _in1d(ar1: Any, ar2: Any, **options: Any) -> np.ndarray:
    return np.isin(np.ravel(ar1), ar2, **options)


class _Cast:
    """`np.cast["float32"](x)`."""

    def __getitem__(self, dtype: Any) -> Callable[[Any], np.ndarray]:
        return lambda x: np.asarray(x, dtype)


def _random_integers(low: int, high: int | None = None, size: Any = None) -> Any:
    """Both ends are included."""
    bounds = (1, low + 1) if high is None else (low, high + 1)
    return np.random.randint(*bounds, size=size)  # noqa: NPY002 - what the program seeds


def _same(names: str, value: Any) -> dict[str, Any]:
    return dict.fromkeys(names.split(), value)


NAMES: dict[str, Any] = {
    "int": int, "float": float, "complex": complex, "object": object, "long": int, "math": math,
    **_same("str unicode", str),
    **_same("bool8", np.bool_), **_same("object0", np.object_),
    **_same("float_", np.float64), **_same("complex_ cfloat", np.complex128),
    "singlecomplex": np.complex64, "longfloat": np.longdouble, "longcomplex": np.clongdouble,
    **_same("unicode_ str0", np.str_), **_same("string_ bytes0", np.bytes_), "void0": np.void,
    "int0": np.intp, "uint0": np.uintp,
    **_same("NaN NAN", np.nan), **_same("Inf Infinity infty PINF", np.inf), "NINF": -np.inf,
    "PZERO": 0.0, "NZERO": -0.0,
    "product": np.prod, "cumproduct": np.cumprod, "sometrue": np.any, "alltrue": np.all,
    "row_stack": np.vstack, "round_": np.round, "trapz": np.trapezoid, "mat": np.asmatrix,
    "rank": np.ndim, "alen": len, "in1d": _in1d,
    "asscalar": lambda a: np.asarray(a).item(),
    "asfarray": lambda a, dtype=np.float64: np.asarray(a, dtype),
    "msort": lambda a: np.sort(a, axis=0),
    "cast": _Cast(),
    "issubclass_": lambda a, b: isinstance(a, type) and issubclass(a, b),
    "VisibleDeprecationWarning": np.exceptions.VisibleDeprecationWarning,
    "ComplexWarning": np.exceptions.ComplexWarning, "RankWarning": np.exceptions.RankWarning,
    "AxisError": np.exceptions.AxisError,
    "set_numeric_ops": lambda **ops: {}, "maximum_sctype": lambda t: np.dtype(t).type,
}  # fmt: skip
"""What NumPy 1 had under names that are gone, or that mean the same as a longer one."""

RANDOM = {"random_integers": _random_integers}
LIB = {"pad": np.pad}


def install() -> None:
    """Answer for the names in the modules numpy, numpy.random and numpy.lib."""
    for module, names in ((np, NAMES), (np.random, RANDOM), (np.lib, LIB)):
        _serve(module, {k: v for k, v in names.items() if k not in vars(module)})


def _serve(module: Any, names: dict[str, Any]) -> None:
    plain = vars(module).get("__getattr__")
    if getattr(plain, "names_of_numpy_1", False):
        return

    def __getattr__(name: str) -> Any:
        if name in names and not is_library(sys._getframe(1).f_code.co_filename):
            return names[name]
        if plain is not None:
            return plain(name)
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    __getattr__.names_of_numpy_1 = True  # type: ignore[attr-defined]
    vars(module)["__getattr__"] = __getattr__
