"""matplotlib's arguments and style names of earlier years."""

from __future__ import annotations

import functools
from typing import Any


def adjust(module: Any) -> None:
    """Called with matplotlib.figure and with matplotlib.style, whichever was imported."""
    if module.__name__ == "matplotlib.figure":
        module.FigureBase.gca = _with_projection(module.FigureBase.gca)
    else:
        _old_style_names(module)


def _with_projection(plain: Any) -> Any:
    """`fig.gca(projection="3d")`, until matplotlib 3.6: axes as they are asked for."""

    @functools.wraps(plain)
    def gca(self: Any, **options: Any) -> Any:
        if not options:
            return plain(self)
        current = self.axes[-1] if self.axes else None
        if getattr(current, "name", None) == options.get("projection", "rectilinear"):
            return plain(self)
        return self.add_subplot(**options)

    return gca


def _old_style_names(style: Any) -> None:
    """`seaborn-whitegrid` and its kin are `seaborn-v0_8-whitegrid` since matplotlib 3.6."""
    for name in [n for n in style.library if n.startswith("seaborn-v0_8")]:
        style.library.setdefault(name.replace("-v0_8", ""), style.library[name])
