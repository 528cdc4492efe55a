"""Lossless packing of many small grey images of one kind.

The images are cut into streams, each coded by rANS (range asymmetric numeral systems): every pixel
under a distribution that is looked up from the pixels before it. The decoder is decoder.ll, run by
the team of threads; the encoder, which also trains the tables, is tools/pack_mnist.py.

A value is a symbol, which is modelled, and a nibble, which is nearly noise and stored as it is:

    value    0   1..16   17..32   ...   225..240   241   242   ...   255
    symbol   0     1        2     ...      15       16    17   ...    30
    nibble         4 bits each                      -

The distribution of a symbol depends on three windows of four pixels, each of them 16 bits (a
4-bit level for each pixel), which tables reduce to kinds:

      o o o o            window -> `upper_kinds` --,
      o o o o            window -> `above_kinds` --+-> `joined_kinds` --,
  o o o o ?              window -> `left_kinds`, last ------------------+-> `contexts`

`last` tells the newest value over 249 in the image: digits differ in what their ink saturates at.
A pixel whose neighbours to the left and above are all zero is almost surely zero; the few that are
not, the "starts", are listed, so that three quarters of all pixels cost nothing.
"""

from __future__ import annotations

import lzma
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lamella import native

SIZE = 28
SYMBOLS = 31
PRECISION = 12  # the frequencies of a distribution sum to 2**PRECISION
STATE_LOW = 1 << 16  # a state is in [2**16, 2**32) between pixels; words refill it by 16 bits

