"""Views: every element of the result is an element of an operand at a mapped index, or constant."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lamella import ops
from lamella.ops import checks
from lamella.ops.lowering import Piece, ViewMap
from lamella.primitive import Primitive, no_gradient
from lamella.types import COMPLEX, Type, dtype_of, is_float

Shape = tuple[int, ...]


def shift(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The same axes when a batch axis stands in front."""
    return tuple(a + 1 for a in axes)


def view(name: str, *, lower: Callable[..., Any], **rules: Any) -> Primitive:
    """A view of one operand; `lower(index, type, **attrs)` gives the operand's index."""

    def view_map(index: tuple[Any, ...], t: Type, **attrs: Any) -> ViewMap:
        return ViewMap((Piece(0, tuple(lower(index, t, **attrs))),))

    return Primitive(name=name, family="view", lower=view_map, **rules)


def _samples(*cases: tuple[Shape, dict[str, Any]]) -> Callable[..., Any]:
    return lambda rng: [((rng.normal(size=shape),), attrs) for shape, attrs in cases]


# ---------------------------------------------------------------- broadcast


def _broadcast_typing(x: Type, *, shape: Shape, axes: tuple[int, ...]) -> Type:
    checks.same_length("broadcast", x, axes=axes)
    result = Type(tuple(shape), x.dtype)
    checks.axes_in("broadcast", axes, result)
    if tuple(sorted(axes)) != tuple(axes):
        raise ValueError(f"broadcast: axes {axes} must increase; transpose first")
    for n, axis in zip(x.shape, axes):
        if n not in (1, shape[axis]):
            raise ValueError(f"broadcast: {x} does not fit shape {shape} at axes {axes}")
    return result


def _aligned(x: Shape, shape: Shape, axes: tuple[int, ...]) -> Shape:
    """`x` with a 1 at every result axis that it lacks."""
    sizes = dict(zip(axes, x))
    return tuple(sizes.get(i, 1) for i in range(len(shape)))


def _broadcast_vjp(g: Any, y: Any, x: Any, *, shape: Shape, axes: tuple[int, ...]) -> Any:
    aligned = _aligned(x.type.shape, shape, axes)
    summed = tuple(i for i, n in enumerate(shape) if i not in axes or (aligned[i] == 1 and n != 1))
    return ops.reshape(ops.sum(g, axes=summed) if summed else g, shape=x.type.shape)


def _broadcast_lower(index: Any, x: Type, *, shape: Shape, axes: tuple[int, ...]) -> Any:
    return [0 if n == 1 else index[axis] for n, axis in zip(x.shape, axes)]


broadcast = view(
    "broadcast",
    typing=_broadcast_typing,
    numpy=lambda x, *, shape, axes: np.broadcast_to(
        np.reshape(x, _aligned(x.shape, shape, axes)), shape
    ),
    vjp=_broadcast_vjp,
    batch=lambda size, batched, x, *, shape, axes: ops.broadcast(
        x, shape=(size, *shape), axes=(0, *shift(axes))
    ),
    lower=_broadcast_lower,
    samples=_samples(
        ((3,), {"shape": (2, 3), "axes": (1,)}),
        ((2, 1), {"shape": (2, 4, 3), "axes": (0, 2)}),
        ((), {"shape": (2, 3), "axes": ()}),
        ((1, 3), {"shape": (0, 3), "axes": (0, 1)}),
    ),
)

# ------------------------------------------------------------------ reshape


def _reshape_typing(x: Type, *, shape: Shape) -> Type:
    if math.prod(shape) != x.size or any(n < 0 for n in shape):
        raise ValueError(f"reshape: {x} has {x.size} elements and cannot have shape {tuple(shape)}")
    return Type(tuple(shape), x.dtype)


def _blocks(a: Shape, b: Shape) -> list[tuple[list[int], list[int]]]:
    """Pairs of runs of axes of `a` and `b` of equal size, the shortest; without axes of size 1."""
    left = [i for i, n in enumerate(a) if n != 1]
    right = [i for i, n in enumerate(b) if n != 1]
    blocks = []
    while left and right:
        run_a, run_b = [left.pop(0)], [right.pop(0)]
        size_a, size_b = a[run_a[0]], b[run_b[0]]
        while size_a != size_b:
            if size_a < size_b:
                run_a.append(left.pop(0))
                size_a *= a[run_a[-1]]
            else:
                run_b.append(right.pop(0))
                size_b *= b[run_b[-1]]
        blocks.append((run_a, run_b))
    return blocks


