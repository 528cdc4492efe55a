"""matplotlib without a display: figures are drawn, and shown to nobody."""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

BACKEND = "agg"


def has_display() -> bool:
    """Can windows be opened?"""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def draw_in_memory() -> None:
    """Let matplotlib draw without windows, unless the environment names a backend."""
    os.environ.setdefault("MPLBACKEND", BACKEND)


def adjust(matplotlib: Any) -> None:
    """Without a display `matplotlib.use("TkAgg")` keeps the backend that needs none."""
    if has_display():
        return
    plain = matplotlib.use

    @functools.wraps(plain)
    def use(backend: str, **options: Any) -> None:
        windows = str(backend).lower() in _WINDOWS
        plain(BACKEND if windows else backend, **options)

    matplotlib.use = use


_WINDOWS = frozenset(
    "gtk gtkagg gtkcairo gtk3agg gtk3cairo gtk4agg gtk4cairo macosx qtagg qtcairo qt4agg qt5agg "
    "qt5cairo tkagg tkcairo wx wxagg wxcairo".split()
)
