"""What programs of earlier years expect of packages beside TensorFlow and Keras.

`lamella run` calls `install()`. It concerns the process of `lamella run` only:

    numpy1.py       names that NumPy 2 has no more, for the files of the program
    finder.py       old modules of scikit-learn and SciPy; adjusts packages after they are imported
    pandas_old.py, sklearn_*.py, scipy_images.py, figures*.py  what it serves
    advice.py       what to install, and what is Python 2, under the traceback of a program
"""

from __future__ import annotations


def install() -> None:
    """Let the program that is run next use NumPy, SciPy, scikit-learn and pandas of its time."""
    from tensorflow_lamella.others import finder, numpy1

    numpy1.install()
    finder.install()
