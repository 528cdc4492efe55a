"""From a Program to machine code: the whole story.

Program -> passes -> regions -> instructions over buffers -> arena -> kernels -> machine code
"""

from __future__ import annotations

import hashlib
import pathlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from lamella import garbage, inspect, native
from lamella.compile.assemble import Assembler
from lamella.compile.chains import in_chains
from lamella.compile.executable import Executable
from lamella.compile.instructions import (
    Buffer,
    Call,
    Copy,
    Instruction,
    Loop,
    Offset,
    Switch,
    While,
    accesses,
)
from lamella.compile.lowering import Lowering
from lamella.compile.memory import plan_arena
from lamella.compile.regions import lowered_once, split_unfusible
from lamella.kernels.kernel import Kernel
from lamella.passes import run_pipeline
from lamella.program import Program

#: Below this many operations plus bytes, waking other threads costs more than it saves.
SERIAL_BELOW = 200_000


@garbage.kept()
@lowered_once()
def compile_program(
    program: Program,
    donated: Mapping[int, int] | None = None,
    sliced: Sequence[int] = (),
    stacked: Sequence[int] = (),
    repeated: bool = False,
) -> Executable:
    """Machine code for `program`.

    donated: input number -> output number of the same type that is written over it.
    repeated: the Executable runs the Program `steps` times in one call, each round reading the
        donated arrays as the round before left them; inputs in `sliced` then have one more, leading
        axis, and round k reads row k; outputs in `stacked` are arrays of `steps` rows given by the
        caller, and round k writes row k.
    """
    donated = dict(donated or {})
    fused = _fused(program)
    lowering = Lowering()
    inputs = [Buffer(t.nbytes, "input", i) for i, t in enumerate(program.in_types)]
    over = {j: inputs[i] for i, j in donated.items()}
    outputs = [over.get(j) or Buffer(t.nbytes, "output", j)
               for j, t in enumerate(program.out_types)]  # fmt: skip
    in_rows = [_row(b) if i in sliced else b for i, b in enumerate(inputs)]
    out_rows = [_row(b) if j in stacked else b for j, b in enumerate(outputs)]

    def emit_round() -> None:
        for window in (*in_rows, *out_rows):
            if window.kind == "window":
                lowering.emit(Offset(window, window.nbytes))
        lowering.inline(fused, in_rows, out_rows, donated)

    instructions, _ = lowering.capture(emit_round)
    if repeated:
        instructions = [Loop(None, instructions)]
    return _executable(program, instructions, lowering, donated)


def _fused(program: Program) -> Program:
    """After all passes; LAMELLA_DEBUG shows the way."""
    if inspect.wanted("program"):
        inspect.say("program", program)
    watch = inspect.watcher()
    fused = split_unfusible(run_pipeline(program, watch))
    if watch is not None:
        watch("split_unfusible", fused)
    if inspect.wanted("fused"):
        inspect.say("fused", fused)
    return fused


def _row(array: Buffer) -> Buffer:
    return Buffer(array.nbytes, "window", base=array)


def _executable(program: Program, instructions: list[Instruction], lowering: Lowering,
                donated: dict[int, int]) -> Executable:  # fmt: skip
    instructions = in_chains(instructions)
    arena_nbytes = plan_arena(instructions)
    kernels = {c.kernel.key: c.kernel for c in calls(instructions)}
    addresses = native.compile_kernels(
        {key: k.make_text for key, k in kernels.items()}, salt=GENERATORS
    )
    if inspect.wanted("llvm"):
        for key, kernel in kernels.items():
            inspect.say(f"kernel {key}", kernel.make_text())
    slots = _Slots(len(program.inputs), len(program.outputs), len(lowering.constants))
    uses = Counter(buffer.root for i in instructions for buffer, _ in accesses(i))
    assembler = Assembler(addresses, slots.slot, uses)
    assembler.emit(instructions)
    serial = work(instructions) < SERIAL_BELOW
    machine = native.Machine(assembler.finish(), slots=slots.count, serial=serial)
    if inspect.wanted("kernels"):
        inspect.say("instructions", machine.listing())
    return Executable(machine, program.in_types, program.out_types, donated, lowering.constants,
                      arena_nbytes, slots.arena, assembler.kernels)  # fmt: skip


class _Slots:
    """Numbers of the machine's pointer table: inputs, outputs, constants, then as they come."""

    def __init__(self, n_inputs: int, n_outputs: int, n_constants: int) -> None:
        self.first = {"input": 0, "output": n_inputs, "constant": n_inputs + n_outputs}
        self.count = n_inputs + n_outputs + n_constants
        self.arena: list[tuple[int, int]] = []

    def slot(self, buffer: Buffer) -> int:
        if buffer.slot < 0:
            if buffer.kind in self.first:
                buffer.slot = self.first[buffer.kind] + buffer.index
            else:
                buffer.slot, self.count = self.count, self.count + 1
                if buffer.kind == "temporary":
                    self.arena.append((buffer.slot, buffer.offset))
        return buffer.slot


def calls(instructions: Sequence[Instruction]) -> Iterator[Call]:
    """Every Call, nested ones included."""
    for instruction in instructions:
        match instruction:
            case Call():
                yield instruction
            case Loop(body=body):
                yield from calls(body)
            case While(test=test, body=body):
                yield from calls([*test, *body])
            case Switch(branches=branches):
                for branch in branches:
                    yield from calls(branch)


def work(instructions: Sequence[Instruction]) -> int:
    """Operations plus bytes of one run; a loop counts as often as it runs, if that is known."""
    total = 0
    for instruction in instructions:
        match instruction:
            case Call(kernel=kernel):
                total += kernel.flops + kernel.nbytes
            case Copy(nbytes=nbytes):
                total += nbytes
            case Loop(count=count, body=body):
                total += (count or 1) * work(body)
            case While(test=test, body=body):
                total += work([*test, *body])
            case Switch(branches=branches):
                total += max((work(b) for b in branches), default=0)
    return total


def _hash_of_generators() -> str:
    """A hash of everything that writes kernels: their texts change with it."""
    root = pathlib.Path(__file__).parent.parent
    digest = hashlib.sha256()
    for folder in ("kernels", "ops"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    for name in ("scalar.py", "indexmap.py", "types.py"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


#: Taken when they are imported: an installation may be exchanged under a running program, whose
#: machine code must not be kept under the name of the new one's.
GENERATORS = _hash_of_generators()

__all__ = ["Executable", "Kernel", "accesses", "calls", "compile_program", "work"]
