"""Recompute instead of store: which values a region should compute again rather than read.

A chain of cheap elementwise equations over one large array costs the same memory traffic as reading
its result, and saves writing it: (x - mean) * scale next to a kernel that reads x anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lamella.program import Equation, Value

#: More equations than this are not computed again.
MAX_EQUATIONS = 8


def light_roots(
    value: Value, inside: Callable[[Value], Equation | None], views: Mapping[Value, Equation]
) -> set[Value] | None:
    """The arrays from which a few cheap equations compute `value`, or None.

    inside(v) is the equation of v where v belongs to the same region as `value`.
    """
    roots: set[Value] = set()
    seen: set[Value] = set()
    stack = [value]
    count = 0
    while stack:
        v = stack.pop()
        if v in seen:
            continue
        seen.add(v)
        if v in views:
            stack += views[v].operands
            continue
        eq = inside(v)
        if eq is None:
            roots.add(v)
            continue
        count += 1
        if "cheap" not in eq.primitive.traits or count > MAX_EQUATIONS:
            return None
        stack += eq.operands
    return roots


def worthwhile(value: Value, roots: set[Value], already_read: set[Value]) -> bool:
    """Is reading `roots` no more than reading `value`?

    Arrays that are read anyway cost nothing, and small ones stay in the cache.
    """
    new = [r.type.nbytes for r in roots - already_read if 8 * r.type.nbytes > value.type.nbytes]
    return sum(new) <= value.type.nbytes
