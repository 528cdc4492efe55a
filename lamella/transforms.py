"""Transformations of functions: grad, vjp, jvp, vmap, checkpoint, custom_gradient.

Arguments and results are nested dicts, lists and tuples of arrays. Inside a traced function
everything is appended to the Program being built; outside, a Program is traced and evaluated.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamella import autodiff, batching, ops, tree
from lamella.control import Traced, cond, fori_loop, list_of, map_, scan, switch, while_loop
from lamella.frontend.numpy.promotion import value
from lamella.frontend.trace import run, trace
from lamella.frontend.tracer import Tracer
from lamella.program import Program, Value, current_builder, is_building
from lamella.types import COMPLEX, Type, is_float

__all__ = [
    "grad", "value_and_grad", "vjp", "jvp", "vmap", "checkpoint", "custom_gradient",
    "stop_gradient", "scan", "while_loop", "fori_loop", "cond", "switch", "map_",
]  # fmt: skip


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Any:
    """The function that computes the gradient of the scalar function `f`.

    argnums: which positional arguments to differentiate; the result has their structure (a tuple of
    structures where `argnums` is a tuple). has_aux: `f` returns (value, aux), the result is
    (gradient, aux). Raises TypeError where the value is not a real scalar or an argument is not of
    a floating point dtype.

    >>> grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    both = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        out, grads = both(*args, **kwargs)
        return (grads, out[1]) if has_aux else grads

    return gradient


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Like grad, but returns (value, gradient), or ((value, aux), gradient) with `has_aux`.

    >>> value_and_grad(lambda x: x * x)(3.0)
    (array(9.), array(6.))
    """
    several = not isinstance(argnums, int)
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        _check_argnums(numbers, len(args))
        chosen = tuple(args[i] for i in numbers)

        def inline(*chosen: Any) -> Any:
            full = list(args)
            for i, x in zip(numbers, chosen, strict=True):
                full[i] = x
            return _value_and_grad(lambda: f(*full, **kwargs), full, numbers, has_aux)

        out, grads = inline(*chosen) if is_building() else run(inline, *chosen)
        return out, tuple(grads) if several else grads[0]

    return value_and_gradient


def _check_argnums(numbers: tuple[int, ...], count: int) -> None:
    for i in numbers:
        if not -count <= i < count:
            raise TypeError(f"grad: argnums {i} with {count} positional arguments")


def _value_and_grad(
    call: Callable[[], Any], args: list[Any], numbers: tuple[int, ...], has_aux: bool
) -> tuple[Any, list[Any]]:
    """Replace the arguments in `args` by fresh Values, call, and append the backward sweep."""
    builder = current_builder()
    structures, inputs = [], []
    for i in numbers:
        leaves, structure = tree.flatten(args[i])
        fresh = [_fresh(x, f"argument {i}{path}") for x, path in zip(leaves, tree.paths(args[i]))]
        args[i] = tree.unflatten(structure, fresh)
        structures.append(structure)
        inputs.append(fresh)
    start = len(builder.equations)
    out = call()
    if has_aux and not (isinstance(out, (tuple, list)) and len(out) == 2):
        raise TypeError("grad with has_aux=True: the function must return (value, aux)")
    loss = _scalar(out[0] if has_aux else out)
    seed = ops.full(shape=(), dtype=loss.dtype.name, value=1.0)
    flat = autodiff.backward(start, [loss], [seed], [x for xs in inputs for x in xs])
    values = iter(flat)
    grads = [tree.unflatten(s, [next(values) for _ in xs]) for s, xs in zip(structures, inputs)]
    return ((loss, out[1]) if has_aux else loss), grads


def _fresh(x: Any, name: str) -> Tracer:
    """A Value that nothing else uses, equal to `x`: only its uses below count as dependence."""
    x = value(x)
    if not _is_differentiable(x.type):
        raise TypeError(
            f"grad: {name} is {x.type}; only floating point arrays can be differentiated: "
            "cast it with astype, or leave it out of argnums"
        )
    return ops.reshape(x, shape=x.shape)


def _scalar(out: Any) -> Tracer:
    if not isinstance(out, (Tracer, np.ndarray, np.generic, int, float)):
        raise TypeError(
            f"grad: the function must return a scalar, got {type(out).__name__}; return "
            "(value, aux) and give has_aux=True to pass more along"
        )
    loss = value(out)
    if loss.shape:
        raise TypeError(
            f"grad: the function must return a scalar, got {loss.type}; reduce it with np.sum or "
            "np.mean, or use lamella.vjp"
        )
    if isinstance(out, int):
        return value(float(out))
    if not is_float(loss.dtype):
        raise TypeError(
            f"grad: the function must return a real floating point scalar, got {loss.type}"
        )
    return loss


# vjp and jvp


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(f(*primals), pullback), or (value, pullback, aux) with `has_aux`.

    pullback(cotangents): the cotangents of the primals, a tuple, given those of the value.

    >>> y, pullback = vjp(np.sin, 0.0)
    >>> pullback(1.0)
    (array(1.),)
    """
    leaves, structure = tree.flatten(primals)
    for x, path in zip(leaves, tree.paths(primals)):
        if not _is_differentiable(_type(x)):
            raise TypeError(f"vjp: argument {path} is {_type(x)}; expected a floating point array")

    def pair(*args: Any) -> Any:
        return tuple(f(*args)) if has_aux else (f(*args), None)

    forward = Traced(pair, structure, [_type(x) for x in leaves])
    outs = _evaluate(forward.program, [*leaves, *forward.captured])
    out, aux = tree.unflatten(forward.structure, outs)
    flat, out_structure = tree.flatten(out)

    def sweep(*operands: Any) -> list[Any]:
        n = len(leaves)
        fresh = [_fresh(x, "primal") for x in operands[:n]]
        start = len(current_builder().equations)
        ys = current_builder().inline(forward.program, [*fresh, *forward.captured])
        return autodiff.backward(start, ys[: len(flat)], operands[n:], fresh)

    def pullback(cotangents: Any) -> Any:
        gs = _matching_cotangents(cotangents, out_structure, forward.out_types)
        grads = sweep(*leaves, *gs) if is_building() else run(sweep, *leaves, *gs)
        return tree.unflatten(structure, grads)

    return (out, pullback, aux) if has_aux else (out, pullback)


