"""What one combination of fetches and feeds of a graph needs, and how it is run.

The operations before the fetches are traced once for each combination of shapes that is fed, and
compiled to one Executable that updates the session's variables in place. Operations that only
Python can do (strings, summaries, py_func, iterators) run before or after it. What cannot be
compiled at all (sizes that depend on numbers) is computed equation by equation.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_lamella.src.variable import VariableScope
from lamella.compile import Executable, compile_program
from lamella.frontend.eager import EagerTrace
from lamella.frontend.trace import trace
from lamella.frontend.tracer import ConcreteValueError
from lamella.program import building
from lamella.types import Type, type_of
from tensorflow_lamella.core import state
from tensorflow_lamella.errors import FailedPreconditionError
from tensorflow_lamella.v1.evaluate import Frame, Run
from tensorflow_lamella.v1.graph import Operation

log = logging.getLogger("lamella.tensorflow")


@dataclass
class _Compiled:
    executable: Executable
    slots: list[Any]
    assigned: list[Any]
    read: list[Any]
    results: int


class NotCompilable(Exception):
    """This has to be computed equation by equation."""


class Rare(Exception):
    """These shapes have been fed too seldom to compile for them."""


#: So many combinations of shapes are compiled when they are met; others when met as often.
AT_ONCE = 3


class Plan:
    """The operations for `elements` (operations and tensors), given the tensors `feeds`."""

    def __init__(self, session: Any, elements: Sequence[Any], feeds: Sequence[Any]) -> None:
        self.session = session
        self.feeds = list(feeds)
        self.operations = _needed(elements, set(feeds))
        self.tensors = [e for e in elements if not isinstance(e, Operation)]
        self.wrt = {t for op in _all(self.operations) if op.kind == "gradients"
                    for t in op.inputs[len(op.inputs) - op.attributes["xs"] :]
                    if t.op.kind != "variable"}  # fmt: skip
        self.first, self.middle, self.last, mixed = _phases(self.operations, self.feeds)
        dynamic = any(op.dynamic or _flexible(op) for op in _all(self.operations))
        plain = not (feeds or self.first) and not _reads(self.operations)
        self.stepwise = dynamic or mixed or plain
        self.static: frozenset[int] = frozenset()
        made = [t for op in self.first if op.host for t in op.outputs]
        self.inputs = [t for t in [*feeds, *made] if not t.is_text]
        self.wanted = self._wanted()
        self._compiled: dict[Hashable, _Compiled] = {}
        self._met: dict[Hashable, int] = {}

    def _wanted(self) -> list[Any]:
        """The tensors that the compiled part gives: fetches, and what Python needs after it."""
        given = {t for op in [*self.first, *self.last] for t in op.outputs} | set(self.feeds)
        wanted = [*self.tensors, *(t for op in self.last for t in op.inputs)]
        return [t for t in dict.fromkeys(wanted) if t not in given]

    def run(self, fed: Sequence[np.ndarray]) -> dict[Any, np.ndarray]:
        """The numbers of all tensors that were asked for."""
        if self.stepwise:
            return self._run_stepwise(dict(zip(self.feeds, fed)), self.operations)
        values = dict(zip(self.feeds, fed))
        if self.first:
            _in_python(self.session, self.first, values)
        if self.wanted or self.middle:
            arrays = fed
            if len(self.inputs) != len(fed) or self.first:
                arrays = [np.asarray(values[t], t.dtype.dtype) for t in self.inputs]
            try:
                results = self._run_compiled(arrays)
            except (Rare, NotCompilable) as reason:
                self.stepwise = isinstance(reason, NotCompilable)
                return self._run_stepwise(values, [*self.middle, *self.last])
            values.update(zip(self.wanted, results))
        if self.last:
            _in_python(self.session, self.last, values)
        return values

    # Compiled

    def _run_compiled(self, arrays: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        key = self._key(arrays)
        compiled = self._compiled.get(key)
        if compiled is None:
            if self._is_rare(key):
                raise Rare
            compiled = self._compile(arrays)
        for variable in compiled.read:
            self.session.check_initialized(variable)
        if self.static:
            arrays = [x for i, x in enumerate(arrays) if i not in self.static]
        state = [slot._array for slot in compiled.slots]
        results = compiled.executable.run([*arrays, *state])
        for slot in compiled.assigned:
            slot.initialized = True
        return results[: compiled.results]

    def _key(self, arrays: Sequence[np.ndarray]) -> Hashable:
        key: tuple[Any, ...] = tuple([x.shape for x in arrays])
        if self.static:
            key += tuple(arrays[i].tobytes() for i in self.static)
        return key

    def _is_rare(self, key: Hashable) -> bool:
        """Programs that feed ever other shapes (episodes, sentences) shall not compile for each."""
        self._met[key] = met = self._met.get(key, 0) + 1
        return len(self._compiled) >= AT_ONCE and met <= AT_ONCE

    def _compile(self, arrays: Sequence[np.ndarray]) -> _Compiled:
        """Traces; numbers that are needed for shapes become constants, of feeds that are small."""
        try:
            made = self._traced(arrays)
        except ConcreteValueError as error:
            small = frozenset(i for i, x in enumerate(arrays) if x.dtype.kind in "iub"
                              and x.ndim < 2 and x.size <= 64)  # fmt: skip
            if not small or self.static:
                log.info("computed equation by equation: %s", error)
                raise NotCompilable from error
            self.static = small
            return self._compile(arrays)
        except TypeError as error:
            if "must return the same types" not in str(error):
                raise
            raise NotCompilable from error
        self._compiled[self._key(arrays)] = made
        return made

    def _traced(self, arrays: Sequence[np.ndarray]) -> _Compiled:
        scope = VariableScope()
        run = Run(self.session, scope, self.wrt)
        traced = [i for i in range(len(arrays)) if i not in self.static]

        def flat(*tracers: Any) -> list[Any]:
            values = {**dict(enumerate(arrays)), **dict(zip(traced, tracers))}
            frame = Frame(run)
            frame.values.update({t: values[i] for i, t in enumerate(self.inputs)})
            with scope, state.recording(None):
                frame.execute(self.middle)
                results = [frame.value(t) for t in self.wanted]
            return [*results, *scope.assigned.values()]

        program, captured = trace(flat, [type_of(arrays[i]) for i in traced])
        slots = scope.captured(captured)
        position = {id(slot): len(traced) + i for i, slot in enumerate(slots)}
        n = len(self.wanted)
        donated = {position[k]: n + i for i, k in enumerate(scope.assigned)}
        assigned = [scope.variable(k) for k in scope.assigned]
        return _Compiled(compile_program(program, donated), slots, assigned, list(run.read), n)

    # Equation by equation

    def _run_stepwise(
        self, given: dict[Any, np.ndarray], operations: Sequence[Operation]
    ) -> dict[Any, np.ndarray]:
        """The numbers, by running `operations` where those of `given` are known."""
        builder = EagerTrace()
        scope = VariableScope(builder.concrete)
        frame = Frame(Run(self.session, scope, self.wrt, at_once=True))
        with building(builder), scope, state.recording(None):
            for t, x in given.items():
                frame.values[t] = x if x.dtype == object else builder.concrete(x)
            frame.execute(operations)
            values = {t: frame.value(t) for t in self.tensors}
            assigned = [(scope.variable(k), np.array(x)) for k, x in scope.assigned.items()]
        builder.closed = True
        for slot, array in assigned:
            slot.set(array)
        return {t: _numbers(x) for t, x in values.items()}


def _numbers(x: Any) -> np.ndarray:
    array = getattr(x, "array", x)
    return np.array(array)


def _needed(elements: Sequence[Any], fed: set[Any]) -> list[Operation]:
    """The operations before `elements`, in order, without those that only fed tensors need."""
    found: dict[int, Operation] = {}
    stack = [e if isinstance(e, Operation) else e.op for e in elements if e not in fed]
    while stack:
        op = stack.pop()
        if op.number not in found:
            found[op.number] = op
            stack += [t.op for t in op.inputs if t not in fed]
            stack += op.control_inputs
    return [found[k] for k in sorted(found)]


def _all(operations: Sequence[Operation]) -> list[Operation]:
    """The operations and those inside of them."""
    inner = [b.operations for op in operations for b in op.attributes.get("bodies", ())]
    return [*operations, *(op for ops in inner for op in _all(ops))]


def _flexible(op: Operation) -> bool:
    """Does it read or assign a variable whose shape may change?"""
    touched = [op.fn] if op.kind == "variable" else op.attributes.get("variables", [])
    return any(v.flexible for v in [*touched, op.attributes.get("variable")] if v is not None)


def _reads(operations: Sequence[Operation]) -> bool:
    """Does a run depend on variables or random numbers, or ask for gradients?"""
    return any(op.kind in ("gradients", "while", "scan") for op in operations) or any(
        t.op.kind == "variable" for op in _all(operations)
        if op.kind != "assign" for t in op.inputs
    )  # fmt: skip


def _phases(operations: Sequence[Operation], feeds: Sequence[Any]) -> Any:
    """(operations in Python before, compiled, in Python after; whether no such order is)."""
    early = _early(operations, set(feeds))
    first, middle, last = [], [], []
    late: set[Any] = set()
    mixed = False
    for op in operations:
        if op.number in early:
            first.append(op)
        elif op.host:
            last.append(op)
            late.update(op.outputs)
        else:
            middle.append(op)
            mixed = mixed or any(t in late for t in op.inputs)
    inner = [op for outer in middle for b in outer.attributes.get("bodies", ())
             for op in _all(b.operations)]  # fmt: skip
    return first, middle, last, mixed or any(op.host for op in inner)


def _early(operations: Sequence[Operation], fed: set[Any]) -> set[int]:
    """Operations in Python that need nothing compiled, and the constants that they need."""
    plain: set[int] = set()  # constants, and what Python does with constants and feeds
    for op in operations:
        simple = op.host or (op.kind == "call" and not op.inputs and not op.attributes)
        known = all(t in fed or t.op.number in plain for t in op.inputs)
        if simple and known and all(c.number in plain for c in op.control_inputs):
            plain.add(op.number)
    needed: set[int] = set()
    for op in reversed(operations):
        if op.number in plain and (op.host or op.number in needed):
            needed.add(op.number)
            if op.host:
                needed.update(t.op.number for t in op.inputs if t not in fed)
    return needed


def _in_python(session: Any, operations: Sequence[Operation], values: dict[Any, Any]) -> None:
    frame = _Numbers(Run(session, VariableScope(), set()))
    frame.values = values
    with state.recording(None):
        frame.execute(operations)


class _Numbers(Frame):
    """A frame whose values are known; a variable that is not among them is as it is now."""

    def value(self, tensor: Any) -> Any:
        if tensor not in self.values and tensor.op.kind == "variable":
            self.run.session.check_initialized(tensor.op.fn)
            return np.array(self.run.session.slot(tensor.op.fn)._array)
        return self.values[tensor]


def missing(variable: Any) -> Exception:
    """The error for a variable that has no value yet."""
    return FailedPreconditionError(
        None, variable.op, f"Attempting to use uninitialized value {variable.op.name}: run "
        "tf.global_variables_initializer() in this session first"
    )  # fmt: skip


def initial_array(dtype: np.dtype, shape: Sequence[int]) -> np.ndarray:
    """Zeros for a variable that is not initialised."""
    from lamella.compile.executable import aligned_copy

    return aligned_copy(0, Type(tuple(shape), dtype))
