"""Control flow and indexed updates of keras.ops.core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras.src import tree
from keras.src.backend.common import KerasVariable

from lamella.frontend.functions import apply
from keras_lamella.src.variable import VariableScope
from lamella import control, ops, transforms
from lamella.frontend.trace import Trace
from lamella.frontend.tracer import Tracer
from lamella.program import building


def cond(pred, true_fn, false_fn):
    """One of two computations; what a branch assigns to variables is assigned after it."""
    return _choose(pred, [true_fn, false_fn], lambda fns: control.cond(_array(pred), *fns))


def switch(index, branches, *operands):
    """`branches[index](*operands)`, with assignments to variables carried out."""
    calls = [lambda f=f: f(*operands) for f in branches]
    return _choose(index, calls, lambda fns: control.switch(_array(index), fns))


def _choose(selector: Any, branches: list[Callable[[], Any]], select: Callable[..., Any]) -> Any:
    scope = VariableScope.current()
    if scope is None or not isinstance(_array(selector), Tracer):
        return select([lambda f=f: _tensors(f()) for f in branches])
    keys = {k: None for f in branches for k in _assigned(scope, f)}

    def carrying(f: Callable[[], Any]) -> Callable[[], Any]:
        def branch() -> Any:
            out, values = scope.isolated(lambda: _tensors(f()))
            return out, [values.get(k, scope.values[k]) for k in keys]

        return branch

    out, values = select([carrying(f) for f in branches])
    for key, value in zip(keys, values):
        scope.assign(scope.variable(key), value)
    return out


def _assigned(scope: VariableScope, f: Callable[[], Any]) -> list[int]:
    """The variables that a branch assigns, found by a trial run."""
    trial = Trace()
    with building(trial):
        found = list(scope.isolated(f)[1])
    trial.closed = True
    return found


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

    out = control.while_loop(lambda v: cond(*v), step, state, maximum_iterations)
    return out if several else out[0]


def fori_loop(lower, upper, body_fun, init_val):
    return control.fori_loop(lower, upper, body_fun, _tensors(init_val))


def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(
            f"`unroll` must be an positive integer or boolean. Received: unroll={unroll}"
        )
    return control.scan(f, _tensors(init), _tensors(xs), length, reverse, unroll)


def associative_scan(f, elems, reverse=False, axis=0):
    return control.associative_scan(f, _tensors(elems), reverse, axis)


def map(f, xs):
    return control.map_(f, _tensors(xs))


def vectorized_map(function, elements):
    return transforms.vmap(function)(_tensors(elements))


def custom_gradient(fun):
    """`fun(*args)` returns `(outputs, grad_fn)`, as in TensorFlow and JAX."""
    inner = transforms.custom_gradient(fun)
    return lambda *args, **kwargs: inner(*_tensors(args), **_tensors(kwargs))


def remat(f):
    """Recompute `f` in the backward pass instead of keeping its intermediate values."""
    return transforms.checkpoint(f)


def scatter(indices, values, shape):
    """Zeros of `shape` with `values` added at `indices` (..., rank of the indexed axes)."""
    values = _array(values)
    zeros = np.zeros(tuple(shape), values.dtype)
    return _scatter(zeros, _array(indices), values, "add")


_MODES = {None: "set", "add": "add", "max": "max", "min": "min", "mul": "mul"}


def scatter_update(inputs, indices, updates, reduction=None):
    inputs = _array(inputs)
    updates = _array(updates)
    if updates.dtype != inputs.dtype:
        updates = updates.astype(inputs.dtype)
    return _scatter(inputs, _array(indices), updates, _MODES[reduction])


def _scatter(x: Any, indices: Any, updates: Any, mode: str) -> Any:
    sizes = np.asarray(x.shape[: indices.shape[-1]], indices.dtype)
    indices = np.where(indices < 0, indices + sizes, indices)
    return apply(ops.scatter_nd, x, indices, updates, mode=mode)


def slice(inputs, start_indices, shape):
    x = _array(inputs)
    return apply(ops.dynamic_slice, x, *_starts(start_indices, x.ndim), shape=_sizes(x, shape))


def slice_update(inputs, start_indices, updates):
    x, updates = _array(inputs), _array(updates)
    if updates.dtype != x.dtype:
        updates = updates.astype(x.dtype)
    return apply(ops.dynamic_update_slice, x, updates, *_starts(start_indices, x.ndim))


def _starts(start_indices: Any, rank: int) -> list[Any]:
    starts = _array(start_indices)
    return [np.asarray(s, np.int32) if not isinstance(s, Tracer) else s.astype(np.int32)
            for s in (starts[i] for i in range(rank))]  # fmt: skip


def _sizes(x: Any, shape: Any) -> tuple[int, ...]:
    return tuple(n if int(s) == -1 else int(s) for s, n in zip(shape, x.shape))


def unstack(x, num=None, axis=0):
    x = _array(x)
    return [np.take(x, i, axis=axis) for i in range(x.shape[axis])]


def stop_gradient(variable):
    return transforms.stop_gradient(_array(variable))


__all__ = [
    "associative_scan", "cond", "custom_gradient", "fori_loop", "map", "remat", "scan", "scatter",
    "scatter_update", "slice", "slice_update", "stop_gradient", "switch", "unstack",
    "vectorized_map", "while_loop",
]  # fmt: skip
