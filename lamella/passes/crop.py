"""Crop: elements at the ends of axes that nobody reads, or only as zeros, are not computed.

    y: [9,9] = tanh(x: [9,9])                      y: [8,8] = tanh(slice(x))
    z: [4,4] = window_max(y) [size=(2,2)]     ->   z: [4,4] = window_max(y)

A window of two over nine elements leaves out the last, and its gradient is zero there. Two sweeps
find for every Value a leading part of its shape: forward, what may be other than zero (its
support); backward, what is read, where sums need no zeros (what is kept). The Program is then
rebuilt with arrays of the kept shapes; a reader that needs less takes a slice. So the convolutions
of a network with pooling, and all of their gradients, are made without the rows and columns that no
pooling window holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import ge, le
from typing import Any

import numpy as np

from lamella import indexmap, ops
from lamella.passes.rewrite import Rewriter, map_nested
from lamella.program import Equation, Program, Value, building

Shape = tuple[int, ...]


def crop(program: Program) -> Program:
    """`program` over the kept shapes of its Values; every equation must be needed."""
    rules = [_rule(eq) for eq in program.equations]
    support = _supports(program, rules)
    kept = _kept_shapes(program, rules, support)
    nested = any(eq.programs for eq in program.equations)
    if not nested and all(v.type.shape == shape for v, shape in kept.items()):
        return program
    out = Rewriter(program)
    with building(out):
        for eq, rule in zip(program.equations, rules):
            out.from_line(eq.source)
            if rule is None:
                out.keep(eq, map_nested(eq, crop))
            else:
                _rebuild(out, eq, rule, support, kept)
    return out.result(program)


def _supports(program: Program, rules: Sequence[Rule | None]) -> dict[Value, Shape]:
    """The leading part of each Value beyond which its elements are +0."""
    support = {v: v.type.shape for v in (*program.inputs, *program.constants)}
    for eq, rule in zip(program.equations, rules):
        support.update((v, v.type.shape) for v in eq.results)
        if rule is not None:
            (v,) = eq.results
            support[v] = _within(rule.support(eq, support), v.type.shape)
    return support


def _kept_shapes(program: Program, rules: Sequence[Rule | None], support: Mapping[Value, Shape]
                 ) -> dict[Value, Shape]:  # fmt: skip
    """What is read of each Value, as far as it can be computed alone."""
    read = {v: v.type.shape for v in program.outputs}
    kept: dict[Value, Shape] = {}
    for eq, rule in zip(reversed(program.equations), reversed(rules)):
        if rule is None:
            wanted = [v.type.shape for v in eq.operands]
        else:
            (v,) = eq.results
            kept[v] = rule.kept(eq, read[v], support)
            wanted = rule.wanted(eq, kept[v], support)
        for x, shape in zip(eq.operands, wanted):
            others = read.setdefault(x, shape)
            if others != shape:
                read[x] = tuple(map(max, others, shape))
    return kept


def _within(part: Shape, shape: Shape) -> Shape:
    """At least one element, so that no array becomes empty, and at most all."""
    if part == shape:
        return shape
    return tuple(min(n, max(1, m)) for m, n in zip(part, shape))


def _rebuild(out: Rewriter, eq: Equation, rule: Rule, support: Mapping[Value, Shape],
             kept: Mapping[Value, Shape]) -> None:  # fmt: skip
    """Append `eq` over its operands as far as it wants them."""
    (v,) = eq.results
    wanted = rule.wanted(eq, kept[v], support)
    operands = tuple(rule.read(out.new[x], shape) for x, shape in zip(eq.operands, wanted))
    if kept[v] == v.type.shape and operands == eq.operands:
        out.keep(eq)
    else:
        out.replace(eq, rule.make(eq, operands, kept[v]))


def _leading(x: Value, shape: Shape) -> Value:
    """The leading `shape` of x."""
    if x.type.shape == shape:
        return x
    ones = (1,) * len(shape)
    return ops.slice(x, start=(0,) * len(shape), stop=shape, step=ones)


# ---- rules ---------------------------------------------------------------------------------------


class Rule:
    """How an equation with one result passes on parts of shapes; here: not at all."""

    def support(self, eq: Equation, of: Mapping[Value, Shape]) -> Shape:
        """Beyond which part of its shape the result is +0, given that of the operands."""
        return eq.results[0].type.shape

    def kept(self, eq: Equation, read: Shape, support: Mapping[Value, Shape]) -> Shape:
        """The part that is made where `read` is asked for."""
        return read

    def wanted(self, eq: Equation, kept: Shape, support: Mapping[Value, Shape]) -> list[Shape]:
        """What is needed of each operand to make `kept`."""
        raise NotImplementedError

    def read(self, x: Value, shape: Shape) -> Value:
        """The operand as it is wanted."""
        return _leading(x, shape)

    def make(self, eq: Equation, operands: Sequence[Value], kept: Shape) -> Value:
        """The result."""
        return eq.primitive(*operands, **eq.attrs)


class Elementwise(Rule):
    def support(self, eq: Equation, of: Mapping[Value, Shape]) -> Shape:
        choice = eq.primitive is ops.select
        operands = eq.operands[1:] if choice else eq.operands
        part = tuple(map(max, *(of[v] for v in operands))) if len(operands) > 1 else of[operands[0]]
        shape = eq.results[0].type.shape
        return part if part == shape or choice or _keeps_zero(eq) else shape

    def wanted(self, eq: Equation, kept: Shape, support: Mapping[Value, Shape]) -> list[Shape]:
        return [kept for _ in eq.operands]


def _keeps_zero(eq: Equation) -> bool:
    """Is f(0, 0, ...) = +0?"""
    zeros = [np.zeros((), v.type.dtype) for v in eq.operands]
    with np.errstate(all="ignore"):
        y = np.asarray(eq.primitive.numpy(*zeros, **eq.attrs))
    return y.tobytes() == np.zeros_like(y).tobytes()


class Reduction(Rule):
    def wanted(self, eq: Equation, kept: Shape, support: Mapping[Value, Shape]) -> list[Shape]:
        (x,), axes, rest = eq.operands, _folded(eq), iter(kept)
        whole = support[x] if eq.primitive is ops.sum else x.type.shape
        return [tuple(n if i in axes else next(rest) for i, n in enumerate(whole))]


def _folded(eq: Equation) -> tuple[int, ...]:
    return eq.attrs["axes"] if "axes" in eq.attrs else (eq.attrs["axis"],)


class Broadcast(Rule):
    def support(self, eq: Equation, of: Mapping[Value, Shape]) -> Shape:
        (x,), part = eq.operands, list(eq.attrs["shape"])
        for n, m, axis in zip(x.type.shape, of[x], eq.attrs["axes"]):
            part[axis] = m if n > 1 else part[axis]
        return tuple(part)

    def wanted(self, eq: Equation, kept: Shape, support: Mapping[Value, Shape]) -> list[Shape]:
        (x,) = eq.operands
        return [tuple(min(n, kept[axis]) for n, axis in zip(x.type.shape, eq.attrs["axes"]))]

    def make(self, eq: Equation, operands: Sequence[Value], kept: Shape) -> Value:
        return ops.broadcast(*operands, shape=kept, axes=eq.attrs["axes"])


class Transpose(Rule):
    def support(self, eq: Equation, of: Mapping[Value, Shape]) -> Shape:
        return tuple(of[eq.operands[0]][a] for a in eq.attrs["axes"])

    def wanted(self, eq: Equation, kept: Shape, support: Mapping[Value, Shape]) -> list[Shape]:
        return [tuple(kept[i] for i in np.argsort(eq.attrs["axes"]))]


class Slice(Rule):
    def wanted(self, eq: Equation, kept: Shape, support: Mapping[Value, Shape]) -> list[Shape]:
        start, step = eq.attrs["start"], eq.attrs["step"]
        return [tuple(a + (m - 1) * s + 1 for a, m, s in zip(start, kept, step))]

    def make(self, eq: Equation, operands: Sequence[Value], kept: Shape) -> Value:
        return ops.slice(*operands, **{**eq.attrs, "stop": operands[0].type.shape})


class Pad(Rule):
    def support(self, eq: Equation, of: Mapping[Value, Shape]) -> Shape:
        value = np.asarray(eq.attrs["value"], "float64")
        if value.tobytes() != np.zeros_like(value).tobytes():
            return eq.results[0].type.shape
        return tuple(a + m for a, m in zip(eq.attrs["low"], of[eq.operands[0]]))

    def kept(self, eq: Equation, read: Shape, support: Mapping[Value, Shape]) -> Shape:
        return tuple(max(m, a + 1) for m, a in zip(read, eq.attrs["low"]))

    def wanted(self, eq: Equation, kept: Shape, support: Mapping[Value, Shape]) -> list[Shape]:
        (x,), low = eq.operands, eq.attrs["low"]
        return [tuple(min(n, m - a) for n, m, a in zip(x.type.shape, kept, low))]

    def make(self, eq: Equation, operands: Sequence[Value], kept: Shape) -> Value:
        (x,), low = operands, eq.attrs["low"]
        high = tuple(m - a - n for n, m, a in zip(x.type.shape, kept, low))
        return ops.pad(x, low=low, high=high, value=eq.attrs["value"])


class Full(Rule):
    def support(self, eq: Equation, of: Mapping[Value, Shape]) -> Shape:
        value = np.asarray(eq.attrs["value"])
        zero = value.tobytes() == np.zeros_like(value).tobytes()
        return tuple(0 if zero else n for n in eq.attrs["shape"])

    def wanted(self, eq: Equation, kept: Shape, support: Mapping[Value, Shape]) -> list[Shape]:
        return []

    def make(self, eq: Equation, operands: Sequence[Value], kept: Shape) -> Value:
        return ops.full(**{**eq.attrs, "shape": kept})


class Window(Rule):
    """One operand, folded over windows."""

    def wanted(self, eq: Equation, kept: Shape, support: Mapping[Value, Shape]) -> list[Shape]:
        return [_covered(eq, kept)]

    def make(self, eq: Equation, operands: Sequence[Value], kept: Shape) -> Value:
        return eq.primitive(*operands, **_over(eq, operands[-1].type.shape, kept))


class WindowGradient(Rule):
    """Operands g, one for each window, and x; the result is zero where no window is."""

    def support(self, eq: Equation, of: Mapping[Value, Shape]) -> Shape:
        return _covered(eq, of[eq.operands[0]])

    def kept(self, eq: Equation, read: Shape, support: Mapping[Value, Shape]) -> Shape:
        (x,) = eq.results
        return support[x] if all(map(le, read, support[x])) else x.type.shape

    def wanted(self, eq: Equation, kept: Shape, support: Mapping[Value, Shape]) -> list[Shape]:
        g, x = eq.operands
        return [g.type.shape if kept == x.type.shape else support[g], kept]

    def make(self, eq: Equation, operands: Sequence[Value], kept: Shape) -> Value:
        return eq.primitive(*operands, **_over(eq, kept, operands[0].type.shape))


def _covered(eq: Equation, windows: Shape) -> Shape:
    """The part of the last operand that the first windows hold."""
    size, strides, low = (eq.attrs[k] for k in ("size", "strides", "low"))
    shape = eq.operands[-1].type.shape
    ends = ((m - 1) * s + k - a for m, s, k, a in zip(windows, strides, size, low))
    return _within(tuple(ends), shape)


def _over(eq: Equation, shape: Shape, windows: Shape) -> dict[str, Any]:
    """The attributes that make just so many windows over an operand of `shape`."""
    size, strides, low = (eq.attrs[k] for k in ("size", "strides", "low"))
    ends = ((m - 1) * s + k - a - n for n, m, s, k, a in zip(shape, windows, strides, size, low))
    return {**eq.attrs, "high": tuple(max(0, end) for end in ends)}


class Contract(Rule):
    """Positions along a summed axis where an operand is zero are left out, like those that are out
    of its bounds: what it would be multiplied with there is taken to be finite."""

    def support(self, eq: Equation, of: Mapping[Value, Shape]) -> Shape:
        extents = _extents(eq, of, eq.results[0].type.shape)
        return tuple(dim.bounds(extents)[1] + 1 for dim in indexmap.parse(eq.attrs["spec"]).out)

    def kept(self, eq: Equation, read: Shape, support: Mapping[Value, Shape]) -> Shape:
        maps, shape = indexmap.parse(eq.attrs["spec"]), eq.results[0].type.shape
        uses = Counter(dim.axis for dim in (*maps.a, *maps.b, *maps.out) if dim.axis)
        return tuple(n if uses[dim.axis or ""] > 1 else m
                     for dim, m, n in zip(maps.out, read, shape))  # fmt: skip

    def wanted(self, eq: Equation, kept: Shape, support: Mapping[Value, Shape]) -> list[Shape]:
        maps, extents = indexmap.parse(eq.attrs["spec"]), _extents(eq, support, kept)
        ends = [tuple(dim.bounds(extents)[1] + 1 for dim in dims) for dims in (maps.a, maps.b)]
        return [_within(end, v.type.shape) for end, v in zip(ends, eq.operands)]

    def read(self, x: Value, shape: Shape) -> Value:
        """Not a copy of a part: what no index reaches does no harm, nor do zeros."""
        return x

    def make(self, eq: Equation, operands: Sequence[Value], kept: Shape) -> Value:
        return ops.contract(*operands, **{**eq.attrs, "shape": kept})


def _extents(eq: Equation, support: Mapping[Value, Shape], out: Shape) -> dict[str, int]:
    """Of all axes, for a result of shape `out`; without zeros where one operand alone has them.

    An operand of nothing but zeros stays whole: its products with infinities are not zero.
    """
    maps = indexmap.parse(eq.attrs["spec"])
    a, b = eq.operands
    whole = maps.extents(a.type.shape, b.type.shape, eq.results[0].type.shape)
    uses = Counter(dim.axis for dim in (*maps.a, *maps.b, *maps.out) if dim.axis)
    of_a, of_b = (support[v] if any(n > 1 for n in support[v]) else v.type.shape for v in (a, b))
    dims = [*zip(maps.a, of_a), *zip(maps.b, of_b), *zip(maps.out, out)]
    return whole | {dim.axis: m for dim, m in dims if dim.axis and uses[dim.axis] == 1}


_RULES: dict[str, Rule] = {
    "broadcast": Broadcast(), "transpose": Transpose(), "slice": Slice(), "pad": Pad(),
    "full": Full(), "window_max": Window(), "window_sum": Window(),
    "window_max_gradient": WindowGradient(), "contract": Contract(),
}  # fmt: skip
_FAMILIES: dict[str, Rule] = {"elementwise": Elementwise(), "reduction": Reduction()}


def _rule(eq: Equation) -> Rule | None:
    """None where the equation takes and makes whole arrays only."""
    rule = _RULES.get(eq.primitive.name) or _FAMILIES.get(eq.primitive.family)
    empty = any(0 in v.type.shape for v in (*eq.operands, *eq.results))
    return None if empty or _has_windows_of_padding(eq) else rule


def _has_windows_of_padding(eq: Equation) -> bool:
    return eq.primitive.family == "window" and any(map(ge, eq.attrs["low"], eq.attrs["size"]))
