"""tf.train.Example: features by name, in records; and how they are parsed into tensors."""

from __future__ import annotations

import struct
from collections import namedtuple
from typing import Any

import numpy as np

from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dispatch import wrap
from tensorflow_lamella.core.dtypes import as_dtype
from tensorflow_lamella.core.shape import sizes
from tensorflow_lamella.errors import InvalidArgumentError, unsupported
from tensorflow_lamella.io import protobuf as pb
from tensorflow_lamella.names import export, put

FixedLenFeature = namedtuple("FixedLenFeature", "shape dtype default_value", defaults=[None])
put(FixedLenFeature, "io.FixedLenFeature")
put(FixedLenFeature, "FixedLenFeature", version=1)
VarLenFeature = namedtuple("VarLenFeature", "dtype")
put(VarLenFeature, "io.VarLenFeature")
put(VarLenFeature, "VarLenFeature", version=1)
FixedLenSequenceFeature = namedtuple(
    "FixedLenSequenceFeature", "shape dtype allow_missing default_value", defaults=[False, None]
)
put(FixedLenSequenceFeature, "io.FixedLenSequenceFeature")
put(FixedLenSequenceFeature, "FixedLenSequenceFeature", version=1)


class _List:
    """The values of a feature, of one kind."""

    field = 0

    def __init__(self, value: Any = ()) -> None:
        self.value = list(value)


@export("train.BytesList")
class BytesList(_List):
    """Strings."""

    field = 1

    def encode(self) -> bytes:
        """As a message."""
        return b"".join(pb.chunk(1, v) for v in self.value)


@export("train.FloatList")
class FloatList(_List):
    """Floats."""

    field = 2

    def encode(self) -> bytes:
        """As a message."""
        return pb.chunk(1, struct.pack(f"<{len(self.value)}f", *map(float, self.value)))


@export("train.Int64List")
class Int64List(_List):
    """Integers."""

    field = 3

    def encode(self) -> bytes:
        """As a message."""
        return pb.chunk(1, b"".join(pb.varint(int(v)) for v in self.value))


@export("train.Feature")
class Feature:
    """One list of values."""

    def __init__(self, bytes_list: Any = None, float_list: Any = None,
                 int64_list: Any = None) -> None:  # fmt: skip
        self.bytes_list = bytes_list or BytesList()
        self.float_list = float_list or FloatList()
        self.int64_list = int64_list or Int64List()

    def encode(self) -> bytes:
        """As a message."""
        for values in (self.bytes_list, self.float_list, self.int64_list):
            if values.value:
                return pb.chunk(values.field, values.encode())
        return b""

    SerializeToString = encode


@export("train.Features")
class Features:
    """Features by name."""

    def __init__(self, feature: Any = None) -> None:
        self.feature = dict(feature or {})


@export("train.Example")
class Example:
    """Features by name, as one record.

    >>> f = tf.train.Feature(int64_list=tf.train.Int64List(value=[3]))
    >>> record = tf.train.Example(features=tf.train.Features(feature={"n": f})).SerializeToString()
    """

    def __init__(self, features: Any = None) -> None:
        self.features = features or Features()

    def SerializeToString(self) -> bytes:
        """The record."""
        entries = [pb.chunk(1, pb.chunk(1, name) + pb.chunk(2, f.encode()))
                   for name, f in sorted(self.features.feature.items())]  # fmt: skip
        return pb.chunk(1, b"".join(entries))

    def ParseFromString(self, record: Any) -> None:
        """Take the features of a record."""
        self.features = Features(
            {
                name: _feature(kind, values)
                for name, (kind, values) in decode(_plain(record)).items()
            }
        )

    @classmethod
    def FromString(cls, record: Any) -> Example:
        """The Example of a record."""
        made = cls()
        made.ParseFromString(record)
        return made


def _feature(kind: int, values: list[Any]) -> Feature:
    made = Feature()
    {1: made.bytes_list, 2: made.float_list, 3: made.int64_list}.get(kind, _List()).value = values
    return made


def _plain(record: Any) -> bytes:
    return record if isinstance(record, bytes) else np.asarray(to_array(record)).item()


def decode(record: bytes) -> dict[str, tuple[int, list[Any]]]:
    """name -> (kind, values) of a record; kinds are 1 strings, 2 floats, 3 integers, 0 nothing."""
    found: dict[str, tuple[int, list[Any]]] = {}
    try:
        for _, _, features in pb.fields(record):
            for _, _, entry in pb.fields(features):
                parts = {number: value for number, _, value in pb.fields(entry)}
                found[parts[1].decode()] = _values(parts.get(2, b""))
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise InvalidArgumentError(f"Could not parse example input: {error}") from None
    return found


