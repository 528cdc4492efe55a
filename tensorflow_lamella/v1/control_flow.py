"""tf.cond, tf.case, tf.while_loop, tf.map_fn, tf.scan and what groups operations.

The functions that a program gives to these are called once, while the graph is built; what they
make belongs to a Context. A run evaluates the context's operations inside of the engine's own cond,
while_loop and scan, which carry assignments to variables out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optree

from keras_lamella.src.ops import control
from lamella.frontend.tracer import Tracer
from lamella.types import Type
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dtypes import as_dtype, numpy_dtype
from tensorflow_lamella.core.shape import TensorShape
from tensorflow_lamella.errors import unsupported
from tensorflow_lamella.names import get
from tensorflow_lamella.v1 import abstract
from tensorflow_lamella.v1.graph import Context, Operation, get_default_graph, make_operation
from tensorflow_lamella.v1.recorder import in_graph
from tensorflow_lamella.v1.tensor import GraphTensor, as_graph_tensor, give_outputs


class Body:
    """Operations made by one call of a function, to be run any number of times.

    Attributes:
        arguments: the tensors that stand for what the body is given.
        outputs: the flat tensors (or operations) that it gives; `structure` puts them together.
        operations: those to run, in order; captured: tensors of outside that they use.
    """

    def __init__(self, f: Callable[..., Any], arguments: Sequence[GraphTensor] = (),
                 context: Context | None = None) -> None:  # fmt: skip
        graph = get_default_graph()
        self.arguments = list(arguments)
        self.context = context or Context(graph.context)
        with graph.inside(self.context):
            result = f()
            leaves, self.structure = optree.tree_flatten(result)
            self.outputs = [_element(x) for x in leaves]
        targets = [x if isinstance(x, Operation) else x.op for x in self.outputs]
        self.operations, self.captured, self.before = self._needed(targets)

    def _needed(self, targets: Sequence[Operation]) -> Any:
        found: dict[int, Operation] = {}
        captured: dict[GraphTensor, None] = {}
        before: dict[Operation, None] = {}
        for x in self.outputs:
            if isinstance(x, GraphTensor) and not self.context.has(x.op):
                captured[x] = None
        stack = [op for op in targets if self.context.has(op)]
        before.update(dict.fromkeys(op for op in targets if not self.context.has(op)))
        while stack:
            op = stack.pop()
            if op.number in found:
                continue
            found[op.number] = op
            for t in op.inputs:
                if self.context.has(t.op):
                    stack.append(t.op)
                else:
                    captured[t] = None
            stack += [c for c in op.control_inputs if self.context.has(c)]
            before.update(dict.fromkeys(c for c in op.control_inputs if not self.context.has(c)))
        return [found[k] for k in sorted(found)], list(captured), list(before)

    def run(self, frame: Any, values: Sequence[Any] = ()) -> Any:
        """The outputs for values of the arguments; operations among them become zeros."""
        inner = type(frame)(frame.run, frame)
        for t, x in zip(self.arguments, values, strict=True):
            inner.bind(t, x)
        inner.execute(op for op in self.operations if op.kind != "argument")
        return [np.int32(0) if isinstance(x, Operation) else inner.value(x) for x in self.outputs]


def _element(x: Any) -> Any:
    x = as_graph_tensor(x)
    if isinstance(x, (Operation, GraphTensor)):
        return x if isinstance(x, Operation) or x.op.context is get_default_graph().context else (
            get("identity")(x))  # fmt: skip
    return get("constant", 1)(x)


def _control_operation(
    kind: str,
    name: str | None,
    type: str,
    inputs: Sequence[Any],
    bodies: Sequence[Body],
    like: Sequence[Any],
    **attributes: Any,
) -> Operation:
    captured = list(dict.fromkeys(t for b in bodies for t in b.captured))
    op = make_operation(None, [*inputs, *captured], name=name or type, type=type, kind=kind,
                        graph=get_default_graph())  # fmt: skip
    op.control_inputs += [c for b in bodies for c in b.before if c not in op.control_inputs]
    op.attributes |= {"bodies": bodies, "like": list(like), "n": len(inputs), **attributes}
    op.sources = [*op.inputs, *(t for t in like if isinstance(t, GraphTensor))]
    op.fixed = all(t.op.fixed for t in op.sources)
    op.ranked = any(t.op.ranked for t in op.sources)
    op.host = False
    give_outputs(op)
    return op


# cond and case


@in_graph("cond")
def cond(pred: Any, true_fn: Any = None, false_fn: Any = None, strict: bool = False,
         name: str | None = None, fn1: Any = None, fn2: Any = None) -> Any:  # fmt: skip
    """`true_fn()` where `pred` is true, else `false_fn()`; only that one runs."""
    true_fn, false_fn = true_fn or fn1, false_fn or fn2
    if not callable(true_fn) or not callable(false_fn):
        raise TypeError("true_fn and false_fn must be callable.")
    if isinstance(pred, bool):
        raise TypeError("pred must not be a Python bool")
    pred = _tensor(pred, np.bool_)
    bodies = [Body(true_fn), Body(false_fn)]
    _check_branches(*bodies)
    like = [b if isinstance(b, GraphTensor) else _zero() for b in bodies[0].outputs]
    op = _control_operation("cond", name, "cond", [pred], bodies, like)
    found = [op if isinstance(x, Operation) else t
             for x, t in zip(bodies[0].outputs, op.outputs)]  # fmt: skip
    for t, others in zip(op.outputs, zip(*(b.outputs for b in bodies))):
        _forget_differing_sizes(t, others)
    result = optree.tree_unflatten(bodies[0].structure, found)
    if isinstance(result, (list, tuple)) and len(result) == 1 and not strict:
        return result[0]
    return op if result is None else result


def _forget_differing_sizes(t: GraphTensor, others: Sequence[Any]) -> None:
    shapes = [x.shape for x in others if isinstance(x, GraphTensor)]
    if len({s.rank for s in shapes}) != 1 or not shapes or shapes[0].rank is None:
        return
    t.known_shape = TensorShape([
        sizes[0] if len(set(sizes)) == 1 else None
        for sizes in zip(*(tuple.__iter__(s) for s in shapes))
    ])  # fmt: skip


def _check_branches(first: Body, second: Body) -> None:
    if len(first.outputs) != len(second.outputs):
        raise ValueError(
            f"true_fn and false_fn must return the same number of results, got "
            f"{len(first.outputs)} and {len(second.outputs)}"
        )
    for a, b in zip(first.outputs, second.outputs):
        both = isinstance(a, GraphTensor) and isinstance(b, GraphTensor)
        if both and a.dtype != b.dtype:
            raise ValueError(
                f"Outputs of true_fn and false_fn must have the same type: {a.dtype.name}, "
                f"{b.dtype.name}"
            )


def _zero() -> Any:
    return get("constant", 1)(0)


def _tensor(x: Any, dtype: Any = None) -> GraphTensor:
    x = as_graph_tensor(x)
    return x if isinstance(x, GraphTensor) else get("constant", 1)(x, dtype=dtype)


def run_cond(frame: Any, op: Operation) -> Any:
    """The rule of the kind "cond"."""
    pred = frame.value(op.inputs[0])
    then, otherwise = op.attributes["bodies"]
    return control.cond(pred, lambda: then.run(frame), lambda: otherwise.run(frame))


@in_graph("case")
def case(pred_fn_pairs: Any, default: Any = None, exclusive: bool = False, strict: bool = False,
         name: str = "case") -> Any:  # fmt: skip
    """The function of the first pair whose predicate is true, else `default`."""
    pairs = list(pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs)
    if default is None:
        *pairs, (_, default) = pairs
    for pred, f in reversed(pairs):
        default = _chosen(pred, f, default, strict, name)
    return default()


def _chosen(pred: Any, f: Any, otherwise: Any, strict: bool, name: str) -> Any:
    return lambda: cond(pred, f, otherwise, strict=strict, name=name)


# while_loop


@in_graph("while_loop")
def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any,
    shape_invariants: Any = None, parallel_iterations: int = 10, back_prop: bool = True,
    swap_memory: bool = False, name: str | None = None, maximum_iterations: Any = None,
    return_same_structure: bool = False,
) -> Any:  # fmt: skip
    """Repeat `loop_vars = body(*loop_vars)` while `cond(*loop_vars)` is true.

    Gradients go through it where the number of turns follows from constants.
    """
    if not loop_vars:
        raise ValueError("No loop variables provided")
    leaves, structure = optree.tree_flatten(loop_vars)
    if any(type(x).__name__ == "TensorArray" for x in leaves):
        raise unsupported(
            "a TensorArray as a variable of tf.while_loop in a graph",
            "use tf.scan, tf.map_fn or tf.nn.dynamic_rnn, which stack what they give",
        )
    initial = [_tensor(x) for x in leaves]
    context = Context(get_default_graph().context)
    arguments = _arguments(context, initial, shape_invariants)
    state = optree.tree_unflatten(structure, arguments)
    state = state if isinstance(state, (list, tuple)) else (state,)
    test = Body(lambda: cond(*state), arguments, context)
    step = Body(lambda: _as_state(body(*state), structure), arguments, context)
    if len(step.outputs) != len(initial):
        raise ValueError(
            f"The number of loop variables must not change: {len(initial)} are given, the body "
            f"returns {len(step.outputs)}"
        )
    op = _control_operation("while", name, "while", initial, [test, step], arguments,
                            most=maximum_iterations)  # fmt: skip
    found = optree.tree_unflatten(structure, op.outputs)
    one = isinstance(found, (list, tuple)) and len(found) == 1 and not return_same_structure
    return found[0] if one else found


def _as_state(result: Any, structure: Any) -> Any:
    """What a body returned, as the loop variables were given."""
    return list(optree.tree_leaves(result))


def _arguments(context: Context, initial: Sequence[GraphTensor], invariants: Any) -> list[Any]:
    """Tensors inside the context with the types of `initial`, or with the given shapes."""
    graph = get_default_graph()
    shapes = [None] * len(initial)
    if invariants is not None:
        shapes = optree.tree_leaves(invariants, is_leaf=lambda x: isinstance(x, TensorShape))
    found = []
    with graph.inside(context):
        for t, shape in zip(initial, shapes, strict=True):
            found.append(argument(t, shape))
    return found


def argument(like: GraphTensor, shape: Any = None) -> GraphTensor:
    """A tensor that a body is given: with the type of `like`, or its dtype and `shape`."""
    op = make_operation(None, name="Argument", type="Argument", kind="argument")
    if shape is None:
        op.attributes["like"], op.sources = [like], [like]
        op.fixed, op.ranked = like.op.fixed, like.op.ranked
    else:
        op.kind = "placeholder"
        op.attributes["types"] = [(like.dtype.dtype, TensorShape(shape))]
        op.fixed = False
    (t,) = give_outputs(op)
    return t


def run_while(frame: Any, op: Operation) -> Any:
    """The rule of the kind "while"."""
    test, step = op.attributes["bodies"]
    n, most = op.attributes["n"], op.attributes["most"]
    state = [frame.value(t) for t in op.inputs[:n]]
    most = None if most is None else int(np.asarray(frame.value(most) if isinstance(
        most, GraphTensor) else most))  # fmt: skip
    turns = None if control.is_stepwise() else _known_turns(frame, test, step, state, most)
    if turns is not None:
        state, _ = control.scan(lambda s, _: (step_like(step, frame, s), None), state, None, turns)
        return state
    found = control.while_loop(
        lambda *s: test.run(frame, s)[0], lambda *s: step_like(step, frame, s), tuple(state), most
    )
    return list(found)


def step_like(step: Body, frame: Any, state: Any) -> Any:
    """One turn; numbers take the dtypes of the state."""
    new = step.run(frame, state)
    return [x if x.dtype == s.dtype else x.astype(s.dtype) for x, s in zip(new, state)]


_COUNTED = 100_000  # turns up to which a loop is run on numbers to count them


def _known_turns(frame: Any, test: Body, step: Body, state: Sequence[Any],
                 most: int | None) -> int | None:  # fmt: skip
    """How many turns the loop makes, where that follows from numbers that are known."""
    needed = _deciding(test, step)
    if needed is None or any(isinstance(state[i], Tracer) for i in needed):
        return None
    operations = [_upto(test, [test.outputs[0]]), _upto(step, [step.outputs[i] for i in needed])]
    values = {i: state[i] for i in needed}
    for turn in range(_COUNTED):
        if most is not None and turn >= most:
            return most
        inner = type(frame)(frame.run, frame)
        for i, x in values.items():
            inner.values[step.arguments[i]] = x
        inner.execute(operations[0])
        going = inner.value(test.outputs[0])
        if isinstance(going, Tracer):
            return None
        if not going:
            return turn
        inner.execute(operations[1])
        values = {i: inner.value(step.outputs[i]) for i in needed}
        if any(isinstance(x, Tracer) for x in values.values()):
            return None
    return None


def _deciding(test: Body, step: Body) -> list[int] | None:
    """The loop variables that the test depends on, over all turns; None where more is needed."""
    needed: set[int] = set()
    fresh = _used(test, [test.outputs[0]])
    while fresh is not None and not fresh <= needed:
        needed |= fresh
        fresh = _used(step, [step.outputs[i] for i in needed])
    return None if fresh is None else sorted(needed)


def _used(body: Body, outputs: Sequence[GraphTensor]) -> set[int] | None:
    """The arguments that outputs depend on; None where they depend on what may change."""
    operations = _upto(body, outputs)
    if any(op.kind not in ("call", "argument") or op.attributes.get("random") for op in operations):
        return None
    inputs = {t for op in operations for t in op.inputs} | set(outputs)
    return {i for i, t in enumerate(body.arguments) if t in inputs}


def _upto(body: Body, outputs: Sequence[GraphTensor]) -> list[Operation]:
    found: dict[int, Operation] = {}
    stack = [t.op for t in outputs]
    while stack:
        op = stack.pop()
        if op.number not in found and body.context.has(op) and op.kind != "argument":
            found[op.number] = op
            stack += [t.op for t in op.inputs]
    return [found[k] for k in sorted(found)]


# Loops over the rows of tensors


def scan_over(f: Callable[[Any, Any], tuple[Any, Any]], carry: Any, xs: Any, reverse: bool = False,
              name: str = "scan", length: Any = None) -> tuple[Any, Any]:  # fmt: skip
    """`carry, y = f(carry, x)` for every row x of `xs` in any nesting: (last carry, stacked ys)."""
    carried, carry_structure = optree.tree_flatten(carry)
    rows, row_structure = optree.tree_flatten(xs)
    initial, rows = [_tensor(x) for x in carried], [_tensor(x) for x in rows]
    firsts = [get("gather", 1)(x, 0) for x in rows]
    context = Context(get_default_graph().context)
    arguments = _arguments(context, [*initial, *firsts], None)
    n, found = len(initial), []

    def call() -> Any:
        result, ys = f(optree.tree_unflatten(carry_structure, arguments[:n]),
                       optree.tree_unflatten(row_structure, arguments[n:]))  # fmt: skip
        ys, structure = optree.tree_flatten(ys)
        found.append(structure)
        return [*optree.tree_leaves(result), *ys]

    body = Body(call, arguments, context)
    op = _control_operation("scan", name, name, [*initial, *rows], [body], [*initial, *rows],
                            carry=n, reverse=reverse)  # fmt: skip
    return (optree.tree_unflatten(carry_structure, op.outputs[:n]),
            optree.tree_unflatten(found[0], op.outputs[n:]))  # fmt: skip


def run_scan(frame: Any, op: Operation) -> Any:
    """The rule of the kind "scan"."""
    (body,) = op.attributes["bodies"]
    n = op.attributes["carry"]
    values = [frame.value(t) for t in op.inputs[: op.attributes["n"]]]

    def step(carry: Any, x: Any) -> Any:
        out = body.run(frame, [*carry, *x])
        new = [y if y.dtype == c.dtype else y.astype(c.dtype) for y, c in zip(out, carry)]
        return new, out[n:]

    carry, ys = control.scan(step, values[:n], values[n:], reverse=op.attributes["reverse"])
    return [*carry, *ys]


def _scan_types(op: Operation, world: Any) -> Any:
    (body,) = op.attributes["bodies"]
    n, like = op.attributes["carry"], op.attributes["like"]
    length = abstract.value(like[n], world).shape[0]
    types = [abstract.type_in(t, world) for t in like[:n]]
    for t in body.outputs[n:]:
        y = abstract.value(t, world)
        if isinstance(y, abstract.Failure):
            return [y] * len(body.outputs)
        types.append(Type((length, *y.shape), y.dtype))
    return types


abstract.RULES["scan"] = _scan_types


@in_graph("map_fn")
def map_fn(fn: Callable[[Any], Any], elems: Any, dtype: Any = None, parallel_iterations: Any = None,
           back_prop: bool = True, swap_memory: bool = False, infer_shape: bool = True,
           name: str = "map") -> Any:  # fmt: skip
    """`fn` on every row of `elems`, the results stacked."""
    return scan_over(lambda _, x: ([], fn(x)), [], elems, name=name)[1]


@in_graph("scan")
def scan(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None,
         parallel_iterations: int = 10, back_prop: bool = True, swap_memory: bool = False,
         infer_shape: bool = True, reverse: bool = False, name: str = "scan") -> Any:  # fmt: skip
    """The running results of `a = fn(a, row)`, stacked."""
    first, rest = _start(elems, initializer, reverse)
    _, ys = scan_over(lambda a, x: (v := fn(a, x), v), first, rest, reverse, name)
    if initializer is not None:
        return ys
    order = (lambda a, y: [y, a[None]]) if reverse else (lambda a, y: [a[None], y])
    return optree.tree_map(lambda a, y: get("concat")(order(a, y), 0), first, ys)


def _start(elems: Any, initializer: Any, reverse: bool) -> Any:
    elems = optree.tree_map(_tensor, elems)
    if initializer is not None:
        return optree.tree_map(_tensor, initializer), elems
    edge, rest = (-1, slice(None, -1)) if reverse else (0, slice(1, None))
    return optree.tree_map(lambda x: x[edge], elems), optree.tree_map(lambda x: x[rest], elems)


@in_graph("foldl")
def foldl(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None,
          name: str = "foldl", **unused: Any) -> Any:  # fmt: skip
    """The last of the results of `a = fn(a, row)`."""
    first, rest = _start(elems, initializer, False)
    return scan_over(lambda a, x: (fn(a, x), []), first, rest, name=name)[0]


@in_graph("foldr")
def foldr(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None,
          name: str = "foldr", **unused: Any) -> Any:  # fmt: skip
    """As foldl, from the last row to the first."""
    first, rest = _start(elems, initializer, True)
    return scan_over(lambda a, x: (fn(a, x), []), first, rest, True, name)[0]


# Groups


@in_graph("control_dependencies")
def control_dependencies(control_inputs: Any) -> Any:
    """`with tf.control_dependencies(ops):` new operations run after `ops`."""
    return get_default_graph().control_dependencies(control_inputs)


@in_graph("no_op")
def no_op(name: str | None = None) -> Operation:
    """An operation that does nothing."""
    return make_operation(None, name=name or "NoOp", type="NoOp", kind="none")


@in_graph("group")
def group(*inputs: Any, **kwargs: Any) -> Operation:
    """An operation that runs all of `inputs`."""
    from tensorflow_lamella.v1.graph import as_operation

    name = kwargs.pop("name", None)
    op = make_operation(None, name=name or "group_deps", type="NoOp", kind="none")
    targets = [as_operation(x) for x in optree.tree_leaves(inputs) if x is not None]
    op.control_inputs = list(dict.fromkeys([*op.control_inputs, *targets]))
    return op


@in_graph("tuple")
def tuple_(tensors: Sequence[Any], name: str = "tuple", control_inputs: Any = None) -> list[Any]:
    """The tensors, each available when all of them (and `control_inputs`) have been computed."""
    before = [*(t for t in tensors if t is not None), *(control_inputs or ())]
    graph = get_default_graph()
    with graph.name_scope(name), graph.control_dependencies(before):
        return [None if t is None else get("identity")(t) for t in tensors]


__all__ = ["Body", "as_dtype", "numpy_dtype", "to_array"]
