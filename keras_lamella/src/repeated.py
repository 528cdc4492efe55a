"""Products of rows that repeat: a batch of texts has far fewer words than places.

    table[ids] @ kernel   ->   (table[distinct ids] @ kernel)[where each is]

Of 2,560 words drawn by Zipf's law from 20,000, less than half are distinct, and fewer where texts
are padded. The product and both of its gradients shrink by as much. How many there are is known
only when the step runs: blocks of rows behind the last one are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_lamella.src.ops.control import is_stepwise
from lamella import control, ops
from lamella.frontend.functions import apply
from lamella.frontend.tracer import Tracer
from lamella.program import current_builder

#: Operations below which finding what repeats is not worth it.
LEAST_FLOPS = 1e8
#: Rows of a block, which is computed or left out.
BLOCK = 128
#: The share of distinct rows above which the product is taken as it stands.
MOST = 0.75

Projection = Callable[[Any, Any, Any], Any]


def project(inputs: Any, kernel: Any, bias: Any, plain: Projection) -> Any:
    """`plain(inputs, kernel, bias)`, each distinct row once where the inputs are rows of a table.

    inputs (batch, time, features), kernel (directions, features, gates), bias (directions, gates)
    or None; returns (time, directions, batch, gates), where the second direction sees the inputs
    from the last one on.
    """
    source = _rows_of_table(inputs)
    if source is None or 2 * inputs.size // inputs.shape[-1] * kernel.size < LEAST_FLOPS:
        return plain(inputs, kernel, bias)
    table, ids = source
    rows, places, count = _distinct(ids, table.shape[0])
    taken = np.take(table, rows, axis=0, mode="clip")

    def each_once() -> Any:
        return _arranged(_leading_products(taken, count, kernel, bias), places)

    def as_they_stand() -> Any:
        return plain(np.take(taken, places, axis=0, mode="clip"), kernel, bias)

    return control.cond(count <= int(MOST * ids.size), each_once, as_they_stand)


def _rows_of_table(inputs: Any) -> Sequence[Any] | None:
    """(table, ids) where `inputs` has just been traced as table[ids], with ids (batch, time)."""
    if not isinstance(inputs, Tracer) or is_stepwise():
        return None
    equations = reversed(current_builder().equations)
    made_by = next((eq for eq in equations if eq.results[0] is inputs), None)
    if made_by is None or "gather" not in made_by.primitive.traits:
        return None
    whole = [v.type.ndim for v in made_by.operands] == [2, 2] and made_by.attrs.get("axis") == 0
    return made_by.operands if whole else None


def _distinct(ids: Any, size: int) -> tuple[Any, Any, Any]:
    """The distinct ids in order, then zeros; the place of each id among them; how many there are.

    ids (batch, time) -> (whole blocks,), (batch, time), ()
    """
    flat = np.reshape(ids, (-1, 1)).astype(np.int64)  # the size may be too large for their type
    flat = np.clip(flat, 0, size - 1).astype(np.int32)
    ones = np.ones(ids.size, np.int32)
    seen = apply(ops.scatter_nd, np.zeros(size, np.int32), flat, ones, mode="set")
    numbers = np.cumsum(seen, dtype=np.int32)
    places = np.take(numbers, flat, mode="clip") - 1
    blocks = -(-min(ids.size, size) // BLOCK)
    nothing = np.zeros(blocks * BLOCK, np.int32)
    rows = apply(ops.scatter_nd, nothing, places, flat[:, 0], mode="set")
    return rows, np.reshape(places, ids.shape), numbers[-1]


def _leading_products(rows: Any, count: Any, kernel: Any, bias: Any) -> Any:
    """(rows, directions, gates): the products of the first `count` rows, then anything."""
    (n, features), (directions, _, gates) = rows.shape, kernel.shape

    def block(_: None, x: Any) -> tuple[None, Any]:
        first, some = x

        def product() -> Any:
            out = np.einsum("ri,dij->rdj", some, kernel)
            return out if bias is None else out + bias

        def nothing() -> Any:
            return np.zeros((BLOCK, directions, gates), rows.dtype)

        return None, control.cond(first < count, product, nothing)

    firsts = np.arange(0, n, BLOCK, dtype=np.int32)
    blocks = np.reshape(rows, (-1, BLOCK, features))
    _, products = control.scan(block, None, (firsts, blocks))
    return np.reshape(products, (n, directions, gates))


def _arranged(products: Any, places: Any) -> Any:
    """(time, directions, batch, gates): the products of the rows at `places` (batch, time)."""
    _, directions, gates = products.shape
    forward = np.transpose(places)
    order = np.stack([forward, np.flip(forward, axis=0)][:directions], axis=1)
    numbers = order * directions + np.arange(directions, dtype=np.int32)[:, None]
    return np.take(np.reshape(products, (-1, gates)), numbers, axis=0, mode="clip")
