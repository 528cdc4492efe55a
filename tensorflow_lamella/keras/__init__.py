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


def install(of_tensorflow: bool = True) -> None:
    """Bridge the Keras that is imported next, or the one that is imported already.

    With `of_tensorflow`, `tensorflow.keras` and the like are Keras too.
    """
    from tensorflow_lamella.keras.modules import OldNamesFinder

    sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, OldNamesFinder)]
    sys.meta_path.insert(0, OldNamesFinder(of_tensorflow))
    if "keras" in sys.modules:
        from tensorflow_lamella.keras import bridges

        bridges.build()
