"""Pack MNIST for the wheel: IDX files -> lamella/datasets/mnist.npz.

    python tools/pack_mnist.py FOLDER

FOLDER holds the four files {train,t10k}-{images-idx3,labels-idx1}-ubyte.gz. The tool trains the
tables of `lamella.datasets.codec` on the images, encodes them, checks that the result decodes to
the same arrays, and prints the size of each part.
"""

from __future__ import annotations

import gzip
import io
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lamella.datasets import codec, mnist
from lamella.datasets.codec import PRECISION, SIZE, SYMBOLS

STREAMS = 32  # what threads share out
DISTRIBUTIONS = 768
ROUNDS = 12
TARGET = Path(__file__).parent.parent / "lamella" / "datasets" / "mnist.npz"


def main() -> None:
    folder = Path(sys.argv[1])
    images = np.concatenate([read(folder, part, "images-idx3", 16) for part in ("train", "t10k")])
    labels = np.concatenate([read(folder, part, "labels-idx1", 8) for part in ("train", "t10k")])
    images = images.reshape(-1, SIZE, SIZE)
    packed = encode(images)
    TARGET.write_bytes(container(packed, labels))
    begin = time.perf_counter()
    assert np.array_equal(codec.decode(packed, len(images)), images)
    print(f"decoded in {time.perf_counter() - begin:.2f} s, packed {TARGET.stat().st_size:,} bytes")


