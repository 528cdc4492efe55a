"""The order of calls: what continues a chain comes before what has to wait.

Calls with equal chunks that hand on blocks, chunk to equal chunk, are a chain: each thread runs all
of them on a chunk before it takes the next, and the blocks stay in its cache. A small call in
between, such as one that joins partial sums, would wait for all threads and cut the chain in two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lamella.compile.instructions import Buffer, Call, Instruction, Loop

#: So many calls behind the one that has to wait are looked at.
AHEAD = 12


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


def _reordered(run: list[Call]) -> Iterator[Call]:
    left, pending = list(run), list[Call]()  # pending: since all threads waited for each other
    while left:
        chosen = 0
        if _must_wait(left[0], pending):
            able = (k for k in range(1, min(len(left), AHEAD)) if _continues(left, k, pending))
            chosen = next(able, 0)
            if not chosen:
                pending = []
        call = left.pop(chosen)
        pending.append(call)
        yield call


def _continues(left: Sequence[Call], k: int, pending: Sequence[Call]) -> bool:
    """May number k come first, and does it read what a pending call hands on?"""
    call = left[k]
    if call.kernel.n_chunks == 1 or _must_wait(call, pending):
        return False
    linked = any(True for other in pending for _ in _meetings(call, other))
    return linked and not any(True for other in left[:k] for _ in _meetings(call, other))


def _must_wait(call: Call, pending: Sequence[Call]) -> bool:
    return any(not stays for other in pending for stays in _meetings(call, other))


def _meetings(call: Call, other: Call) -> Iterator[bool]:
    """For every array that both touch and one writes: does each chunk meet the equal chunk only?"""
    equal = call.kernel.n_chunks == other.kernel.n_chunks
    for a, a_written, a_block in _touched(call):
        for b, b_written, b_block in _touched(other):
            if (a_written or b_written) and _is_shared(a, b):
                yield equal and a is b and a_block is not None and a_block == b_block


def _touched(call: Call) -> Iterator[tuple[Buffer, bool, int | None]]:
    touched = zip(call.arguments, call.written, call.kernel.blocks, strict=True)
    return ((buffer, written, block) for buffer, written, block in touched if block != 0)


def _is_shared(a: Buffer, b: Buffer) -> bool:
    return a.root is b.root or a.root is b.root.partner
