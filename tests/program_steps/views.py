"""Views of every kind, and constants."""

import numpy as np

from lamella import ops


def broadcast(s):
    x = s.any(lambda v: v.type.size <= 300)
    c, shape, axes = s.choices, [], []
    room = 3000 // max(1, x.type.size)

    def size():
        nonlocal room
        n = c.integer(1, max(1, min(room, 6)))
        room //= n
        return n

    for n in x.type.shape:
        while c.once_in(4):
            shape.append(size())
        axes.append(len(shape))
        shape.append(size() if n == 1 else n)
    while c.once_in(3):
        shape.append(size())
    return ops.broadcast(x, shape=tuple(shape), axes=tuple(axes))


def reshape(s):
    x = s.any()
    c, rest, shape = s.choices, x.type.size, []
    if rest == 0:
        return ops.reshape(x, shape=(*x.type.shape[::-1], 1))
    for _ in range(c.integer(0, 3)):
        n = c.among([d for d in (1, 2, 3, 4, 5, 7, 8, 16, 17, rest) if rest % d == 0])
        shape.append(n)
        rest //= n
    if rest > 1 or c.once_in(3):
        shape.append(rest)
    if c.once_in(4):
        shape.reverse()
    return ops.reshape(x, shape=tuple(shape))


def transpose(s):
    x = s.any(lambda v: v.type.ndim > 1)
    axes, rest = [], list(range(x.type.ndim))
    while rest:
        axes.append(rest.pop(s.choices.integer(0, len(rest) - 1)))
    return ops.transpose(x, axes=tuple(axes))


def slice_(s):
    x = s.any(lambda v: v.type.ndim > 0)
    start, stop, step = [], [], []
    for n in x.type.shape:
        a = s.choices.integer(0, min(n, 3)) if s.choices.once_in(2) else 0
        start.append(a)
        stop.append(max(a, n - (s.choices.integer(0, 2) if s.choices.once_in(2) else 0)))
        step.append(s.choices.among([1, 1, 2, 3]))
    return ops.slice(x, start=tuple(start), stop=tuple(stop), step=tuple(step))


def flip(s):
    x = s.any(lambda v: v.type.ndim > 0)
    return ops.flip(x, axes=tuple(s.choices.some(range(x.type.ndim))))


def pad(s):
    x = s.any(lambda v: v.type.ndim > 0 and v.type.size <= 1000)
    low, high = ([s.choices.among([0, 0, 1, 2]) for _ in x.type.shape] for _ in range(2))
    value = s.choices.among([0, 0, 1])
    return ops.pad(x, low=tuple(low), high=tuple(high), value=value)


def concatenate(s):
    x = s.any(lambda v: v.type.ndim > 0)
    if x.type.ndim == 0:
        return None
    axis = s.choices.integer(0, x.type.ndim - 1)

    def fits(v):
        return (v.type.dtype == x.type.dtype and v.type.ndim == x.type.ndim
                and _without(v.type.shape, axis) == _without(x.type.shape, axis))  # fmt: skip

    others = [s.value(fits, recent=False) for _ in range(s.choices.integer(0, 2))]
    return ops.concatenate(*(v for v in others if v is not None), x, axis=axis)


def _without(shape, axis):
    return shape[:axis] + shape[axis + 1 :]


def marked(s):
    return getattr(ops, s.choices.among(["barrier", "stop_gradient"]))(s.any())


def iota(s):
    shape = s.any(lambda v: v.type.ndim > 0).type.shape or (4,)
    axis = s.choices.integer(0, len(shape) - 1)
    dtype = s.choices.among(["int32", "int64", "float32"])
    return ops.iota(shape=shape, axis=axis, dtype=dtype)


def constant(s):
    t = s.any().type
    return s.constant(t) if t.size else ops.full(shape=t.shape, dtype=t.dtype.name, value=np.True_)


STEPS = [broadcast, reshape, transpose, slice_, flip, pad, concatenate, marked, iota, constant]
