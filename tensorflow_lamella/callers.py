"""Whose code is asking: the program's, or that of an installed package?"""

from __future__ import annotations

import functools
import os
import sysconfig
from pathlib import Path

_OURS = Path(__file__).parent.parent
_FOLDERS = tuple(
    os.path.join(folder, "")
    for folder in (
        sysconfig.get_path("stdlib"),
        *(str(_OURS / name) for name in ("lamella", "keras_lamella", "tensorflow_lamella")),
    )
)
_PARTS = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))


@functools.cache
def is_library(path: str) -> bool:
    """Is this file a part of Python, of an installed package, or of Lamella?

    >>> is_library(functools.__file__), is_library("/home/me/program.py")
    (True, False)
    """
    return path.startswith(("<", *_FOLDERS)) or any(part in path for part in _PARTS)
