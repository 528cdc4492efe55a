"""Tracebacks of a program under `lamella run`: its own lines, without Lamella's and Keras's."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType

from lamella.inspect import wanted

HIDDEN_PACKAGES = ("lamella", "keras_lamella", "tensorflow_lamella", "keras")
NOTE = "(lines inside Lamella and Keras are left out: LAMELLA_DEBUG=traceback shows them)"


def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An excepthook that prints the user's lines; all lines if LAMELLA_DEBUG asks for them."""
    report = traceback.TracebackException(kind, error, trace)
    if not wanted("traceback"):
        hide_frames(report)
    print("".join(report.format()), end="", file=sys.stderr)


def hide_frames(report: traceback.TracebackException) -> None:
    """Remove frames of `HIDDEN_PACKAGES` and of the interpreter's start from `report`.

    A note stands at the end when an error was raised in one of them, so that nobody looks for
    its cause in the user's last line only.
    """
    folders = tuple(_package_folders())
    deepest_hidden = False
    for part in _chain(report):
        hidden = [frame for frame in part.stack if _is_hidden(frame.filename, folders)]
        deepest_hidden |= bool(hidden) and hidden[-1] is part.stack[-1]
        part.stack[:] = [frame for frame in part.stack if not _is_hidden(frame.filename, folders)]
    if deepest_hidden and report.stack:
        report.__notes__ = [*(report.__notes__ or []), NOTE]


def _is_hidden(filename: str, folders: tuple[str, ...]) -> bool:
    return filename.startswith((*folders, "<frozen runpy>"))


def _package_folders() -> Iterator[str]:
    for package in HIDDEN_PACKAGES:
        spec = importlib.util.find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            yield folder + os.sep


def _chain(report: traceback.TracebackException | None) -> Iterator[traceback.TracebackException]:
    """The report itself, its causes and contexts, and the members of groups."""
    if report is not None:
        yield report
        yield from _chain(report.__cause__)
        yield from _chain(report.__context__)
        for member in report.exceptions or ():
            yield from _chain(member)
