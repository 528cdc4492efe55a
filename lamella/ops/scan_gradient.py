"""The VJP of scan: a forward scan that also keeps what the sweep reads, and a scan that runs back.

The body is differentiated once. Values of its forward part that the backward part reads are the
residuals: what is the same in every step is computed once outside, slices of scanned arrays are
read again, views are computed again, and only the rest is stacked by the forward scan, whose
equation is exchanged for one with more results. Cotangents of consts are summed in the carry of the
backward scan, or after it where that is cheaper (lamella.ops.scan_sums).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lamella import ops
from lamella.autodiff import depending, differentiable, sweep, zeros
from lamella.ops.scan_sums import Sum, split_sum
from lamella.program import (
    Builder,
    Equation,
    Program,
    Value,
    building,
    current_builder,
    program_of,
)
from lamella.types import Type


def scan_vjp(
    gs: tuple[Any, ...],
    ys: tuple[Value, ...],
    *operands: Value,
    needed: tuple[bool, ...],
    **attrs: Any,
) -> tuple[Any, ...]:
    """Cotangents of consts, initial carry and scanned arrays."""
    if attrs["length"] == 0:
        n_carry, n_consts = attrs["n_carry"], attrs["n_consts"]
        rest = len(operands) - n_consts - n_carry
        return (None,) * n_consts + gs[:n_carry] + (None,) * rest
    return ScanGradient(_equation_of(ys[0]), gs, needed).run()


def _equation_of(result: Value) -> Equation:
    for eq in reversed(current_builder().equations):
        if any(v is result for v in eq.results):
            return eq
    raise AssertionError("the scan is not in the Program being built")


# ------------------------------------------------------------ the body's derivative


@dataclass(eq=False)
class Linearized:
    """A body and the sweep back over it.

    inputs, outputs: as the body's. gs: cotangents of the outputs, None where zero. cotangents: of
    the inputs, None where unwanted or zero. outer: what rules have captured, to where it came from.
    """

    inputs: list[Value]
    outputs: list[Value]
    gs: list[Any]
    cotangents: list[Any]
    forward: list[Equation]
    backward: list[Equation]
    constants: dict[Value, Any]
    outer: dict[Value, Value]


def linearize(body: Program, wanted: Sequence[bool], nonzero: Sequence[bool]) -> Linearized:
    """Trace `body` and the sweep from the outputs that `nonzero` marks to the `wanted` inputs."""
    from lamella.frontend.trace import Trace

    builder = Trace()
    with building(builder):
        inputs: list[Value] = [builder.make_value(t) for t in body.in_types]
        outputs = list(builder.inline(body, inputs))
        n = len(builder.equations)
        gs = [builder.make_value(y.type) if z else None for y, z in zip(outputs, nonzero)]
        found = iter(sweep(0, outputs, gs, [x for x, w in zip(inputs, wanted) if w]))
        cotangents = [next(found) if w else None for w in wanted]
    builder.closed = True
    forward, backward = builder.equations[:n], builder.equations[n:]
    outer: dict[Value, Value] = {inner: value for value, inner in builder.captures.items()}
    return Linearized(inputs, outputs, gs, cotangents, forward, backward, builder.constants, outer)


def wanted_inputs(
    body: Program, needed: Sequence[bool], n_consts: int, n_carry: int
) -> tuple[bool, ...]:
    """The inputs whose cotangents matter: the needed ones, and carries that depend on them."""
    flags = list(needed)
    while True:
        sources = [x for x, f in zip(body.inputs, flags) if f]
        active = depending(body.equations, sources)
        before = list(flags)
        for i, y in enumerate(body.outputs[:n_carry], n_consts):
            flags[i] = flags[i] or (y in active and differentiable(y))
        if flags == before:
            return tuple(flags)


def live(equations: Sequence[Equation], outputs: Iterable[Value]) -> list[Equation]:
    """The equations that `outputs` depend on."""
    alive = set(outputs)
    kept = []
    for eq in reversed(equations):
        if any(v in alive for v in eq.results):
            alive.update(eq.operands)
            kept.append(eq)
    return kept[::-1]


# ------------------------------------------------------------------------- the two scans


class ScanGradient:
    """One run of the rule.

    A value of the body is fixed (the same in every step), or known to `whole` (the array of all
    steps exists outside), or of one step of the forward body, or of one of the backward body.
    """

    def __init__(self, eq: Equation, gs: Sequence[Any], needed: Sequence[bool]) -> None:
        attrs = eq.attrs
        self.eq, self.gs = eq, gs
        self.n_consts, self.n_carry = attrs["n_consts"], attrs["n_carry"]
        self.first = self.n_consts + self.n_carry
        wanted = wanted_inputs(attrs["body"], needed, self.n_consts, self.n_carry)
        nonzero = [
            *wanted[self.n_consts : self.first],
            *(g is not None for g in gs[self.n_carry :]),
        ]
        self.body = body = linearize(attrs["body"], wanted, nonzero)
        self.forward = {v: eq for eq in body.forward for v in eq.results}
        self.carry = set(body.inputs[self.n_consts : self.first])
        self.fixed = self._fixed_values()
        self.whole = dict(zip(body.outputs[self.n_carry :], eq.results[self.n_carry :]))
        self.whole.update(zip(body.inputs[self.first :], eq.operands[self.first :]))
        ys_gs = zip(body.gs[self.n_carry :], gs[self.n_carry :])
        self.whole.update((inner, g) for inner, g in ys_gs if inner is not None)

    def run(self) -> tuple[Any, ...]:
        body = self.body
        sums = self._sums()
        carry = {g: c for g, c in zip(body.gs, body.cotangents[self.n_consts : self.first])
                 if g is not None}  # fmt: skip
        rows = dict.fromkeys(g for g in body.cotangents[self.first :] if g is not None)
        operands = list(dict.fromkeys(v for s in sums if s for v in s.operands))
        kept = [v for v in operands
                if v not in self.whole and v not in rows and not self._is_forward(v)]  # fmt: skip
        results = [*(c for c in carry.values() if c is not None), *rows, *kept]
        results += [v for s in sums if s for v in s.accumulated]
        equations = live(body.backward, results)
        again, residuals = self._residuals(
            [*(v for eq in equations for v in eq.operands), *results]
        )
        self._stack([v for v in (*residuals, *operands) if self._is_forward(v)])
        equations = [*again, *equations]
        fixed = [v for v in residuals if v in self.fixed]
        slices = self._slices(equations, results)
        program = self._backward_body(fixed, carry, sums, slices, equations, [*rows, *kept])
        out = self._backward_scan(program, self._hoist(fixed), carry, sums, slices)
        return self._cotangents(out, carry, sums, [*rows, *kept])

    # ---- kinds of values

    def _fixed_values(self) -> set[Value]:
        """Forward values that are the same in every step."""
        body = self.body
        fixed = {*body.inputs[: self.n_consts], *body.outer, *body.constants}
        for eq in body.forward:
            if all(v in fixed for v in eq.operands):
                fixed.update(eq.results)
        return fixed

    def _is_forward(self, value: Value) -> bool:
        """Of one step of the forward body, and not known outside."""
        if value in self.fixed or value in self.whole:
            return False
        return value in self.forward or value in self.carry

    def _sums(self) -> list[Sum | None]:
        """How the cotangent of each const is summed over the steps."""
        made_by = {v: eq for eq in self.body.backward for v in eq.results}
        free = set(self.whole)
        free |= {v for v, eq in self.forward.items() if eq.primitive.family != "view"}
        free |= set(self.body.inputs[self.n_consts :])
        free -= self.fixed
        for _ in range(2):  # the second time knows everything that the first has made free
            sums = [None if g is None else split_sum(g, made_by, free, self.fixed)
                    for g in self.body.cotangents[: self.n_consts]]  # fmt: skip
        return sums

    def _residuals(self, read: Sequence[Value]) -> tuple[list[Equation], list[Value]]:
        """Forward equations to compute again, and the forward values that are read then.

        Views are computed again unless what they look at is larger than they are.
        """
        pending, residuals = list(dict.fromkeys(read))[::-1], []
        seen: set[Value] = set()
        again: set[Equation] = set()
        while pending:
            value = pending.pop()
            eq = self.forward.get(value)
            if value in seen or value in self.body.constants:
                continue
            seen.add(value)
            if eq is not None and eq.primitive.family == "view" and value not in self.whole:
                new = sum(v.type.nbytes for v in eq.operands if v not in seen)
                if new <= value.type.nbytes:
                    again.add(eq)
                    pending += eq.operands
                    continue
            if value in self.fixed or self._is_forward(value):
                residuals.append(value)
        return [eq for eq in self.body.forward if eq in again], residuals

    def _slices(self, equations: Sequence[Equation], results: Sequence[Value]) -> list[Value]:
        """What `equations` read of arrays of all steps."""
        read = dict.fromkeys([*(v for eq in equations for v in eq.operands), *results])
        made = {v for eq in equations for v in eq.results}
        return [v for v in read if v in self.whole and v not in self.fixed and v not in made]

    # ---- the forward scan

    def _stack(self, values: Sequence[Value]) -> None:
        """Exchange the forward scan for one that also returns `values` of every step."""
        eq, body = self.eq, self.body
        values = list(dict.fromkeys(values))
        outputs = [*body.outputs, *values]
        program = Program(
            tuple(body.inputs), live(body.forward, outputs), tuple(outputs), body.constants
        )
        types = [Type((eq.attrs["length"], *v.type.shape), v.type.dtype) for v in values]
        attrs = {**eq.attrs, "body": _copy(program)}
        stacks = current_builder().extend(eq, attrs, types)
        self.whole.update(zip(values, stacks))

    # ---- the backward scan

    def _hoist(self, fixed: Sequence[Value]) -> list[Value]:
        """Values that are the same in every step, computed outside."""
        builder = current_builder()
        env = dict(zip(self.body.inputs, self.eq.operands[: self.n_consts]))
        env.update(self.body.outer)
        equations = live(self.body.forward, [v for v in fixed if v not in env])
        _emit(builder, equations, env, self.body.constants, fixed)
        return [env[v] for v in fixed]

    def _backward_body(self, fixed: Any, carry: Any, sums: Any, slices: Any, equations: Any,
                       stacked: Any) -> Program:  # fmt: skip
        """(*fixed, *cotangents, *totals, *slices) -> (*cotangents, *totals, *stacked)"""
        builder = Builder()
        accumulated = [s.accumulated for s in sums if s and s.accumulated]
        env = {v: builder.make_value(v.type) for v in (*fixed, *carry, *slices)}
        totals = [builder.make_value(values[0].type) for values in accumulated]
        inputs = [*(env[v] for v in (*fixed, *carry)), *totals, *(env[v] for v in slices)]
        with building(builder):
            results = [c for c in carry.values() if c is not None] + stacked
            results += [v for values in accumulated for v in values]
            _emit(builder, equations, env, self.body.constants, results)
            after = [zeros(g) if c is None else env[c] for g, c in carry.items()]
            for i, values in enumerate(accumulated):
                for v in values:
                    totals[i] = ops.add(totals[i], env[v])
            return builder.finish(inputs, [*after, *totals, *(env[v] for v in stacked)])

    def _backward_scan(self, program: Program, consts: Any, carry: Any, sums: Any, slices: Any
                       ) -> tuple[Value, ...]:  # fmt: skip
        outer = dict(zip(self.body.gs, self.gs))
        init = [zeros(g) if outer[g] is None else outer[g] for g in carry]
        init += [zeros(s.accumulated[0]) for s in sums if s and s.accumulated]
        return ops.scan(
            *consts, *init, *(self.whole[v] for v in slices), body=program, n_consts=len(consts),
            n_carry=len(init), length=self.eq.attrs["length"], reverse=not self.eq.attrs["reverse"],
        )  # fmt: skip

    def _cotangents(
        self, out: Sequence[Value], carry: Any, sums: Any, stacked: Any
    ) -> tuple[Any, ...]:
        """The results of the backward scan in the order of the operands."""
        rest = iter(out)
        g_carry = {g: next(rest) for g in carry}
        totals = [next(rest) if s and s.accumulated else None for s in sums]
        self.whole.update(zip(stacked, rest))
        g_xs = [None if c is None else self.whole[c] for c in self.body.cotangents[self.first :]]
        g_consts = [s and s.finish(total, self.whole) for s, total in zip(sums, totals)]
        return *g_consts, *(g_carry.get(g) for g in self.body.gs[: self.n_carry]), *g_xs


def _emit(builder: Builder, equations: Sequence[Equation], env: dict[Value, Any],
          constants: dict[Value, Any], results: Sequence[Value]) -> None:  # fmt: skip
    """Append `equations` over the Values in `env`, which receives their results."""
    used = {*results, *(v for eq in equations for v in eq.operands)}
    env.update((v, builder.lift(x)) for v, x in constants.items() if v in used)
    for eq in equations:
        out = builder.emit(eq.primitive, [env[v] for v in eq.operands], eq.attrs)
        builder.equations[-1].source = eq.source
        env.update(zip(eq.results, out if isinstance(out, tuple) else (out,)))


def _copy(program: Program) -> Program:
    """The same Program over Values of its own."""
    return program_of(lambda *xs: current_builder().inline(program, xs), *program.in_types)
