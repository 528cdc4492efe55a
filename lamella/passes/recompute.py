"""Recompute instead of store: which values a region should compute again rather than read.

A chain of elementwise equations over one large array costs the same memory traffic as reading its
result, and saves writing it: (x - mean) * scale next to a kernel that reads x anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from lamella.program import Equation, Value

#: What an equation costs: one that is cheap, and any other elementwise one (exp, erf, a division).
CHEAP, COSTLY = 1, 8
#: Arrays up to this size stay in the cache, and are computed again only by cheap equations.
SMALL = 1 << 19
#: Cost that is worth saving a byte of a larger array from being written and read.
COST_OF_BYTE = 6


def light_roots(
    value: Value,
    inside: Callable[[Value], Equation | None],
    views: Mapping[Value, Equation],
    kept: Collection[Value],
) -> set[Value] | None:
    """The arrays from which a few elementwise equations compute `value`; None if it takes more.

    inside(v) is the equation of v where v belongs to the same region as `value`. What is not
    elementwise (a contraction, a mean) is read, and so is what is small beside `value` and costly,
    and what is in `kept`.
    """
    roots: set[Value] = set()
    seen: set[Value] = set()
    stack = [value]
    left = budget(value)
    while stack:
        v = stack.pop()
        if v in seen:
            continue
        seen.add(v)
        if v in views:
            stack += views[v].operands
            continue
        eq = inside(v)
        if eq is None or v in kept or _is_read(eq, v, value):
            roots.add(v)
            continue
        left -= CHEAP if "cheap" in eq.primitive.traits else COSTLY
        if left < 0:
            return None
        stack += eq.operands
    return None if value in roots else roots


def budget(value: Value) -> int:
    """The cost up to which computing `value` again may beat keeping it."""
    if value.type.nbytes <= SMALL:
        return COSTLY
    return COST_OF_BYTE * value.type.dtype.itemsize


def _is_read(eq: Equation, v: Value, value: Value) -> bool:
    if eq.primitive.family != "elementwise":
        return True
    return "cheap" not in eq.primitive.traits and is_small(v, value)


def is_small(v: Value, value: Value) -> bool:
    """Does reading `v` not count beside reading `value`?"""
    return 8 * v.type.nbytes <= value.type.nbytes


def worthwhile(
    values: Mapping[Value, set[Value]],
    already_read: set[Value],
    stored: set[Value],
    kept: set[Value],
) -> bool:
    """Does computing `values` from their roots move fewer bytes than reading them?

    A value in `kept` is stored in any case, others need not be; a root that is not `stored` yet has
    to be. Arrays that the region reads anyway cost nothing.
    """
    largest = max(values, key=lambda v: v.type.nbytes)
    roots = {r for rs in values.values() for r in rs if not is_small(r, largest)} - already_read
    saved = sum(v.type.nbytes * (1 if v in kept else 2) for v in values)
    return sum(r.type.nbytes * (1 if r in stored else 2) for r in roots) < saved
