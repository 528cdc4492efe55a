"""The instruction set of the virtual machine, its assembler and its listing.

An instruction is a row of int64 words: the opcode and its operands. README.md says what each one
means, interpreter.py how it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

# Operands by name; the interpreter's text refers to them. A * marks what follows as a list.
OPERANDS = {
    "STOP": (),
    "CALL": ("function", "chunks", "length", "*ids"),
    "CALL_ANY": ("function", "chunks", "length", "*ids"),
    "BARRIER": ("groups",),
    "FOR": ("register", "cell", "count", "end"),
    "END": ("register", "body"),
    "OFFSET": ("dst", "base", "register", "stride", "offset"),
    "OFFSET_REVERSED": ("dst", "base", "register", "stride", "offset"),
    "SWAP": ("a", "b"),
    "JUMP": ("target",),
    "JUMP_IF_FALSE": ("slot", "target"),
    "SWITCH": ("slot", "length", "*targets"),
    "COPY": ("dst", "src", "nbytes"),
    "ZERO": ("dst", "nbytes"),
    "SCRATCH": ("dst", "offset"),
    "HOST": ("index",),
}
OPCODES = {name: number for number, name in enumerate(OPERANDS)}

MAX_LOOP_DEPTH = 32
MAX_CHUNKS = 1 << 22
MAX_SLOTS = 1 << 16
NO_CELL = -1
ALIGNMENT = 64
SLACK = 256  # bytes that kernels may read, not use, behind a block


@dataclass(eq=False)
class Label:
    """A place in the code, once it is placed; `loops` are the loops open there."""

    position: int | None = None
    loops: tuple[int, ...] = ()


@dataclass
class Instruction:
    """One line of a listing."""

    position: int
    text: str
    depth: int
    targets: tuple[Label, ...] = ()

    def __str__(self) -> str:
        where = ", ".join(str(target.position) for target in self.targets)
        arrow = f" -> {where}" if where else ""
        return f"{self.position:4}  {'  ' * self.depth}{self.text}{arrow}"


@dataclass
class Host:
    """A Python function that programs call, with the slots whose addresses it gets."""

    function: Callable[[tuple[int, ...]], None]
    slots: tuple[int, ...]


@dataclass
class Code:
    """An assembler: methods add instructions, `words()` gives the code.

    >>> code = Code()
    >>> with code.loop(count=3) as i:
    ...     code.offset(2, 0, i, stride=64)
    ...     code.copy(1, 2, nbytes=64)
    >>> print(code.listing())
       0  FOR r0 = 0 .. 2
       5    OFFSET 2 = 0 + 0 + r0 * 64
      11    COPY 1 = 2, 64 bytes
      15  END r0
    """

    _words: list[int | Label] = field(default_factory=list)
    instructions: list[Instruction] = field(default_factory=list)
    hosts: list[Host] = field(default_factory=list)
    slots: int = 0
    cells: int = 0
    scratch_bytes: int = 0
    _loops: tuple[int, ...] = ()  # positions of the open loops
    _jumps: list[tuple[Label, tuple[int, ...]]] = field(default_factory=list)

    def call(self, function: int, chunks: int, ids: Sequence[int], name: str = "kernel") -> None:
        """Run chunks 0 .. chunks-1 of the kernel at address `function` on all threads."""
        if not 0 <= chunks <= MAX_CHUNKS:
            raise ValueError(f"{name}: chunks is {chunks}, must be 0 .. {MAX_CHUNKS}")
        self._use(*ids)
        self._add("CALL", f"{name}({_row(ids)}), {chunks} chunks", function, chunks, len(ids), *ids)

    def chain(self, function: int, chunks: int, calls: Sequence[tuple[int, Sequence[int]]],
              name: str = "chain", handed: Mapping[int, int] | None = None,
              fetched: Mapping[int, int] | None = None) -> None:  # fmt: skip
        """Run `calls`, each (address of a kernel, its ids), chunk by chunk (see chain.py).

        handed: {slot: bytes of a block} of arrays that only these calls touch; no more than a block
        of each is ever there, in the thread's own memory. fetched: the same of arrays of which the
        kernels have the next chunk's blocks fetched.
        """
        at, handed = 0, handed or {}
        for slot, block in handed.items():
            self.scratch(slot, block + SLACK, at)
            at += -(-(block + SLACK) // ALIGNMENT) * ALIGNMENT
        words = []
        for blocks in (handed, fetched or {}):
            words += [len(blocks), *(word for pair in blocks.items() for word in pair)]
        words.append(len(calls))
        for kernel, ids in calls:
            self._use(*ids)
            words += [kernel, len(ids), *ids]
        self._add("CALL", f"{name}, {chunks} chunks", function, chunks, len(words), *words)

    def release(self, number: int) -> None:
        """Let any thread take any chunk of CALL number `number` of the instructions."""
        line = self.instructions[number]
        assert self._words[line.position] == OPCODES["CALL"]
        self._words[line.position] = OPCODES["CALL_ANY"]
        line.text = line.text.replace("CALL", "CALL_ANY", 1)

    def barrier(self, groups: int = 1) -> None:
        """Wait for all threads; not if the number of threads divides `groups`."""
        self._add("BARRIER", "" if groups == 1 else f"of {groups} groups", groups)

    @contextmanager
    def loop(self, count: int | None = None, cell: int | None = None) -> Iterator[int]:
        """Repeat the body `count` times, or `params[cell]` times; gives the counter's register."""
        if (count is None) == (cell is None):
            raise ValueError("loop() takes either count or cell")
        register = len(self._loops)
        if register == MAX_LOOP_DEPTH:
            raise ValueError(f"loops can be nested {MAX_LOOP_DEPTH} deep")
        if cell is not None:
            self.cells = max(self.cells, cell + 1)
        limit = f"params[{cell}] - 1" if count is None else str(count - 1)
        head, end = Label(), Label()
        counted = (NO_CELL if cell is None else cell, count or 0)
        outside, inside = self._loops, (*self._loops, len(self._words))
        self._add("FOR", f"r{register} = 0 .. {limit}", register, *counted, end)
        self._loops = inside
        self.place(head)
        yield register
        self._add("END", f"r{register}", register, head)
        self._loops = outside
        self.place(end)

    def offset(
        self,
        dst: int,
        base: int,
        register: int,
        stride: int,
        offset: int = 0,
        reverse: bool = False,
    ) -> None:
        """table[dst] = table[base] + offset + i * stride; i counts down with `reverse`."""
        if not 0 <= register < len(self._loops):
            raise ValueError(f"r{register} is not the counter of an open loop")
        self._use(dst, base)
        opcode = "OFFSET_REVERSED" if reverse else "OFFSET"
        text = f"{dst} = {base} + {offset} + r{register} * {stride}"
        self._add(opcode, text, dst, base, register, stride, offset)

    def swap(self, a: int, b: int) -> None:
        self._use(a, b)
        self._add("SWAP", f"{a}, {b}", a, b)

    def new_label(self) -> Label:
        """A label to be placed later."""
        return Label()

    def place(self, label: Label) -> None:
        """Let `label` mean the instruction added next."""
        if label.position is not None:
            raise ValueError("the label has been placed before")
        label.position, label.loops = len(self._words), self._loops

    def label(self) -> Label:
        """A label for the instruction added next."""
        label = Label()
        self.place(label)
        return label

    def jump(self, target: Label) -> None:
        self._jump("JUMP", "", [target], target)

    def jump_if_false(self, slot: int, target: Label) -> None:
        self._use(slot)
        self._jump("JUMP_IF_FALSE", f"{slot}", [target], slot, target)

    def switch(self, slot: int, targets: Sequence[Label]) -> None:
        """Jump to targets[k], k the int32 at table[slot], clamped to 0 .. len(targets)-1."""
        if not targets:
            raise ValueError("switch() needs a target")
        self._use(slot)
        self._jump("SWITCH", f"{slot}", targets, slot, len(targets), *targets)

    def copy(self, dst: int, src: int, nbytes: int) -> None:
        self._use(dst, src)
        self._add("COPY", f"{dst} = {src}, {nbytes} bytes", dst, src, nbytes)

    def zero(self, dst: int, nbytes: int) -> None:
        self._use(dst)
        self._add("ZERO", f"{dst}, {nbytes} bytes", dst, nbytes)

    def scratch(self, dst: int, nbytes: int, at: int = 0) -> None:
        """table[dst] = byte `at` of memory that each thread has for itself, `nbytes` from there on.

        The memory is 64-byte aligned, and the same for all that are at the same byte.
        """
        self._use(dst)
        self._add("SCRATCH", f"{dst}, {nbytes} bytes", dst, at)
        end = -(-(at + nbytes) // ALIGNMENT) * ALIGNMENT
        self.scratch_bytes = max(self.scratch_bytes, end)

    def host(self, function: Callable[[tuple[int, ...]], None], ids: Sequence[int] = ()) -> None:
        """Thread 0 calls `function((address of ids[0], ...))`."""
        self._use(*ids)
        self._add("HOST", f"{_name(function)}({_row(ids)})", len(self.hosts))
        self.hosts.append(Host(function, tuple(ids)))

    def stop(self) -> None:
        self._add("STOP", "")

    def words(self) -> list[int]:
        """The code, labels replaced by positions."""
        if self._loops:
            raise ValueError("a loop is still open")
        for label, loops in self._jumps:
            if label.position is None:
                raise ValueError("a label was jumped to but never placed")
            if label.loops != loops[: len(label.loops)]:
                raise ValueError(f"a jump leads into the loop at {label.loops[-1]}")
        return [(w.position or 0) if isinstance(w, Label) else w for w in self._words]

    def listing(self) -> str:
        """One line per instruction: position, text and where it can jump."""
        return "\n".join(map(str, self.instructions))

    def _jump(self, name: str, text: str, targets: Sequence[Label], *operands) -> None:
        self._jumps += [(target, self._loops) for target in targets]
        self._add(name, text, *operands)
        self.instructions[-1].targets = tuple(targets)

    def _add(self, name: str, text: str, *operands: int | Label) -> None:
        depth = len(self._loops) - (name == "END")
        line = Instruction(len(self._words), f"{name} {text}".rstrip(), depth)
        self.instructions.append(line)
        self._words.extend((OPCODES[name], *operands))

    def _use(self, *slots: int) -> None:
        for slot in slots:
            if not 0 <= slot < MAX_SLOTS:
                raise ValueError(f"slot {slot} is not in 0 .. {MAX_SLOTS - 1}")
            self.slots = max(self.slots, slot + 1)


def _row(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids))


def _name(function: Callable) -> str:
    return getattr(function, "__name__", type(function).__name__)
