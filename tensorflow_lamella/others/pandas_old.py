"""Methods and arguments of pandas before 1.0 and 2.0, beside those of today."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


class _Ix:
    """`frame.ix[rows, columns]`: labels, or positions where they are no labels."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __getitem__(self, key: Any) -> Any:
        try:
            return self._data.loc[key]
        except (KeyError, TypeError):
            return self._data.iloc[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        try:
            self._data.loc[key]
        except (KeyError, TypeError):
            self._data.iloc[key] = value
        else:
            self._data.loc[key] = value


def adjust(pandas: Any) -> None:
    """Add what is missing to the imported pandas."""
    for cls in (pandas.DataFrame, pandas.Series):
        for name, value in (("append", _append), ("as_matrix", _as_matrix), ("ix", property(_Ix))):
            if not hasattr(cls, name):
                setattr(cls, name, value)
    pandas.read_csv = _reader(pandas.read_csv)


def _as_matrix(self: Any, columns: Any = None) -> Any:
    """The values as an array."""
    return (self if columns is None else self[columns]).to_numpy()


def _append(self: Any, other: Any, ignore_index: bool = False, **unused: Any) -> Any:
    """A new frame or series with the rows of `other` at its end."""
    import pandas  # type: ignore[import-untyped]

    if isinstance(other, dict) or (isinstance(other, pandas.Series) and self.ndim == 2):
        other = pandas.DataFrame([other])
    elif isinstance(other, list) and other and not hasattr(other[0], "index"):
        other = pandas.DataFrame(other)
    parts = other if isinstance(other, list) else [other]
    return pandas.concat([self, *parts], ignore_index=ignore_index)


def _reader(plain: Callable[..., Any]) -> Callable[..., Any]:
    """read_csv with arguments of pandas 1."""

    @functools.wraps(plain)
    def read_csv(*args: Any, delim_whitespace: bool = False, squeeze: bool = False,
                 error_bad_lines: bool = True, warn_bad_lines: bool = True,
                 infer_datetime_format: bool = False, prefix: Any = None,
                 **kwargs: Any) -> Any:  # fmt: skip
        if delim_whitespace:
            kwargs["sep"] = r"\s+"
        if not error_bad_lines:
            kwargs["on_bad_lines"] = "warn" if warn_bad_lines else "skip"
        frame = plain(*args, **kwargs)
        if prefix is not None:
            frame.columns = [f"{prefix}{name}" for name in frame.columns]
        return frame.squeeze("columns") if squeeze else frame

    return read_csv
