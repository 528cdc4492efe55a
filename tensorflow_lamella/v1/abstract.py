"""What is known of a tensor before a run: its dtype and shape, by tracing with stand-in sizes.

A world says what stands in for everything unknown: `World(120, 1)` gives every unknown size the
number 120, and a placeholder of unknown rank one axis of it. An operation is traced in two
worlds; what differs between them is unknown. Values that follow from constants and sizes stay
numbers (`tf.shape(x)[0] * 2`), so shapes computed from shapes come out right.

Where an operation does not work with the stand-ins (a batch of unknown size meets a state of 32
rows), the sizes that it meets are tried for the unknown ones; after them shapes are supposed of
single placeholders (`tf.placeholder(tf.float32)` may be rows of 784, the labels beside it of 10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import optree

from lamella.frontend.trace import Trace
from lamella.frontend.tracer import ConcreteValueError, Tracer
from lamella.program import building
from lamella.types import Type
from tensorflow_lamella.core import state
from tensorflow_lamella.core.convert import raw
from tensorflow_lamella.core.shape import TensorShape, known_sizes
from tensorflow_lamella.errors import InvalidArgumentError

Supposed: TypeAlias = tuple[int | None, ...]


class World(NamedTuple):
    """Every unknown size is `size`, every unknown rank is `rank`.

    `supposed` has shapes of placeholders for which that does not hold, by the operation's number.
    """

    size: int
    rank: int
    supposed: tuple[tuple[int, Supposed], ...] = ()


USUAL = (World(120, 0), World(240, 0))
_RANKED = tuple(World(size, rank) for rank in (1, 2, 4) for size in (120, 240))
_SMALL = 4096  # elements up to which numbers are kept
_TRIED = 12  # sizes
_SUPPOSED = 3  # placeholders
_MOST = 1 << 22  # elements of stand-ins with numbers


class Failure(NamedTuple):
    """The operation does not work in this world."""

    error: Exception


def value(tensor: Any, world: World) -> Any:
    """A Type, the numbers themselves (np.ndarray), or a Failure."""
    if world not in tensor.worlds:
        for op in _missing(tensor.op, world):
            _enter(op, world)
    return tensor.worlds[world]


def _missing(op: Any, world: World) -> list[Any]:
    """The operation and those before it that have not been traced in this world, in order."""
    found, stack = {}, [op]
    while stack:
        op = stack.pop()
        if op.number in found or not op.outputs or world in op.outputs[0].worlds:
            continue
        found[op.number] = op
        stack += [t.op for t in op.sources]
    return [found[number] for number in sorted(found)]


def _enter(op: Any, world: World) -> None:
    """Put the values of the operation's outputs in this world."""
    for t, result in zip(op.outputs, results(op, world), strict=True):
        t.worlds[world] = result


def results(op: Any, world: World) -> Sequence[Any]:
    """The values of the outputs in a world where those of the sources are known."""
    first = USUAL[0]
    if op.fixed and world != first:
        return [value(t, first) for t in op.outputs]
    failed = [v for t in op.sources if isinstance(v := value(t, world), Failure)]
    if failed:
        return [failed[0]] * max(len(op.outputs), 1)
    try:
        return RULES[op.kind](op, world)
    except Exception as error:  # raised by `settle` where no world works
        return [Failure(error)] * max(len(op.outputs), 1)


def settle(op: Any) -> tuple[World, Sequence[Any]]:
    """A world where a new operation works, and the values of its outputs there.

    Raises what the operation raises in the first world, where it works in none.
    """
    error = None
    for world in _worlds(op):
        found = results(op, world)
        if not any(isinstance(v, Failure) for v in found):
            op.settled = world
            return world, found
        error = error or next(v.error for v in found if isinstance(v, Failure))
    raise error  # type: ignore[misc]


