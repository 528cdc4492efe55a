"""Calls, scans, loops and switches over random bodies, nested two deep."""

from lamella import ops
from lamella.types import Type, dtype_of

INT32 = Type((), dtype_of("int32"))


def _some(s, low, high):
    return [s.any(lambda v: v.type.size <= 2000) for _ in range(s.choices.integer(low, high))]


def _is_exact(s, values):
    return [v in s.exact for v in values]


def call(s):
    xs = _some(s, 1, 3)
    body = s.nested([v.type for v in xs], _is_exact(s, xs), lambda inner, _: _returned(inner))
    return ops.call(*xs, body=body, vjp=None, checkpoint=s.choices.once_in(2))


def _returned(inner):
    return [inner.choices.among(inner.pool) for _ in range(inner.choices.integer(1, 3))]


def scan(s):
    c = s.choices
    consts, carry = _some(s, 0, 2), _some(s, 0, 3)
    x = s.value(lambda v: v.type.ndim > 0 and v.type.shape[0] <= 8 and v.type.size <= 2000)
    length = c.integer(0, 4) if x is None else x.type.shape[0]
    xs = [] if x is None else [x]
    if x is not None and c.once_in(2):
        other = s.value(
            lambda v: v.type.ndim > 0 and v.type.shape[0] == length and v.type.size <= 2000
        )
        xs.append(other)
    types = [
        *(v.type for v in (*consts, *carry)),
        *(Type(v.type.shape[1:], v.type.dtype) for v in xs),
    ]
    exact = [*_is_exact(s, consts), *(False for _ in carry), *_is_exact(s, xs)]

    def outputs(inner, inputs):
        new = [inner.conform(v.type) for v in carry]
        return [*new, *_returned(inner)] if inner.pool else new

    body = s.nested(types, exact, outputs)
    if not body.outputs:
        return None
    return ops.scan(*consts, *carry, *xs, body=body, n_consts=len(consts), n_carry=len(carry),
                    length=length, reverse=bool(c.integer(0, 1)))  # fmt: skip


def while_loop(s):
    """At most as many rounds as a number of the pool says, or five."""
    consts, carry = _some(s, 0, 2), _some(s, 0, 2)
    limit = s.value(lambda v: v.type == INT32) or s.input((), "int32")
    most = ops.minimum(limit, ops.full(shape=(), dtype="int32", value=5))
    counter = ops.full(shape=(), dtype="int32", value=0)
    state = [INT32, *(v.type for v in carry)]
    exact = [True, *(False for _ in carry)]

    def test(inner, inputs):
        return [ops.less(inputs[1], inputs[0])]

    def step(inner, inputs):
        count = inputs[len(consts)]
        one = ops.full(shape=(), dtype="int32", value=1)
        return [ops.add(count, one), *(inner.conform(v.type) for v in carry)]

    cond = s.nested([INT32, *state], [True, *exact], test)
    body = s.nested([*(v.type for v in consts), *state], [*_is_exact(s, consts), *exact], step)
    return ops.while_loop(most, *consts, counter, *carry, cond=cond, body=body,
                          n_cond_consts=1, n_body_consts=len(consts))  # fmt: skip


def switch(s):
    index = s.value(lambda v: v.type == INT32) or s.input((), "int32")
    xs = _some(s, 1, 3)
    types, exact = [v.type for v in xs], _is_exact(s, xs)
    first = s.nested(types, exact, lambda inner, _: _returned(inner))
    branches = {"branch0": first}
    for k in range(1, s.choices.integer(1, 3)):
        branches[f"branch{k}"] = s.nested(
            types, exact, lambda inner, _: [inner.conform(t) for t in first.out_types]
        )
    return ops.switch(index, *xs, n=len(branches), **branches)


STEPS = [call, scan, scan, while_loop, switch]
