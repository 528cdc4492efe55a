"""Which of TensorFlow's public names there are here: `python -m tensorflow_lamella.coverage`.

names.txt holds TensorFlow's names, module by module, as tools/tensorflow_names.py listed them.
"""

from __future__ import annotations

import functools
import importlib
from pathlib import Path

from tensorflow_lamella import names

CLASSES = ("data.Dataset", "random.Generator", "GradientTape", "Variable", "TensorArray",
           "TensorShape")  # fmt: skip


@functools.cache
def _full_names() -> frozenset[str]:
    return frozenset(f"{module}.{name}".partition(".")[2]
                     for module, members in listed().items() for name in members)  # fmt: skip


def in_tensorflow_2(name: str) -> bool:
    """Whether TensorFlow 2 itself has `tf.<name>`, wherever we keep it."""
    return name in _full_names()


def listed() -> dict[str, list[str]]:
    """TensorFlow's names by module: {"tf.math": ["abs", ...]}."""
    lines = Path(__file__).with_name("names.txt").read_text().splitlines()[1:]
    return {module: members for module, *members in map(str.split, lines)}


def table() -> dict[str, dict[str, bool]]:
    """For each module and each name of TensorFlow's in it, whether it is here."""
    importlib.import_module("tensorflow_lamella.api")
    return {module: {name: has(module, name) for name in members}
            for module, members in listed().items()}  # fmt: skip


def has(module: str, name: str) -> bool:
    """Whether `<module>.<name>` is here, and more than an error."""
    prefix = module.partition(".")[2]
    if prefix in CLASSES:
        return hasattr(names.get(prefix), name)
    full = f"{prefix}.{name}" if prefix else name
    there = names.has(full) or names.has(full, version=1)
    return there and not getattr(names.get(full), "unsupported", False)


def main() -> None:
    """Print how much of each module there is, and what is missing."""
    for module, members in table().items():
        missing = [name for name, there in members.items() if not there]
        print(f"{module}: {len(members) - len(missing)} of {len(members)}")
        if missing:
            print(f"    without {', '.join(missing)}")


if __name__ == "__main__":
    main()
