"""Grids of images as PNG files, without a graphics library."""

import struct
import zlib
from pathlib import Path

import numpy as np


def grid(images: np.ndarray, columns: int) -> np.ndarray:
    """(n, height, width) -> one image with `columns` of them in a row."""
    n, height, width = images.shape
    rows = images.reshape(n // columns, columns, height, width)
    return rows.transpose(0, 2, 1, 3).reshape(-1, columns * width)


def save_png(path: str | Path, image: np.ndarray) -> None:
    """Write (height, width) grey or (height, width, 3) colours between 0 and 1."""
    pixels = (np.clip(image, 0, 1) * 255).astype(np.uint8)
    kind = 2 if pixels.ndim == 3 else 0
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, kind, 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)  # \0: no filter
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, content in chunks:
            checksum = zlib.crc32(name + content)
            file.write(struct.pack(">I", len(content)) + name + content)
            file.write(struct.pack(">I", checksum))
