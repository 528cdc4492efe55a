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
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lamella.datasets import codec, mnist
from lamella.datasets.codec import PRECISION, SIZE, SYMBOLS

GROUPS = 4  # more groups: fewer lanes, so fewer states; but more, shorter NumPy operations
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
    assert np.array_equal(codec.decode(packed), images)
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
    """The coded pixels at one position of a group: which lanes, their symbols and windows."""

    lanes: np.ndarray
    symbols: np.ndarray
    windows: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    starts: np.ndarray


def walk(symbols: np.ndarray) -> Iterator[Pixels]:
    """Visit the pixels as the decoder does; symbols: uint8 [groups, SIZE * SIZE, lanes]."""
    for group in symbols:
        known = codec.Windows(group.shape[1])
        for plane in group:
            lit = known.lit()
            lanes = np.flatnonzero(lit | (plane > 0))
            starts = np.flatnonzero(~lit & (plane > 0))
            yield Pixels(lanes, plane[lanes], known.at(lanes), starts)
            known.put(lanes, plane[lanes])


def encode(images: np.ndarray) -> codec.Packed:
    values = images.reshape(GROUPS, -1, SIZE * SIZE).swapaxes(1, 2)
    symbols = codec.SYMBOL[values]
    pixels = list(walk(symbols))
    tables = train(pixels)
    nibbles = ((values - 1) & 15)[(symbols > 0) & (symbols <= codec.HAS_NIBBLE)]
    if len(nibbles) % 2:
        nibbles = np.append(nibbles, np.uint8(0))
    lanes = values.shape[2]
    return codec.Packed(
        *tables,
        *encode_symbols(pixels, tables, lanes),
        nibbles[0::2] | nibbles[1::2] << 4,
        *encode_starts([p.starts for p in pixels], lanes),
    )


def encode_symbols(pixels: list[Pixels], tables: tuple, lanes: int):
    """rANS, from the last pixel to the first: the decoder's first states, and its words."""
    model = codec.Model(codec.Packed(*tables, *[None] * 6))
    frequency = tables[-1].astype(np.uint64)
    first = np.cumsum(frequency, axis=1) - frequency
    states, words = np.full(lanes, codec.STATE_LOW, np.uint64), []
    for p in reversed(pixels):
        row = model.context(*p.windows) >> PRECISION
        f, state = frequency[row, p.symbols], states[p.lanes]
        full = state >= f << np.uint64(32 - PRECISION)
        words.append(state[full].astype(np.uint16))
        state[full] >>= np.uint64(16)
        states[p.lanes] = (state // f << np.uint64(PRECISION)) + state % f + first[row, p.symbols]
    return states.astype(np.uint32), np.concatenate(words[::-1])


def encode_starts(starts: list[np.ndarray], lanes: int):
    counts = np.array([len(where) for where in starts])
    widths = codec.rice_widths(counts, lanes)
    distances = np.concatenate([np.diff(where, prepend=-1) for where in starts])
    quotients = np.zeros((distances >> widths).sum() + len(distances), np.uint8)
    quotients[np.cumsum((distances >> widths) + 1) - 1] = 1
    remainders = [d >> np.arange(w) & 1 for d, w in zip(distances, widths)]
    remainders = np.concatenate(remainders).astype(np.uint8)
    counts = counts.reshape(GROUPS, -1).astype(np.uint16)
    return counts, np.packbits(quotients), np.packbits(remainders)


# -- training --------------------------------------------------------------------------------


def train(pixels: list[Pixels]) -> tuple[np.ndarray, ...]:
    """The tables: windows, then pairs of kinds, that predict alike are merged by k-means."""
    symbols = np.concatenate([p.symbols for p in pixels]).astype(np.int64)
    above, upper, left, last = (
        np.concatenate(windows).astype(np.int64) for windows in zip(*[p.windows for p in pixels])
    )
    west, north = left >> 2 & 3, above >> 10 & 3  # coarse: a kind shall predict beside all of them
    above_kinds = cluster(above, west, symbols, 1 << 16, 256)
    upper_kinds = cluster(upper, west << 2 | north, symbols, 1 << 16, 16)
    left_kinds = cluster(left, north, symbols, 1 << 16, 32)
    joined = above_kinds[above] << 4 | upper_kinds[upper]
    joined_kinds = cluster(joined, west, symbols, 1 << 12, 256)
    context = joined_kinds[joined] << 8 | left_kinds[left] << 3 | last
    contexts = cluster(context, np.zeros_like(west), symbols, 1 << 16, DISTRIBUTIONS)
    merged = count(contexts[context], symbols, DISTRIBUTIONS)
    frequencies = np.array([quantised(row) for row in merged], np.uint16)
    kinds = (above_kinds, upper_kinds, left_kinds, joined_kinds)
    return *(table.astype(np.uint8) for table in kinds), contexts.astype(np.uint16), frequencies


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
