"""Lossless packing of many small grey images of one kind, decoded with NumPy.

Thousands of images are decoded at once, one pixel position after the other: each NumPy operation
works on that pixel of a whole group. A pixel is coded by rANS (range asymmetric numeral systems)
with one state for each lane of the group, under a distribution looked up from the pixels already
known.

A value is a symbol, which is modelled, and a nibble, which is nearly noise and stored as it is:

    value    0   1..16   17..32   ...   225..240   241   242   ...   255
    symbol   0     1        2     ...      15       16    17   ...    30
    nibble         4 bits each                      -

The distribution of a symbol depends on three windows of four pixels, each of them 16 bits (a
4-bit level for each pixel), which tables reduce to kinds:

    o o o o            window -> `upper_kinds` \\
      o o o o          window -> `above_kinds` -> `joined_kinds` \\
    o o o o ?          window -> `left_kinds`, last              -> `contexts` -> distribution

`last` is the newest value over 249 in the image: digits differ in what their ink saturates at.
A pixel whose neighbours to the left and above are all zero is almost surely zero; the few that
are not, the "starts", are listed, so that three quarters of all pixels cost nothing.

The tables are trained by tools/pack_mnist.py and travel with the images.
"""

from __future__ import annotations

import lzma
from typing import NamedTuple

import numpy as np

SIZE = 28
SYMBOLS = 31
PRECISION = 12  # the frequencies of a distribution sum to 2**PRECISION
STATE_LOW = 1 << 16  # a state is in [2**16, 2**32) between pixels; words refill it by 16 bits

