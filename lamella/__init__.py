"""Lamella: the CPU engine for Keras 3.

`import lamella` before `import keras` makes Lamella the backend of Keras; `lamella.jit`, `grad` and
the other transformations work on plain NumPy functions.
"""

from lamella.version import __version__
from keras_lamella.install import install as _install
from lamella.jit import jit

_install(select=True)

__all__ = ["__version__", "jit"]
