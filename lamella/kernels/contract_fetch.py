"""Cache lines asked for ahead of time, into the second-level cache.

A tile touches a few lines of each of many rows, a pattern that processors do not foresee. So while
it is summed, what its ending will touch, what the next tile reads and what is summed later are on
their way. They do not go to the first-level cache: so many at once hold up what the sums load.
"""

from __future__ import annotations

from collections.abc import Iterable

from lamella.kernels.arithmetic import bytes_of
from lamella.kernels.emit_memory import LINE
from lamella.kernels.text import Text

#: Smaller arrays are in the second-level cache, or little is lost where they are not.
LARGE_BYTES = 1 << 20
#: Steps of a sum between asking for a line and reading it: some 200 ns.
AHEAD = 48


def per_line(scalar: str) -> int:
    """Elements of a cache line."""
    return LINE // bytes_of(scalar)


def fetch(text: Text, pointer: str, scalar: str, places: Iterable[int]) -> None:
    """Ask for the lines of the elements at `places` of an array."""
    line = per_line(scalar)
    for i in sorted({place // line for place in places}):
        text.prefetch(text.at(pointer, i * line, scalar))
