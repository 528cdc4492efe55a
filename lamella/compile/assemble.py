"""Instructions to the machine's code, with a barrier wherever data crosses threads."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamella import native
from lamella.compile.instructions import (
    Buffer,
    Call,
    Copy,
    Host,
    Instruction,
    Loop,
    Offset,
    Swap,
    Switch,
    While,
)
from lamella.kernels.kernel import Kernel
from lamella.types import Type

#: Who does an access: a CALL's chunks are dealt out alike for equal counts; others share nothing.
HOST, ALL = 0, -1
#: Kernels of so many chunks, operations and bytes are shared out while they run. What a chunk of a
#: smaller one touches stays in the cache of its thread, from step to step.
SHARED_FROM, SHARED_WORK = 4, 10_000_000
#: A chain has the next chunk's blocks of so large arrays fetched, so many bytes at most.
LARGE_BYTES, FETCHED_BYTES = 1 << 20, 1 << 18


@dataclass(frozen=True)
class Access:
    """Bytes [low, high) of `space`, touched by whoever runs the `chunks` of call `number`."""

    space: object
    low: int
    high: int
    written: bool
    chunks: int
    number: int
    block: int | None = None
    paired: Buffer | None = None  # the buffer, where it has a partner

    def meets(self, other: Access) -> bool:
        """Does one of the two, in the same space, write what the other touches?

        Partners lie in different places from one barrier to the next.
        """
        if not (self.written or other.written):
            return False
        if self.paired is not None and other.paired is self.paired.partner:
            return False
        return self.low < other.high and other.low < self.high

    def stays_in_thread(self, other: Access) -> bool:
        """Do equal chunks touch equal blocks, which never leave a thread while both are dealt?"""
        if self.chunks != other.chunks or self.chunks == ALL:
            return False
        return self.block is not None and (self.block, self.low) == (other.block, other.low)


class Assembler:
    """Writes native code; `pending` are the accesses since the last barrier.

    Small programs have no barrier at all: there, accesses by one thread must not be compared with
    each other.
    """

    def __init__(self, addresses: Mapping[str, int], slot_of: Callable[[Buffer], int],
                 uses: Mapping[Buffer, int]) -> None:  # fmt: skip
        """uses: how often the instructions touch each buffer."""
        self.code = native.Code()
        self.addresses = addresses
        self.slot = slot_of
        self.uses = uses
        self.pending: dict[object, dict[int, list[Access]]] = {}  # by space, by chunks
        self.counter: list[int] = []
        self.groups = 1  # of the loop being written
        self.grouped: set[int] = set()  # calls in loops with groups
        self.kernels: dict[int, Kernel] = {}  # by the number of the instruction that calls them
        self.count = 0  # calls so far
        self.links: set[tuple[int, int]] = set()  # calls that hand on blocks, chunk to equal chunk
        self.run: list[tuple[int, Call]] = []  # calls since the last barrier or other instruction
        self.position: dict[int, int] = {}  # the instruction that a call became

    def emit(self, instructions: Sequence[Instruction]) -> None:
        for instruction in instructions:
            if not isinstance(instruction, Call):
                self._write()
            _EMIT[type(instruction)](self, instruction)

    def finish(self) -> native.Code:
        """The code; chunks that nothing binds to a thread go to whichever is free."""
        self._write()
        bound = {self.position[n] for link in self.links for n in link
                 if self.position[link[0]] != self.position[link[1]]}  # fmt: skip
        bound |= {self.position[n] for n in self.grouped}
        for position, kernel in self.kernels.items():
            small = kernel.n_chunks < SHARED_FROM or kernel.flops + kernel.nbytes < SHARED_WORK
            if not small and position not in bound:
                self.code.release(position)
        return self.code

    def barrier(self) -> None:
        self._write()
        if self.pending:
            self.code.barrier(self.groups)
            self.pending = {}

    def _touch(self, accesses: Iterable[Access]) -> None:
        new = list(accesses)
        if any(map(self._must_wait, new)):
            self.barrier()
        for access in new:
            self.pending.setdefault(access.space, {}).setdefault(access.chunks, []).append(access)

    def _must_wait(self, new: Access) -> bool:
        """Must all threads be done with what is pending before this may begin?"""
        met = [
            old
            for chunks, before in self.pending.get(new.space, {}).items()
            if chunks != new.chunks or chunks not in (HOST, 1)
            for old in before
            if new.meets(old)
        ]
        if not all(map(new.stays_in_thread, met)):
            return True
        self.links |= {(old.number, new.number) for old in met if old.number != new.number}
        return False

    def _accesses(
        self, buffer: Buffer, written: bool, chunks: int, block: int | None = None
    ) -> list[Access]:
        """What the next call (or copy) touches of `buffer`: of two partners it may be either, of a
        window's base any part."""
        root, number = buffer.root, self.count
        if root.kind != "temporary":
            block = block if root is buffer else None
            return [Access(root, 0, 1, written, chunks, number, block)]
        if root.partner is None:
            places, paired, block = [root], None, block if root is buffer else None
        else:
            places, paired, block = [root, root.partner], root, None
        return [
            Access("arena", b.offset, b.offset + b.nbytes, written, chunks, number, block, paired)
            for b in places
        ]

    def _call(self, call: Call) -> None:
        kernel = call.kernel
        self._touch(
            access
            for buffer, written, block in zip(call.arguments, call.written, kernel.blocks)
            if block != 0
            for access in self._accesses(buffer, written, kernel.n_chunks, block)
        )
        self.run.append((self.count, call))
        if self.groups > 1:
            self.grouped.add(self.count)
        self.count += 1

    def _write(self) -> None:
        """Write the waiting calls. Those with other chunks have nothing to do with each other."""
        groups: dict[int, list[tuple[int, Call]]] = {}
        for number, call in self.run:
            groups.setdefault(call.kernel.n_chunks, []).append((number, call))
        self.run = []
        for group in groups.values():
            self._write_group(group)

    def _write_group(self, waiting: list[tuple[int, Call]]) -> None:
        """From the first call to the last that hand on blocks they are a chain."""
        numbers = {number for number, _ in waiting}
        linked = [n for link in self.links if numbers.issuperset(link) for n in link]
        first, last = min(linked, default=0), max(linked, default=-1)
        chain = [(n, call) for n, call in waiting if first <= n <= last]
        for number, call in waiting:
            if number == first and chain:
                self._write_calls(chain)
            elif not first <= number <= last:
                self._write_calls([(number, call)])

    def _write_calls(self, calls: Sequence[tuple[int, Call]]) -> None:
        """One instruction for `calls`."""
        kernels = [call.kernel for _, call in calls]
        chunks, name = kernels[0].n_chunks, " + ".join(_label(k.key) for k in kernels)
        parts = [(self.addresses[call.kernel.key], [self.slot(b) for b in call.arguments])
                 for _, call in calls]  # fmt: skip
        if len(calls) == 1:
            self.code.call(parts[0][0], chunks, parts[0][1], name=name)
        else:
            links = [call for _, call in calls]
            handed = {self.slot(b): block for b, block in self._handed(links)}
            fetched = {self.slot(b): block for b, block in _fetched(links)}
            self.code.chain(native.chain_address(), chunks, parts, f"chain of {name}", handed,
                            fetched)  # fmt: skip
        instruction = len(self.code.instructions) - 1
        self.position.update((number, instruction) for number, _ in calls)
        self.kernels[instruction] = kernels[0] if len(kernels) == 1 else joined(kernels)

    def _handed(self, calls: Sequence[Call]) -> Iterator[tuple[Buffer, int]]:
        """(array, bytes of a block) for the arrays that only `calls` touch, chunk by chunk."""
        touched: dict[Buffer, list[int | None]] = {}
        for call in calls:
            for buffer, block in zip(call.arguments, call.kernel.blocks):
                if block != 0:
                    touched.setdefault(buffer, []).append(block)
        for buffer, blocks in touched.items():
            alone = buffer.kind == "temporary" and buffer.partner is None
            if alone and self.uses[buffer] == len(blocks) and len(set(blocks)) == 1:
                block = blocks[0]
                if block is not None and block % native.ALIGNMENT == 0:
                    yield buffer, block

    def _copy(self, copy: Copy) -> None:
        self._touch(
            [*self._accesses(copy.source, False, ALL), *self._accesses(copy.target, True, ALL)]
        )
        self.code.copy(self.slot(copy.target), self.slot(copy.source), copy.nbytes)

    def _host(self, host: Host) -> None:
        both = [(host.operands, False), (host.results, True)]
        self._touch(a for arrays, written in both for b, _ in arrays
                    for a in self._accesses(b, written, HOST))  # fmt: skip
        slots = [self.slot(b) for b, _ in (*host.operands, *host.results)]
        types = [t for _, t in (*host.operands, *host.results)]
        self.code.host(_callback(host.function, types, len(host.operands)), slots)

    def _offset(self, offset: Offset) -> None:
        window, counter = offset.window, self.counter[-1]
        if window.base is None:
            raise AssertionError("a window has a base")
        self.code.offset(self.slot(window), self.slot(window.base), counter, offset.stride,
                         reverse=offset.reverse)  # fmt: skip

    def _swap(self, swap: Swap) -> None:
        self.barrier()  # what is pending means the places as they were
        self.code.swap(self.slot(swap.a), self.slot(swap.b))

    def _loop(self, loop: Loop) -> None:
        self.barrier()  # in front, so that no round needs one for what came before
        how_often = {"cell": 0} if loop.count is None else {"count": loop.count}
        around, self.groups = self.groups, loop.groups
        with self.code.loop(**how_often) as counter:
            self.counter.append(counter)
            self.emit(loop.body)
            self.barrier()  # the next round may touch anything
            self.counter.pop()
        self.groups = around
        if loop.groups > 1:  # the threads may be in different rounds
            self.code.barrier()

    def _while(self, loop: While) -> None:
        self.barrier()
        again, end = self.code.label(), self.code.new_label()
        self.emit(loop.test)
        self.barrier()
        self.code.jump_if_false(self.slot(loop.flag), end)
        self._touch(self._accesses(loop.flag, False, ALL))
        self.emit(loop.body)
        self.barrier()
        self.code.jump(again)
        self.code.place(end)
        self._touch(self._accesses(loop.flag, False, ALL))  # others may still be reading it

    def _switch(self, switch: Switch) -> None:
        self.barrier()
        end = self.code.new_label()
        labels = [self.code.new_label() for _ in switch.branches]
        self.code.switch(self.slot(switch.index), labels)
        for label, branch in zip(labels, switch.branches):
            self.code.place(label)
            self._touch(self._accesses(switch.index, False, ALL))
            self.emit(branch)
            self.barrier()
            self.code.jump(end)
        self.code.place(end)


