"""tf.nest: nested lists, tuples and dicts."""

from __future__ import annotations

from typing import Any

import optree

from tensorflow_lamella.names import export


@export("nest.flatten")
def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """The leaves in order; None is a leaf."""
    return optree.tree_leaves(structure, none_is_leaf=True)


@export("nest.map_structure")
def map_structure(func: Any, *structure: Any, **kwargs: Any) -> Any:
    """`func` of the leaves at the same places."""
    return optree.tree_map(func, *structure, none_is_leaf=True)


@export("nest.pack_sequence_as")
def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """The leaves in the nesting of `structure`; ValueError where the numbers differ."""
    kind = optree.tree_structure(structure, none_is_leaf=True)
    return optree.tree_unflatten(kind, list(flat_sequence))


@export("nest.is_nested")
def is_nested(seq: Any) -> bool:
    """Whether it is a list, a tuple or a dict."""
    return isinstance(seq, (list, tuple, dict))


@export("nest.assert_same_structure")
def assert_same_structure(nest1: Any, nest2: Any, check_types: bool = True,
                          expand_composites: bool = False) -> None:  # fmt: skip
    """ValueError unless both are nested alike."""
    kinds = [optree.tree_structure(n, none_is_leaf=True) for n in (nest1, nest2)]
    if kinds[0] != kinds[1]:
        raise ValueError(f"The two structures don't have the same nested structure: {kinds[0]} and "
                         f"{kinds[1]}")  # fmt: skip
