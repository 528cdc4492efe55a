"""One arena for all temporaries: offsets from lifetimes, computed once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lamella.compile.chains import Touching
from lamella.compile.instructions import Buffer, Call, Instruction, Loop, Switch, While, accesses

ALIGNMENT = 64
#: Memory rests for so many instructions before another buffer takes it, or until all threads wait
#: for each other anyway: taken earlier it would make them wait, and cut chains in two.
REST = 6


@dataclass
class Lifetime:
    first: int
    last: int

    def extend(self, first: int, last: int) -> None:
        self.first, self.last = min(self.first, first), max(self.last, last)


def plan_arena(instructions: Sequence[Instruction]) -> int:
    """Give every temporary buffer its `offset`; returns the size of the arena in bytes.

    Large buffers first, each at the lowest place that is free for all of its life.
    """
    lives = lifetimes(instructions)
    first, last, start, end = np.empty((4, len(lives)), np.int64)
    for k, buffer in enumerate(sorted(lives, key=lambda b: -b.nbytes)):
        life, need = lives[buffer], _padded(buffer.nbytes)
        beside = (first[:k] <= life.last) & (life.first <= last[:k])
        buffer.offset = _gap(start[:k][beside], end[:k][beside], need)
        first[k], last[k] = life.first, life.last
        start[k], end[k] = buffer.offset, buffer.offset + need
    return int(end.max(initial=0))


def _gap(start: np.ndarray, end: np.ndarray, need: int) -> int:
    """The lowest offset with `need` bytes that lie in none of the intervals."""
    order = np.argsort(start)
    reached = np.maximum.accumulate(np.concatenate(([0], end[order])))
    wide = np.flatnonzero(start[order] - reached[:-1] >= need)
    return int(reached[wide[0] if wide.size else -1])


def _padded(nbytes: int) -> int:
    return max(ALIGNMENT, -(-nbytes // ALIGNMENT) * ALIGNMENT)


def lifetimes(instructions: Sequence[Instruction]) -> dict[Buffer, Lifetime]:
    """From first to last access of each temporary, and as long as it rests, in positions of the
    flattened list.

    What is used inside and outside a loop lives through all of the loop, and so does what groups of
    its chunks have for themselves; partners of a Swap live together.
    """
    walk = _Walk()
    walk.visit(instructions)
    for buffer, life in walk.lives.items():
        for first, last, groups in walk.loops:  # inner loops come before the loops around them
            inside = life.first <= last and first <= life.last
            whole = groups > 1 or buffer.partner is not None
            if inside and (life.first < first or last < life.last or whole):
                life.extend(first, last)
    for buffer, life in walk.lives.items():
        if buffer.partner in walk.lives:
            life.extend(walk.lives[buffer.partner].first, walk.lives[buffer.partner].last)
    for life in walk.lives.values():
        life.last = walk.end_of_rest(life.last)
    return walk.lives


class _Walk:
    def __init__(self) -> None:
        self.position = 0
        self.lives: dict[Buffer, Lifetime] = {}
        self.loops: list[tuple[int, int, int]] = []
        self.pending: list[Touching] = []  # calls since the last wait
        self.waits: list[int] = []  # positions in front of which all threads wait for each other

    def end_of_rest(self, position: int) -> int:
        """The last position at which what was used at `position` must not be overwritten."""
        k = bisect_right(self.waits, position)
        return min([position + REST, *(wait - 1 for wait in self.waits[k : k + 1])])

    def visit(self, instructions: Sequence[Instruction]) -> None:
        for instruction in instructions:
            self._wait(instruction)
            bodies = list(_bodies(instruction))
            if not bodies:
                self._touch(buffer for buffer, _ in accesses(instruction))
                continue
            first = self.position
            if isinstance(instruction, Switch):
                self._touch([instruction.index])
            for body in bodies:
                self.visit(body)
                if isinstance(instruction, While):
                    self._touch([instruction.flag])
            if not isinstance(instruction, Switch):
                groups = instruction.groups if isinstance(instruction, Loop) else 1
                self.loops.append((first, self.position, groups))
                self.position += 1

    def _wait(self, instruction: Instruction) -> None:
        """Note where `instruction` has to wait for data of the calls before it."""
        if not isinstance(instruction, Call):
            self.pending = []
            return
        touching = Touching(instruction)
        if touching.must_wait(self.pending):
            self.waits.append(self.position)
            self.pending = []
        self.pending.append(touching)

    def _touch(self, buffers: Iterator[Buffer] | Sequence[Buffer]) -> None:
        for buffer in buffers:
            buffer = buffer.root
            if buffer.kind == "temporary":
                life = self.lives.setdefault(buffer, Lifetime(self.position, self.position))
                life.extend(self.position, self.position)
        self.position += 1


def _bodies(instruction: Instruction) -> Iterator[list[Instruction]]:
    match instruction:
        case Loop(body=body):
            yield body
        case While(test=test, body=body):
            yield from (test, body)
        case Switch(branches=branches):
            yield from branches