SYMBOL = np.array([(v + 15) // 16 if v <= 240 else v - 225 for v in range(256)], np.uint8)
FIRST_VALUE = np.array([0, *range(1, 241, 16), *range(241, 256)], np.uint8)  # of a symbol
LAST_WITH_NIBBLE = 15
FIRST_SATURATED = 25  # value 250
LEVEL = np.array(
    [0, 2, 3, *np.repeat(range(4, 10), 2), *[10] * 10, 11, 11, 12, 13, 14, 15], np.uint8
)  # of a symbol; saturated ones stay apart


class Packed(NamedTuple):
    """Packed images: all that the decoder reads."""

    above_kinds: np.ndarray  # uint8 [2**16] below 256
    upper_kinds: np.ndarray  # uint8 [2**16] below 16
    left_kinds: np.ndarray  # uint8 [2**16] below 32
    joined_kinds: np.ndarray  # uint8 [256 * 16]
    contexts: np.ndarray  # uint16 [256 * 32 * 8], the number of a distribution
    frequencies: np.ndarray  # uint16 [distributions * SYMBOLS]
    states: np.ndarray  # uint32 [streams] that the decoder begins with
    words: np.ndarray  # uint16, refills of the states
    word_counts: np.ndarray  # uint32 [streams]
    nibbles: np.ndarray  # uint8, two each
    nibble_counts: np.ndarray  # uint32 [streams]
    start_counts: np.ndarray  # uint16 [SIZE * SIZE], images that start at each pixel
    start_quotients: np.ndarray  # uint8, Rice code of the distance between such images
    start_remainders: np.ndarray  # uint8


def decode(packed: Packed, n: int) -> np.ndarray:
    """The `n` images, uint8 [n, SIZE, SIZE]."""
    images = np.empty((n, SIZE, SIZE), np.uint8)
    starts = start_positions(packed, n)
    frequencies = packed.frequencies.reshape(-1, SYMBOLS)
    begins = np.zeros((len(frequencies), SYMBOLS + 1), np.uint16)
    np.cumsum(frequencies, axis=1, out=begins[:, 1:])
    arguments = {
        "above_kinds": packed.above_kinds,
        "upper_kinds": packed.upper_kinds,
        "left_kinds": packed.left_kinds,
        "joined_kinds": packed.joined_kinds,
        "contexts": packed.contexts,
        "symbol_begins": begins,
        "levels": LEVEL,
        "first_values": FIRST_VALUE,
        "streams": _streams(packed, starts, n),
        "starts": starts,
        "words": np.append(packed.words, np.uint16(0)),  # the decoder looks one ahead
        "nibbles": np.append(packed.nibbles, np.uint8(0)),
        "values": images,
    }
    _run(arguments, chunks=len(packed.states))
    return images


def _run(arguments: dict[str, np.ndarray], chunks: int) -> None:
    text = Path(__file__).with_name("decoder.ll").read_text(encoding="ascii")
    pointers = [_pointer(k, name) for k, name in enumerate(arguments)]
    constants = {"SIZE": SIZE, "PIXELS": SIZE**2, "PRECISION": PRECISION}
    constants["SLOT_MASK"] = (1 << PRECISION) - 1
    for name, value in {"ARGUMENTS": "\n".join(pointers), **constants}.items():
        text = text.replace(f"@{name}@", str(value))
    code = native.Code()
    address = native.compile_kernels({text: lambda: text})[text]
    code.call(address, chunks, list(range(len(arguments))), name="decode")
    machine = native.Machine(code, slots=len(arguments))
    machine.run(np.array([array.ctypes.data for array in arguments.values()], np.uintp))


def _pointer(k: int, name: str) -> str:
    """LLVM: `%name` is the k-th argument of the kernel."""
    return f"""
  %{name}.id = getelementptr i64, ptr %ids, i64 {k}
  %{name}.slot = load i64, ptr %{name}.id
  %{name}.at = getelementptr ptr, ptr %table, i64 %{name}.slot
  %{name} = load ptr, ptr %{name}.at"""


def _streams(packed: Packed, starts: np.ndarray, n: int) -> np.ndarray:
    """Where each stream begins, int64 [streams, 6]: its first image, that of the next stream, the
    state, and the index of the next word, nibble and start."""
    bounds = stream_bounds(n, len(packed.states))
    columns = (
        bounds[:-1],
        bounds[1:],
        packed.states,
        np.cumsum(packed.word_counts) - packed.word_counts,
        np.cumsum(packed.nibble_counts) - packed.nibble_counts,
        np.searchsorted(starts, bounds[:-1] * SIZE**2),
    )
    return np.stack([column.astype(np.int64) for column in columns], axis=1)


def stream_bounds(n: int, streams: int) -> np.ndarray:
    """The first image of each stream, and `n`."""
    return np.arange(streams + 1) * n // streams


# -- starts ----------------------------------------------------------------------------------


def start_positions(packed: Packed, n: int) -> np.ndarray:
    """Where a start is, as image * SIZE**2 + pixel, ascending, then a sentinel: int64."""
    counts = packed.start_counts.astype(np.int64)
    widths = rice_widths(counts, n)
    ones = np.flatnonzero(np.unpackbits(packed.start_quotients))
    distances = (np.diff(ones, prepend=-1) - 1) << widths
    bits = np.unpackbits(packed.start_remainders)
    first = np.cumsum(widths) - widths
    for bit in range(widths.max(initial=0)):
        has_bit = np.flatnonzero(widths > bit)
        distances[has_bit] += bits[first[has_bit] + bit].astype(np.int64) << bit
    total = np.concatenate([[0], np.cumsum(distances)])  # runs on from pixel to pixel
    image = total[1:] - np.repeat(total[np.cumsum(counts) - counts], counts) - 1
    pixel = np.repeat(np.arange(SIZE**2), counts)
    return np.append(np.sort(image * SIZE**2 + pixel), np.iinfo(np.int64).max)


def rice_widths(counts: np.ndarray, n: int) -> np.ndarray:
    """The number of low bits of each distance, about log2 of the mean on its pixel."""
    means = [max(7 * n // (10 * max(int(count), 1)), 1) for count in counts]
    return np.repeat([mean.bit_length() - 1 for mean in means], counts)


# -- tables on disk --------------------------------------------------------------------------


def compress(array: np.ndarray) -> np.ndarray:
    """The bytes of a table, the low ones first, as an LZMA stream: uint8."""
    planes = np.ascontiguousarray(array).view(np.uint8).reshape(-1, array.itemsize).T
    return np.frombuffer(lzma.compress(planes.tobytes(), preset=9), np.uint8)


def decompress(stream: np.ndarray, dtype: str) -> np.ndarray:
    """The table again."""
    planes = np.frombuffer(lzma.decompress(stream.tobytes()), np.uint8)
    planes = planes.reshape(np.dtype(dtype).itemsize, -1)
    return np.ascontiguousarray(planes.T).view(dtype).ravel()
