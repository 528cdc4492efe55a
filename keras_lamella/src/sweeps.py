"""Backward sweeps of eager tapes, compiled when the same computation comes again.

A loop of one's own that is not compiled records the same equations in every step. Their structure
(primitives, attributes, types, who reads what) is the key under which the sweep is kept as machine
code: a function of the numbers that the forward computation has left.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from lamella import ops
from lamella.autodiff import sweep
from lamella.compile import Executable, compile_program
from lamella.frontend.trace import trace
from lamella.program import Equation, Program, Value, current_builder

log = logging.getLogger("lamella.keras")

#: How often a computation must come for its sweep to be compiled.
OFTEN = 8
#: So many computations are counted, and so many sweeps are kept.
COUNTED, KEPT = 1024, 128
#: Bytes up to which a constant of a nested Program is a part of the key.
SMALL = 1024


@dataclass
class _Sweep:
    executable: Executable
    used: list[int]  # which of the values it reads
    connected: list[bool]  # which of `wrt` have a cotangent


_counts: dict[Hashable, int] = {}
_compiled: dict[Hashable, _Sweep | None] = {}


def often_swept(
    start: int, outputs: Sequence[Value], seeds: Sequence[Any], wrt: Sequence[Value]
) -> list[Any]:
    """As `sweep` over an EagerTrace, with ones for a seed that is None; arrays where compiled."""
    section = Section(current_builder().equations[start:])
    places = [[section.place(v) for v in values] for values in (outputs, wrt)]
    given = [None if g is None else section.place(current_builder().lift(g)) for g in seeds]
    try:
        key = (*section.parts, tuple(places[0]), tuple(given), tuple(places[1]))
        found = _compiled.get(key)
        _count(key, section, places, given)
    except TypeError:  # an attribute that cannot be a key
        found = None
    if found is None:
        filled = [ones(y) if g is None else g for y, g in zip(outputs, seeds)]
        return list(sweep(start, outputs, filled, wrt))
    values: list[Any] = section.values
    grads = iter(found.executable.run([values[k].array for k in found.used]))
    return [next(grads) if there else None for there in found.connected]


def ones(value: Value) -> Value:
    """A one of the Value's type."""
    return ops.full(shape=value.type.shape, dtype=value.type.dtype.name, value=1)


class Section:
    """Equations as a key: every value has a place in the order in which it is met."""

    def __init__(self, equations: Sequence[Equation], inputs: Sequence[Value] = ()) -> None:
        self.equations = equations
        self.values: list[Value] = []
        self.parts: list[Any] = []
        self._places: dict[int, int] = {}
        for v in inputs:
            self.place(v)
        for eq in equations:
            operands = [self.place(v) for v in eq.operands]
            attrs = tuple((k, _attribute_key(x)) for k, x in eq.attrs.items())
            self.parts.append((eq.primitive.name, attrs, *operands))
            for v in eq.results:
                self._places[id(v)] = len(self.values)
                self.values.append(v)

    def place(self, value: Value) -> int:
        """The place of a value; one that no equation made is an input, whose type counts."""
        place = self._places.get(id(value))
        if place is None:
            place = self._places[id(value)] = len(self.values)
            self.values.append(value)
            self.parts.append(value.type)
        return place

    def swept(self, values: Sequence[Value], outputs: Sequence[int], seeds: Sequence[int | None],
              wrt: Sequence[int]) -> list[Value | None]:  # fmt: skip
        """The sweep over these equations with `values` in the places of their values."""
        equations = current_builder().equations
        for eq in self.equations:
            operands = tuple(values[self.place(v)] for v in eq.operands)
            results = tuple(values[self.place(v)] for v in eq.results)
            equations.append(Equation(eq.primitive, operands, eq.attrs, results, eq.source))
        n = len(self.equations)
        cotangents = [ones(values[y]) if g is None else values[g] for y, g in zip(outputs, seeds)]
        made = equations[n:]
        del equations[n:]
        found = sweep(0, [values[y] for y in outputs], cotangents, [values[x] for x in wrt])
        equations[:n] = made
        return found


def _attribute_key(x: Any) -> Hashable:
    """An attribute; a Program by its structure."""
    if not isinstance(x, Program):
        return x
    section = Section(x.equations, x.inputs)
    if any(a.nbytes > SMALL for a in x.constants.values()):
        raise TypeError("a large constant is no part of a key")
    outputs = tuple(map(section.place, x.outputs))
    constants = tuple((section.place(v), a.tobytes()) for v, a in x.constants.items())
    return (*section.parts, outputs, constants)


def _count(key: Hashable, section: Section, places: Any, seeds: Any) -> None:
    """One more of this computation; compiles its sweep when there have been many."""
    if key in _compiled:
        return
    if len(_counts) >= COUNTED:
        _counts.clear()
    _counts[key] = _counts.get(key, 0) + 1
    if _counts[key] != OFTEN:
        return
    if len(_compiled) >= KEPT:
        _compiled.pop(next(iter(_compiled)))
    try:
        _compiled[key] = _compile(section, places, seeds)
    except Exception as error:
        log.debug("a sweep stays uncompiled: %s", error)
        _compiled[key] = None


def _compile(section: Section, places: Any, seeds: Any) -> _Sweep:
    outputs, wrt = places
    connected: list[bool] = []

    def backward(*values: Any) -> list[Any]:
        found = section.swept(values, outputs, seeds, wrt)
        connected[:] = [g is not None for g in found]
        return [g for g in found if g is not None]

    program, captured = trace(backward, [v.type for v in section.values])
    if captured:
        raise ValueError("it reads values of another trace")
    read = {v for eq in program.equations for v in eq.operands} | set(program.outputs)
    used = [k for k, v in enumerate(program.inputs) if v in read]
    inputs = tuple(program.inputs[k] for k in used)
    pruned = Program(inputs, program.equations, program.outputs, program.constants)
    return _Sweep(compile_program(pruned), used, connected)
