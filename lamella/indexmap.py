"""Index maps of contractions: `out[c(l)] += a[a(l)] * b[b(l)]` over all points l of the loop axes.

A spec looks like einsum's, with a space between dimensions and an affine expression for each:

    'b i k, b k j -> b i j'                    batched matrix product
    'n 2y+i-1 2x+j-1 c, i j c o -> n y x o'    3x3 convolution, stride 2, padding 1
    'n y x o, i j c o -> n 2y+i-1 2x+j-1 c'    the gradient of its input

Axes are single letters. A dimension is a sum of axes with integer coefficients and an integer
offset. The extent of an axis is the length of any dimension where it stands alone.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from functools import cache

Shape = tuple[int, ...]

_TERM = re.compile(r"([+-]?)(\d*)([A-Za-z]?)")


@dataclass(frozen=True, slots=True)
class Affine:
    """The index of one dimension: `sum(coefficient * axis) + offset`; prints as `2y+i-1`."""

    terms: tuple[tuple[str, int], ...]
    offset: int = 0

    @property
    def axis(self) -> str | None:
        """The axis, where the dimension is just that axis; else None."""
        if len(self.terms) == 1 and self.terms[0][1] == 1 and self.offset == 0:
            return self.terms[0][0]
        return None

    def bounds(self, extents: dict[str, int]) -> tuple[int, int]:
        """Smallest and largest value over all axes (each of extent at least 1)."""
        low = self.offset + sum(min(0, k * (extents[x] - 1)) for x, k in self.terms)
        high = self.offset + sum(max(0, k * (extents[x] - 1)) for x, k in self.terms)
        return low, high

    def __str__(self) -> str:
        parts = [f"{_sign(k)}{abs(k) if abs(k) != 1 else ''}{x}" for x, k in self.terms]
        if self.offset or not parts:
            parts.append(f"{self.offset:+d}")
        return "".join(parts).removeprefix("+")


@dataclass(frozen=True, slots=True)
class IndexMap:
    """The three index tuples of a contraction; prints as the spec that it was parsed from."""

    a: tuple[Affine, ...]
    b: tuple[Affine, ...]
    out: tuple[Affine, ...]

    @property
    def axes(self) -> tuple[str, ...]:
        """Every axis once: in order of appearance in the result, then in a, then in b."""
        dims = (*self.out, *self.a, *self.b)
        return tuple(dict.fromkeys(x for dim in dims for x, _ in dim.terms))

    def extents(self, a: Shape, b: Shape, out: Shape) -> dict[str, int]:
        """{axis: extent} given the shapes of the operands and of the result.

        Raises ValueError where ranks or extents do not agree, or an axis stands nowhere alone.
        """
        found: dict[str, int] = {}
        roles = (("operand 0", self.a, a), ("operand 1", self.b, b), ("the result", self.out, out))
        for name, dims, shape in roles:
            if len(dims) != len(shape):
                raise ValueError(
                    f"contract {str(self)!r}: {name} has {len(dims)} dimensions in the spec, "
                    f"but its shape is {shape}"
                )
            for dim, size in zip(dims, shape):
                if dim.axis and found.setdefault(dim.axis, size) != size:
                    raise ValueError(
                        f"contract {str(self)!r}: axis {dim.axis} has extent {size} in {name}, "
                        f"but {found[dim.axis]} elsewhere (shapes {a}, {b} -> {out})"
                    )
        if missing := [x for x in self.axes if x not in found]:
            raise ValueError(
                f"contract {str(self)!r}: the extent of axis {missing[0]} is unknown; "
                "it must stand alone in some dimension"
            )
        return {x: found[x] for x in self.axes}

    def result_shape(self, a: Shape, b: Shape) -> Shape:
        """The shape of a result whose dimensions are all bare axes of the operands (einsum)."""
        found = {
            dim.axis: n
            for dims, shape in ((self.a, a), (self.b, b))
            for dim, n in zip(dims, shape)
            if dim.axis
        }
        unknown = [str(dim) for dim in self.out if dim.axis not in found]
        if unknown:
            raise ValueError(f"contract {str(self)!r}: give `shape`, {unknown[0]} has no extent")
        return tuple(found[str(dim.axis)] for dim in self.out)

    def permuted(self, a: str, b: str, out: str) -> IndexMap:
        """The same loop with other roles, each named "a", "b" or "out".

        The cotangent of a is `contract(g, b, spec.permuted("out", "b", "a"))`, and that of b is
        `contract(a, g, spec.permuted("a", "out", "b"))`.
        """
        roles = {"a": self.a, "b": self.b, "out": self.out}
        return IndexMap(roles[a], roles[b], roles[out])

    def batched(self, a: bool, b: bool) -> IndexMap:
        """With one more axis in front of the result and of the operands for which True is given."""
        axis = (Affine(((self.fresh(), 1),)),)
        return IndexMap(axis * a + self.a, axis * b + self.b, axis + self.out)

    def fresh(self) -> str:
        """A letter that is no axis yet; ValueError when all 52 are taken."""
        used = self.axes
        for letter in string.ascii_letters:
            if letter not in used:
                return letter
        raise ValueError(f"contract {str(self)!r}: all {len(used)} letters are axes already")

    def __str__(self) -> str:
        a, b, out = (" ".join(map(str, dims)) for dims in (self.a, self.b, self.out))
        return f"{a}, {b} -> {out}"


@cache
def parse(spec: str) -> IndexMap:
    """The IndexMap that `spec` stands for; ValueError says which part is not understood."""
    operands, arrow, out = spec.partition("->")
    a, comma, b = operands.partition(",")
    if not arrow or not comma or "," in b + out or "->" in out:
        raise ValueError(f"contract {spec!r}: expected two operands and a result, 'a, b -> out'")
    return IndexMap(*(tuple(_affine(dim, spec) for dim in dims.split()) for dims in (a, b, out)))


def _sign(k: int) -> str:
    return "-" if k < 0 else "+"


def _affine(text: str, spec: str) -> Affine:
    """One dimension: terms such as `+2y`, `-i`, `+3`."""
    terms: dict[str, int] = {}
    offset = at = 0
    while at < len(text):
        term = _TERM.match(text, at)
        sign, digits, axis = term.groups() if term else ("", "", "")
        if not (digits or axis) or (at > 0 and not sign):
            raise ValueError(
                f"contract {spec!r}: {text!r} is not a sum of axes such as 2y+i-1 "
                "(dimensions stand between spaces, axes are single letters)"
            )
        value = int(digits or 1) * (-1 if sign == "-" else 1)
        if axis:
            terms[axis] = terms.get(axis, 0) + value
        else:
            offset += value
        at = term.end()  # type: ignore[union-attr]
    return Affine(tuple((x, k) for x, k in terms.items() if k), offset)


def permute_operand(spec: str, operand: int, axes: tuple[int, ...]) -> str:
    """The spec after operand 0 or 1, a `transpose(x, axes)`, is replaced by x itself."""
    maps = parse(spec)
    operands = [maps.a, maps.b]
    dims = operands[operand]
    operands[operand] = tuple(dims[axes.index(i)] for i in range(len(axes)))
    return str(IndexMap(operands[0], operands[1], maps.out))