def _is_differentiable(t: Type) -> bool:
    return is_float(t.dtype) or t.dtype in COMPLEX


def _type(x: Any) -> Type:
    return x.type if isinstance(x, Tracer) else Type(np.shape(x), np.asarray(x).dtype)


def _evaluate(program: Program, operands: Sequence[Any]) -> list[Any]:
    if is_building():
        return list(current_builder().inline(program, [value(x) for x in operands]))
    return list(program.run(*map(np.asarray, operands)))


def _matching_cotangents(cotangents: Any, structure: Any, types: Sequence[Type]) -> list[Any]:
    leaves, given = tree.flatten(cotangents)
    if given != structure:
        raise TypeError(f"vjp: cotangents have structure {given}, the value has {structure}")
    out = []
    for g, t in zip(leaves, types):
        g = g if isinstance(g, Tracer) else np.asarray(g, t.dtype)
        if _type(g) != t:
            raise TypeError(f"vjp: a cotangent is {_type(g)} where the value is {t}")
        out.append(g)
    return out


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any],
        has_aux: bool = False) -> Any:  # fmt: skip
    """(f(*primals), directional derivative along `tangents`); with `has_aux` also aux.

    The derivative of the pullback, which is linear in its cotangent, with respect to it.

    >>> jvp(np.sin, (0.0,), (2.0,))
    (array(0.), array(2.))
    """
    if not is_building():
        return run(lambda p, t: jvp(f, p, t, has_aux), tuple(primals), tuple(tangents))
    leaves, structure = tree.flatten(tuple(primals))
    directions, given = tree.flatten(tuple(tangents))
    if given != structure:
        raise TypeError(f"jvp: tangents have structure {given}, primals have {structure}")
    fresh = [_fresh(x, f"primal {path}") for x, path in zip(leaves, tree.paths(tuple(primals)))]
    start = len(current_builder().equations)
    out = f(*tree.unflatten(structure, fresh))
    out, aux = out if has_aux else (out, None)
    flat, out_structure = tree.flatten(out)
    ys = [value(y) for y in flat]
    seeds = [ops.full(shape=y.shape, dtype=y.dtype.name, value=0) if is_float(y.dtype) else None
             for y in ys]  # fmt: skip
    seeds = [None if s is None else ops.reshape(s, shape=s.shape) for s in seeds]
    pulled = autodiff.backward(start, ys, seeds, fresh)
    directions = [value(t, x.dtype) for t, x in zip(directions, fresh)]
    live = [s for s in seeds if s is not None]
    pushed = iter(autodiff.backward(start, pulled, directions, live))
    flat_t = [np.zeros_like(y) if s is None else next(pushed) for y, s in zip(ys, seeds)]
    result = tree.unflatten(out_structure, ys), tree.unflatten(out_structure, flat_t)
    return (*result, aux) if has_aux else result