def _values(feature: bytes) -> tuple[int, list[Any]]:
    for kind, _, data in pb.fields(feature):
        values: list[Any] = []
        for _, wire, value in pb.fields(data):
            values += _unpacked(kind, wire, value)
        return kind, values
    return 0, []


def _unpacked(kind: int, wire: int, value: Any) -> list[Any]:
    if kind == 1:
        return [value]
    if kind == 2:
        return list(struct.unpack(f"<{len(value) // 4}f", value))
    if wire == pb.VARINT:
        return [pb.signed(value)]
    out, at = [], 0
    while at < len(value):
        n, at = pb.read_varint(value, at)
        out.append(pb.signed(n))
    return out


def _parse(record: bytes, features: dict[str, Any]) -> dict[str, np.ndarray]:
    found = decode(record)
    return {name: _tensor(name, spec, found.get(name, (0, []))[1])
            for name, spec in features.items()}  # fmt: skip


def _tensor(name: str, spec: Any, values: list[Any]) -> np.ndarray:
    dtype = as_dtype(spec.dtype).dtype
    if isinstance(spec, VarLenFeature):
        raise unsupported(
            "tf.io.VarLenFeature (its tensors are sparse)",
            "use tf.io.FixedLenSequenceFeature([], dtype, allow_missing=True)",
        )
    if isinstance(spec, FixedLenSequenceFeature):
        return np.reshape(np.asarray(values, dtype), (-1, *sizes(spec.shape)))
    if not values:
        if spec.default_value is None:
            raise InvalidArgumentError(f"Feature: {name} (data type: {as_dtype(dtype).name}) is "
                                       "required but could not be found.")  # fmt: skip
        default = to_array(spec.default_value, dtype)
        return np.broadcast_to(default, sizes(spec.shape)).copy()
    return np.reshape(np.asarray(values, dtype), sizes(spec.shape))


@export("io.parse_single_example")
def parse_single_example(serialized: Any, features: Any, example_names: Any = None,
                         name: Any = None) -> Any:  # fmt: skip
    """The features of one record, as tensors by name."""
    return {key: wrap(x) for key, x in _parse(_plain(serialized), features).items()}


@export("io.parse_example")
def parse_example(serialized: Any, features: Any, example_names: Any = None,
                  name: Any = None) -> Any:  # fmt: skip
    """The features of several records, stacked by name."""
    parsed = [_parse(record, features) for record in np.asarray(to_array(serialized)).reshape(-1)]
    return {key: wrap(np.stack([p[key] for p in parsed])) for key in features}


@export("io.decode_raw")
def decode_raw(input_bytes: Any, out_type: Any, little_endian: bool = True,
               fixed_length: Any = None, name: Any = None) -> Any:  # fmt: skip
    """The bytes of strings read as numbers, along a new last axis."""
    dtype = as_dtype(out_type).dtype.newbyteorder("<" if little_endian else ">")
    array = np.asarray(to_array(input_bytes))
    rows = [np.frombuffer(s, dtype).astype(as_dtype(out_type).dtype) for s in array.reshape(-1)]
    return wrap(np.stack(rows).reshape(*array.shape, -1) if array.ndim else rows[0])


@export("io.decode_csv")
def decode_csv(records: Any, record_defaults: Any, field_delim: str = ",",
               use_quote_delim: bool = True, na_value: str = "", select_cols: Any = None,
               name: Any = None) -> list[Any]:  # fmt: skip
    """The columns of CSV rows, a tensor for each."""
    import csv

    from tensorflow_lamella.io.records import Column

    array = np.asarray(to_array(records))
    columns = [Column(d, na_value) for d in record_defaults]
    rows = list(csv.reader((s.decode() for s in array.reshape(-1)), delimiter=field_delim))
    chosen = [row if select_cols is None else [row[k] for k in select_cols] for row in rows]
    found = [[c.value(field) for c, field in zip(columns, row, strict=True)] for row in chosen]
    return [wrap(np.stack(column).reshape(array.shape)) for column in zip(*found)]


@export("io.serialize_tensor")
def serialize_tensor(tensor: Any, name: Any = None) -> Any:
    """A tensor as a string, for parse_tensor; the format is NumPy's."""
    import io

    out = io.BytesIO()
    np.save(out, np.asarray(to_array(tensor)), allow_pickle=False)
    return wrap(to_array(out.getvalue()))


@export("io.parse_tensor")
def parse_tensor(serialized: Any, out_type: Any, name: Any = None) -> Any:
    """The tensor of serialize_tensor."""
    import io

    array = np.load(io.BytesIO(_plain(serialized)), allow_pickle=False)
    if array.dtype != as_dtype(out_type).dtype:
        raise InvalidArgumentError(f"parse_tensor: the tensor is {array.dtype.name}, not "
                                   f"{as_dtype(out_type).name}")  # fmt: skip
    return wrap(array)
