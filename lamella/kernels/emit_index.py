"""Symbolic integers: the index of an element as an affine function of the loops around it.

An Index is constant + sum of coefficient * Var. A Var is a loop counter, the lane number, the floor
quotient of an Index, or integers that the kernel loads. Quotients are shared and computed only if a
load needs them: i and j of a flattened k, namely k // n and k - n*(k // n), multiply back to k in
an address, and nothing is divided.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from lamella.kernels.emit_code import Code
from lamella.kernels.emit_lanes import INT32, INT64, Lanes, iota, together

INT32_MAX = 2**31 - 1


class Var:
    """An integer with 0 <= value < extent, known from loop level `level` on.

    ref is an SSA i64 (or an int); a lane Var has ref None and `width` lanes 0 .. width-1; a vector
    Var has integer `lanes` of its own. Only the first `valid` lanes mean anything: for a lane Var
    those below its extent.
    """

    __slots__ = ("extent", "lanes", "level", "ref", "valid", "width")

    def __init__(self, extent: int, level: int, ref: str | int | None = None, width: int = 1,
                 lanes: Lanes | None = None) -> None:  # fmt: skip
        self.extent, self.level, self.ref = extent, level, ref
        self.width, self.lanes = width, lanes
        self.valid = min(width, extent)

    def scalar(self, code: Code) -> str | int:
        """The i64 of a scalar Var."""
        assert self.ref is not None, "a Var of lanes has no scalar"
        return self.ref


def lane(code: Code, width: int, valid: int) -> Index:
    """The lane number, of which the first `valid` mean something: one Var for each pair."""
    memo, key = code.memo(0), ("lane", width, valid)
    if key not in memo:
        memo[key] = Var(valid, 0, width=width)
    return Index.of(code, memo[key])


class Quotient(Var):
    """index // divisor for an index that is never negative, computed when first needed."""

    __slots__ = ("divisor", "index")

    def __init__(self, index: Index, divisor: int) -> None:
        super().__init__(max(index.high // divisor + 1, 1), index.level, width=index.width)
        self.index, self.divisor, self.valid = index, divisor, index.valid

    def scalar(self, code: Code) -> str | int:
        if self.ref is None:
            with code.hoisted(self.level):
                x = self.index.scalar()
                self.ref = code.div(x, self.divisor)
        return self.ref

    def vector(self, code: Code) -> Lanes:
        if self.lanes is None:
            with code.hoisted(self.level):
                x = self.index.vector(INT32 if self.index.fits_int32 else INT64)
                unsigned = x.with_dtype(_unsigned(x))
                self.lanes = unsigned.divide_(self.divisor).with_dtype(x.dtype)
        return self.lanes


def _unsigned(x: Lanes) -> np.dtype:
    return np.dtype(f"uint{8 * x.dtype.itemsize}")


class Index:
    """An integer expression; supports + - with Indices, and + - * // % with ints.

    low and high bound its value; `//` and `%` round down. width is 1 for a scalar, else the number
    of lanes; level the loop level from which on the value is known.
    """

    __slots__ = ("code", "constant", "high", "level", "low", "terms", "width", "_key")

    def __init__(
        self, code: Code, terms: dict[Var, int], constant: int = 0,
        low: int | None = None, high: int | None = None,
    ) -> None:  # fmt: skip
        self.code, self.constant = code, constant
        self.terms: dict[Var, int] = {}
        self._key: tuple | None = None
        least = most = constant
        level, width = 0, 1
        for v, c in terms.items():
            if c == 0 or v.extent <= 1:
                continue
            self.terms[v] = c
            if c > 0:
                most += c * (v.extent - 1)
            else:
                least += c * (v.extent - 1)
            if v.level > level:
                level = v.level
            if v.width > width:
                width = v.width
        self.low = least if low is None else max(least, low)
        self.high = most if high is None else min(most, high)
        self.level, self.width = level, width

    @staticmethod
    def of(code: Code, x: Any) -> Index:
        """An int, a Var or an Index as an Index."""
        if isinstance(x, Index):
            return x
        if isinstance(x, Var):
            return Index(code, {x: 1})
        return Index(code, {}, int(x))

    # ----------------------------------------------------------------------------- identity

    @property
    def key(self) -> tuple:
        """Equal for equal expressions; they never change once they are made."""
        if self._key is None:
            self._key = (self.constant, frozenset(self.terms.items()))
        return self._key

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Index) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        terms = [f"{c}*v{id(v) % 9973}" for v, c in self.terms.items()]
        return " + ".join([*terms, str(self.constant)])

    # --------------------------------------------------------------------------- arithmetic

    def _plus(self, other: Any, sign: int) -> Index:
        return combination(self.code, ((self, 1), (Index.of(self.code, other), sign)))

    def __add__(self, other: Any) -> Index:
        return self._plus(other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Index:
        return self._plus(other, -1)

    def __rsub__(self, other: Any) -> Index:
        return Index.of(self.code, other) - self

    def __mul__(self, factor: int) -> Index:
        return combination(self.code, ((self, factor),))

    __rmul__ = __mul__

    def __floordiv__(self, divisor: int) -> Index:
        if divisor == 1:
            return self
        if 0 <= self.low and self.high < divisor:
            return Index.of(self.code, 0)
        whole = {v: c // divisor for v, c in self.terms.items() if c % divisor == 0}
        rest = {v: c for v, c in self.terms.items() if c % divisor}
        q, constant = divmod(self.constant, divisor)
        bounds = self.low // divisor, self.high // divisor
        remainder = Index(self.code, rest, constant)
        quotient = Index(self.code, whole, q)
        if not (0 <= remainder.low and remainder.high < divisor):
            quotient = quotient + self._divided(remainder, divisor)
        return Index(self.code, quotient.terms, quotient.constant, *bounds)

    def _divided(self, x: Index, divisor: int) -> Index:
        """x // divisor by a Quotient, of the coarse terms only where fine ones cannot matter."""
        coarse = math.gcd(divisor, *(c for v, c in x.terms.items() if v.width == 1))
        big = {v: c for v, c in x.terms.items() if c % coarse == 0}
        small = Index(self.code, {v: c for v, c in x.terms.items() if c % coarse},
                      x.constant % coarse)  # fmt: skip
        if coarse > 1 and small.low >= 0 and small.high < coarse:
            terms = {v: c // coarse for v, c in big.items()}
            x, divisor = Index(self.code, terms, x.constant // coarse), divisor // coarse
        if divisor == 1:
            return x
        below = -(min(x.low, 0) // divisor)  # a Quotient is never negative
        quotient = shared_quotient(self.code, x + below * divisor, divisor)
        return Index(self.code, {quotient: 1}, -below)

    def __mod__(self, divisor: int) -> Index:
        if 0 <= self.low and self.high < divisor:
            return self
        r = self - (self // divisor) * divisor
        return Index(self.code, r.terms, r.constant, 0, divisor - 1)

    def within(self, extent: int) -> Index:
        """The same value where 0 <= value < extent is known from elsewhere."""
        if 0 <= self.low and self.high < extent:
            return self
        return Index(self.code, self.terms, self.constant, 0, extent - 1)

    # --------------------------------------------------------------------------- structure

    @property
    def valid(self) -> int:
        """How many lanes mean something."""
        return min((v.valid for v in self.terms if v.width > 1), default=1)

    @property
    def fits_int32(self) -> bool:
        spans = sum(abs(c) * v.extent for v, c in self.terms.items()) + abs(self.constant)
        return spans <= INT32_MAX

    @property
    def lane_step(self) -> int | None:
        """The difference between neighbouring lanes; None where it is not constant."""
        step = 0
        for v, c in self.terms.items():
            if v.width > 1:
                if type(v) is not Var or v.lanes is not None:
                    return None
                step = c
        return step

    def without_lanes(self) -> Index:
        """The scalar part: the value in lane 0 where lane_step is known."""
        terms = {v: c for v, c in self.terms.items() if v.width == 1}
        return Index(self.code, terms, self.constant)

    # -------------------------------------------------------------------------------- values

    def scalar(self) -> str | int:
        """The i64 of an Index without lanes; sums of outer loops' terms are shared."""
        code = self.code
        total: str | int = 0
        for level, terms in by_level(self.terms):
            key = ("sum", total, frozenset(terms))
            memo = code.memo(level)
            if key not in memo:
                with code.hoisted(level):
                    parts = [(v.scalar(code), c) for v, c in terms]
                    memo[key] = code.linear([(total, 1), *parts])
            total = memo[key]
        return code.add(total, self.constant)

    def vector(self, dtype: np.dtype = INT64) -> Lanes:
        """The value in every lane (a scalar Lanes where there are none)."""
        code = self.code
        base = self.without_lanes().scalar()
        scalar = Lanes(code, INT64, 1, str(base), constant=isinstance(base, int))
        total = scalar.convert_(dtype) if not scalar.constant else Lanes.of(code, base, dtype)
        for v, c in self.terms.items():
            if v.width == 1:
                continue
            lanes = v.vector(code) if isinstance(v, Quotient) else v.lanes
            if lanes is None:
                part = iota(code, v.width, dtype, c)
            else:
                part = lanes.convert_(dtype) if c == 1 else lanes.convert_(dtype) * c
            total = part if total.constant and base == 0 and total.width == 1 else total + part
        return total


def combination(code: Code, parts: Iterable[tuple[Index, int]]) -> Index:
    """The sum of `index * factor` over all parts."""
    terms: dict[Var, int] = {}
    constant = low = high = 0
    for x, factor in parts:
        for v, c in x.terms.items():
            terms[v] = terms.get(v, 0) + c * factor
        constant += x.constant * factor
        low += factor * (x.low if factor > 0 else x.high)
        high += factor * (x.high if factor > 0 else x.low)
    return Index(code, terms, constant, low, high)


def shared_quotient(code: Code, x: Index, divisor: int) -> Quotient:
    """The one Quotient of x by divisor, so that equal expressions cancel."""
    memo = code.memo(x.level)
    key = ("quotient", x.key, divisor)
    if key not in memo:
        memo[key] = Quotient(x, divisor)
    return memo[key]


def by_level(terms: dict[Var, int]) -> list[tuple[int, list[tuple[Var, int]]]]:
    """The terms grouped by level, outermost first."""
    groups: dict[int, list[tuple[Var, int]]] = {}
    for v, c in terms.items():
        groups.setdefault(v.level, []).append((v, c))
    return sorted(groups.items())


def compare(x: Index, limit: int, dtype: np.dtype = INT64) -> Lanes | bool:
    """0 <= x < limit: a bool where the bounds decide it, else a bool lane."""
    if x.low >= limit or x.high < 0:
        return False
    if x.low >= 0 and x.high < limit:
        return True
    lanes = x.vector(INT32 if x.fits_int32 else INT64)
    if x.low >= 0:
        return lanes < limit
    if x.high < limit:
        return lanes >= 0
    return lanes.with_dtype(_unsigned(lanes)) < limit


def both(x: Lanes | bool, y: Lanes | bool) -> Lanes | bool:
    """x and y."""
    if x is True or y is False:
        return y
    if y is True or x is False:
        return x
    x, y = together(x, y)
    return x & y
