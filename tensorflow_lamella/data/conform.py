"""Elements of generators, made to be what the program declared."""

from __future__ import annotations

from typing import Any

import numpy as np
import optree

from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.spec import TensorSpec
from tensorflow_lamella.data.elements import as_arrays
from tensorflow_lamella.errors import InvalidArgumentError


def declared(kinds: Any, shapes: Any) -> Any:
    if shapes is None:
        return optree.tree_map(lambda kind: TensorSpec(None, kind), kinds)
    leaves, structure = optree.tree_flatten(kinds)
    flat = [shapes] if len(leaves) == 1 and not isinstance(shapes, dict) else list(
        shapes.values() if isinstance(shapes, dict) else shapes
    )  # fmt: skip
    if len(leaves) == 1 and isinstance(kinds, tuple):
        flat = list(shapes)
    specs = [TensorSpec(s, kind) for s, kind in zip(flat, leaves, strict=True)]
    return optree.tree_unflatten(structure, specs)


def conform(item: Any, spec: Any) -> Any:
    """What a generator yielded, as arrays of the types that were declared."""
    if spec is None:
        return as_arrays(item)
    specs, structure = optree.tree_flatten(spec)
    parts = structure.flatten_up_to(_like(spec, item))
    found = [_conform_one(x, s) for x, s in zip(parts, specs)]
    return optree.tree_unflatten(structure, found)


def _like(spec: Any, item: Any) -> Any:
    if isinstance(spec, tuple) and not isinstance(spec, TensorSpec):
        if not isinstance(item, (tuple, list)) or len(item) != len(spec):
            raise TypeError(f"from_generator: an element of {len(spec)} parts was declared, the "
                            f"generator yielded {item!r}")  # fmt: skip
        return tuple(_like(s, x) for s, x in zip(spec, item))
    return item


def _conform_one(x: Any, spec: TensorSpec) -> Any:
    array = np.asarray(to_array(x))
    if array.dtype != spec.dtype.dtype:
        array = array.astype(spec.dtype.dtype)
    if not spec.shape.is_compatible_with(array.shape):
        raise InvalidArgumentError(f"from_generator: {spec.shape} was declared, the generator "
                                   f"yielded {array.shape}")  # fmt: skip
    return array
