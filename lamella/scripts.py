"""Programs as they lie on disk: Python, Python with lines for a notebook, and notebooks.

A line for a notebook (`!pip install ...`, `%matplotlib inline`, `model?`) is found where Python
stops reading: in a program that is Python nothing is looked at.
"""

from __future__ import annotations

import ast
import json
import linecache
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

SILENT = frozenset(
    "matplotlib load_ext autoreload config tensorflow_version pylab precision reload_ext".split()
)
"""Magics that change how a notebook shows things: a program has nothing to show differently."""

RUNS_THE_REST = frozenset(("time", "prun"))
_MAGIC = re.compile(r"%+(?P<name>\w+)\s*(?P<rest>.*)")
_ASSIGNED = re.compile(r"[\w, ]+=\s*(!|%)")


@dataclass(frozen=True)
class Part:
    """A text of Python that is run as a whole: a script, or a cell of a notebook."""

    name: str
    """What tracebacks call it."""
    source: bytes | str
    shows_last: bool = False
    """Print the value of the last expression, as a notebook does."""

    def run(self, namespace: dict[str, Any]) -> None:
        """Run it as Python would run a file of this name."""
        if not self.shows_last:
            exec(compile(self.source, self.name, "exec", dont_inherit=True), namespace)
            return
        tree = ast.parse(self.source, self.name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, self.name, "exec", dont_inherit=True), namespace)
        if isinstance(last, ast.Expr):
            expression = ast.Expression(last.value)
            value = eval(compile(expression, self.name, "eval", dont_inherit=True), namespace)
            if value is not None and not str(self.source).rstrip().endswith(";"):
                print(repr(value))


def parts(path: str, data: bytes, note: Callable[[str], None]) -> list[Part]:
    """The program `data` of the file `path`.

    `note` is told of every line that is left out. Raises SyntaxError where the text is neither
    Python nor a line for a notebook, ValueError where a notebook is not one.
    """
    if not path.endswith(".ipynb"):
        try:
            compile(data, path, "exec", dont_inherit=True)
        except SyntaxError as error:
            text = _decoded(data, error)
            python = as_python(text, path, note)
            _show_in_tracebacks(path, text)
            return [Part(path, python)]
        return [Part(path, data)]
    found = []
    for number, text in enumerate(_cells(path, data), 1):
        name = f"{path}[{number}]"
        _show_in_tracebacks(name, text)
        found.append(Part(name, as_python(text, name, note), shows_last=True))
    return found


def _decoded(data: bytes, error: SyntaxError) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise error from None


def _cells(path: str, data: bytes) -> Iterator[str]:
    """The code of a notebook, cell by cell."""
    try:
        cells = json.loads(data)["cells"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{path} is not a notebook that can be read: JSON with a list of cells is expected "
            "(notebooks from before 2015 must be opened and saved by Jupyter once)"
        ) from None
    for cell in cells:
        if cell.get("cell_type") == "code":
            source = cell.get("source", "")
            yield _dedented(source if isinstance(source, str) else "".join(source))


def _dedented(cell: str) -> str:
    """A cell may be indented as a whole: each line loses the indentation of the first."""
    indent = cell[: len(cell) - len(cell.lstrip(" \t"))]
    return "\n".join(line.removeprefix(indent) for line in cell.split("\n")) if indent else cell


def _show_in_tracebacks(name: str, text: str) -> None:
    linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name


def as_python(text: str, name: str, note: Callable[[str], None]) -> str:
    """`text` with the lines that only a notebook knows as comments, or as what they run.

    >>> as_python("!pip install keras\\nx = 1", "nb.py", note=print)
    nb.py:1: left out: !pip install keras
    '# left out\\nx = 1'
    """
    lines = text.split("\n")
    whole = re.match(r"%%(\w+)", lines[0])
    if whole and whole[1] not in RUNS_THE_REST:
        note(f"{name}: cell left out: {lines[0]}")
        return ""
    while True:
        try:
            compile("\n".join(lines), name, "exec", dont_inherit=True)
        except SyntaxError as error:
            at = (error.lineno or 0) - 1
            line = lines[at] if 0 <= at < len(lines) else ""
            replaced = _replacement(line.strip(), f"{name}:{at + 1}", note)
            if replaced is None:
                raise
            _put(lines, at, replaced)
        else:
            return "\n".join(lines)


def _put(lines: list[str], at: int, python: str) -> None:
    """`python` in place of a line; where that is `pass`, also of the lines that continue it.

    Outside of blocks a comment is enough, and leaves `from __future__` behind it where it may be.
    """
    line = lines[at]
    indent = line[: len(line) - len(line.lstrip())]
    left_out = python == "pass"
    lines[at] = indent + python if indent or not left_out else "# left out"
    while left_out and line.endswith("\\") and at + 1 < len(lines):
        at += 1
        line, lines[at] = lines[at], ""


def _replacement(line: str, where: str, note: Callable[[str], None]) -> str | None:
    """The Python for one line of a notebook, or None where it is none."""
    magic = _MAGIC.fullmatch(line)
    if magic:
        if magic["name"] in RUNS_THE_REST:
            return magic["rest"] or "pass"
        if magic["name"] not in SILENT:
            note(f"{where}: left out: {line}")
        return "pass"
    if line.startswith("!") or re.fullmatch(r"\?{0,2}[\w.]+\?{0,2}", line):
        note(f"{where}: left out: {line}")
        return "pass"
    if _ASSIGNED.match(line):
        raise SyntaxError(
            f"{where}: {line!r} takes what a command of the shell prints, which only a notebook "
            "does; write it with subprocess.run, or with glob.glob for names of files"
        )
    return None


# -- what a notebook's programs find in their namespace ----------------------------------------


class Shell:
    """`get_ipython()` in scripts that were exported from notebooks: its magics are left out."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self.note = note

    def run_line_magic(self, name: str, line: str) -> None:
        if name not in SILENT:
            self.note(f"left out: %{name} {line}")

    def magic(self, line: str) -> None:
        self.run_line_magic(*line.partition(" ")[::2])

    def system(self, command: str) -> None:
        self.note(f"left out: !{command}")

    getoutput = system

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        self.note(f"cell left out: %%{name} {line}")


def namespace(note: Callable[[str], None]) -> dict[str, Any]:
    """The names that Jupyter adds to those of Python."""
    return {"get_ipython": lambda: Shell(note), "display": lambda *things: print(*things)}


def tell(message: str) -> None:
    """Write a note to standard error."""
    print(f"lamella run: {message}", file=sys.stderr)
