"""What a primitive is: one record that holds everything the system knows about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: name -> record; filled when a record is made, read by the parser and by the generated tests.
PRIMITIVES: dict[str, Primitive] = {}

FAMILIES = (
    "elementwise",  # one scalar rule per lane; operands and result of one shape
    "view",  # the result's elements are operand elements at mapped indices
    "reduction",  # folds axes: sum, max, argmax
    "cumulative",  # running folds along one axis: cumsum
    "contraction",  # sums of products over index maps: matmul, einsum, convolutions
    "window",  # pooling
    "indexing",  # gather, scatter, dynamic slices: addresses from data
    "sort",
    "control",  # holds Programs: call, scan, while, cond
    "host",  # runs its NumPy meaning through a callback
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Primitive:
    """A primitive operation; every rule is required.

    Operands are Values and positional; attributes are keyword, hashable (or a Program), not Values.

    typing(*types, **attrs) -> Type | tuple[Type, ...]
        Shape and dtype of the result(s); raises TypeError or ValueError with the user's mistake.
    numpy(*arrays, **attrs) -> array | tuple of arrays
        The meaning. Receives and returns NumPy arrays of exactly the types that `typing` says.
    vjp(g, y, *operands, **attrs) -> cotangent | tuple of (cotangent | None)
        Cotangents of the operands from the cotangent `g` of the result `y` (tuples where there
        are several results; a missing one is None). Written with NumPy operators on Values.
        The rules of control primitives are also told `needed`: a bool per operand, is it wanted.
        `no_gradient` says that the result does not depend smoothly on any operand.
    batch(size, batched, *operands, **attrs) -> Value | tuple[Value, ...]
        The operation over a leading batch axis of `size`: operand i has the axis at position 0
        where `batched[i]`; every result has it at position 0.
    lower
        What the family's kernel generator needs (see lamella/ops/lowering.py): elementwise, the
        scalar rule; reduction, identity and combine; view, the index map; others, None.
    samples(rng) -> list of (operands, attrs)
        Small operands (NumPy arrays) and attributes where the operation is smooth: feed every
        generated test.
    """

    name: str
    family: str
    typing: Callable[..., Any]
    numpy: Callable[..., Any]
    vjp: Callable[..., Any]
    batch: Callable[..., Any]
    lower: Any
    samples: Callable[..., Any]
    traits: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(f"primitive {self.name}: family {self.family!r} is not in {FAMILIES}")
        if self.name in PRIMITIVES:
            raise ValueError(f"primitive {self.name} is defined twice")
        PRIMITIVES[self.name] = self

    def __call__(self, *operands: Any, **attrs: Any) -> Any:
        """Append this operation to the Program being built; returns its result Value(s)."""
        from lamella.program import current_builder

        return current_builder().emit(self, operands, attrs)

    def __repr__(self) -> str:
        return self.name


def no_gradient(g: Any, y: Any, *operands: Any, **attrs: Any) -> tuple[None, ...]:
    """The VJP of an operation whose result is locally constant in every operand."""
    return (None,) * len(operands)
