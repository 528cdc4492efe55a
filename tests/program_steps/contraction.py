"""Matrix products, einsums, convolutions and their gradients' forms."""

import math

from lamella import ops
from lamella.types import Type, dtype_of

DTYPES = ["float32"] * 5 + ["float64"] * 2 + ["int32", "float16", "bfloat16"]


def _operand(s, shape, dtype):
    """Something of this type, reshaped from the pool where the number of elements is right."""
    t = Type(tuple(shape), dtype_of(dtype))
    same = s.value(lambda v: v.type.size == t.size and v.type.dtype == t.dtype)
    if same is not None and not s.choices.once_in(3):
        return same if same.type == t else ops.reshape(same, shape=t.shape)
    return s.like(t)


def einsum(s):
    """a of the pool times a b that shares some of its axes."""
    c = s.choices
    a = s.value(
        lambda v: 0 < v.type.ndim < 5 and v.type.dtype.name in DTYPES and v.type.size < 4000
    )
    if a is None:
        return None
    letters = "ijkl"[: a.type.ndim]
    sizes = dict(zip(letters, a.type.shape))
    sizes["o"] = c.among([1, 2, 5, 16, 20])
    b_axes = [*c.some(letters, 1), *(["o"] if c.once_in(2) else [])]
    if c.once_in(2):
        b_axes.reverse()
    every = dict.fromkeys([*letters, *b_axes])
    out = c.some(list(every))
    if c.once_in(3):
        out.reverse()
    if math.prod(sizes[x] for x in out) > 20_000 or math.prod(sizes[x] for x in every) > 300_000:
        return None
    b = _operand(s, [sizes[x] for x in b_axes], a.type.dtype.name)
    spec = f"{' '.join(letters)}, {' '.join(b_axes)} -> {' '.join(out)}"
    return ops.contract(a, b, spec=spec, shape=tuple(sizes[x] for x in out))


def matmul(s):
    c = s.choices
    dtype = c.among(DTYPES)
    sizes = [1, 2, 3, 5, 8, 16, 17, 33, 64, 100]
    m, k, n = (c.among(sizes) for _ in range(3))
    batch = [c.among([1, 2, 3])] if c.once_in(3) else []
    a_order, b_order = ("i k", "k i")[c.integer(0, 1)], ("k j", "j k")[c.integer(0, 1)]
    extent = {"i": m, "k": k, "j": n}
    a, b = (_operand(s, [*batch, *(extent[x] for x in order.split())], dtype)
            for order in (a_order, b_order))  # fmt: skip
    z = "z " if batch else ""
    spec = f"{z}{a_order}, {z}{b_order} -> {z}i j"
    return ops.contract(a, b, spec=spec, shape=(*batch, m, n))


def _geometry(s):
    """(stride, dilation, padding, kernel, input, output) along one axis."""
    c = s.choices
    stride, dilation = c.among([1, 1, 2, 3]), c.among([1, 1, 1, 2])
    kernel, n = c.among([1, 2, 3, 5]), c.integer(1, 9)
    reach = dilation * (kernel - 1)
    padding = c.integer(0, min(reach, 2))
    size = (n + 2 * padding - reach - 1) // stride + 1
    return stride, dilation, padding, kernel, n, max(size, 1)


def _index(stride, dilation, padding, out, within):
    text = f"{stride if stride > 1 else ''}{out}+{dilation if dilation > 1 else ''}{within}"
    return text + (f"-{padding}" if padding else "")


def convolution(s):
    """A convolution in one or two dimensions, or one of its gradients; perhaps depthwise."""
    c = s.choices
    dtype, planes = c.among(DTYPES), c.integer(1, 2)
    batch, channels, filters = (
        c.integer(1, 3),
        c.among([1, 2, 3, 8, 16]),
        c.among([1, 3, 8, 16, 17]),
    )
    axes = [(_geometry(s), *names) for names in (("y", "i"), ("x", "j"))[:planes]]
    x_dims = " ".join(_index(*g[:3], out, within) for g, out, within in axes)
    w_dims = " ".join(within for _, _, within in axes)
    y_dims = " ".join(out for _, out, _ in axes)
    x_shape = [g[4] for g, _, _ in axes]
    w_shape = [g[3] for g, _, _ in axes]
    y_shape = [g[5] for g, _, _ in axes]
    if c.once_in(4):  # depthwise
        x, w, y = (f"n {x_dims} c", f"{w_dims} c", f"n {y_dims} c")
        ends = ([channels], [channels], [channels])
    else:
        x, w, y = (f"n {x_dims} c", f"{w_dims} c o", f"n {y_dims} o")
        ends = ([channels], [channels, filters], [filters])
    shapes = {
        x: [batch, *x_shape, *ends[0]],
        w: [*w_shape, *ends[1]],
        y: [batch, *y_shape, *ends[2]],
    }
    a, b, out = c.among([(x, w, y), (x, w, y), (x, y, w), (y, w, x)])
    operands = [_operand(s, shapes[dims], dtype) for dims in (a, b)]
    return ops.contract(*operands, spec=f"{a}, {b} -> {out}", shape=tuple(shapes[out]))


def biased(s):
    """max(x @ w + b, 0)"""
    product = matmul(s)
    b = s.like(Type(product.type.shape[-1:], product.type.dtype))
    last = product.type.ndim - 1
    total = ops.add(product, ops.broadcast(b, shape=product.type.shape, axes=(last,)))
    zero = ops.full(shape=total.type.shape, dtype=total.type.dtype.name, value=0)
    return product, ops.maximum(total, zero)


STEPS = [einsum, einsum, matmul, convolution, convolution, biased]
