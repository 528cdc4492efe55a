"""Which Keras the running program was written for, where its text shows it.

Until 2.3 (2019) Keras was a package of its own. Since then some defaults are others, which no
argument shows: `Adadelta()` learned at a rate of 1, and `Conv2D(32, 3, 3)` had 3 rows and columns.
"""

from __future__ import annotations

import functools
import linecache
import re
import sys
from pathlib import Path
from typing import Any

RATES = {"Adadelta": 1.0, "Adagrad": 0.01, "Adamax": 0.002, "Nadam": 0.002}
"""Learning rates that optimizers had until 2.3; it is 0.001 today."""

_OWN = re.compile(r"^\s*(?:from|import)\s+keras\b", re.MULTILINE)
_OF_TENSORFLOW = re.compile(r"^\s*(?:from|import)\s+tensorflow[\w.]*\.keras|\btf\.keras\b", re.M)
_OLD = re.compile(
    r"""
    ^\s*from\s+__future__\s+import
    | ^\s*(?:from|import)\s+keras\.(?:layers\.\w+|engine|wrappers|legacy|objectives
        |initializations|utils\.\w+_utils|backend\.tensorflow_backend)\b
    | \b(?:np_utils|nb_epoch|nb_filter|border_mode|output_dim|samples_per_epoch|W_regularizer
        |dim_ordering|image_dim_ordering|fit_generator|predict_classes)\b
    | \blr\s*=
    """,
    re.MULTILINE | re.VERBOSE,
)


def until_2019() -> bool:
    """Whether the program imports `keras` itself and has a mark of Keras 1 or 2.0 to 2.3."""
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    return bool(path) and _until_2019(str(path))


@functools.lru_cache(maxsize=32)
def _until_2019(path: str) -> bool:
    text = _text(path)
    return bool(_OWN.search(text) and _OLD.search(text)) and not _OF_TENSORFLOW.search(text)


def _text(path: str) -> str:
    """The program: a file, or the cells of a notebook as `lamella run` keeps them."""
    cells = [line for name in list(linecache.cache) if name.startswith(f"{path}[")
             for line in linecache.getlines(name)]  # fmt: skip
    if cells or not path.endswith(".py"):
        return "\n".join(cells)
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def rate_of(name: str) -> Any:
    """What gives an optimizer the rate of its time, as a rule of `arguments.SPECIAL`."""

    def special(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not args and not {"learning_rate", "lr"} & set(kwargs) and until_2019():
            kwargs["learning_rate"] = RATES[name]
            print(
                f"lamella run: {name} learns at a rate of {RATES[name]}, as until Keras 2.3; "
                "learning_rate= chooses another",
                file=sys.stderr,
            )
        return args, kwargs

    return special
