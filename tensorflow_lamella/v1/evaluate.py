"""Running operations: each kind has one rule, over traced values, numbers, or both.

A Frame holds the values of one body: the graph itself, a branch of cond, or one turn of a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from keras_lamella.src.variable import VariableScope
from lamella import ops
from lamella.autodiff import differentiable, sweep, zeros
from lamella.frontend.tracer import Tracer
from lamella.program import current_builder
from tensorflow_lamella.core.convert import raw
from tensorflow_lamella.errors import InvalidArgumentError
from tensorflow_lamella.v1.control_flow import run_cond, run_scan, run_while


class Run:
    """One run of a part of a graph: its variables, and what gradients are asked for.

    Attributes:
        session: holds the variables' arrays.
        wrt: tensors that gradients are taken with respect to.
        read: the variables whose value before the run is used.
        at_once: numbers are computed now, so a variable must have its value when it is read.
    """

    def __init__(self, session: Any, scope: VariableScope, wrt: set[Any],
                 at_once: bool = False) -> None:  # fmt: skip
        self.session, self.scope, self.wrt, self.at_once = session, scope, wrt, at_once
        self.read: set[Any] = set()

    def value(self, variable: Any) -> Any:
        """The present value of a variable."""
        slot = self.session.slot(variable)
        if id(slot) not in self.scope.assigned:
            self.read.add(variable)
            if self.at_once:
                self.session.check_initialized(variable)
        return self.scope.read(slot)

    def assign(self, variable: Any, value: Any) -> Any:
        """Make `value` the variable's; returns it."""
        slot = self.session.slot(variable)
        array = _array(value)
        if array.dtype != slot.dtype:
            array = array.astype(slot.dtype)
        if tuple(array.shape) != slot._array.shape and not variable.flexible:
            raise InvalidArgumentError(
                None, None, "Assign requires shapes of both tensors to match. lhs shape= "
                f"{list(slot._array.shape)} rhs shape= {list(array.shape)}: a variable whose shape "
                "changes is made with validate_shape=False"
            )  # fmt: skip
        self.scope.assign(slot, array)
        return array


class Frame:
    """The values of the tensors of one body."""

    def __init__(self, run: Run, outer: Frame | None = None) -> None:
        self.run, self.outer = run, outer
        self.values: dict[Any, Any] = {}

    def value(self, tensor: Any) -> Any:
        """The value of a tensor; that of a variable is the present one, unless it is fed."""
        frame: Frame | None = self
        while frame is not None:
            if tensor in frame.values:
                return frame.values[tensor]
            frame = frame.outer
        if tensor.op.kind == "variable":
            return self.run.value(tensor.op.fn)
        raise RuntimeError(f"{tensor} has not been computed")

    def bind(self, tensor: Any, x: Any) -> None:
        """Set the value of a tensor."""
        x = _array(x)
        if tensor in self.run.wrt and x.dtype != object:
            x = _fresh(x)
        self.values[tensor] = x

    def execute(self, operations: Iterable[Any]) -> None:
        """Run operations that are in order; those whose outputs are given are left out."""
        for op in operations:
            if op.outputs and all(t in self.values for t in op.outputs):
                continue
            results = RULES[op.kind](self, op)
            for t, x in zip(op.outputs, results):
                if t not in self.values:
                    self.bind(t, x)


def _array(x: Any) -> Any:
    found = raw(x)
    return found if found is not None else np.asarray(x)


def _fresh(x: Any) -> Any:
    """A Value equal to `x` that nothing else uses, for a gradient with respect to it."""
    value = current_builder().lift(x)
    return ops.reshape(value, shape=value.type.shape) if differentiable(value) else x


def _call(frame: Frame, op: Any) -> Sequence[Any]:
    return op([frame.value(t) for t in op.inputs])


def _placeholder(frame: Frame, op: Any) -> Sequence[Any]:
    t = op.outputs[0]
    shape = "" if t.shape.rank is None else f" and shape {t.get_shape()}"
    raise InvalidArgumentError(
        None, op, f"You must feed a value for placeholder tensor '{op.name}' with dtype "
        f"{t.dtype.name}{shape}: add it to feed_dict"
    )  # fmt: skip


def _assign(frame: Frame, op: Any) -> Sequence[Any]:
    """`fn(*values)` is the new value of the variable `attributes["variable"]`."""
    (value,) = op([frame.value(t) for t in op.inputs])
    return [frame.run.assign(op.attributes["variable"], value)]


def _update(frame: Frame, op: Any) -> Sequence[Any]:
    """`fn(*values)` gives the new values of several variables."""
    values = op([frame.value(t) for t in op.inputs])
    variables = op.attributes["variables"]
    return [frame.run.assign(v, x) for v, x in zip(variables, values, strict=True)]


def _gradients(frame: Frame, op: Any) -> Sequence[Any]:
    """inputs: ys, their cotangents (or nothing for ones), xs; as many as `attributes` says."""
    builder = current_builder()
    n, given = op.attributes["ys"], op.attributes["cotangents"]
    values = [frame.value(t) for t in op.inputs]
    ys = [builder.lift(y) for y in values[:n]]
    seeds = iter(values[n : n + sum(given)])
    cotangents = [builder.lift(next(seeds)) if has else _ones(y) for y, has in zip(ys, given)]
    xs = [builder.lift(x) for x in values[n + sum(given) :]]
    found = sweep(0, ys, cotangents, xs)
    return [zeros(x) if g is None else g for x, g in zip(xs, found)]


def _ones(y: Any) -> Any:
    return ops.full(shape=y.type.shape, dtype=y.type.dtype.name, value=1.0)


def _host(frame: Frame, op: Any) -> Sequence[Any]:
    """`fn(session, *numbers)`, in Python."""
    return op.fn(frame.run.session, *(np.asarray(frame.value(t)) for t in op.inputs))


def is_number(x: Any) -> bool:
    """Is it known without running compiled code?"""
    return not isinstance(x, Tracer)


RULES: dict[str, Callable[[Frame, Any], Sequence[Any]]] = {
    "call": _call, "default": _call, "placeholder": _placeholder, "argument": _placeholder,
    "host": _host,    "assign": _assign, "update": _update, "gradients": _gradients,
    "cond": run_cond, "while": run_while, "scan": run_scan,
    "variable": lambda frame, op: [], "none": lambda frame, op: [],
}  # fmt: skip
