"""The wire format of protocol buffers: as much of it as records and event files need."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def varint(n: int) -> bytes:
    """An integer, seven bits at a time."""
    n &= (1 << 64) - 1
    out = bytearray()
    while n >= 128:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def integer(field: int, n: int) -> bytes:
    """A field that is an integer."""
    return varint(field << 3 | VARINT) + varint(n)


def double(field: int, x: float) -> bytes:
    """A field that is a double."""
    return varint(field << 3 | FIXED64) + struct.pack("<d", x)


def single(field: int, x: float) -> bytes:
    """A field that is a float."""
    return varint(field << 3 | FIXED32) + struct.pack("<f", x)


def chunk(field: int, data: bytes | str) -> bytes:
    """A field that is a string, or another message."""
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | BYTES) + varint(len(data)) + data


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The integer at a place, and the place after it."""
    n = shift = 0
    while True:
        byte = data[at]
        n |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return n, at


def fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """(number, wire type, value) of every field; ValueError where the data is no message."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        kind = key & 7
        if kind == VARINT:
            value: Any
            value, at = read_varint(data, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
            value, at = data[at : at + size], at + size
        elif kind == BYTES:
            size, at = read_varint(data, at)
            value, at = data[at : at + size], at + size
        else:
            raise ValueError(f"a field of wire type {kind}: this is not a protocol buffer")
        yield key >> 3, kind, value


def signed(n: int) -> int:
    """An int64 that was read as an unsigned one."""
    return n - (1 << 64) if n >= 1 << 63 else n
