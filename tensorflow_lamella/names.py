"""The table of public names: every symbol of `tensorflow` that we have, by its dotted name.

`@export("math.add", "add")` puts an object under `tf.math.add` and `tf.add`. Names are kept in two
layers: those of TensorFlow 2, and those that only TensorFlow 1 had or meant differently. The
modules that `install.py` serves are views of this table. Names that begin with an underscore are
the operators of tensors, found here and not served.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

_layers: dict[int, dict[str, Any]] = {1: {}, 2: {}}


def export(*names: str, version: int = 2) -> Callable[[T], T]:
    """Put what is decorated under these dotted names ("nn.relu" is `tf.nn.relu`).

    Raises ValueError where a name is taken in the same layer.
    """

    def decorate(thing: T) -> T:
        put(thing, *names, version=version)
        return thing

    return decorate


def put(thing: Any, *names: str, version: int = 2) -> None:
    """As `export`, for things that are not defined by `def` or `class`: constants, aliases."""
    for name in names:
        if name in _layers[version]:
            raise ValueError(f"tf.{name} is defined twice in the layer of TensorFlow {version}")
        _layers[version][name] = thing


def has(name: str, version: int = 2) -> bool:
    """Whether `tf.<name>` is in the layer of this version."""
    return name in _layers[version]


def get(name: str, version: int = 2) -> Any:
    """What `tf.<name>` is in a program of this version: its own layer first, then the other.

    Raises KeyError where we have no such name.
    """
    first, second = _layers[version], _layers[3 - version]
    return first[name] if name in first else second[name]


def members(prefix: str, version: int | None = None) -> Iterator[str]:
    """The names directly under a module: `members("nn")` gives relu, softmax ..."""
    start = f"{prefix}." if prefix else ""
    layers = _layers.values() if version is None else [_layers[version]]
    found = {name[len(start) :].partition(".")[0]
             for layer in layers for name in layer if name.startswith(start)}  # fmt: skip
    yield from sorted(name for name in found if not name.startswith("_"))


def is_module(name: str) -> bool:
    """Whether some symbol lies under `tf.<name>.`."""
    return any(full.startswith(f"{name}.") for layer in _layers.values() for full in layer)


def every(version: int | None = None) -> list[str]:
    """All dotted names."""
    layers = _layers.values() if version is None else [_layers[version]]
    return sorted({name for layer in layers for name in layer if not name.startswith("_")})


def nearest(name: str, count: int = 3) -> list[str]:
    """The names that we have and that look most like `name`: same last word first."""
    last = name.rpartition(".")[2]
    same = [full for full in every() if full.rpartition(".")[2] == last]
    close = difflib.get_close_matches(name, every(), count, cutoff=0.6)
    words = {full.rpartition(".")[2]: full for full in every()}
    alike = [words[w] for w in difflib.get_close_matches(last, words, count, cutoff=0.7)]
    return list(dict.fromkeys([*same, *close, *alike]))[:count]
