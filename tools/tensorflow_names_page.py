"""Write docs/tensorflow_names.md from the tables of `tensorflow_lamella.keras`.

python tools/tensorflow_names_page.py
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tensorflow_lamella.keras.arguments import ANY, DROPPED, RENAMED, VALUES
from tensorflow_lamella.keras.models import METHODS
from tensorflow_lamella.keras.names import GONE, MODULES, NAMES, PREFIXES

PAGE = Path(__file__).parent.parent / "docs" / "tensorflow_names.md"

HEAD = """\
# Old names of Keras

What programs of ten years call things, and what they get under `lamella run`. This page is written
by `python tools/tensorflow_names_page.py` from the tables in `tensorflow_lamella/keras/`; a test
compares the two. [tensorflow.md](tensorflow.md) says how to use it.
"""


def page() -> str:
    """The text of docs/tensorflow_names.md."""
    parts = [
        ("Keras under other names", ("package", "is"), _rows(PREFIXES)),
        ("Modules", ("module", "its names are those of"), _modules()),
        ("Names", ("module", "old name → today's"), _names()),
        ("Arguments", ("of", "old → today's"), _arguments()),
        ("Values of arguments", ("argument", "old → today's"), _values()),
        ("Arguments that are left aside", ("of", "argument (the only value, if not any)"), _left()),
        ("Methods and attributes that are there again", ("of", "name"), _methods()),
        ("Gone", ("name", "instead"), _rows(GONE)),
    ]
    lines = [HEAD]
    for title, columns, rows in parts:
        lines += [f"## {title}", "", f"| {' | '.join(columns)} |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _row(first: str, second: str) -> str:
    return f"| {first} | {second} |"


def _rows(table: Mapping[str, str]) -> Iterator[str]:
    for name, meaning in sorted(table.items()):
        yield _row(f"`{name}`", f"`{meaning}`" if meaning.isidentifier() else meaning)


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _modules() -> Iterator[str]:
    by_home: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for module, homes in MODULES.items():
        by_home[tuple(_public(home) for home in homes)].append(module)
    for homes, modules in sorted(by_home.items()):
        yield _row(_code(sorted(modules)), _code(homes) or "nothing: it may be imported")


def _public(name: str) -> str:
    """`keras.layers` for keras._tf_keras.keras.layers; ours by what they are."""
    ours = "tensorflow_lamella.keras."
    return name.replace("keras._tf_keras.keras", "keras").replace(ours, "lamella: ")


def _names() -> Iterator[str]:
    by_module: dict[str, list[str]] = defaultdict(list)
    for old, today in NAMES.items():
        module, _, name = old.rpartition(".")
        target = _public(today)
        if target == old:
            by_module[module].append(f"`{name}`")
            continue
        here = target.rpartition(".")[0] == module
        by_module[module].append(f"`{name}` → `{target.rpartition('.')[2] if here else target}`")
    for module, changes in sorted(by_module.items()):
        yield _row(f"`{module}`", ", ".join(changes))


def _arguments() -> Iterator[str]:
    by_change: dict[str, list[str]] = defaultdict(list)
    for owner, renamed in RENAMED.items():
        change = ", ".join(f"`{old}` → `{new}`" for old, new in renamed.items())
        if change:
            by_change[change].append(owner)
    for change, owners in by_change.items():
        yield _row(_code(owners), change)


def _values() -> Iterator[str]:
    for argument, values in VALUES.items():
        changes = ", ".join(f"`{old!r}` → `{new!r}`" for old, new in values.items())
        yield _row(f"`{argument}`", changes)


def _left() -> Iterator[str]:
    by_names: dict[str, list[str]] = defaultdict(list)
    for owner, dropped in DROPPED.items():
        names = ", ".join(
            f"`{name}`" if value is ANY else f"`{name}={value!r}`"
            for name, value in dropped.items()
        )
        by_names[names].append(owner)
    for names, owners in by_names.items():
        yield _row(_code(owners), names)


def _methods() -> Iterator[str]:
    for owner, methods in METHODS.items():
        yield _row(f"`{owner}`", _code(methods))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
