"""Pooling windows inside a kernel: small loops, unrolled, with masks at the borders."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lamella.kernels.emit_index import Index, Var, both, compare
from lamella.kernels.emit_lanes import BOOL, Lanes
from lamella.ops.lowering import FirstMaximum, WindowFold
from lamella.program import Equation, Value
from lamella.types import is_float

if TYPE_CHECKING:
    from lamella.kernels.emit import Emitter

#: Larger windows become a loop.
UNROLLED = 36
State = list[Lanes]


def window(emitter: Emitter, eq: Equation, where: tuple[Index, ...]) -> Lanes:
    """The element of a window equation."""
    rule = eq.primitive.lower
    if isinstance(rule, WindowFold):
        return _fold(emitter, eq, where)
    assert isinstance(rule, FirstMaximum), f"{eq.primitive} has no window rule"
    return (_gradient if rule.to_elements else _take)(emitter, eq, where)


def _position(index: Sequence[Index], offset: Sequence[Any], attrs: dict) -> list[Index]:
    """The element at `offset` in window number `index`."""
    return [i * s + o - a for i, o, s, a in zip(index, offset, attrs["strides"], attrs["low"])]


def _read(emitter: Emitter, v: Value, at: Sequence[Index]) -> tuple[Lanes, Lanes | bool]:
    """The element (anything where it is outside), and whether it is inside."""
    inside: Lanes | bool = True
    for i, n in zip(at, v.type.shape):
        inside = both(inside, compare(i, n))
    if inside is False:
        return Lanes.of(emitter.code, 0, v.type.dtype), False
    known = [i.within(n) for i, n in zip(at, v.type.shape)]
    if inside is True:
        return emitter.value(v, known), True
    with emitter.guarded(inside):
        return emitter.value(v, known), inside


def _over_offsets(
    emitter: Emitter, size: Sequence[int], state: State,
    body: Callable[[Sequence[Any], State], State],
) -> State:  # fmt: skip
    """state = body(offset, state) for every offset in a window, in order."""
    code, count = emitter.code, math.prod(size)
    if count <= UNROLLED:
        for offset in itertools.product(*map(range, size)):
            state = body(offset, state)
        return state

    def step(i: Any, refs: list[str]) -> list[str]:
        rest, digits = Index.of(code, Var(count, code.depth, i)), []
        for n in reversed(size):
            digits.append(rest % n)
            rest = rest // n
        inner = [Lanes(code, x.dtype, x.width, ref) for x, ref in zip(state, refs)]
        return [x.ref for x in body(digits[::-1], inner)]

    refs = code.loop(count, step, [(x.type, x.ref) for x in state])
    return [Lanes(code, x.dtype, x.width, ref) for x, ref in zip(state, refs)]


def _fold(emitter: Emitter, eq: Equation, where: tuple[Index, ...]) -> Lanes:
    (v,), rule = eq.operands, eq.primitive.lower.fold
    width = max((i.width for i in where), default=1)
    identity = Lanes.of(emitter.code, rule.identity(v.type.dtype), v.type.dtype)

    def body(offset: Sequence[Any], state: State) -> State:
        x, inside = _read(emitter, v, _position(where, offset, eq.attrs))
        if inside is False:
            return state
        x = x if inside is True else inside.select_(x, identity)
        return [rule.combine(state[0], x.widened(width)).with_dtype(v.type.dtype)]

    return _over_offsets(emitter, eq.attrs["size"], [identity.widened(width)], body)[0]


def _beats(x: Lanes, best: Lanes) -> Lanes:
    """x is a greater maximum than `best`, which it follows; the first NaN stays."""
    if not is_float(x.dtype):
        return x > best
    return (x > best) | ((x != x) & (best == best))


def _as_lanes(emitter: Emitter, inside: Lanes | bool) -> Lanes:
    return inside if isinstance(inside, Lanes) else Lanes.of(emitter.code, inside, BOOL)


def _take(emitter: Emitter, eq: Equation, where: tuple[Index, ...]) -> Lanes:
    """h at the first maximum of x in each window: the state is (found, maximum, taken)."""
    h, x = eq.operands
    width = max((i.width for i in where), default=1)
    zero = Lanes.of(emitter.code, 0, x.type.dtype).widened(width)
    start = [Lanes.of(emitter.code, False, BOOL).widened(width), zero, zero]

    def body(offset: Sequence[Any], state: State) -> State:
        at = _position(where, offset, eq.attrs)
        element, inside = _read(emitter, x, at)
        if inside is False:
            return state
        value, _ = _read(emitter, h, at)
        found, best, taken = state
        here = _as_lanes(emitter, inside).widened(width)
        element, value = element.widened(width), value.widened(width)
        wins = here & (~found | _beats(element, best))
        return [found | here, wins.select_(element, best), wins.select_(value, taken)]

    return _over_offsets(emitter, eq.attrs["size"], start, body)[2]


def _gradient(emitter: Emitter, eq: Equation, where: tuple[Index, ...]) -> Lanes:
    """The sum of g over the windows whose first maximum is this element of x."""
    g, x = eq.operands
    size, strides, low = (eq.attrs[k] for k in ("size", "strides", "low"))
    mine = emitter.value(x, where)
    total = Lanes.of(emitter.code, 0, x.type.dtype)
    counts = [range(-(-k // s)) for k, s in zip(size, strides)]
    for back in itertools.product(*counts):
        windows = [(i + a) // s - j for i, a, s, j in zip(where, low, strides, back)]
        offset = [i + a - w * s for i, a, w, s in zip(where, low, windows, strides)]
        valid: Lanes | bool = True
        for w, o, n, k in zip(windows, offset, g.type.shape, size):
            valid = both(valid, both(compare(w, n), compare(o, k)))
        if valid is False:
            continue
        chosen = _is_first_maximum(emitter, eq, windows, offset, mine, valid)
        total = total + chosen.select_(_cotangent(emitter, g, windows, valid), 0)
    return total


def _cotangent(emitter: Emitter, g: Value, windows: Sequence[Index], valid: Lanes | bool) -> Lanes:
    at = [w.within(n) for w, n in zip(windows, g.type.shape)]
    if valid is True:
        return emitter.value(g, at)
    assert isinstance(valid, Lanes)
    with emitter.guarded(valid):
        return emitter.value(g, at)


def _is_first_maximum(
    emitter: Emitter, eq: Equation, windows: Sequence[Index], offset: Sequence[Index],
    mine: Lanes, valid: Lanes | bool,
) -> Lanes:  # fmt: skip
    """Whether no element of the window beats `mine`, which is at `offset` in it.

    Earlier ones beat it if they are as great, later ones only if they are greater.
    """
    x, size = eq.operands[1], eq.attrs["size"]
    rank, count = _rank(offset, size), math.prod(size)
    width = max((i.width for i in (*windows, *offset)), default=1)
    width = max(width, mine.width)

    def body(other: Sequence[Any], state: State) -> State:
        at = _position(windows, other, eq.attrs)
        element, inside = _read(emitter, x, at)
        if inside is False:
            return state
        earlier = _as_lanes(emitter, compare(rank - _rank(other, size) - 1, count))
        same = _as_lanes(emitter, compare(rank - _rank(other, size), 1))
        wins = earlier.select_(~_beats(mine, element), _beats(element, mine))
        beaten = wins & ~same & _as_lanes(emitter, inside)
        return [state[0] & ~beaten.widened(width)]

    start = _as_lanes(emitter, valid)
    (still,) = _over_offsets(emitter, size, [start.widened(width)], body)
    return still


def _rank(offset: Sequence[Any], size: Sequence[int]) -> Any:
    """The number of an offset in the order of the window."""
    total: Any = 0
    for o, n in zip(offset, size):
        total = total * n + o
    return total
