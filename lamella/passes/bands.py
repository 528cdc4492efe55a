"""Bands: contractions leave out products that a constant mask makes zero, or that nobody reads.

    s = contract(q, k) 't h, u h -> t u'         s = contract(q, k) [band=('t', 'u', -n, 0)]
    p = softmax(select(t >= u, s, -inf))     ->  p = ...
    o = contract(p', v) 't u, u h -> t h'        o = contract(p', v) [band=('t', 'u', -n, 0)]

where p' = select(t >= u, p, 0). A band of an array says that only elements with
low <= (index along q) - (index along p) <= high count: others are zero, or hidden behind a mask.
Numbers are taken to be finite, as 0 * inf would not be zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lamella import indexmap, ops
from lamella.passes.rewrite import map_nested
from lamella.passes.views import moves
from lamella.program import Equation, Program, Value

#: {(primitive, operand): the operand that hides it where that is zero}
_MASKS = {(ops.select, 1): 0, (ops.mul, 0): 1, (ops.mul, 1): 0}
#: A band that holds more than this share of the elements is not worth the tests.
WIDEST = 0.8


@dataclass(frozen=True)
class Band:
    """Axes p < q, and the differences of their indices that count."""

    p: int
    q: int
    low: int
    high: int

    def moved(self, p: int, q: int) -> Band:
        """The same differences between other axes."""
        return Band(p, q, self.low, self.high) if p < q else Band(q, p, -self.high, -self.low)

    def within(self, other: Band | None) -> Band:
        """The elements in both, as far as one band can say."""
        if other is None or (self.p, self.q) != (other.p, other.q):
            return self
        return Band(self.p, self.q, max(self.low, other.low), min(self.high, other.high))

    def around(self, other: Band | None) -> Band | None:
        """The elements in either."""
        if other is None or (self.p, self.q) != (other.p, other.q):
            return None
        return Band(self.p, self.q, min(self.low, other.low), max(self.high, other.high))


def use_bands(program: Program) -> Program:
    """contract(a, b) -> contract(a, b) [band=...] where a band of a, b or the result is known."""
    filled = _filled(program)
    wanted = _wanted(program, filled) if filled else {}
    equations = []
    for eq in program.equations:
        attrs = map_nested(eq, use_bands)
        if eq.primitive.family == "contraction" and "band" not in attrs:
            band = _of_contraction(eq, filled, wanted)
            attrs = {**attrs, "band": band} if band else attrs
        equations.append(Equation(eq.primitive, eq.operands, attrs, eq.results, eq.source))
    return Program(program.inputs, equations, program.outputs, program.constants)


def _of_contraction(
    eq: Equation, filled: dict[Value, Band], wanted: dict[Value, Band | None]
) -> tuple[str, str, int, int] | None:
    """The band as axes of the loop nest and differences."""
    maps = indexmap.parse(eq.attrs["spec"])
    (a, b), (out,) = eq.operands, eq.results
    for dims, band in (
        (maps.out, wanted.get(out)),
        (maps.a, filled.get(a)),
        (maps.b, filled.get(b)),
    ):
        if band is not None:
            x, y = dims[band.p].axis, dims[band.q].axis
            if x and y and x != y:
                return x, y, band.low, band.high
    return None


# ---- where elements are zero -------------------------------------------------------------------


def _filled(program: Program) -> dict[Value, Band]:
    """The bands outside of which arrays are zero (or False)."""
    found: dict[Value, Band] = {}
    for v, array in program.constants.items():
        band = _of_mask(array) if v.type.dtype == bool else None
        if band is not None:
            found[v] = band
    if not found:
        return found
    numbers = {}
    for eq in program.equations:
        if eq.primitive is ops.full:
            numbers[eq.results[0]] = eq.attrs["value"]
        band = _of_result(eq, found, numbers)
        if band is not None:
            found[eq.results[0]] = band
    return found


def _of_mask(array: np.ndarray) -> Band | None:
    """The band of a constant along its last two axes of more than one element."""
    wide = [i for i, n in enumerate(array.shape) if n > 1]
    if len(wide) < 2:
        return None
    p, q = wide[-2:]
    shape = array.shape[p], array.shape[q]
    rows, columns = np.nonzero(array.reshape(-1, *shape).any(axis=0))
    if not rows.size:
        return None
    difference = columns - rows
    low, high = int(difference.min()), int(difference.max())
    every = np.arange(shape[1]) - np.arange(shape[0])[:, None]
    share = np.mean((every >= low) & (every <= high))
    return Band(p, q, low, high) if share <= WIDEST else None


def _of_result(eq: Equation, found: dict[Value, Band], numbers: dict[Value, Any]) -> Band | None:
    """The band of what `eq` makes; numbers: the Values that are one number everywhere."""
    bands = [found.get(v) for v in eq.operands]
    if eq.primitive is ops.select:
        return bands[0] if numbers.get(eq.operands[2]) == 0 else None
    if eq.primitive is ops.div:
        return bands[0] if numbers.get(eq.operands[1]) else None
    if eq.primitive in (ops.mul, ops.bitwise_and):
        return bands[0].within(bands[1]) if bands[0] else bands[1]
    if eq.primitive in (ops.convert, ops.neg):
        return bands[0]
    if eq.primitive.family == "view" and bands and bands[0]:
        return _moved(eq, bands[0])
    return None


def _moved(eq: Equation, band: Band, back: bool = False) -> Band | None:
    """The band of a view of an array, or `back` from the view to the array."""
    shape, result = eq.operands[0].type.shape, eq.results[0].type.shape
    places = {i: j for i, j in (moves(eq) or {}).items() if shape[i] == result[j]}
    if back:
        places = {j: i for i, j in places.items()}
    if band.p not in places or band.q not in places:
        return None
    return band.moved(places[band.p], places[band.q])


# ---- which elements are read -------------------------------------------------------------------


def _wanted(program: Program, filled: dict[Value, Band]) -> dict[Value, Band | None]:
    """The bands outside of which no element matters; None where all do."""
    wanted: dict[Value, Band | None] = dict.fromkeys(program.outputs)
    for eq in reversed(program.equations):
        band = wanted.get(eq.results[0]) if len(eq.results) == 1 else None
        for k, v in enumerate(eq.operands):
            asked = _asked(eq, k, band, filled)
            known = wanted.get(v)
            wanted[v] = asked if v not in wanted else known and known.around(asked)
    return wanted


def _asked(eq: Equation, k: int, band: Band | None, filled: dict[Value, Band]) -> Band | None:
    """What `eq` needs of operand k where `band` is wanted of its result."""
    if eq.primitive.family == "elementwise":
        mask = _MASKS.get((eq.primitive, k))
        hidden = filled.get(eq.operands[mask]) if mask is not None else None
        return hidden.within(band) if hidden else band
    if eq.primitive.family != "view":
        return None
    spreads = eq.results[0].type.size > eq.operands[0].type.size
    return _moved(eq, band, back=True) if band and not spreads else None
