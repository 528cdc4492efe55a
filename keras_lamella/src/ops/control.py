"""Control flow and indexed updates of keras.ops.core."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import numpy as np
from keras.src import tree
from keras.src.backend.common import KerasVariable

from keras_lamella.src.tensor import convert_to_tensor
from keras_lamella.src.variable import VariableScope
from lamella import control, ops, transforms
from lamella.frontend.eager import ConcreteTracer, EagerTrace
from lamella.frontend.functions import apply
from lamella.frontend.trace import Trace
from lamella.frontend.tracer import Tracer
from lamella.program import building, current_builder, is_building


def cond(pred, true_fn, false_fn):
    """One of two computations; what a branch assigns to variables is assigned after it."""
    return _choose(pred, [true_fn, false_fn], lambda pred, fns: control.cond(pred, *fns))


def switch(index, branches, *operands):
    """`branches[index](*operands)`, with assignments to variables carried out."""
    return _choose(index, [partial(f, *operands) for f in branches], control.switch)


def _choose(selector: Any, branches: list[Callable[[], Any]], select: Callable[..., Any]) -> Any:
    scope, selector = VariableScope.current(), _selector(selector)
    if scope is None or not isinstance(selector, Tracer):
        return select(selector, [lambda f=f: _tensors(f()) for f in branches])
    keys = list({key: None for f in branches for key in _assigned(scope, f)})

    def carrying(f: Callable[[], Any]) -> Callable[[], Any]:
        def branch() -> Any:
            out, values = scope.isolated(lambda: _tensors(f()))
            return out, [values.get(key, scope.read(scope.variable(key))) for key in keys]

        return branch

    out, values = select(selector, [carrying(f) for f in branches])
    _assign(scope, keys, values)
    return out


def _selector(x: Any) -> Any:
    """A predicate or index; a traced one that knows its number is that number."""
    x = _array(x)
    return np.asarray(x) if isinstance(x, ConcreteTracer) else x


def _assigned(scope: VariableScope, f: Callable[[], Any]) -> list[int]:
    """The variables that a branch assigns, found by a trial run."""
    trial = Trace()
    with building(trial):
        found = list(scope.isolated(f)[1])
    trial.closed = True
    return found


def _assign(scope: VariableScope, keys: list[int], values: Any) -> None:
    for key, value in zip(keys, values):
        scope.assign(scope.variable(key), value)


def _array(x: Any) -> Any:
    return x.value if isinstance(x, KerasVariable) else x


def _tensors(x: Any) -> Any:
    return tree.map_structure(_array, x)


def while_loop(cond, body, loop_vars, maximum_iterations=None):
    """Repeat `body` while `cond` holds; nested tuples or one tensor."""
    several = isinstance(loop_vars, (tuple, list))
    state = tuple(_tensors(loop_vars)) if several else (_array(loop_vars),)

    def step(values: Any) -> Any:
        out = body(*values)
        return tuple(out) if several else (out,)

    def run(inside: Any, carry: Any) -> Any:
        test = inside(lambda values: cond(*values))
        out = control.while_loop(lambda c: test(c)[0], inside(step), carry, maximum_iterations)
        return out, None

    if is_stepwise():
        rounds = itertools.count() if maximum_iterations is None else range(maximum_iterations)
        for _ in rounds:
            if not cond(*state):
                break
            state = _tensors(step(state))
    else:
        state, _ = _loop(run, state)
    return state if several else state[0]


def fori_loop(lower, upper, body_fun, init_val):
    def run(inside: Any, carry: Any) -> Any:
        step = inside(lambda value, i: body_fun(i, value))
        return control.fori_loop(lower, upper, lambda i, c: step(c, i), carry), None

    value = _tensors(init_val)
    if is_stepwise():
        for i in range(int(lower), int(upper)):
            value = _tensors(body_fun(i, value))
        return value
    return _loop(run, value)[0]


def is_stepwise() -> bool:
    """Do values have their numbers at once, so that Python can run the loop?"""
    return not is_building() or isinstance(current_builder(), EagerTrace)


def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(
            f"`unroll` must be an positive integer or boolean. Received: unroll={unroll}"
        )

    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    if xs is None and length is None:
        raise ValueError("Got no `xs` to scan over and `length` not provided.")

    def run(inside: Any, carry: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            (state, y), values = inside(f)(carry, x)
            return (state, values), y

        unrolled = unroll is True or is_stepwise()
        return control.scan(step, carry, _tensors(xs), length, reverse, unrolled)

    return _loop(run, _tensors(init))


def map(f, xs):
    return scan(lambda _, x: (None, f(x)), None, xs)[1]


def _loop(run: Callable[[Any, Any], Any], state: Any) -> Any:
    """(last state, ys) of a loop in which what is assigned to variables is part of the state.

    run(inside, carry) -> (carry, ys): the loop, over a carry (state, values of the variables).
    inside(f): `g(carry, *x) -> (f(state, *x), values)`, where f sees and assigns the variables.
    """
    scope = VariableScope.current()
    keys: list[int] = []
    while True:
        carry, ys, assigned = _run_carrying(scope, run, state, keys)
        if scope is None or len(assigned) == len(keys):
            break
        keys = assigned
    if scope is not None:
        _assign(scope, keys, carry[1])
    return carry[0], ys


def _run_carrying(scope: VariableScope | None, run: Any, state: Any, keys: list[int]) -> Any:
    """(carry, ys, keys of all assigned variables), where the carry has the variables `keys`."""
    found = dict.fromkeys(keys)

    def inside(f: Callable[..., Any]) -> Callable[..., Any]:
        def g(carry: Any, *x: Any) -> Any:
            state, values = carry
            if scope is None:
                return _tensors(f(state, *x)), values
            given = dict(zip(keys, values))
            out, assigned = scope.isolated(lambda: _tensors(f(state, *x)), given)
            found.update(dict.fromkeys(assigned))
            return out, [assigned.get(key, value) for key, value in given.items()]

        return g

    values = [scope.read(scope.variable(key)) for key in keys] if scope else []
    carry, ys = run(inside, (state, values))
    return carry, ys, list(found)


def associative_scan(f, elems, reverse=False, axis=0):
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    elems = _tensors(elems)
    sizes = [x.shape[axis] for x in tree.flatten(elems)]
    if len(set(sizes)) != 1:
        raise ValueError(
            "The arrays in `elems` must agree in the axis of the scan, their first dimension where "
            f"axis=0. Received: axis={axis}, of sizes {sizes}"
        )
    return control.associative_scan(f, elems, reverse, axis)


def vectorized_map(function, elements):
    return transforms.vmap(function)(_tensors(elements))


def custom_gradient(fun):
    """`fun(*args)` returns `(outputs, grad_fn)`, as in TensorFlow and JAX."""

    @wraps(fun)
    def checked(*args, **kwargs):
        out = fun(*args, **kwargs)
        if not (isinstance(out, (tuple, list)) and len(out) == 2 and callable(out[1])):
            name = getattr(fun, "__name__", "the function")
            raise TypeError(
                f"custom_gradient: {name} must return a pair, its result and the function that "
                f"computes the gradient; it returned {type(out).__name__}"
            )
        return out

    inner = transforms.custom_gradient(checked)
    return lambda *args, **kwargs: inner(*_tensors(args), **_tensors(kwargs))


def remat(f):
    """Recompute `f` in the backward pass instead of keeping its intermediate values."""
    return transforms.checkpoint(f)


def scatter(indices, values, shape):
    """Zeros of `shape` with `values` added at `indices` (..., rank of the indexed axes)."""
    values = convert_to_tensor(values)
    zeros = np.zeros(tuple(shape), values.dtype)
    return _scatter(zeros, convert_to_tensor(indices), values, "add")


_MODES = {None: "set", "add": "add", "max": "max", "min": "min", "mul": "mul"}


def scatter_update(inputs, indices, updates, reduction=None):
    inputs = convert_to_tensor(inputs)
    updates = convert_to_tensor(updates, inputs.dtype)
    return _scatter(inputs, convert_to_tensor(indices), updates, _MODES[reduction])


def _scatter(x: Any, indices: Any, updates: Any, mode: str) -> Any:
    sizes = np.asarray(x.shape[: indices.shape[-1]], indices.dtype)
    indices = np.where(indices < 0, indices + sizes, indices)
    return apply(ops.scatter_nd, x, indices, updates, mode=mode)


def slice(inputs, start_indices, shape):
    x = convert_to_tensor(inputs)
    return apply(ops.dynamic_slice, x, *_starts(start_indices, x.ndim), shape=_sizes(x, shape))


def slice_update(inputs, start_indices, updates):
    x = convert_to_tensor(inputs)
    updates = convert_to_tensor(updates, x.dtype)
    return apply(ops.dynamic_update_slice, x, updates, *_starts(start_indices, x.ndim))


def _starts(start_indices: Any, rank: int) -> list[Any]:
    starts = _array(start_indices)
    return [convert_to_tensor(starts[i], "int32") for i in range(rank)]


def _sizes(x: Any, shape: Any) -> tuple[int, ...]:
    return tuple(n if int(s) == -1 else int(s) for s, n in zip(shape, x.shape))


def unstack(x, num=None, axis=0):
    x = convert_to_tensor(x)
    return [np.take(x, i, axis=axis) for i in range(x.shape[axis])]


def stop_gradient(variable):
    return transforms.stop_gradient(_array(variable))


__all__ = [
    "associative_scan", "cond", "custom_gradient", "fori_loop", "map", "remat", "scan", "scatter",
    "scatter_update", "slice", "slice_update", "stop_gradient", "switch", "unstack",
    "vectorized_map", "while_loop",
]  # fmt: skip