SYMBOL = np.array([(v + 15) // 16 if v <= 240 else v - 225 for v in range(256)], np.uint8)
FIRST_VALUE = np.array([0, *range(1, 241, 16), *range(241, 256)], np.uint8)  # of a symbol
HAS_NIBBLE = 15  # symbols 1..15
SATURATED = 25  # symbols 25..30, values 250..255
LEVEL = np.array(
    [0, 2, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, *[10] * 9, 11, 11, 12, 13, 14, 15], np.uint16
)


class Packed(NamedTuple):
    """Packed images: all that the decoder reads."""

    above_kinds: np.ndarray  # uint8 [2**16] below 256
    upper_kinds: np.ndarray  # uint8 [2**16] below 16
    left_kinds: np.ndarray  # uint8 [2**16] below 32
    joined_kinds: np.ndarray  # uint8 [256 * 16]
    contexts: np.ndarray  # uint16 [256 * 32 * 8], a row of frequencies
    frequencies: np.ndarray  # uint16 [distributions, SYMBOLS]
    states: np.ndarray  # uint32 [lanes] that the decoder begins with
    words: np.ndarray  # uint16, refills of the states
    nibbles: np.ndarray  # uint8, two each
    start_counts: np.ndarray  # uint16 [groups, SIZE * SIZE], starts at each pixel
    start_quotients: np.ndarray  # uint8, Rice code of the distance between lanes with a start
    start_remainders: np.ndarray  # uint8


class Windows:
    """What is known of the images of a group, lane by lane."""

    def __init__(self, lanes: int) -> None:
        self.blank = np.zeros(lanes, np.uint16)
        self.last = np.zeros(lanes, np.uint8)
        self.rows = [[self.blank] * (SIZE + 3)] * 2  # the window that ends at column c is [c + 1]
        self.row = [self.blank]

    def lit(self) -> np.ndarray:
        """bool [lanes]: a pixel next to the present one, left or above, is not zero."""
        column = len(self.row) - 1
        return (self.rows[-1][column + 3] & 0xFFF0 | self.row[column] & 0xF) != 0

    def at(self, lanes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """For the given lanes, the windows above, two above and to the left; and `last`."""
        column = len(self.row) - 1
        upper, above = self.rows[0][column + 3], self.rows[1][column + 3]
        return above.take(lanes), upper.take(lanes), self.row[-1].take(lanes), self.last.take(lanes)

    def put(self, lanes: np.ndarray, symbols: np.ndarray) -> None:
        """Make the present pixel known, zero in other lanes, and go to the next one."""
        window = self.row[-1] << 4
        window[lanes] |= LEVEL.take(symbols)
        self.row.append(window)
        full = np.flatnonzero(symbols >= SATURATED)
        self.last[lanes.take(full)] = symbols.take(full) - np.uint8(SATURATED - 1)
        if len(self.row) == SIZE + 1:
            self.row += [window << 4, window << 8]
            self.rows = [self.rows[1], self.row]
            self.row = [self.blank]


class Model:
    """The tables, laid out for decoding."""

    def __init__(self, packed: Packed) -> None:
        frequencies = packed.frequencies.astype(np.int64)
        self.above = packed.above_kinds.astype(np.int64) << 4
        self.upper = packed.upper_kinds
        self.left = packed.left_kinds.astype(np.int64) << 3
        self.joined = packed.joined_kinds.astype(np.int64) << 8
        self.contexts = packed.contexts.astype(np.int64) << PRECISION
        every = np.tile(np.arange(SYMBOLS, dtype=np.uint8), len(frequencies))
        self.symbols = np.repeat(every, frequencies.ravel())  # [distribution << PRECISION | slot]
        first = np.cumsum(frequencies, axis=1) - frequencies
        ranges = np.zeros((len(frequencies), 32), np.int64)
        ranges[:, :SYMBOLS] = frequencies << 16 | first
        self.ranges = ranges.ravel()  # [distribution << 5 | symbol]

    def context(self, above, upper, left, last) -> np.ndarray:
        """int64: the distribution, times 2**PRECISION, that follows the windows."""
        joined = self.above.take(above)
        joined |= self.upper.take(upper)
        context = self.joined.take(joined)
        context |= self.left.take(left)
        context |= last
        return self.contexts.take(context)

    def step(self, context: np.ndarray, state: np.ndarray) -> np.ndarray:
        """Take one symbol out of each state, in place."""
        slot = state & ((1 << PRECISION) - 1)
        context |= slot
        symbols = self.symbols.take(context)
        context >>= PRECISION
        context <<= 5
        context |= symbols
        ranges = self.ranges.take(context)
        state >>= PRECISION
        state *= ranges >> 16
        ranges &= 0xFFFF
        slot -= ranges
        state += slot
        return symbols


class Stream:
    """An array that is read from its begin to its end."""

    def __init__(self, array: np.ndarray) -> None:
        self.rest = array

    def take(self, count: int) -> np.ndarray:
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken


def decode(packed: Packed) -> np.ndarray:
    """The images, uint8 [groups * lanes, SIZE, SIZE]."""
    lanes, groups = len(packed.states), len(packed.start_counts)
    model = Model(packed)
    states, words = packed.states.astype(np.int64), Stream(packed.words)
    nibbles = Stream(np.stack([packed.nibbles & 15, packed.nibbles >> 4], axis=1).ravel())
    starts = Stream(start_lanes(packed))
    images = np.empty((groups, lanes, SIZE * SIZE), np.uint8)
    for group, counts in zip(images, packed.start_counts):
        group[:] = _decode_group(model, states, words, nibbles, starts, counts).T
    return images.reshape(-1, SIZE, SIZE)


def _decode_group(model, states, words, nibbles, starts, counts) -> np.ndarray:
    """uint8 [SIZE * SIZE, lanes]; the states and streams go on to the next group."""
    windows = Windows(len(states))
    values = np.zeros((SIZE * SIZE, len(states)), np.uint8)
    for plane, count in zip(values, counts):
        coded = windows.lit()
        coded[starts.take(count)] = True
        lanes = np.flatnonzero(coded)
        state = states.take(lanes)
        symbols = model.step(model.context(*windows.at(lanes)), state)
        empty = np.flatnonzero(state < STATE_LOW)
        state[empty] = state.take(empty) << 16 | words.take(len(empty))
        states[lanes] = state
        value = FIRST_VALUE.take(symbols)
        grey = np.flatnonzero(symbols - np.uint8(1) < HAS_NIBBLE)  # 0 - 1 is 255
        value[grey] += nibbles.take(len(grey))
        plane[lanes] = value
        windows.put(lanes, symbols)
    return values


# -- starts ----------------------------------------------------------------------------------


def start_lanes(packed: Packed) -> np.ndarray:
    """Which lanes have a start, pixel after pixel."""
    counts = packed.start_counts.ravel().astype(np.int64)
    widths = rice_widths(counts, len(packed.states))
    ones = np.flatnonzero(np.unpackbits(packed.start_quotients))
    distances = (np.diff(ones, prepend=-1) - 1) << widths
    bits = np.unpackbits(packed.start_remainders)
    first = np.cumsum(widths) - widths
    for bit in range(widths.max(initial=0)):
        has_bit = np.flatnonzero(widths > bit)
        distances[has_bit] += bits[first[has_bit] + bit].astype(np.int64) << bit
    position = np.cumsum(distances)  # runs on from pixel to pixel
    pixel_begin = np.concatenate([[0], position])[np.cumsum(counts) - counts]
    return position - np.repeat(pixel_begin, counts) - 1


def rice_widths(counts: np.ndarray, lanes: int) -> np.ndarray:
    """The number of low bits of each distance, about log2 of the mean on its pixel."""
    means = [max(7 * lanes // (10 * max(int(count), 1)), 1) for count in counts]
    return np.repeat([mean.bit_length() - 1 for mean in means], counts)


# -- tables on disk --------------------------------------------------------------------------


def compress(array: np.ndarray) -> np.ndarray:
    """The bytes of a table, sorted by significance, as an LZMA stream: uint8."""
    planes = np.ascontiguousarray(array).view(np.uint8).reshape(-1, array.itemsize).T
    return np.frombuffer(lzma.compress(planes.tobytes(), preset=9), np.uint8)


def decompress(stream: np.ndarray, dtype: str) -> np.ndarray:
    """The table again, flat."""
    planes = np.frombuffer(lzma.decompress(stream.tobytes()), np.uint8)
    planes = planes.reshape(np.dtype(dtype).itemsize, -1)
    return np.ascontiguousarray(planes.T).view(dtype).ravel()