def read(folder: Path, part: str, kind: str, header: int) -> np.ndarray:
    with gzip.open(folder / f"{part}-{kind}-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def container(packed: codec.Packed, labels: np.ndarray) -> bytes:
    """An .npz; the tables in it, which compress, are stored as LZMA streams."""
    arrays = {"labels": labels[0::2] | labels[1::2] << 4}
    for name, array in packed._asdict().items():
        arrays[name] = codec.compress(array) if name in mnist.TABLES else array
        print(f"{name:>18}: {arrays[name].nbytes:>9,} bytes")
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


# -- what is coded ---------------------------------------------------------------------------


class Pixels(NamedTuple):
    """The coded pixels: image * SIZE**2 + pixel, what is there, the windows before it."""

    position: np.ndarray
    symbol: np.ndarray
    above: np.ndarray
    upper: np.ndarray
    left: np.ndarray
    last: np.ndarray


def coded_pixels(symbols: np.ndarray) -> tuple[Pixels, list[np.ndarray]]:
    """Visit each pixel as the decoder does, and list the images with a start there.

    symbols: uint8 [n, SIZE, SIZE]
    """
    n = len(symbols)
    window, last, found, starts = {}, np.zeros(n, np.uint8), [], []
    blank = np.zeros(n, np.uint16)
    for r in range(SIZE):
        window[r, -1] = blank
        for c in range(SIZE):
            above = window.get((r - 1, c + 2), blank)
            upper = window.get((r - 2, c + 2), blank)
            left, symbol = window[r, c - 1], symbols[:, r, c]
            lit = (above & 0xFFF0 | left & 0xF) != 0
            images = np.flatnonzero(lit | (symbol > 0))
            starts.append(np.flatnonzero(~lit & (symbol > 0)))
            position = images * SIZE**2 + r * SIZE + c
            found.append((position, *(x[images] for x in (symbol, above, upper, left, last))))
            window[r, c] = left << 4 | codec.LEVEL[symbol]
            saturated = symbol >= codec.FIRST_SATURATED
            last[saturated] = symbol[saturated] - codec.FIRST_SATURATED + 1
        window[r, SIZE], window[r, SIZE + 1] = window[r, SIZE - 1] << 4, window[r, SIZE - 1] << 8
    columns = [np.concatenate(column) for column in zip(*found)]
    order = np.argsort(columns[0])
    return Pixels(*(column[order] for column in columns)), starts


def encode(images: np.ndarray) -> codec.Packed:
    n, symbols = len(images), codec.SYMBOL[images]
    pixels, starts = coded_pixels(symbols)
    tables, distribution = train(pixels)
    begins = codec.stream_bounds(n, STREAMS) * SIZE**2
    states, words = encode_symbols(pixels, distribution, tables[-1], begins)
    has_nibble = (symbols > 0) & (symbols <= codec.LAST_WITH_NIBBLE)
    nibbles = (images[has_nibble] - 1) & 15
    nibble_counts = np.diff(np.searchsorted(np.flatnonzero(has_nibble), begins))
    return codec.Packed(
        *tables,
        np.array(states, np.uint32),
        np.concatenate(words),
        np.array([len(stream) for stream in words], np.uint32),
        pairs(nibbles),
        nibble_counts.astype(np.uint32),
        *encode_starts(starts, n),
    )


def pairs(nibbles: np.ndarray) -> np.ndarray:
    nibbles = np.append(nibbles, np.zeros(len(nibbles) % 2, np.uint8))
    return nibbles[0::2] | nibbles[1::2] << 4


def encode_symbols(
    pixels: Pixels, distribution: np.ndarray, frequencies: np.ndarray, begins: np.ndarray
) -> tuple[list[int], list[np.ndarray]]:
    """rANS of each stream: the state that its decoder begins with, and its words."""
    first = np.cumsum(frequencies, axis=1) - frequencies
    states, words = [], []
    for lo, hi in pairwise(np.searchsorted(pixels.position, begins)):
        where = distribution[lo:hi], pixels.symbol[lo:hi]
        state, stream = rans(frequencies[where].tolist(), first[where].tolist())
        states.append(state)
        words.append(np.array(stream, np.uint16))
    return states, words


def rans(frequencies: list[int], firsts: list[int]) -> tuple[int, list[int]]:
    """Code from the last symbol to the first, so that the decoder goes forward."""
    state, words = codec.STATE_LOW, []
    for f, first in zip(reversed(frequencies), reversed(firsts)):
        if state >= f << (32 - PRECISION):
            words.append(state & 0xFFFF)
            state >>= 16
        state = (state // f << PRECISION) + state % f + first
    return state, words[::-1]


def encode_starts(starts: list[np.ndarray], n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    counts = np.array([len(images) for images in starts], np.uint16)
    widths = codec.rice_widths(counts, n)
    distances = np.concatenate([np.diff(images, prepend=-1) for images in starts])
    quotients = np.zeros((distances >> widths).sum() + len(distances), np.uint8)
    quotients[np.cumsum((distances >> widths) + 1) - 1] = 1
    remainders = np.concatenate([d >> np.arange(w) & 1 for d, w in zip(distances, widths)])
    return counts, np.packbits(quotients), np.packbits(remainders.astype(np.uint8))


# -- training --------------------------------------------------------------------------------


def train(pixels: Pixels) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """The tables, and the distribution of each pixel.

    Windows, then pairs of kinds, that predict alike are merged by k-means.
    """
    symbol, above, upper, left, last = (column.astype(np.int64) for column in pixels[1:])
    west, north = left >> 2 & 3, above >> 10 & 3  # a kind shall predict well beside any of these
    above_kinds = cluster(above, west, symbol, 1 << 16, 256)
    upper_kinds = cluster(upper, west << 2 | north, symbol, 1 << 16, 16)
    left_kinds = cluster(left, north, symbol, 1 << 16, 32)
    joined = above_kinds[above] << 4 | upper_kinds[upper]
    joined_kinds = cluster(joined, west, symbol, 1 << 12, 256)
    context = joined_kinds[joined] << 8 | left_kinds[left] << 3 | last
    contexts = cluster(context, np.zeros_like(west), symbol, 1 << 16, DISTRIBUTIONS)
    distribution = contexts[context]
    merged = count(distribution, symbol, DISTRIBUTIONS)
    frequencies = np.array([quantised(row) for row in merged])
    kinds = (above_kinds, upper_kinds, left_kinds, joined_kinds)
    tables = (*(table.astype(np.uint8) for table in kinds), contexts.astype(np.uint16))
    return (*tables, frequencies.astype(np.uint16)), distribution


def count(context: np.ndarray, symbols: np.ndarray, contexts: int) -> np.ndarray:
    counts = np.bincount(context * SYMBOLS + symbols, minlength=contexts * SYMBOLS)
    return counts.reshape(contexts, SYMBOLS)


def cluster(
    context: np.ndarray, condition: np.ndarray, symbols: np.ndarray, contexts: int, k: int
) -> np.ndarray:
    """The cluster, of k, of each context, for the shortest code of all symbols.

    A cluster has a distribution of its own for each condition.
    """
    conditions = int(condition.max()) + 1
    counts = count(context * conditions + condition, symbols, contexts * conditions)
    counts = counts.reshape(contexts, conditions, SYMBOLS)
    used = np.flatnonzero(counts.any((1, 2)))
    seen = counts[used].astype(np.float32)
    prior = seen.sum(0) / np.maximum(seen.sum((0, 2))[:, None], 1)
    centres = seen[np.argsort(-seen.sum((1, 2)))[:k]]
    for turn in range(ROUNDS):
        centres = centres + prior + 1e-3
        lengths = -np.log2(centres / centres.sum(2, keepdims=True))
        chosen = (seen.reshape(len(used), -1) @ lengths.reshape(len(lengths), -1).T).argmin(1)
        centres = np.zeros_like(lengths)
        np.add.at(centres, chosen, seen)
        unused = np.flatnonzero(~centres.any((1, 2)))
        if turn < ROUNDS - 2:
            centres[unused] = seen[worst(seen, lengths[chosen], len(unused))]
    clusters = np.zeros(contexts, np.int64)
    clusters[used] = chosen
    return clusters


def worst(seen: np.ndarray, lengths: np.ndarray, count: int) -> np.ndarray:
    """The contexts that lose most by sharing a distribution."""
    own = seen / np.maximum(seen.sum(2, keepdims=True), 1)
    loss = (seen * (lengths + np.log2(np.where(seen > 0, own, 1)))).sum((1, 2))
    return np.argsort(-loss)[:count]


def quantised(row: np.ndarray) -> np.ndarray:
    """Whole frequencies that sum to 2**PRECISION, at least 1 for what occurs."""
    row = row if row.any() else np.ones_like(row)
    target = 1 << PRECISION
    result = np.where(row > 0, np.maximum(1, row * target // row.sum()), 0)
    while result.sum() != target:
        step = 1 if result.sum() < target else -1
        free = np.flatnonzero((row > 0) & (result + step > 0))
        gain = row[free] * np.log((result[free] + step) / result[free])
        result[free[gain.argmax()]] += step
    return result


if __name__ == "__main__":
    main()
