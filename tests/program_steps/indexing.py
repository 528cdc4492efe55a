"""Gathers, scatters, dynamic slices."""

from lamella import ops
from lamella.types import Type, dtype_of, is_integer

INT32 = dtype_of("int32")


def _indices(s, shape=None):
    """Integers, in range or not."""

    def fits(v):
        return is_integer(v.type.dtype) and v.type.size <= 40 and shape in (None, v.type.shape)

    found = s.value(fits)
    if found is not None:
        return found
    if shape is None:
        shape = s.choices.among([(), (3,), (2, 4), (1, 1), (7,)])
    return s.input(shape, s.choices.among(["int32", "int64", "uint8"]))


def _source(s):
    return s.value(lambda v: v.type.ndim > 0 and 0 < v.type.size <= 3000)


def gather(s):
    x = _source(s)
    if x is None:
        return None
    axis = s.choices.integer(0, x.type.ndim - 1)
    return ops.gather(x, _indices(s), axis=axis)


def gather_nd(s):
    x = _source(s)
    if x is None:
        return None
    k = s.choices.integer(0, min(2, x.type.ndim))
    return ops.gather_nd(x, _indices(s, (4, k)))


def scatter_add(s):
    x = _source(s)
    if x is None or x.type.dtype == bool:
        return None
    axis = s.choices.integer(0, x.type.ndim - 1)
    indices = _indices(s)
    shape = (*x.type.shape[:axis], *indices.type.shape, *x.type.shape[axis + 1 :])
    return ops.scatter_add(x, indices, s.like(Type(shape, x.type.dtype)), axis=axis)


def scatter_nd(s):
    x = _source(s)
    if x is None:
        return None
    k = s.choices.integer(1, min(2, x.type.ndim))
    modes = ["set", "max", "min"] if x.type.dtype == bool else ["set", "max", "min", "add", "mul"]
    updates = s.like(Type((4, *x.type.shape[k:]), x.type.dtype))
    return ops.scatter_nd(x, _indices(s, (4, k)), updates, mode=s.choices.among(modes))


def _start(s):
    found = s.value(lambda v: v.type == Type((), INT32))
    return s.input((), "int32") if found is None else found


def dynamic_slice(s):
    x = _source(s)
    if x is None:
        return None
    shape = tuple(s.choices.integer(1, n) for n in x.type.shape)
    return ops.dynamic_slice(x, *(_start(s) for _ in shape), shape=shape)


def dynamic_update_slice(s):
    x = _source(s)
    if x is None:
        return None
    shape = tuple(s.choices.integer(1, n) for n in x.type.shape)
    update = s.like(Type(shape, x.type.dtype))
    return ops.dynamic_update_slice(x, update, *(_start(s) for _ in shape))


STEPS = [gather, gather, gather_nd, scatter_add, scatter_nd, dynamic_slice, dynamic_update_slice]
