"""Padded form: operands that are read out of bounds are copied first, with zeros around them.

For nests whose boxes (contract_nest.py) would be too large for the stack of a chunk. The copy is
made once, by a kernel of its own, and everything is in bounds then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lamella import ops
from lamella.indexmap import Affine, IndexMap, Shape
from lamella.kernels.contract_gather import Dims, Nest
from lamella.program import Builder, Program, building
from lamella.types import Type


@dataclass(frozen=True)
class Padding:
    """Zeros in front of and behind each dimension of an operand."""

    low: Shape
    high: Shape

    def shape(self, inner: Shape) -> Shape:
        return tuple(low + n + high for low, n, high in zip(self.low, inner, self.high))

    def program(self, operand: Type) -> Program:
        """The Program that copies an operand."""
        builder = Builder()
        with building(builder):
            x = builder.make_value(operand)
            padded = ops.pad(x, low=self.low, high=self.high, value=0)
        return builder.finish([x], [padded])


def paddings(nests: Sequence[Nest], a: Shape, b: Shape) -> tuple[Padding, Padding]:
    """What keeps every index of every nest in bounds, for both operands."""
    full = [nest for nest in nests if not nest.empty]
    return (_padding([(nest, nest.maps.a) for nest in full], a),
            _padding([(nest, nest.maps.b) for nest in full], b))  # fmt: skip


def padded(nests: Sequence[Nest], a: Padding, b: Padding) -> list[Nest]:
    """The nests over the copies."""
    return [replace(n, maps=IndexMap(_moved(n.maps.a, a), _moved(n.maps.b, b), n.maps.out))
            for n in nests]  # fmt: skip


def _padding(uses: Sequence[tuple[Nest, Dims]], shape: Shape) -> Padding:
    low, high = [0] * len(shape), [0] * len(shape)
    for nest, dims in uses:
        for d, dim in enumerate(dims):
            least, most = dim.bounds(nest.extents)
            low[d] = max(low[d], -least)
            high[d] = max(high[d], most - shape[d] + 1)
    return Padding(tuple(low), tuple(high))


def _moved(dims: Dims, padding: Padding) -> Dims:
    return tuple(Affine(dim.terms, dim.offset + n) for dim, n in zip(dims, padding.low))
