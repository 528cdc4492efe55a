"""TFRecord files and tf.train.Example: the framing, and the few protobuf messages in them."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.errors import DataLossError
from tensorflow_lamella.io.files import path_of
from tensorflow_lamella.names import export, put

_POLYNOMIAL = 0x82F63B78  # Castagnoli, reflected


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return table


_CRC = _table()


def crc32c(data: bytes) -> int:
    """The Castagnoli checksum."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    """The checksum as record files store it."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def frame(record: bytes) -> bytes:
    """A record with its length and checksums."""
    length = struct.pack("<Q", len(record))
    return (
        length
        + struct.pack("<I", masked(length))
        + record
        + struct.pack("<I", masked(record))
    )  # fmt: skip


def read(stream: Any) -> Iterator[bytes]:
    """The records of an open file; DataLossError where it is cut off or damaged."""
    while header := stream.read(12):
        if len(header) < 12:
            raise DataLossError("truncated record")
        length, check = struct.unpack("<QI", header)
        if check != masked(header[:8]):
            raise DataLossError("corrupted record: is this a TFRecord file?")
        record, tail = stream.read(length), stream.read(4)
        if len(record) < length or len(tail) < 4:
            raise DataLossError("truncated record")
        yield record


@export("io.TFRecordWriter")
class TFRecordWriter:
    """Writes records to a file; use it with `with`."""

    def __init__(self, path: Any, options: Any = None) -> None:
        # "x.tfrecords/" is a file for TensorFlow
        self._file = open(os.path.normpath(path_of(path)), "wb")  # noqa: SIM115 - closed by close()

    def write(self, record: Any) -> None:
        """Append one record, a string."""
        data = record if isinstance(record, bytes) else np.asarray(to_array(record)).item()
        self._file.write(frame(data))

    def flush(self) -> None:
        """Write what is buffered."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> TFRecordWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


put(TFRecordWriter, "python_io.TFRecordWriter", version=1)


@export("io.tf_record_iterator", "python_io.tf_record_iterator", version=1)
def tf_record_iterator(path: Any, options: Any = None) -> Iterator[bytes]:
    """The records of a file; DataLossError where it is cut off or damaged."""
    with open(path_of(path), "rb") as stream:
        yield from read(stream)


class Column:
    """A column of CSV: the type and the default of its fields."""

    def __init__(self, default: Any, missing: str = "") -> None:
        from tensorflow_lamella.core.dtypes import DType

        self._missing = missing
        if isinstance(default, DType):
            self._dtype, self._default = default.dtype, None
        else:
            array = np.asarray(to_array(default)).reshape(-1)
            self._dtype = array.dtype
            self._default = array[0] if array.size else None

    def value(self, field: str) -> Any:
        """The field as a scalar; ValueError where it is empty and has no default."""
        if field in ("", self._missing):
            if self._default is None:
                raise ValueError("a required field of a CSV row is empty")
            return np.asarray(self._default, self._dtype)
        if self._dtype == np.dtype(object):
            return to_array(field)
        return np.asarray(float(field) if self._dtype.kind == "f" else int(field), self._dtype)