_EMIT: dict[type, Callable[[Assembler, Any], None]] = {
    Call: Assembler._call, Copy: Assembler._copy, Host: Assembler._host, Offset: Assembler._offset,
    Swap: Assembler._swap, Loop: Assembler._loop, While: Assembler._while,
    Switch: Assembler._switch,
}  # fmt: skip


def _fetched(calls: Sequence[Call]) -> Iterator[tuple[Buffer, int]]:
    """(array, bytes of a block) for large arrays that `calls` read, chunk by chunk, and have not
    touched before; as many as fit."""
    seen: set[Buffer] = set()
    room = FETCHED_BYTES
    for call in calls:
        chunks = call.kernel.n_chunks
        for buffer, written, block in zip(call.arguments, call.written, call.kernel.blocks):
            new = not written and buffer not in seen
            if new and block and chunks * block >= LARGE_BYTES and block <= room:
                room -= block
                yield buffer, block
            if block != 0:
                seen.add(buffer)


def joined(kernels: Sequence[Kernel]) -> Kernel:
    """What the profiler knows of a chain: its kernels read and write what they hand on."""
    return Kernel(
        " + ".join(k.key for k in kernels), kernels[0].make_text, kernels[0].n_chunks, (),
        sum(k.flops for k in kernels), sum(k.nbytes for k in kernels),
    )  # fmt: skip


def _label(key: str) -> str:
    return key.split("\n", 1)[0][:60]


def _callback(function: Callable[..., object], types: Sequence[Type], n_operands: int
              ) -> Callable[[tuple[int, ...]], None]:  # fmt: skip
    """`function` over arrays at addresses; its results are copied to the last addresses."""

    def run(addresses: tuple[int, ...]) -> None:
        arrays = [array_at(a, t) for a, t in zip(addresses, types)]
        out = function(*arrays[:n_operands])
        for target, x in zip(arrays[n_operands:], out if isinstance(out, tuple) else (out,)):
            target[...] = np.asarray(x).reshape(target.shape)

    return run


def array_at(address: int, type: Type) -> np.ndarray:
    """The memory at `address` as an array."""
    raw = (ctypes.c_char * max(type.nbytes, 1)).from_address(address)
    return np.frombuffer(raw, np.uint8, type.nbytes).view(type.dtype).reshape(type.shape)
