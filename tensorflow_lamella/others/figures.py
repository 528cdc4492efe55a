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


def adjust(module: Any) -> None:
    """Called with matplotlib and matplotlib.backend_bases when one has been imported.

    Without a display `matplotlib.use("TkAgg")` keeps the backend that needs none, and nobody waits
    for keys and clicks: `plt.waitforbuttonpress()`, `plt.ginput()` and `plt.pause()` return.
    """
    if has_display():
        return
    if module.__name__ == "matplotlib":
        module.use = _without_windows(module.use)
    else:
        module.FigureCanvasBase.start_event_loop = lambda self, timeout=0: None


def _without_windows(plain: Any) -> Any:

    @functools.wraps(plain)
    def use(backend: str, **options: Any) -> None:
        windows = str(backend).lower() in _WINDOWS
        plain(BACKEND if windows else backend, **options)

    return use


_WINDOWS = frozenset(
    "gtk gtkagg gtkcairo gtk3agg gtk3cairo gtk4agg gtk4cairo macosx qtagg qtcairo qt4agg qt5agg "
    "qt5cairo tkagg tkcairo wx wxagg wxcairo".split()
)
