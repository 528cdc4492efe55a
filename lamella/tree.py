"""Nested dicts, lists and tuples of arrays: flatten, rebuild, name the leaves.

None is an empty tree, as in JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import optree


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """The leaves in a fixed order, and the structure that `unflatten` needs."""
    leaves, structure = optree.tree_flatten(tree)
    return leaves, structure


def unflatten(structure: Any, leaves: Sequence[Any]) -> Any:
    """The tree of this structure with `leaves`."""
    return optree.tree_unflatten(structure, leaves)


def map_leaves(f: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """`f` applied to every leaf (and to those at the same place in `rest`)."""
    return optree.tree_map(f, tree, *rest)


def paths(tree: Any) -> list[str]:
    """For every leaf, how to reach it: `['dense']['kernel']`, `[0]`, or an empty string."""
    return ["".join(f"[{key!r}]" for key in path) for path in optree.tree_paths(tree)]


def broadcast_prefix(prefix: Any, tree: Any) -> list[Any]:
    """One entry of `prefix` per leaf of `tree`; None in the prefix is an entry too."""
    return _spread(prefix, tree)


def _spread(prefix: Any, tree: Any) -> list[Any]:
    if isinstance(prefix, (tuple, list)) and isinstance(tree, (tuple, list)):
        if len(prefix) != len(tree):
            raise ValueError(f"{len(prefix)} entries {prefix} for {len(tree)} parts")
        return [x for a, b in zip(prefix, tree, strict=True) for x in _spread(a, b)]
    if isinstance(prefix, dict) and isinstance(tree, dict):
        if set(prefix) != set(tree):
            raise ValueError(f"keys {sorted(prefix)} for keys {sorted(tree)}")
        return [x for key in sorted(tree) for x in _spread(prefix[key], tree[key])]
    return [prefix] * len(optree.tree_leaves(tree))
