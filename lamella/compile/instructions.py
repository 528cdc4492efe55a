"""The linear form of a compiled Program: instructions over buffers; bodies are nested lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lamella.kernels.kernel import Kernel
from lamella.types import Type


@dataclass(eq=False)
class Buffer:
    """Memory that instructions name. A buffer has a slot in the machine's pointer table.

    kind: "input" and "output" are the caller's arrays, number `index`; "constant" is array number
    `index` of the Program; "temporary" lies in the arena; "window" points into `base` and is moved
    by Offset instructions.
    """

    nbytes: int
    kind: str = "temporary"
    index: int = -1
    base: Buffer | None = None
    slot: int = -1
    offset: int = -1  # in the arena
    partner: Buffer | None = None  # Swap exchanges the two: they live and die together

    @property
    def root(self) -> Buffer:
        """Whose memory it is: a window may point into a window."""
        return self if self.base is None else self.base.root


@dataclass(eq=False)
class Call:
    """Run `kernel`; `written` tells for each argument if the kernel may write it."""

    kernel: Kernel
    arguments: tuple[Buffer, ...]
    written: tuple[bool, ...]
    source: str | None = None


@dataclass(eq=False)
class Copy:
    target: Buffer
    source: Buffer
    nbytes: int


@dataclass(eq=False)
class Host:
    """Call `function(*arrays) -> arrays` in Python."""

    name: str
    function: Callable[..., object]
    operands: tuple[tuple[Buffer, Type], ...]
    results: tuple[tuple[Buffer, Type], ...]


@dataclass(eq=False)
class Offset:
    """`window` = its base + counter * stride bytes; counted from the end where `reverse`."""

    window: Buffer
    stride: int
    reverse: bool = False


@dataclass(eq=False)
class Swap:
    a: Buffer
    b: Buffer


@dataclass(eq=False)
class Loop:
    """Run `body` `count` times; count None: the caller says how often.

    groups: into how many groups its chunks fall that share nothing that is written (groups.py).
    """

    count: int | None
    body: list[Instruction] = field(default_factory=list)
    groups: int = 1


@dataclass(eq=False)
class While:
    """Run `test`; while the bool in `flag` is true, run `body` and `test` again."""

    test: list[Instruction]
    flag: Buffer
    body: list[Instruction]


@dataclass(eq=False)
class Switch:
    """Run the branch that the int32 in `index` names, clamped."""

    index: Buffer
    branches: list[list[Instruction]]


Instruction = Call | Copy | Host | Offset | Swap | Loop | While | Switch


def accesses(instruction: Instruction) -> Iterator[tuple[Buffer, bool]]:
    """(buffer, is it written) for everything the instruction touches, nested lists included."""
    match instruction:
        case Call(kernel=kernel, arguments=arguments, written=written):
            every = zip(arguments, written, kernel.blocks, strict=True)
            yield from ((b, writes) for b, writes, block in every if block != 0)
        case Copy(target=target, source=source):
            yield from ((source, False), (target, True))
        case Host(operands=operands, results=results):
            yield from ((b, False) for b, _ in operands)
            yield from ((b, True) for b, _ in results)
        case Offset(window=window):
            yield (window, False)
        case Swap(a=a, b=b):
            yield from ((a, True), (b, True))
        case Loop(body=body):
            yield from (x for i in body for x in accesses(i))
        case While(test=test, flag=flag, body=body):
            yield from (x for i in (*test, *body) for x in accesses(i))
            yield (flag, False)
        case Switch(index=index, branches=branches):
            yield (index, False)
            yield from (x for branch in branches for i in branch for x in accesses(i))
