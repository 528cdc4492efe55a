"""Cache lines asked for ahead of time, into the second-level cache.

A tile touches a few lines of each of many rows, a pattern that processors do not foresee. So while
it is summed, what its ending will touch, what the next tile reads and what is summed later are on
their way. They do not go to the first-level cache: so many at once hold up what the sums load.

What the next chunk of a chain reads is asked for line by line, while sums are computed.
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
#: Cycles between two lines of the next chunk, and how many are asked for at once: of more the
#: processor forgets some.
CYCLES_PER_LINE, MOST_LINES = 12, 6


def per_line(scalar: str) -> int:
    """Elements of a cache line."""
    return LINE // bytes_of(scalar)


def fetch(text: Text, pointer: str, scalar: str, places: Iterable[int]) -> None:
    """Ask for the lines of the elements at `places` of an array."""
    line = per_line(scalar)
    for i in sorted({place // line for place in places}):
        text.prefetch(text.at(pointer, i * line, scalar))


def fetch_next_chunk(text: Text, cycles: int) -> None:
    """Ask for as many lines of what the next chunk of a chain will read as arrive in `cycles`.

    Where they are is said in the two words in front of the table (native/chain.py). If all have
    been asked for, it is the table's own lines, which are there.
    """
    cell = text.at("%table", -1, "ptr")
    place = text.let(f"load ptr, ptr {cell}")
    end = text.let(f"load ptr, ptr {text.at('%table', -2, 'ptr')}")
    left = text.let(f"icmp ult ptr {place}, {end}")
    here = text.let(f"select i1 {left}, ptr {place}, ptr %table")
    lines = min(cycles // CYCLES_PER_LINE, MOST_LINES)
    for i in range(lines):
        text.prefetch(text.at(here, i * LINE, "i8"))
    text.do(f"store ptr {text.at(place, lines * LINE, 'i8')}, ptr {cell}")