# vmap


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """`f` applied to every slice of its arguments at once.

    in_axes: the axis to map over, per argument (or per part of it): an integer, or None for what is
    the same for all. out_axes: where the mapped axis goes in the results; None where a result does
    not depend on it. Raises ValueError where the sizes of the mapped axes differ.

    >>> vmap(np.dot, in_axes=(0, None))(np.ones((3, 2)), np.ones(2))
    array([2., 2., 2.])
    """

    @functools.wraps(f)
    def mapped(*args: Any) -> Any:
        if not is_building():
            return run(mapped, *args)
        axes = in_axes if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(args)
        return _vmap(f, args, tree.broadcast_prefix(tuple(axes), args), out_axes)

    return mapped


def _vmap(f: Callable[..., Any], args: tuple[Any, ...], axes: list[Any], out_axes: Any) -> Any:
    leaves, structure = tree.flatten(args)
    moved, sizes = [], {}
    for x, axis, path in zip(leaves, axes, tree.paths(args), strict=True):
        x = value(x)
        if axis is not None:
            if not -x.ndim <= axis < x.ndim:
                raise ValueError(f"vmap: argument {path} is {x.type} and has no axis {axis}")
            sizes[path] = x.shape[axis]
        moved.append(x if axis is None else np.moveaxis(x, axis, 0))
    if len(set(sizes.values())) != 1:
        found = ", ".join(f"{path}: {n}" for path, n in sizes.items()) or "none"
        raise ValueError(f"vmap: the mapped axes must have one common size, got {found}")
    size = next(iter(sizes.values()))
    batched = [axis is not None for axis in axes]
    types = [Type(x.shape[1:], x.dtype) if b else x.type for x, b in zip(moved, batched)]
    body = Traced(f, structure, types)
    flags = [*batched, *[False] * len(body.captured)]
    outs, flags = batching.batch_program(body.program, size, flags, [*moved, *body.captured])
    placed = tree.broadcast_prefix(out_axes, tree.unflatten(body.structure, outs))
    return tree.unflatten(body.structure, [
        _place(y, size, b, axis) for y, b, axis in zip(outs, flags, placed, strict=True)
    ])  # fmt: skip


def _place(y: Any, size: int, batched: bool, axis: Any) -> Any:
    if axis is None:
        if batched:
            raise ValueError("vmap: out_axes is None for a result that depends on the mapped axis")
        return y
    return np.moveaxis(batching.with_batch_axis(y, size, batched), 0, axis)


