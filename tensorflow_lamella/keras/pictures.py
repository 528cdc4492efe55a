"""`plot_model` where the programs that draw are not installed: a note, and no picture."""

from __future__ import annotations

import functools
import sys
from typing import Any


def install() -> None:
    """A program that draws its model and then trains it goes on without the picture."""
    import keras

    plain = keras.utils.plot_model

    @functools.wraps(plain)
    def plot_model(*args: Any, **kwargs: Any) -> Any:
        try:
            return plain(*args, **kwargs)
        except ImportError as error:
            print(f"plot_model draws nothing: {error}", file=sys.stderr)

    keras.utils.plot_model = plot_model
