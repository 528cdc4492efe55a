"""Keras of every year on the Keras of today.

`install()` makes `tensorflow.keras`, `tensorflow.python.keras` and such names of Keras, brings back
modules, names, arguments and methods that ten years of Keras had, and leaves what current programs
use as it is. Keras on disk is not touched.

    modules.py    old modules and names: the finder, and `__getattr__` of today's modules
    names.py      the tables it reads
    arguments.py  renamed and removed arguments
    bridges.py    puts all on the imported Keras
    backend.py    keras.backend's functions (`K.`)
"""

from __future__ import annotations

import sys


def install() -> None:
    """Bridge the Keras that is imported next, or the one that is imported already."""
    from tensorflow_lamella.keras.modules import OldNamesFinder

    if not any(isinstance(finder, OldNamesFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, OldNamesFinder())
    if "keras" in sys.modules:
        from tensorflow_lamella.keras import bridges

        bridges.build()