# checkpoint, custom_gradient, stop_gradient


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f`, whose intermediate values are computed again in the backward pass instead of kept.

    >>> grad(checkpoint(lambda x: np.sum(np.sin(np.sin(x)))))(np.zeros(1))
    array([1.])
    """

    @functools.wraps(f)
    def recomputed(*args: Any, **kwargs: Any) -> Any:
        if not is_building():
            return f(*args, **kwargs)
        leaves, structure = tree.flatten(args)
        values = [value(x) for x in leaves]
        body = Traced(lambda *xs: f(*xs, **kwargs), structure, [x.type for x in values])
        ys = ops.call(*values, *body.captured, body=body.program, vjp=None, checkpoint=True)
        return tree.unflatten(body.structure, ys)

    return recomputed


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with its own derivative: `f(*args)` returns (value, gradient function).

    The gradient function takes the cotangent of the value (one argument per leaf where the value is
    a tuple) and returns the cotangent of every argument, a tuple where there are several.

    >>> @custom_gradient
    ... def clipped(x):
    ...     return x, lambda g: np.clip(g, -1, 1)
    >>> grad(lambda x: 5.0 * clipped(x))(2.0)
    array(1.)
    """

    @functools.wraps(f)
    def with_gradient(*args: Any, **kwargs: Any) -> Any:
        if not is_building():
            return f(*args, **kwargs)[0]
        leaves, structure = tree.flatten(args)
        values = [value(x) for x in leaves]
        types = [x.type for x in values]
        body = Traced(lambda *xs: f(*xs, **kwargs)[0], structure, types)
        rule = functools.partial(
            _custom_cotangents, f, kwargs, structure, body.structure, len(values)
        )
        gradient = Traced(rule, list_of(2 * len(body.out_types) + len(values)),
                          [*body.out_types, *body.out_types, *types])  # fmt: skip
        operands, (body_program, rule_program) = _sharing_captures(values, body, gradient)
        ys = ops.call(*operands, body=body_program, vjp=rule_program, checkpoint=False)
        return tree.unflatten(body.structure, ys)

    return with_gradient


def _sharing_captures(values: list[Any], body: Traced, rule: Traced) -> Any:
    """Operands of the call, and both Programs taking all of them; the rule also gives zeros as the
    cotangents of captured Values."""
    captured = list(dict.fromkeys([*body.captured, *rule.captured]))
    programs = []
    for t in (body, rule):
        own = t.program.inputs[: len(t.program.inputs) - len(t.captured)]
        known = dict(zip(t.captured, t.program.inputs[len(own) :]))
        inputs = (*own, *(known[v] if v in known else Value(v.type) for v in captured))
        programs.append(
            Program(inputs, t.program.equations, t.program.outputs, t.program.constants)
        )
    programs[1] = _with_zeros(programs[1], [v.type for v in captured])
    return [*values, *captured], programs


def _with_zeros(program: Program, types: Sequence[Type]) -> Program:
    def flat(*xs: Any) -> list[Any]:
        outs = current_builder().inline(program, xs)
        return [*outs, *(ops.full(shape=t.shape, dtype=t.dtype.name, value=0) for t in types)]

    return trace(flat, program.in_types)[0] if types else program


def _custom_cotangents(f: Callable[..., Any], kwargs: dict[str, Any], structure: Any, out: Any,
                       count: int, *flat: Any) -> tuple[Any, ...]:  # fmt: skip
    """The cotangents of the arguments, as the user's gradient function computes them.

    flat: the cotangents of the results, the results, the arguments.
    """
    n = (len(flat) - count) // 2
    gs, xs = flat[:n], flat[2 * n :]
    _, rule = f(*tree.unflatten(structure, xs), **kwargs)
    g = tree.unflatten(out, gs)
    found = rule(*g) if isinstance(g, (tuple, list)) else rule(g)
    found = tuple(found) if isinstance(found, (tuple, list)) else (found,)
    parts = tree.unflatten(structure, xs)
    if len(found) != len(parts):
        raise TypeError(
            f"custom_gradient: {getattr(f, '__name__', 'the function')} has {len(parts)} "
            f"arguments, its gradient function returned {len(found)} cotangents"
        )
    leaves = [x for g, part in zip(found, parts) for x in _leaves_like(g, part)]
    return tuple(_cotangent(g, x) for g, x in zip(leaves, xs, strict=True))


def _leaves_like(g: Any, part: Any) -> list[Any]:
    leaves, _ = tree.flatten(part)
    return [None] * len(leaves) if g is None else tree.flatten(g)[0]


def _cotangent(g: Any, x: Any) -> Any:
    if g is None or not autodiff.differentiable(x):
        return np.zeros_like(x)
    if np.shape(g) != x.shape:
        raise TypeError(
            f"custom_gradient: a cotangent of shape {np.shape(g)} for an operand {x.type}"
        )
    return value(g, x.dtype)


def stop_gradient(x: Any) -> Any:
    """`x` (arrays in any nesting), seen as a constant by differentiation."""
    return tree.map_leaves(lambda a: ops.stop_gradient(a) if isinstance(a, Tracer) else a, x)
