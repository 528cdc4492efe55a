"""Loops whose chunks fall into groups with data of their own, such as the directions of an LSTM.

A thread that has all chunks of a group need not wait for others from the first round of the loop to
the last, and what one kernel hands to the next stays in its cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from lamella.compile.instructions import Buffer, Call, Copy, Instruction, Offset, Swap
from lamella.native import COPY_BYTES

#: An access: the buffer, is it written, the bytes of it that each group has for itself.
Access = tuple[Buffer, bool, int | None]


def find_groups(body: Sequence[Instruction]) -> int:
    """Into how many groups the chunks of a loop's body fall, of which none touches what another one
    writes, in any round; 1 if there are no groups."""
    if not all(isinstance(i, Call | Copy | Offset | Swap) for i in body):
        return 1
    most = math.gcd(*(i.kernel.n_chunks for i in body if isinstance(i, Call)))
    counts = (n for n in range(most, 1, -1) if most % n == 0)
    return next((n for n in counts if _apart(body, n)), 1)


def _apart(body: Sequence[Instruction], groups: int) -> bool:
    """Does each group have a block of its own of whatever is written?"""
    found: dict[Buffer, set[tuple[Buffer, int | None]]] = {}
    written = set()
    for buffer, writes, block in _accesses(body, groups):
        memory = memory_of(buffer.root)
        # rows of an array are windows: two of them may be each other's rows in another round
        found.setdefault(memory, set()).add((memory_of(buffer), block))
        if writes:
            written.add(memory)
    return all(len(found[m]) == 1 and {b for _, b in found[m]} != {None} for m in written)


def memory_of(buffer: Buffer) -> Buffer:
    """One of the two buffers that a Swap exchanges stands for both."""
    return buffer if buffer.partner is None else min(buffer, buffer.partner, key=id)


def _accesses(body: Sequence[Instruction], groups: int) -> Iterator[Access]:
    for i in body:
        if isinstance(i, Call):
            for k, (buffer, writes) in enumerate(zip(i.arguments, i.written)):
                if i.kernel.blocks[k] == 0:
                    continue
                yield buffer, writes, i.kernel.group_block(k, groups)
        elif isinstance(i, Copy):
            block = i.nbytes // groups
            own = None if i.nbytes % (groups * COPY_BYTES) else block
            yield i.source, False, own
            yield i.target, True, own