def static_type(tensor: Any) -> tuple[np.dtype, TensorShape]:
    """The dtype and what is known of the shape."""
    usual = USUAL[:1] if tensor.op.fixed else USUAL
    worlds = (*usual, *_RANKED) if tensor.op.ranked else usual
    found = [v for w in worlds if not isinstance(v := value(tensor, w), Failure)]
    if found:
        return found[0].dtype, _joined([v.shape for v in found])
    for v in tensor.worlds.values():  # `settle` found one
        if not isinstance(v, Failure):
            known = None if tensor.op.ranked or tensor.op.settled.supposed else v.shape
            return v.dtype, TensorShape(known)
    raise value(tensor, USUAL[0]).error


def _worlds(op: Any) -> Iterator[World]:
    """The worlds to try: the usual ones, then those of the sizes that are met."""
    if op.fixed:
        yield USUAL[0]
        return
    yield from (*USUAL, *_RANKED) if op.ranked else USUAL
    before = list(dict.fromkeys(t.op.settled for t in op.sources if t.op.settled not in USUAL))
    yield from before
    for size in _sizes_met(op):
        for rank in (0, 1, 2, 4) if op.ranked else (0,):
            yield World(size, rank)
    yield from _supposing(op, before)


def _supposing(op: Any, before: Sequence[World]) -> Iterator[World]:
    """Worlds in which one more placeholder has a shape of its own."""
    open_ = [o for o in _ancestors(op) if o.kind == "placeholder" and _is_open(o)]
    settled = [t.op.settled for t in op.sources]
    sizes = _sizes_met(op)
    for base in dict.fromkeys([*before, *settled]):
        for placeholder in open_[:_SUPPOSED]:
            if placeholder.number not in dict(base.supposed):
                for shape in _shapes(_declared_shape(placeholder), sizes):
                    supposed = (*base.supposed, (placeholder.number, shape))
                    yield base._replace(supposed=supposed)


def _declared_shape(placeholder: Any) -> TensorShape:
    return placeholder.attributes["types"][0][1]


def _is_open(placeholder: Any) -> bool:
    """Is the rank unknown, or more than one size?"""
    shape = _declared_shape(placeholder)
    return shape.rank is None or known_sizes(shape).count(None) > 1


def _shapes(shape: TensorShape, sizes: Sequence[int]) -> Iterator[Supposed]:
    """What a placeholder of an open shape may be."""
    if shape.rank is None:
        yield from ((), (None,), (None, None))
        yield from ((None, size) for size in sizes)
        return
    known = known_sizes(shape)
    last = max(i for i, d in enumerate(known) if d is None)
    yield from ((*known[:last], size, *known[last + 1 :]) for size in sizes)


def _sizes_met(op: Any) -> list[int]:
    """The sizes that the operation is given, and that those before it meet, the nearest first."""
    given = op.arguments[0] if op.arguments else ()
    sizes: dict[int, None] = dict.fromkeys(x for x in given if type(x) is int)
    for before in _ancestors(op):
        for t in before.sources:
            known = value(t, USUAL[0])
            if not isinstance(known, Failure):
                sizes.update(dict.fromkeys(known.shape))
    usual = {world.size for world in USUAL}
    return [*[s for s in sizes if s not in usual and s > 1][:_TRIED], 1]


def _ancestors(op: Any, limit: int = 200) -> list[Any]:
    found, queue = {op.number: op}, [op]
    while queue and len(found) < limit:
        for t in queue.pop(0).sources:
            if t.op.number not in found:
                found[t.op.number] = t.op
                queue.append(t.op)
    return list(found.values())


def _joined(shapes: Sequence[tuple[int, ...]]) -> TensorShape:
    """What all shapes have in common."""
    if len({len(s) for s in shapes}) > 1:
        return TensorShape(None)
    return TensorShape([sizes[0] if len(set(sizes)) == 1 else None for sizes in zip(*shapes)])


# One rule per kind of operation: (op, world) -> what its outputs are in this world


