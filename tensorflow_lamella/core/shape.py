"""tf.TensorShape: a tuple of sizes, None where a size is not known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tensorflow_lamella.names import export, put


@export("compat.v1.Dimension", "Dimension", version=1)
class Dimension(int):
    """One known size, as TensorFlow 1 gave it: an int that also has `.value`."""

    @property
    def value(self) -> int:
        return int(self)


@export("TensorShape")
class TensorShape(tuple):
    """The shape of a tensor. Known sizes are ints; `TensorShape(None)` has an unknown rank.

    >>> TensorShape([None, 3]).as_list()
    [None, 3]
    """

    rank: int | None

    def __new__(cls, dims: Any = None) -> TensorShape:
        if isinstance(dims, TensorShape):
            return dims
        if isinstance(dims, int):
            dims = (dims,)
        shape = super().__new__(cls, () if dims is None else map(_size, dims))
        shape.rank = None if dims is None else tuple.__len__(shape)
        return shape

    @property
    def ndims(self) -> int | None:
        """The number of axes, None where it is unknown."""
        return self.rank

    @property
    def dims(self) -> list[Any] | None:
        """The sizes with a `.value`, as TensorFlow 1 reads them."""
        if self.rank is None:
            return None
        return [UNKNOWN if d is None else Dimension(d) for d in known_sizes(self)]

    def as_list(self) -> list[int | None]:
        """The sizes; ValueError where the rank is unknown."""
        self._check_rank("as_list()")
        return list(known_sizes(self))

    def is_fully_defined(self) -> bool:
        """Whether all sizes are known."""
        return self.rank is not None and None not in known_sizes(self)

    def num_elements(self) -> int | None:
        """The product of the sizes, None where one is unknown."""
        if not self.is_fully_defined():
            return None
        product = 1
        for d in known_sizes(self):
            product *= d
        return product

    def is_compatible_with(self, other: Any) -> bool:
        """Whether some tensor could have both shapes."""
        other = TensorShape(other)
        if self.rank is None or other.rank is None:
            return True
        return len(self) == len(other) and all(
            a is None or b is None or a == b for a, b in zip(known_sizes(self), known_sizes(other))
        )

    def assert_is_compatible_with(self, other: Any) -> None:
        """ValueError unless `is_compatible_with(other)`."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {TensorShape(other)} are incompatible")

    def assert_has_rank(self, rank: int) -> None:
        """ValueError unless the rank is `rank` or unknown."""
        if self.rank not in (None, rank):
            raise ValueError(f"Shape {self} must have rank {rank}")

    def with_rank(self, rank: int) -> TensorShape:
        """This shape; ValueError unless its rank can be `rank`."""
        self.assert_has_rank(rank)
        return TensorShape([None] * rank) if self.rank is None else self

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """This shape; ValueError if it has fewer than `rank` axes."""
        if self.rank is not None and self.rank < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def merge_with(self, other: Any) -> TensorShape:
        """The shape that knows what either of both knows."""
        other = TensorShape(other)
        self.assert_is_compatible_with(other)
        if self.rank is None or other.rank is None:
            return other if self.rank is None else self
        return TensorShape(
            [b if a is None else a for a, b in zip(known_sizes(self), known_sizes(other))]
        )

    def concatenate(self, other: Any) -> TensorShape:
        """The sizes of both, one after the other."""
        other = TensorShape(other)
        if self.rank is None or other.rank is None:
            return TensorShape(None)
        return TensorShape([*known_sizes(self), *known_sizes(other)])

    def __getitem__(self, key: Any) -> Any:
        if self.rank is None:
            return TensorShape(None) if isinstance(key, slice) else None
        found = super().__getitem__(key)
        return TensorShape(found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> TensorShape:
        return self.concatenate(other)

    def __radd__(self, other: Any) -> TensorShape:
        return TensorShape(other).concatenate(self)

    def __iter__(self) -> Iterator[Any]:
        self._check_rank("iterating")
        return super().__iter__()

    def __len__(self) -> int:
        self._check_rank("len()")
        return super().__len__()

    def __bool__(self) -> bool:
        return self.rank is not None

    def __eq__(self, other: Any) -> bool:
        if other is None:
            return self.rank is None
        if isinstance(other, TensorShape) and (self.rank is None or other.rank is None):
            return self.rank == other.rank
        if self.rank is None:
            return False
        return isinstance(other, (tuple, list)) and super().__eq__(known_sizes(other))

    def __ne__(self, other: Any) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((self.rank, super().__hash__()))

    def __repr__(self) -> str:
        return f"TensorShape({None if self.rank is None else list(self)})"

    def __str__(self) -> str:
        if self.rank is None:
            return "<unknown>"
        inner = ", ".join(map(str, self))
        return f"({inner},)" if len(self) == 1 else f"({inner})"

    def __reduce__(self) -> Any:
        return TensorShape, (None if self.rank is None else list(self),)

    def _check_rank(self, what: str) -> None:
        if self.rank is None:
            raise ValueError(f"{what} needs a shape of known rank, and this rank is unknown")


class _Unknown:
    """A size that is not known, with the `.value` of TensorFlow 1."""

    value = None

    def __repr__(self) -> str:
        return "Dimension(None)"

    def __eq__(self, other: Any) -> Any:
        return None

    __hash__ = object.__hash__


UNKNOWN = _Unknown()


def known_sizes(shape: Any) -> tuple[Any, ...]:
    """The sizes as ints and None, also of shapes that give Dimensions (TensorFlow 1's)."""
    return tuple(tuple.__iter__(shape)) if isinstance(shape, tuple) else tuple(shape)


def _size(d: Any) -> int | None:
    d = getattr(d, "value", d) if not isinstance(d, int) else d
    if d is None or (isinstance(d, int) and d < 0):
        return None
    return int(d)


def dimension_value(d: Any) -> int | None:
    """The size as an int or None, from an int, None or a Dimension."""
    return _size(d)


def dimension_at_index(shape: Any, index: int) -> Any:
    """The Dimension at `index`."""
    d = TensorShape(shape)[index]
    return UNKNOWN if d is None else Dimension(d)


put(dimension_value, "compat.dimension_value")
put(dimension_at_index, "compat.dimension_at_index")


def sizes(shape: Any) -> tuple[int, ...]:
    """A shape given as an attribute (ints, arrays of ints, one int) as a tuple of ints.

    Raises ConcreteValueError of the engine where a size is traced, ValueError where one is unknown.
    """
    if isinstance(shape, TensorShape) and not shape.is_fully_defined():
        raise ValueError(f"a shape with known sizes is wanted, got {shape}")
    if getattr(shape, "ndim", None) == 0 or isinstance(shape, int):
        return (int(shape),)
    return tuple(int(d) for d in shape)
