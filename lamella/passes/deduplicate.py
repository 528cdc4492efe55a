"""Common subexpressions: an equation or a constant that repeats an earlier one becomes that one."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from lamella.passes.rewrite import Rewriter, map_nested
from lamella.program import Program, Value

#: Constants of up to so many bytes are compared byte by byte; of larger ones only the same array.
COMPARED = 1 << 20


def deduplicate(program: Program) -> Program:
    """y = f(a); z = f(a) -> z is y; but not barrier, which exists to keep a recomputation."""
    out = Rewriter(program)
    first: dict[Hashable, Value] = {}
    for v, array in program.constants.items():
        known = array.tobytes() if array.nbytes <= COMPARED else id(array)
        out.new[v] = first.setdefault((v.type, known), v)
    seen: dict[Hashable, tuple[Value, ...]] = {}
    for eq in program.equations:
        operands = tuple(out.new[v] for v in eq.operands)
        key = (eq.primitive, operands, _frozen(eq.attrs))
        repeated = seen.get(key)
        if repeated is not None and "opaque" not in eq.primitive.traits:
            out.replace(eq, repeated)
        else:
            out.keep(eq, map_nested(eq, deduplicate))
            seen[key] = eq.results
    return out.result(program)


def _frozen(attrs: dict[str, Any]) -> Hashable:
    """Attributes as a key; nested Programs and callables are equal only to themselves.

    repr keeps 0.0 and -0.0, 1 and 1.0 and True apart.
    """
    return tuple((k, id(v) if callable(v) or hasattr(v, "equations") else repr(v))
                 for k, v in sorted(attrs.items()))  # fmt: skip
