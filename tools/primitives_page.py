"""Write docs/primitives.md from the records of the primitives.

python tools/primitives_page.py
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lamella import ops  # noqa: F401  (makes the records)
from lamella.primitive import FAMILIES, PRIMITIVES, Primitive, no_gradient

PAGE = Path(__file__).parent.parent / "docs" / "primitives.md"
LONGEST_RULE = 90

HEAD = """\
# Primitives

Everything that a Program can hold, by family. This page is written by
`python tools/primitives_page.py` from the records in `lamella/ops/`; a test compares the two. The
derivative is the record's `vjp`: from the cotangent `g`, the result and the operands to the
operands' cotangents. Where it is a function of some lines, its name is given.
"""


def page() -> str:
    """The text of docs/primitives.md."""
    return "\n".join([HEAD, *(line for family in FAMILIES for line in section(family))]) + "\n"


def section(family: str) -> Iterator[str]:
    """A heading and a table: one row for each primitive of the family."""
    members = [p for p in PRIMITIVES.values() if p.family == family]
    if not members:
        return
    yield from (
        f"## {family}",
        "",
        "| primitive | NumPy | attributes | derivative |",
        "|---|---|---|---|",
    )
    for p in sorted(members, key=lambda p: p.name):
        cells = (f"`{p.name}`", numpy_name(p), ", ".join(attributes(p)), derivative(p))
        yield f"| {' | '.join(cells)} |"
    yield ""


def numpy_name(primitive: Primitive) -> str:
    """The NumPy function that is the meaning; empty where it is one of ours."""
    f = primitive.numpy
    name = getattr(f, "__name__", "")
    for prefix, module in (("np", np), ("np.linalg", np.linalg), ("np.fft", np.fft)):
        if getattr(module, name, None) is f:
            return f"`{prefix}.{name}`"
    return ""


def attributes(primitive: Primitive) -> list[str]:
    """The names of the attributes that its samples have, in their order."""
    samples = primitive.samples(np.random.default_rng(0))
    return list(dict.fromkeys(f"`{name}`" for _, attrs in samples for name in attrs))


def derivative(primitive: Primitive) -> str:
    """The rule's text where it is a short lambda, else the name of the function."""
    rule = primitive.vjp
    if rule is no_gradient:
        return "none"
    if rule.__name__ != "<lambda>":
        return f"`{rule.__name__}`"
    text = lambda_text(rule)
    return f"`{text}`".replace("|", "\\|") if len(text) <= LONGEST_RULE else "in its record"


def lambda_text(rule: Callable[..., Any]) -> str:
    """`lambda g, y, x: g * y` as written, from the lines of the file that it stands in."""
    code = rule.__code__
    names = list(code.co_varnames[: code.co_argcount])
    (node,) = (
        node for node in lambdas(code.co_filename)
        if node.lineno == code.co_firstlineno and [a.arg for a in node.args.args] == names
    )  # fmt: skip
    return " ".join(ast.unparse(node).split())


@functools.cache
def lambdas(filename: str) -> list[ast.Lambda]:
    """Every lambda of a file."""
    tree = ast.parse(Path(filename).read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