def _reshape_lower(index: Any, x: Type, *, shape: Shape) -> Any:
    result: list[Any] = [0] * x.ndim
    if x.size == 0:
        return result
    for ours, theirs in _blocks(x.shape, shape):
        linear = index[theirs[0]]
        for axis in theirs[1:]:
            linear = linear * shape[axis] + index[axis]
        for axis in reversed(ours[1:]):
            result[axis] = linear % x.shape[axis]
            linear = linear // x.shape[axis]
        result[ours[0]] = linear
    return result


reshape = view(
    "reshape",
    typing=_reshape_typing,
    numpy=lambda x, *, shape: np.reshape(x, shape),
    vjp=lambda g, y, x, *, shape: ops.reshape(g, shape=x.type.shape),
    batch=lambda size, batched, x, *, shape: ops.reshape(x, shape=(size, *shape)),
    lower=_reshape_lower,
    traits=frozenset({"alias"}),  # the bytes of a dense array stay where they are
    samples=_samples(
        ((2, 6), {"shape": (3, 4)}),
        ((2, 3, 4), {"shape": (6, 4, 1)}),
        ((6, 4), {"shape": (2, 3, 2, 2)}),
        ((), {"shape": (1, 1)}),
        ((0, 3), {"shape": (3, 0, 2)}),
    ),
)

# ---------------------------------------------------------------- transpose


def _transpose_typing(x: Type, *, axes: tuple[int, ...]) -> Type:
    checks.same_length("transpose", x, axes=axes)
    checks.axes_in("transpose", axes, x)
    return Type(tuple(x.shape[a] for a in axes), x.dtype)


def inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes `axes`."""
    return tuple(int(a) for a in np.argsort(axes))


transpose = view(
    "transpose",
    typing=_transpose_typing,
    numpy=lambda x, *, axes: np.transpose(x, axes),
    vjp=lambda g, y, x, *, axes: ops.transpose(g, axes=inverse(axes)),
    batch=lambda size, batched, x, *, axes: ops.transpose(x, axes=(0, *shift(axes))),
    lower=lambda index, x, *, axes: [index[i] for i in inverse(axes)],
    samples=_samples(
        ((2, 3), {"axes": (1, 0)}),
        ((2, 3, 4), {"axes": (1, 2, 0)}),
        ((2, 0, 4), {"axes": (2, 0, 1)}),
    ),
)


def move_axis(x: Any, source: int, destination: int) -> Any:
    """`x` with one axis moved, as np.moveaxis; `x` itself where nothing moves."""
    axes = [i for i in range(x.type.ndim) if i != source]
    axes.insert(destination, source)
    return x if axes == sorted(axes) else ops.transpose(x, axes=tuple(axes))


# --------------------------------------------------------------- slice, flip


def _slice_typing(x: Type, *, start: Shape, stop: Shape, step: Shape) -> Type:
    checks.same_length("slice", x, start=start, stop=stop, step=step)
    for n, a, b, s in zip(x.shape, start, stop, step):
        if not 0 <= a <= b <= n or s < 1:
            raise ValueError(
                f"slice: {a}:{b}:{s} is not within an axis of length {n} with a positive step "
                f"({x}[start={start}, stop={stop}, step={step}])"
            )
    shape = tuple(len(range(a, b, s)) for a, b, s in zip(start, stop, step))
    return Type(shape, x.dtype)


def spread(x: Any, step: Shape) -> Any:
    """`step[i] - 1` zeros after every element along axis i; the rest of the last gap included."""
    if all(s == 1 for s in step):
        return x
    zero = (0,) * (2 * x.type.ndim)
    gaps = tuple(v for s in step for v in (0, s - 1))
    paired = ops.reshape(x, shape=tuple(v for n in x.type.shape for v in (n, 1)))
    padded = ops.pad(paired, low=zero, high=gaps, value=0)
    return ops.reshape(padded, shape=tuple(n * s for n, s in zip(x.type.shape, step)))


def crop(x: Any, shape: Shape) -> Any:
    """The leading `shape` of x."""
    if x.type.shape == tuple(shape):
        return x
    return ops.slice(x, start=(0,) * x.type.ndim, stop=tuple(shape), step=(1,) * x.type.ndim)


def _slice_vjp(g: Any, y: Any, x: Any, *, start: Shape, stop: Shape, step: Shape) -> Any:
    wide = spread(g, step)
    ends = zip(x.type.shape, start, wide.type.shape)
    wide = crop(wide, tuple(min(n - a, w) for n, a, w in ends))
    high = tuple(n - a - w for n, a, w in zip(x.type.shape, start, wide.type.shape))
    return ops.pad(wide, low=tuple(start), high=high, value=0)


slice_ = view(
    "slice",
    typing=_slice_typing,
    numpy=lambda x, *, start, stop, step: x[tuple(map(slice, start, stop, step))],
    vjp=_slice_vjp,
    batch=lambda size, batched, x, *, start, stop, step: ops.slice(
        x, start=(0, *start), stop=(size, *stop), step=(1, *step)
    ),
    lower=lambda index, x, *, start, stop, step: [i * s + a for i, a, s in zip(index, start, step)],
    samples=_samples(
        ((5, 4), {"start": (1, 0), "stop": (4, 3), "step": (1, 1)}),
        ((7, 5), {"start": (1, 0), "stop": (7, 5), "step": (2, 3)}),
        ((8,), {"start": (2,), "stop": (6,), "step": (3,)}),
        ((4, 3), {"start": (2, 0), "stop": (2, 3), "step": (1, 1)}),
    ),
)


def _flip_typing(x: Type, *, axes: tuple[int, ...]) -> Type:
    checks.axes_in("flip", axes, x)
    return x


flip = view(
    "flip",
    typing=_flip_typing,
    numpy=lambda x, *, axes: np.flip(x, axes),
    vjp=lambda g, y, x, *, axes: ops.flip(g, axes=axes),
    batch=lambda size, batched, x, *, axes: ops.flip(x, axes=shift(axes)),
    lower=lambda index, x, *, axes: [
        n - 1 - i if axis in axes else i for axis, (i, n) in enumerate(zip(index, x.shape))
    ],
    samples=_samples(((3, 4), {"axes": (1,)}), ((2, 3, 2), {"axes": (0, 2)})),
)

# ----------------------------------------------------------- pad, concatenate


def _pad_typing(x: Type, *, low: Shape, high: Shape, value: Any) -> Type:
    checks.same_length("pad", x, low=low, high=high)
    if any(n < 0 for n in (*low, *high)):
        raise ValueError(f"pad: low={low} and high={high} must not be negative; slice instead")
    return Type(tuple(n + a + b for n, a, b in zip(x.shape, low, high)), x.dtype)


def _pad_numpy(x: np.ndarray, *, low: Shape, high: Shape, value: Any) -> np.ndarray:
    out = np.full([n + a + b for n, a, b in zip(x.shape, low, high)], value, x.dtype)
    out[tuple(slice(a, a + n) for a, n in zip(low, x.shape))] = x
    return out


def _pad_vjp(g: Any, y: Any, x: Any, *, low: Shape, high: Shape, value: Any) -> Any:
    stop = tuple(a + n for a, n in zip(low, x.type.shape))
    return ops.slice(g, start=tuple(low), stop=stop, step=(1,) * x.type.ndim)


def _pad_lower(index: Any, x: Type, *, low: Shape, high: Shape, value: Any) -> ViewMap:
    inner = tuple(i - a if a else i for i, a in zip(index, low))
    bounds = tuple((i, n) for i, n, a, b in zip(inner, x.shape, low, high) if a or b)
    return ViewMap((Piece(0, inner, bounds),), otherwise=value)


pad = Primitive(
    name="pad",
    family="view",
    typing=_pad_typing,
    numpy=_pad_numpy,
    vjp=_pad_vjp,
    batch=lambda size, batched, x, *, low, high, value: ops.pad(
        x, low=(0, *low), high=(0, *high), value=value
    ),
    lower=_pad_lower,
    samples=_samples(
        ((3, 4), {"low": (1, 0), "high": (2, 3), "value": 0}),
        ((3,), {"low": (0,), "high": (2,), "value": 1.5}),
        ((0, 2), {"low": (1, 1), "high": (1, 0), "value": -1}),
    ),
)


def _concatenate_typing(*xs: Type, axis: int) -> Type:
    if not xs:
        raise ValueError("concatenate: expected at least one array")
    checks.equal_dtypes("concatenate", *xs)
    checks.axis_in("concatenate", axis, xs[0])
    rest = {(*x.shape[:axis], *x.shape[axis + 1 :]) for x in xs}
    if len(rest) != 1 or len({x.ndim for x in xs}) != 1:
        names = ", ".join(map(str, xs))
        raise ValueError(f"concatenate: shapes must agree except along axis {axis}, got {names}")
    total = sum(x.shape[axis] for x in xs)
    return Type((*xs[0].shape[:axis], total, *xs[0].shape[axis + 1 :]), xs[0].dtype)


def _concatenate_vjp(g: Any, y: Any, *xs: Any, axis: int) -> tuple[Any, ...]:
    out, at = [], 0
    for x in xs:
        n = x.type.shape[axis]
        start, stop = [0] * x.type.ndim, list(x.type.shape)
        start[axis], stop[axis] = at, at + n
        out.append(ops.slice(g, start=tuple(start), stop=tuple(stop), step=(1,) * x.type.ndim))
        at += n
    return tuple(out)


def _concatenate_batch(size: int, batched: Any, *xs: Any, axis: int) -> Any:
    from lamella.batching import with_batch_axis

    return ops.concatenate(
        *(with_batch_axis(x, size, b) for x, b in zip(xs, batched)), axis=axis + 1
    )


def _concatenate_lower(index: Any, *xs: Type, axis: int) -> ViewMap:
    pieces, at = [], 0
    for operand, x in enumerate(xs):
        n = x.shape[axis]
        inner = index[axis] - at if at else index[axis]
        where = (*index[:axis], inner, *index[axis + 1 :])
        pieces.append(Piece(operand, where, ((inner, n),)))
        at += n
    return ViewMap(tuple(pieces))


concatenate = Primitive(
    name="concatenate",
    family="view",
    typing=_concatenate_typing,
    numpy=lambda *xs, axis: np.concatenate(xs, axis),
    vjp=_concatenate_vjp,
    batch=_concatenate_batch,
    lower=_concatenate_lower,
    traits=frozenset({"joins"}),  # operands lie side by side along `axis`
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)), rng.normal(size=(2, 1))), {"axis": 1}),
        (tuple(rng.normal(size=(n, 2)) for n in (1, 0, 3)), {"axis": 0}),
    ],
)

# ------------------------------------------------------------- identities


def _identity(name: str, vjp: Callable[..., Any], *traits: str) -> Primitive:
    primitive = view(
        name,
        typing=lambda x: x,
        numpy=lambda x: x,
        vjp=vjp,
        batch=lambda size, batched, x: primitive(x),
        lower=lambda index, x: index,
        samples=_samples(((2, 3), {})),
        traits=frozenset(traits),
    )
    return primitive


stop_gradient = _identity("stop_gradient", no_gradient)

#: Opaque to every pass: what is computed from a barrier is computed anew (see `call`).
barrier = _identity("barrier", lambda g, y, x: g, "opaque")

# ---------------------------------------------------------------- constants


def _full_typing(*, shape: Shape, dtype: str, value: Any) -> Type:
    t = Type(tuple(shape), dtype_of(dtype))
    number = is_float(t.dtype) or t.dtype in COMPLEX
    if not number and isinstance(value, float) and not value.is_integer():
        raise TypeError(f"full: {value} is not a value of dtype {t.dtype.name}")
    return t


full = Primitive(
    name="full",
    family="view",
    typing=_full_typing,
    numpy=lambda *, shape, dtype, value: np.full(shape, value, dtype_of(dtype)),
    vjp=no_gradient,
    batch=lambda size, batched, **attrs: ops.full(**attrs),
    lower=lambda index, *, shape, dtype, value: ViewMap((), otherwise=value),
    samples=lambda rng: [
        ((), {"shape": (2, 3), "dtype": "float32", "value": 0.5}),
        ((), {"shape": (), "dtype": "int8", "value": -3}),
        ((), {"shape": (0, 2), "dtype": "bool", "value": True}),
    ],
)


def _iota_typing(*, shape: Shape, axis: int, dtype: str) -> Type:
    t = Type(tuple(shape), dtype_of(dtype))
    checks.axis_in("iota", axis, t)
    checks.numeric("iota", t)
    return t


def _iota_numpy(*, shape: Shape, axis: int, dtype: str) -> np.ndarray:
    column = np.arange(shape[axis]).astype(dtype_of(dtype))
    return np.broadcast_to(column.reshape([-1] + [1] * (len(shape) - axis - 1)), shape)


iota = Primitive(
    name="iota",
    family="view",
    typing=_iota_typing,
    numpy=_iota_numpy,
    vjp=no_gradient,
    batch=lambda size, batched, **attrs: ops.iota(**attrs),
    lower=lambda index, *, shape, axis, dtype: ViewMap((), otherwise=index[axis]),
    samples=lambda rng: [
        ((), {"shape": (2, 3), "axis": 1, "dtype": "int32"}),
        ((), {"shape": (4, 2), "axis": 0, "dtype": "float32"}),
    ],
)