def traced(f: Callable[..., Any], inputs: Sequence[Any]) -> list[Any]:
    """What `f` gives for a list of Types or numbers, by tracing it."""
    builder = Trace()
    try:
        with building(builder), state.recording(None):
            out = f([builder.make_tracer(x) if isinstance(x, Type) else x for x in inputs])
            return [known(x) for x in optree.tree_leaves(out)]
    finally:
        builder.closed = True


def known(x: Any) -> Any:
    """The Type of a traced or a large array, the array itself where it is small and concrete."""
    found = raw(x)
    x = x if found is None else found
    if isinstance(x, Tracer):
        return x.type
    x = np.asarray(x)
    return Type(x.shape, x.dtype) if x.size > _SMALL and x.dtype != object else x


def stand_in(shape: TensorShape, dtype: np.dtype, world: World) -> Any:
    """A tensor of this dtype and shape as it is in a world."""
    known = (None,) * world.rank if shape.rank is None else known_sizes(shape)
    sizes = [world.size if d is None else d for d in known]
    return np.full(sizes, b"0", object) if dtype.kind == "O" else Type(tuple(sizes), dtype)


def type_in(tensor: Any, world: World) -> Any:
    """The type of a tensor in a world, without its numbers."""
    found = value(tensor, world)
    numbers = isinstance(found, np.ndarray) and found.dtype != object
    return Type(found.shape, found.dtype) if numbers else found


def _call(op: Any, world: World) -> Sequence[Any]:
    values = [value(t, world) for t in op.inputs]
    for prepare in (_itself, _number, _ones):
        try:
            found = traced(op, [prepare(v, world) for v in values])
        except (ConcreteValueError, InvalidArgumentError) as error:
            if prepare is _ones or not _wants_numbers(error):
                raise
            op.fixed = False  # a size is a number that is fed, or depends on numbers
            continue
        op.dynamic = op.dynamic or prepare is _ones
        return [_longer(v, world) for v in found] if prepare is _ones else found
    raise AssertionError


def _wants_numbers(error: Exception) -> bool:
    return isinstance(error, ConcreteValueError) or "unknown size" in str(error)


def _itself(known: Any, world: World) -> Any:
    return known


def _ones(known: Any, world: World) -> Any:
    if isinstance(known, Type) and known.size > _MOST:
        raise InvalidArgumentError(None, None, f"{known} is too large to find the size of a result")
    return np.ones(known.shape, known.dtype) if isinstance(known, Type) else known


def _longer(known: Any, world: World) -> Any:
    """The type of a result whose first size depends on numbers."""
    return Type((world.size, *known.shape[1:]), known.dtype) if known.shape else known


def _number(known: Any, world: World) -> Any:
    """Numbers in place of an integer or a few, which may be sizes."""
    small = isinstance(known, Type) and known.dtype.kind in "iu" and len(known.shape) < 2
    return np.full(known.shape, world.size, known.dtype) if small else known


def _placeholder(op: Any, world: World) -> Sequence[Any]:
    ((dtype, shape),) = op.attributes["types"]
    supposed = dict(world.supposed).get(op.number)
    return [stand_in(shape if supposed is None else TensorShape(supposed), dtype, world)]


def _declared(op: Any, world: World) -> Sequence[Any]:
    return [stand_in(shape, dtype, world) for dtype, shape in op.attributes["types"]]


def _like(op: Any, world: World) -> Sequence[Any]:
    return [type_in(t, world) for t in op.attributes["like"]]


#: "call" applies a function; "declared" says its types; "like" has those of its sources.
RULES: dict[str, Callable[[Any, World], Sequence[Any]]] = {
    "call": _call, "placeholder": _placeholder, "declared": _declared, "host": _declared,
    "variable": _declared, "default": _declared, "gradients": _like, "assign": _like,
    "update": _like, "argument": _like, "cond": _like, "while": _like, "none": lambda op, world: [],
}  # fmt: skip
