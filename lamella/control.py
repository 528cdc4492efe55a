"""Control flow on traced values: cond, switch, scan, while_loop, fori_loop, map_, associative_scan.

Outside a traced function they run as plain Python on arrays. Inside one, the functions they are
given are traced to nested Programs; traced values that those use from outside become operands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamella import ops, tree
from lamella.frontend.numpy import promotion as p
from lamella.frontend.numpy.elementwise import truth
from lamella.frontend.trace import trace
from lamella.frontend.tracer import Tracer
from lamella.ops.scan_hoist import hoisted_scan
from lamella.program import Program, Value, is_building
from lamella.types import Type

INDEX = np.dtype("int32")


class Traced:
    """A function traced to a Program: captured outer Values, structure and names of its result."""

    def __init__(self, f: Callable[..., Any], structure: Any, types: Sequence[Type]) -> None:
        def flat(*xs: Any) -> list[Any]:
            result = f(*tree.unflatten(structure, xs))
            leaves, self.structure = tree.flatten(result)
            self.paths = tree.paths(result)
            self.weak = [p.is_weak(x) for x in leaves]
            return [p.value(x) for x in leaves]

        self.program, self.captured = trace(flat, types)

    @property
    def out_types(self) -> tuple[Type, ...]:
        return self.program.out_types


def _with_captures(
    traced: Sequence[Traced], own: Sequence[int]
) -> tuple[list[Program], list[Value]]:
    """Programs whose captured inputs are the union over all of them, put before their own inputs.

    own[i]: how many inputs of program i are its arguments.
    """
    union = list(dict.fromkeys(v for t in traced for v in t.captured))
    programs = []
    for t, n in zip(traced, own, strict=True):
        inputs = t.program.inputs
        known = dict(zip(t.captured, inputs[n:]))
        extra = [known[v] if v in known else Value(v.type) for v in union]
        programs.append(
            Program(
                (*extra, *inputs[:n]), t.program.equations, t.program.outputs, t.program.constants
            )
        )
    return programs, union


def _cast_outputs(t: Traced, types: Sequence[Type]) -> Traced:
    """`t` with its outputs converted to `types`, which differ in dtype only."""
    if t.out_types == tuple(types):
        return t
    inner = t.program

    def flat(*xs: Any) -> list[Any]:
        from lamella.program import current_builder

        outs = current_builder().inline(inner, xs)
        return [p.value(y, want.dtype) for y, want in zip(outs, types, strict=True)]

    t.program, _ = trace(flat, inner.in_types)
    return t


# cond and switch


def cond(
    pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], *operands: Any
) -> Any:
    """`true_fn(*operands)` where the scalar `pred` is true, else `false_fn(*operands)`.

    Both must return the same structure, shapes and dtypes; TypeError names the leaf that differs.

    >>> cond(x > 0, lambda v: v, lambda v: -v, x)
    """
    if not isinstance(pred, Tracer):
        return true_fn(*operands) if np.all(pred) else false_fn(*operands)
    if pred.size != 1:
        raise TypeError(
            f"cond: expected a scalar predicate, got {pred.type}; np.where chooses by element"
        )
    index = p.convert(truth(np.reshape(pred, ())), INDEX)
    return _switch(index, (false_fn, true_fn), operands, ("false_fn", "true_fn"))


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """`branches[index](*operands)`, the index clamped to the branches that there are."""
    branches = tuple(branches)
    if not branches:
        raise ValueError("switch: expected at least one branch")
    if not isinstance(index, Tracer):
        return branches[int(np.clip(int(index), 0, len(branches) - 1))](*operands)
    if index.shape or index.dtype.kind not in "iub":
        raise TypeError(f"switch: expected an integer scalar as index, got {index.type}")
    index = p.convert(np.clip(index, 0, len(branches) - 1), INDEX)
    names = [f"branch {k}" for k in range(len(branches))]
    return _switch(index, branches, operands, names)


def _switch(index: Tracer, branches: Sequence[Callable[..., Any]], operands: Sequence[Any],
            names: Sequence[str]) -> Any:  # fmt: skip
    leaves, structure = tree.flatten(tuple(operands))
    values = [p.value(x) for x in leaves]
    types = [x.type for x in values]
    traced = [Traced(f, structure, types) for f in branches]
    for name, t in zip(names[1:], traced[1:]):
        _check_structure(f"{names[0]} and {name}", traced[0].structure, t.structure)
    wanted = _common_types(traced, names)
    traced = [_cast_outputs(t, wanted) for t in traced]
    programs, captured = _with_captures(traced, [len(values)] * len(traced))
    named = {f"branch{k}": program for k, program in enumerate(programs)}
    out = ops.switch(index, *captured, *values, n=len(programs), **named)
    return tree.unflatten(traced[0].structure, out)


def _check_structure(names: str, first: Any, second: Any) -> None:
    if first != second:
        raise TypeError(f"{names} must return the same structure, got {first} and {second}")


def _common_types(traced: Sequence[Traced], names: Sequence[str]) -> list[Type]:
    """The types all branches return; a Python number takes the dtype of the others."""
    wanted = []
    for i, path in enumerate(traced[0].paths):
        strong = [t.out_types[i] for t in traced if not t.weak[i]] or [traced[0].out_types[i]]
        target = strong[0]
        for name, t in zip(names, traced):
            got = t.out_types[i]
            if got.shape != target.shape or (got.dtype != target.dtype and not t.weak[i]):
                raise TypeError(
                    f"{names[0]} and {name} must return the same types: result{path} is "
                    f"{traced[0].out_types[i]} in one and {got} in the other; use astype or reshape"
                )
        wanted.append(target)
    return wanted


# scan


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """Carry state along the leading axis of `xs`: `carry, y = f(carry, x)` for every slice.

    Returns (last carry, stacked ys). With xs=None, f gets None `length` times. unroll=True writes
    the steps out one after the other instead of looping. The carry keeps its structure and types:
    TypeError names the leaf that changes.

    >>> scan(lambda c, x: (c + x, c * x), 0.0, np.arange(4.0))
    (6.0, array([0., 0., 2., 9.]))
    """
    length = _scan_length(xs, length)
    if not is_building() or unroll is True:
        return _unrolled(f, init, xs, length, reverse)
    leaves, xs_structure = tree.flatten(xs)
    rows = [p.value(x) for x in leaves]
    row_types = [Type(x.shape[1:], x.dtype) for x in rows]
    inner = _Carry("scan", init)

    def step(carry: Any, *flat: Any) -> Any:
        out = f(carry, tree.unflatten(xs_structure, flat))
        if not (isinstance(out, (tuple, list)) and len(out) == 2):
            raise TypeError("scan: the function must return (carry, y)")
        return tuple(out)

    body, ys_structure = inner.trace_step(step, row_types)
    out = hoisted_scan(*body.captured, *inner.values, *rows, body=body.program,
                       n_consts=len(body.captured), n_carry=len(inner.values), length=length,
                       reverse=reverse)  # fmt: skip
    n = len(inner.values)
    return tree.unflatten(inner.structure, out[:n]), tree.unflatten(ys_structure, out[n:])


def _scan_length(xs: Any, length: int | None) -> int:
    lengths = {}
    for x, path in zip(tree.flatten(xs)[0], tree.paths(xs)):
        if np.ndim(x) == 0:
            raise ValueError(f"scan: xs{path} has no axis to go along")
        lengths[path] = np.shape(x)[0]
    if length is not None:
        lengths["length"] = int(length)
    if len(set(lengths.values())) != 1:
        found = ", ".join(f"{k or 'xs'}: {n}" for k, n in lengths.items()) or "none"
        raise ValueError(f"scan: expected one common length of xs (or length=), got {found}")
    return next(iter(lengths.values()))


def _unrolled(f: Any, carry: Any, xs: Any, length: int, reverse: bool) -> tuple[Any, Any]:
    leaves, structure = tree.flatten(xs)
    leaves = [x if isinstance(x, Tracer) else np.asarray(x) for x in leaves]
    ys = []
    for i in reversed(range(length)) if reverse else range(length):
        carry, y = f(carry, tree.unflatten(structure, [x[i] for x in leaves]))
        ys.append(y)
    if reverse:
        ys.reverse()
    if not ys:
        if not is_building():
            from lamella.frontend.trace import run

            return run(lambda c, x: scan(f, c, x, length), carry, xs)
        return scan(f, carry, xs, length)
    return carry, tree.map_leaves(lambda *rows: np.stack(rows), ys[0], *ys[1:])


class _Carry:
    """The state of a loop; Python numbers in it take the dtype that the first step gives them."""

    def __init__(self, name: str, init: Any) -> None:
        self.name = name
        leaves, self.structure = tree.flatten(init)
        self.paths = tree.paths(init)
        self.numbers = [x if p.is_weak(x) else None for x in leaves]
        self.values = [p.value(x) for x in leaves]

    @property
    def types(self) -> list[Type]:
        return [x.type for x in self.values]

    def trace_step(self, step: Callable[..., Any], rows: Sequence[Type]) -> tuple[Traced, Any]:
        """`step(carry, *rows) -> (carry, y)` traced, captured Values as leading inputs, and the
        structure of y."""
        n = len(self.values)
        found: list[Any] = []

        def flat(*xs: Any) -> list[Any]:
            carry, y = step(tree.unflatten(self.structure, xs[:n]), *xs[n:])
            new, structure = tree.flatten(carry)
            ys, y_structure = tree.flatten(y)
            found[:] = [structure, y_structure]
            return [*new, *ys]

        if any(x is not None for x in self.numbers):
            self._settle_numbers(flat, rows)
        body = Traced(flat, list_of(n + len(rows)), [*self.types, *rows])
        self._check(found[0], body)
        _cast_outputs(body, [*self.types, *body.out_types[n:]])
        (body.program,), _ = _with_captures([body], [n + len(rows)])
        return body, found[1]

    def _settle_numbers(self, flat: Callable[..., Any], rows: Sequence[Type]) -> None:
        """Do the first step with the Python numbers themselves, to see what they become."""
        strong = [t for t, x in zip(self.types, self.numbers) if x is None]

        def first(*xs: Any) -> list[Any]:
            given = iter(xs)
            return flat(*(next(given) if x is None else x for x in self.numbers), *given)

        after = Traced(first, list_of(len(strong) + len(rows)), [*strong, *rows])
        for i, (x, got) in enumerate(zip(self.numbers, after.out_types)):
            if x is not None and not after.weak[i] and got.shape == ():
                self.values[i] = p.value(x, got.dtype)

    def _check(self, structure: Any, body: Traced) -> None:
        if structure != self.structure:
            raise TypeError(
                f"{self.name}: the carry must keep its structure; it went in as {self.structure} "
                f"and came out as {structure}"
            )
        for given, got, weak, path in zip(self.types, body.out_types, body.weak, self.paths):
            if given.shape != got.shape or (given.dtype != got.dtype and not weak):
                raise TypeError(
                    f"{self.name}: the carry must keep its types; carry{path} went in as {given} "
                    f"and came out as {got}; use astype or reshape on one of them"
                )


def list_of(n: int) -> Any:
    """The structure of n arrays."""
    return tree.flatten((0,) * n)[1]


# while_loop and fori_loop


def while_loop(
    cond_fun: Callable[..., Any],
    body_fun: Callable[..., Any],
    init: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """Repeat `state = body_fun(state)` while the scalar `cond_fun(state)` is true.

    Not differentiable in reverse, since the number of steps is unknown: use fori_loop or scan
    with a static length for that.

    >>> while_loop(lambda x: x < 100, lambda x: 2 * x, 3)
    192
    """
    if maximum_iterations is not None:
        return _bounded(cond_fun, body_fun, init, maximum_iterations)
    if not is_building():
        state = init
        while np.all(cond_fun(state)):
            state = body_fun(state)
        return state
    carry = _Carry("while_loop", init)
    body, _ = carry.trace_step(lambda state: (body_fun(state), None), [])
    test = Traced(lambda state: _scalar_truth(cond_fun(state)),
                  tree.flatten((init,))[1], carry.types)  # fmt: skip
    (program,), consts = _with_captures([test], [len(carry.values)])
    out = ops.while_loop(*consts, *body.captured, *carry.values, cond=program, body=body.program,
                         n_cond_consts=len(consts), n_body_consts=len(body.captured))  # fmt: skip
    return tree.unflatten(carry.structure, out)


def _scalar_truth(x: Any) -> Tracer:
    x = p.value(x)
    if x.size != 1:
        raise TypeError(
            f"while_loop: the condition must be a scalar, got {x.type}; use np.any or np.all"
        )
    return truth(np.reshape(x, ()))


def _bounded(cond_fun: Any, body_fun: Any, init: Any, most: int) -> Any:
    counter = np.int32(0)
    out = while_loop(
        lambda s: np.logical_and(s[0] < most, cond_fun(s[1])),
        lambda s: (s[0] + np.int32(1), body_fun(s[1])),
        (counter, init),
    )
    return out[1]


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init: Any) -> Any:
    """`state = body_fun(i, state)` for i in range(lower, upper).

    With static bounds it is a scan and can be differentiated; with traced ones a while_loop.

    >>> fori_loop(1, 5, lambda i, x: x * i, 1)
    24
    """
    if not is_building():
        state = init
        for i in range(int(lower), int(upper)):
            state = body_fun(i, state)
        return state
    if isinstance(lower, Tracer) or isinstance(upper, Tracer):
        lower = p.value(lower, p.result_type(lower, upper))
        state = while_loop(
            lambda s: s[0] < upper, lambda s: (s[0] + 1, body_fun(*s)), (lower, init)
        )
        return state[1]
    steps = np.arange(int(lower), int(upper), dtype=np.int32)
    return scan(lambda state, i: (body_fun(i, state), None), init, steps, len(steps))[0]


# map_ and associative_scan


def map_(f: Callable[[Any], Any], xs: Any) -> Any:
    """`f` on every slice of `xs` along the leading axis, one after the other, results stacked."""
    return scan(lambda _, x: (None, f(x)), None, xs)[1]


def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False,
                     axis: int = 0) -> Any:  # fmt: skip
    """All running combinations of `elems` along `axis` under the associative `f`.

    f(a, b) combines whole arrays element by element; log2(n) rounds instead of n steps.

    >>> associative_scan(np.add, np.arange(4))
    array([0, 1, 3, 6])
    """
    leaves, structure = tree.flatten(elems)
    leaves = [np.moveaxis(x, axis, 0) for x in leaves]
    sizes = {np.shape(x)[0] for x in leaves}
    if len(sizes) != 1:
        raise ValueError(
            f"associative_scan: arrays must have one size along axis {axis}, got {sizes}"
        )
    leaves = [np.flip(x, 0) for x in leaves] if reverse else leaves

    def combine(a: list[Any], b: list[Any]) -> list[Any]:
        return tree.flatten(f(tree.unflatten(structure, a), tree.unflatten(structure, b)))[0]

    out = _prefixes(combine, leaves)
    out = [np.flip(x, 0) for x in out] if reverse else out
    return tree.unflatten(structure, [np.moveaxis(x, 0, axis) for x in out])


def _prefixes(combine: Callable[..., list[Any]], xs: list[Any]) -> list[Any]:
    """Combine neighbours, recurse on the half, fill in between (Blelloch 1990)."""
    n = np.shape(xs[0])[0]
    if n < 2:
        return xs
    pairs = combine([x[0 : n - 1 : 2] for x in xs], [x[1:n:2] for x in xs])
    odd = _prefixes(combine, pairs)  # odd[i] combines elements 0 .. 2i+1
    before = [x[:-1] for x in odd] if n % 2 == 0 else odd
    even = combine(before, [x[2:n:2] for x in xs])
    even = [np.concatenate([x[:1], e], 0) for x, e in zip(xs, even)]
    return [_interleave(e, o) for e, o in zip(even, odd)]


def _interleave(even: Any, odd: Any) -> Any:
    """e0 o0 e1 o1 ...; even has as many elements as odd or one more."""
    n = np.shape(odd)[0]
    paired = np.stack([even[:n], odd], 1)
    flat = np.reshape(paired, (2 * n, *np.shape(even)[1:]))
    return np.concatenate([flat, even[n:]], 0) if np.shape(even)[0] > n else flat
