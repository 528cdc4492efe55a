"""Transformations of streams of elements: generators over iterators of nested arrays."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import optree

from tensorflow_lamella.data.elements import stack
from tensorflow_lamella.errors import InvalidArgumentError

Stream = Iterator[Any]


def batched(stream: Stream, size: int, drop_remainder: bool) -> Stream:
    """`size` elements at a time, stacked."""
    while items := list(itertools.islice(stream, size)):
        if len(items) < size and drop_remainder:
            return
        yield stack(items)


def padded(stream: Stream, size: int, shapes: Any, values: Any, drop_remainder: bool) -> Stream:
    """As `batched`, each array filled up to the largest sizes, or to `shapes`."""
    while items := list(itertools.islice(stream, size)):
        if len(items) < size and drop_remainder:
            return
        yield _padded_stack(items, shapes, values)


def _padded_stack(items: list[Any], shapes: Any, values: Any) -> Any:
    leaves = [optree.tree_flatten(item)[0] for item in items]
    structure = optree.tree_flatten(items[0])[1]
    n = len(leaves[0])
    wanted = [None] * n if shapes is None else _shapes(shapes, n)
    fills = [None] * n if values is None else _values(values, n)
    columns = zip(zip(*leaves), wanted, fills)
    return optree.tree_unflatten(structure, [_pad_column(c, s, v) for c, s, v in columns])


def _shapes(shapes: Any, n: int) -> list[Any]:
    if n == 1 and not _is_shape_structure(shapes):
        return [shapes]
    items = list(shapes.values()) if isinstance(shapes, dict) else list(shapes)
    return [
        s for item in items for s in (_shapes(item, 2) if _is_shape_structure(item) else [item])
    ]


def _is_shape_structure(x: Any) -> bool:
    """Whether it holds shapes, rather than being one."""
    if isinstance(x, dict):
        return True
    return isinstance(x, (tuple, list)) and any(isinstance(i, (tuple, list, dict)) for i in x)


def _values(values: Any, n: int) -> list[Any]:
    if isinstance(values, dict):
        return list(values.values())
    return list(values) if isinstance(values, (tuple, list)) else [values] * n


def _pad_column(column: tuple[np.ndarray, ...], shape: Any, value: Any) -> np.ndarray:
    ranks = {a.ndim for a in column}
    if len(ranks) != 1:
        raise InvalidArgumentError(f"padded_batch: elements of ranks {sorted(ranks)}")
    largest = tuple(max(sizes) for sizes in zip(*(a.shape for a in column)))
    if shape is not None:
        given = [None if d in (None, -1) else int(d) for d in shape]
        largest = tuple(m if d is None else d for m, d in zip(largest, given, strict=True))
    fill = (b"" if column[0].dtype == object else 0) if value is None else np.asarray(value)
    out = np.full((len(column), *largest), fill, column[0].dtype)
    for i, a in enumerate(column):
        if any(n > m for n, m in zip(a.shape, largest)):
            raise InvalidArgumentError(f"padded_batch: an element of shape {a.shape} does not fit "
                                       f"into {largest}")  # fmt: skip
        out[(i, *(slice(n) for n in a.shape))] = a
    return out


def shuffled(stream: Stream, size: int, rng: np.random.Generator) -> Stream:
    """Elements drawn at random from a buffer of `size`, which is refilled from the stream."""
    buffer = list(itertools.islice(stream, size))
    for i, item in zip(_places(size, rng), stream):
        buffer[i], item = item, buffer[i]
        yield item
    for i in rng.permutation(len(buffer)):
        yield buffer[i]


def _places(size: int, rng: np.random.Generator) -> Iterator[int]:
    """Random numbers below `size` without end, drawn many at a time."""
    while True:
        yield from rng.integers(size, size=min(size, 4096)).tolist()


def repeated(make: Callable[[], Stream], count: int | None) -> Stream:
    """The whole stream `count` times, or for ever."""
    rounds = itertools.count() if count is None else range(count)
    for _ in rounds:
        empty = True
        for item in make():
            empty = False
            yield item
        if empty:
            return


def interleaved(stream: Stream, inner: Callable[[Any], Stream], cycle: int, block: int) -> Stream:
    """`block` elements of each of `cycle` inner streams in turn."""
    sources: list[Stream | None] = [inner(x) for x in itertools.islice(stream, cycle)]
    while sources:
        for i, source in enumerate(sources):
            taken = list(itertools.islice(source, block)) if source is not None else []
            yield from taken
            if len(taken) < block:
                following = next(stream, None)
                sources[i] = None if following is None else inner(following)
        sources = [s for s in sources if s is not None]


def windows(stream: Stream, size: int, shift: int, stride: int, drop_remainder: bool) -> Stream:
    """Lists of `size` elements, `stride` apart, each window `shift` after the one before."""
    reach = (size - 1) * stride + 1
    buffer: list[Any] = []
    skip = 0
    for item in stream:
        if skip:
            skip -= 1
            continue
        buffer.append(item)
        if len(buffer) == reach:
            yield buffer[::stride]
            skip = max(shift - len(buffer), 0)
            buffer = buffer[shift:]
    while buffer and not drop_remainder:
        yield buffer[::stride]
        buffer = buffer[shift:]


def unbatched(stream: Stream) -> Stream:
    """The rows of each element."""
    for item in stream:
        leaves, structure = optree.tree_flatten(item)
        for row in zip(*leaves):
            yield optree.tree_unflatten(structure, list(row))


def scanned(stream: Stream, state: Any, f: Callable[[Any], Any]) -> Stream:
    """`state, y = f(state, x)` along the stream."""
    for item in stream:
        state, y = f((state, item))
        yield y


def grouped(stream: Stream, key: Callable[[Any], int], size: Callable[[int], int],
            reduce: Callable[[int, list[Any]], Stream]) -> Stream:  # fmt: skip
    """Elements of equal key collected into windows, each window reduced to a stream."""
    groups: dict[int, list[Any]] = {}
    for item in stream:
        k = key(item)
        groups.setdefault(k, []).append(item)
        if len(groups[k]) == size(k):
            yield from reduce(k, groups.pop(k))
    for k, items in groups.items():
        yield from reduce(k, items)


def unique(stream: Stream) -> Stream:
    """Each element once, in order of appearance."""
    seen = set()
    for item in stream:
        key = np.asarray(item).tobytes() if np.asarray(item).dtype != object else item.item()
        if key not in seen:
            seen.add(key)
            yield item


def sampled(streams: list[Stream], weights: Any, rng: np.random.Generator,
            stop_on_empty: bool) -> Stream:  # fmt: skip
    """Elements of the streams, chosen at random."""
    live = list(range(len(streams)))
    share = np.ones(len(streams)) if weights is None else np.asarray(weights, float)
    while live:
        p = share[live] / share[live].sum()
        i = live[int(rng.choice(len(live), p=p))]
        try:
            yield next(streams[i])
        except StopIteration:
            if stop_on_empty:
                return
            live.remove(i)


def reduced(stream: Stream, state: Any, f: Callable[[Any], Any]) -> Any:
    """The last of `state = f(state, x)`."""
    for item in stream:
        state = f((state, item))
    return state


def without_errors(stream: Stream) -> Stream:
    """Without the elements whose computation fails."""
    while True:
        try:
            yield next(stream)
        except StopIteration:
            return
        except Exception:
            continue
