"""The order of calls: what continues a chain comes before what has to wait.

Calls with equal chunks that hand on blocks, chunk to equal chunk, are a chain: each thread runs all
of them on a chunk before it takes the next, and the blocks stay in its cache. A small call in
between, such as one that joins partial sums, would wait for all threads and cut the chain in two. A
call that prepares, such as one that copies weights to panels, would make the next one wait; done
before the last wait, it does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lamella.compile.groups import memory_of
from lamella.compile.instructions import Buffer, Call, Instruction, Loop

#: So many calls behind the one that has to wait are looked at.
AHEAD = 12
#: Calls that touch no more bytes than this may come earlier only because they can.
SMALL_BYTES = 1 << 20


def in_chains(instructions: Sequence[Instruction]) -> list[Instruction]:
    """The same instructions; calls come earlier where they continue a chain and nothing they could
    notice is left behind."""
    result: list[Instruction] = []
    run: list[Call] = []
    for instruction in instructions:
        if isinstance(instruction, Call):
            run.append(instruction)
            continue
        result += _reordered(run)
        run = []
        if isinstance(instruction, Loop) and instruction.groups == 1:
            instruction.body = in_chains(instruction.body)
        result.append(instruction)
    return [*result, *_reordered(run)]


@dataclass(eq=False)
class Touching:
    """A call and what it touches: {memory: [(buffer, is it written, block of each chunk)]}."""

    call: Call
    memory: dict[Buffer, list[tuple[Buffer, bool, int | None]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        arguments = zip(self.call.arguments, self.call.written, self.call.kernel.blocks)
        for buffer, written, block in arguments:
            if block != 0:
                self.memory.setdefault(memory_of(buffer.root), []).append((buffer, written, block))

    def meetings(self, other: Touching) -> Iterator[bool]:
        """For every array that both touch and one writes: does it stay with the threads, as only
        equal chunks meet, or there is one chunk?"""
        chunks = self.call.kernel.n_chunks
        equal = chunks == other.call.kernel.n_chunks
        for memory in self.memory.keys() & other.memory.keys():
            for a, a_written, a_block in self.memory[memory]:
                for b, b_written, b_block in other.memory[memory]:
                    if a_written or b_written:
                        same = a is b and a_block is not None and a_block == b_block
                        yield equal and (same or chunks == 1)

    def meets(self, others: Sequence[Touching]) -> bool:
        """Does it have to come before or after one of `others`?"""
        return any(True for other in others for _ in self.meetings(other))

    def must_wait(self, pending: Sequence[Touching]) -> bool:
        """Must all threads be done with `pending` before it may begin?"""
        return any(not stays for other in pending for stays in self.meetings(other))


def _reordered(run: list[Call]) -> Iterator[Call]:
    left, pending = [Touching(call) for call in run], list[Touching]()  # since the last wait
    while left:
        chosen = 0
        if left[0].must_wait(pending):
            behind = range(1, min(len(left), AHEAD))
            able = [k for k in behind if not left[k].must_wait(pending)
                    and not left[k].meets(left[:k])]  # fmt: skip
            continuing = (k for k in able if _continues(left[k], pending))
            preparing = (k for k in able if _prepares(left[k], pending))
            chosen = next(continuing, next(preparing, 0))
            if not chosen:
                pending = []
        pending.append(left.pop(chosen))
        yield pending[-1].call


def _continues(node: Touching, pending: Sequence[Touching]) -> bool:
    """Does it touch, chunk by chunk, what a pending call hands on?"""
    return node.call.kernel.n_chunks > 1 and node.meets(pending)


def _prepares(node: Touching, pending: Sequence[Touching]) -> bool:
    """Is it a small call that has nothing to do with the pending ones?"""
    return node.call.kernel.nbytes <= SMALL_BYTES and not node.meets(pending)
