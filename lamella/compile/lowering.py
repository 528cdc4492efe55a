"""From a fused Program to instructions over buffers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from lamella.compile.absorb import absorb
from lamella.compile.groups import find_groups
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
from lamella.compile.regions import lower_equation
from lamella.compile.rematerialize import rematerialize
from lamella.compile.schedule import schedule
from lamella.kernels.kernel import Lowered
from lamella.program import Equation, Program, Value


class Lowering:
    """Instructions and buffers of one Program and the Programs nested in it."""

    def __init__(self) -> None:
        self.buffer: dict[Value, Buffer] = {}
        self.constants: list[np.ndarray] = []
        self.instructions: list[Instruction] = []
        self.own: set[Value] = set()  # results in temporaries that only they lie in

    def emit(self, instruction: Instruction) -> None:
        self.instructions.append(instruction)

    def capture(self, f: Callable[[], Any]) -> tuple[list[Instruction], Any]:
        """What `f` emits, as a list of its own, and what it returns."""
        outer, self.instructions = self.instructions, []
        result = f()
        inner, self.instructions = self.instructions, outer
        return inner, result

    # ---- Programs ------------------------------------------------------------------------------

    def inline(
        self,
        program: Program,
        inputs: Sequence[Buffer],
        outputs: Sequence[Buffer | None],
        donated: Mapping[int, int] | None = None,
    ) -> list[Buffer]:
        """Emit `program` reading `inputs`; output j goes to outputs[j], or to a buffer of its own.

        donated: input number -> output number that may be written over it as soon as nobody reads
        the input any more; outputs[j] is then the same buffer as inputs[i].
        """
        donated = donated or {}
        program = absorb(rematerialize(schedule(program, donated)))
        self.buffer.update(zip(program.inputs, inputs, strict=True))
        for value, array in program.constants.items():
            self._constant(value, array)
        last_read = _last_reads(program)
        targets = self._targets(program, outputs, donated, last_read)
        for position, eq in enumerate(program.equations):
            self._equation(eq, targets, position, last_read)
        return self._finish(program, outputs, targets)

    def _constant(self, value: Value, array: np.ndarray) -> None:
        self.buffer[value] = Buffer(value.type.nbytes, "constant", len(self.constants))
        self.constants.append(array)

    def _targets(
        self,
        program: Program,
        outputs: Sequence[Buffer | None],
        donated: Mapping[int, int],
        last_read: dict[Value, int],
    ) -> dict[Value, Buffer]:
        """Where an equation may put an output directly."""
        made = {v: i for i, eq in enumerate(program.equations) for v in eq.results}
        source = {j: program.inputs[i] for i, j in donated.items()}
        targets: dict[Value, Buffer] = {}
        for j, (output, buffer) in enumerate(zip(program.outputs, outputs, strict=True)):
            value = _unreshaped(output, program, made)
            if buffer is None or value in targets or value not in made:
                continue
            read_until = last_read.get(source[j], -1) if j in source else -1
            eq = program.equations[made[value]]
            if read_until < made[value] or (
                read_until == made[value]
                and _overwrites(eq, source[j], value)
                and [_unreshaped(v, program, made) for v in eq.operands].count(source[j]) == 1
            ):
                targets[value] = buffer
        return targets

    def _finish(self, program: Program, outputs: Sequence[Buffer | None],
                targets: dict[Value, Buffer]) -> list[Buffer]:  # fmt: skip
        """Copy the outputs that are not where they were wanted."""
        results, copies = [], []
        for value, wanted in zip(program.outputs, outputs, strict=True):
            here = self.buffer[value]
            if wanted is not None and here is not wanted:
                copies.append(Copy(wanted, here, value.type.nbytes))
            results.append(here if wanted is None else wanted)
        written = {c.target for c in copies}
        for c in copies:  # a source that another copy overwrites is saved first
            if c.source in written:
                saved = Buffer(c.nbytes)
                self.emit(Copy(saved, c.source, c.nbytes))
                c.source = saved
        for c in copies:
            self.emit(c)
        return results

    # ---- equations -----------------------------------------------------------------------------

    def _equation(self, eq: Equation, targets: dict[Value, Buffer], position: int,
                  last_read: dict[Value, int]) -> None:  # fmt: skip
        control = _CONTROL.get(eq.primitive.name)
        if control is not None:
            control(self, eq, targets)
        elif "alias" in eq.primitive.traits:
            self.buffer[eq.results[0]] = self.buffer[eq.operands[0]]
        else:
            self._place_results(eq, targets, position, last_read)
            self._launch(eq)

    def _place_results(self, eq: Equation, targets: dict[Value, Buffer], position: int,
                       last_read: dict[Value, int]) -> None:  # fmt: skip
        """A result goes where it is wanted, or over an operand that nobody reads again."""
        read = [self.buffer[v] for v in eq.operands]
        free = {
            i: read[i] for i, v in enumerate(eq.operands)
            if v in self.own and last_read[v] == position and read.count(read[i]) == 1
        }  # fmt: skip
        inplace = (lower_equation(eq) or Lowered(())).inplace if free else ()
        for j, value in enumerate(eq.results):
            over = [i for i, k in inplace if k == j and i in free
                    and eq.operands[i].type.nbytes == value.type.nbytes]  # fmt: skip
            if value in targets:
                self.buffer[value] = targets[value]
            else:
                self.buffer[value] = free.pop(min(over)) if over else Buffer(value.type.nbytes)
                self.own.add(value)

    def _launch(self, eq: Equation) -> None:
        operands = [self.buffer[v] for v in eq.operands]
        results = [self.buffer[v] for v in eq.results]
        lowered = lower_equation(eq)
        if lowered is None:
            self.emit(Host(
                eq.primitive.name,
                lambda *arrays: eq.primitive.numpy(*arrays, **eq.attrs),
                tuple((self.buffer[v], v.type) for v in eq.operands),
                tuple((self.buffer[v], v.type) for v in eq.results),
            ))  # fmt: skip
            return
        everything = [*operands, *results, *(Buffer(n) for n in lowered.scratch)]
        for launch in lowered.launches:
            arguments = tuple(everything[k] for k in launch.arguments)
            written = tuple(k >= len(operands) for k in launch.arguments)
            self.emit(Call(launch.kernel, arguments, written, eq.source))

    # ---- control flow ----------------------------------------------------------------------------

    def _scan(self, eq: Equation, targets: dict[Value, Buffer]) -> None:
        """scan -> Loop: carries are double buffered, slices of xs and ys are windows."""
        body, length = eq.attrs["body"], eq.attrs["length"]
        n_consts, n_carry = eq.attrs["n_consts"], eq.attrs["n_carry"]
        reverse = eq.attrs["reverse"]
        operands = [self.buffer[v] for v in eq.operands]
        carry = [self._pair(v.type.nbytes) for v in body.outputs[:n_carry]]
        stacked = [targets.get(v) or Buffer(v.type.nbytes) for v in eq.results[n_carry:]]
        for buffer, init in zip(carry, operands[n_consts : n_consts + n_carry]):
            self.emit(Copy(buffer, init, buffer.nbytes))
        xs = [self._window(b, v) for b, v in
              zip(operands[n_consts + n_carry :], body.inputs[n_consts + n_carry :])]  # fmt: skip
        ys = [self._window(b, v) for b, v in zip(stacked, body.outputs[n_carry:])]
        nexts: list[Buffer | None] = [b.partner for b in carry]

        def emit_body() -> None:
            for window in (*xs, *ys):
                self.emit(Offset(window, window.nbytes, reverse))
            inputs = [*operands[:n_consts], *carry, *xs]
            self.inline(body, inputs, [*nexts, *ys])
            for a, b in zip(carry, nexts):
                self.emit(Swap(a, b))  # type: ignore[arg-type]

        if length:  # a loop that never runs would have barriers that never are
            rounds, _ = self.capture(emit_body)
            self.emit(Loop(length, rounds, find_groups(rounds)))
        self.buffer.update(zip(eq.results, [*carry, *stacked]))

    def _while(self, eq: Equation, targets: dict[Value, Buffer]) -> None:
        """while_loop -> While with double buffered carries."""
        n_test, n_body = eq.attrs["n_cond_consts"], eq.attrs["n_body_consts"]
        operands = [self.buffer[v] for v in eq.operands]
        test_consts, body_consts = operands[:n_test], operands[n_test : n_test + n_body]
        carry = [self._pair(v.type.nbytes) for v in eq.results]
        for buffer, init in zip(carry, operands[n_test + n_body :]):
            self.emit(Copy(buffer, init, buffer.nbytes))
        flag = Buffer(1)
        test, _ = self.capture(
            lambda: self.inline(eq.attrs["cond"], [*test_consts, *carry], [flag])
        )

        def emit_body() -> None:
            nexts = [b.partner for b in carry]
            self.inline(eq.attrs["body"], [*body_consts, *carry], nexts)
            for a, b in zip(carry, nexts):
                self.emit(Swap(a, b))  # type: ignore[arg-type]

        body, _ = self.capture(emit_body)
        self.emit(While(test, flag, body))
        self.buffer.update(zip(eq.results, carry))

    def _switch(self, eq: Equation, targets: dict[Value, Buffer]) -> None:
        index, *operands = (self.buffer[v] for v in eq.operands)
        results = [targets.get(v) or Buffer(v.type.nbytes) for v in eq.results]
        branches = []
        for k in range(eq.attrs["n"]):
            body = eq.attrs[f"branch{k}"]
            branches.append(self.capture(partial(self.inline, body, operands, results))[0])
        self.emit(Switch(index, branches))
        self.buffer.update(zip(eq.results, results))

    def _pair(self, nbytes: int) -> Buffer:
        a, b = Buffer(nbytes), Buffer(nbytes)
        a.partner, b.partner = b, a
        return a

    def _window(self, base: Buffer, row: Value) -> Buffer:
        return Buffer(row.type.nbytes, "window", base=base)


_CONTROL = {"scan": Lowering._scan, "while_loop": Lowering._while, "switch": Lowering._switch}


def _unreshaped(value: Value, program: Program, made: dict[Value, int]) -> Value:
    """The Value whose memory `value` shares."""
    while value in made and "alias" in program.equations[made[value]].primitive.traits:
        value = program.equations[made[value]].operands[0]
    return value


def _last_reads(program: Program) -> dict[Value, int]:
    """The position of the last equation that reads a Value, also through reshapes."""
    last: dict[Value, int] = {}
    for i, eq in enumerate(program.equations):
        for v in eq.operands:
            last[v] = i
    for v in program.outputs:
        last[v] = len(program.equations)
    for eq in reversed(program.equations):
        if "alias" in eq.primitive.traits:
            last[eq.operands[0]] = max(last[eq.operands[0]], last.get(eq.results[0], -1))
    return last


def _overwrites(eq: Equation, operand: Value, result: Value) -> bool:
    """May `eq` write `result` over `operand` while it reads it?"""
    lowered = lower_equation(eq)
    if lowered is None or operand not in eq.operands:
        return False
    pair = (eq.operands.index(operand), eq.results.index(result))
    return pair in lowered.inplace
