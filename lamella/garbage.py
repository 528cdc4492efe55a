"""No search for garbage while a Program is made and compiled.

Python looks for unreachable cycles whenever enough objects have been made, among all that live. A
large model makes a million objects at once, nearly all of which are needed to the end: the searches
would take a fifth of the time and find nothing.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Inside, or while decorated with it, nothing is searched; unless that was so before."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
