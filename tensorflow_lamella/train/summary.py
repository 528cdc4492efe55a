"""tf.summary: event files that TensorBoard reads."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorflow_lamella.core import effects
from tensorflow_lamella.core.convert import raw, to_array
from tensorflow_lamella.io import protobuf as pb
from tensorflow_lamella.io.files import path_of
from tensorflow_lamella.io.records import frame
from tensorflow_lamella.names import export

_TYPES = {"float32": (1, "f4"), "float64": (2, "f8"), "int32": (3, "i4"), "uint8": (4, "u1"),
          "int64": (9, "i8"), "bool": (10, "?")}  # fmt: skip


def tensor_proto(array: np.ndarray) -> bytes:
    """A TensorProto."""
    dims = b"".join(pb.chunk(2, pb.integer(1, n)) for n in array.shape)
    shape = pb.chunk(2, dims)
    if array.dtype == object:
        strings = b"".join(pb.chunk(8, s) for s in array.reshape(-1))
        return pb.integer(1, 7) + shape + strings
    code, kind = _TYPES[array.dtype.name]
    return pb.integer(1, code) + shape + pb.chunk(4, array.astype(kind).tobytes())


def _metadata(plugin: str, description: str, content: bytes = b"", data_class: int = 0) -> bytes:
    """A SummaryMetadata: which plugin shows it."""
    named = pb.chunk(1, pb.chunk(1, plugin) + pb.chunk(2, content))
    return named + pb.chunk(3, description or "") + pb.integer(4, data_class)


def event(step: int, summary: bytes) -> bytes:
    """An Event with a Summary."""
    return pb.double(1, time.time()) + pb.integer(2, step) + pb.chunk(5, summary)


class EventFile:
    """A file of events in a folder of logs."""

    def __init__(self, folder: str, suffix: str = "") -> None:
        os.makedirs(folder, exist_ok=True)
        now = time.time()
        name = f"events.out.tfevents.{int(now):010d}.{socket.gethostname()}.{os.getpid()}"
        self.path = os.path.join(folder, f"{name}.{next(_numbers)}.v2{suffix}")
        self._file = open(self.path, "wb")  # noqa: SIM115 - closed by close()
        self.add(pb.double(1, now) + pb.chunk(3, "brain.Event:2"))
        self.flush()

    def add(self, data: bytes) -> None:
        """Append an event."""
        self._file.write(frame(data))

    def flush(self) -> None:
        """Write what is buffered."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


_numbers = iter(range(1 << 62))


@export("summary.SummaryWriter")
class SummaryWriter:
    """Where summaries go while it is the default writer; see create_file_writer."""

    def __init__(self, file: EventFile | None) -> None:
        self.file = file

    @contextlib.contextmanager
    def as_default(self, step: Any = None) -> Iterator[SummaryWriter]:
        """Summaries inside go to this writer."""
        previous = _present.writer, _present.step
        _present.writer = self
        _present.step = previous[1] if step is None else step
        try:
            yield self
        finally:
            _present.writer, _present.step = previous
            self.flush()

    @contextlib.contextmanager
    def set_as_default(self, step: Any = None) -> Iterator[None]:
        """As as_default."""
        with self.as_default(step):
            yield

    def flush(self) -> None:
        """Write what is buffered."""
        if self.file is not None and not self.file._file.closed:
            self.file.flush()

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            self.file.close()

    def init(self) -> None:
        """Nothing: the file is open."""


class _Present:
    writer: SummaryWriter | None = None
    step: Any = None
    record: Any = True


_present = _Present()


@export("summary.create_file_writer")
def create_file_writer(logdir: Any, max_queue: Any = None, flush_millis: Any = None,
                       filename_suffix: Any = None, name: Any = None,
                       experimental_trackable: bool = False) -> SummaryWriter:  # fmt: skip
    """A writer of event files in a folder."""
    return SummaryWriter(EventFile(path_of(logdir), filename_suffix or ""))


@export("summary.create_noop_writer")
def create_noop_writer() -> SummaryWriter:
    """A writer that writes nothing."""
    return SummaryWriter(None)


@export("summary.flush")
def flush(writer: Any = None, name: Any = None) -> None:
    """Write what is buffered."""
    chosen = writer or _present.writer
    if chosen is not None:
        chosen.flush()


@export("summary.record_if")
@contextlib.contextmanager
def record_if(condition: Any) -> Iterator[None]:
    """Summaries inside are written only where `condition` (or what it returns) is true."""
    previous, _present.record = _present.record, condition
    try:
        yield
    finally:
        _present.record = previous


@export("summary.should_record_summaries")
def should_record_summaries() -> bool:
    """Whether a summary would be written now."""
    record = _present.record() if callable(_present.record) else _present.record
    return _present.writer is not None and bool(np.asarray(record))


@export("summary.experimental.set_step")
def set_step(step: Any) -> None:
    """The step of summaries that give none."""
    _present.step = step


@export("summary.experimental.get_step")
def get_step() -> Any:
    """What set_step set."""
    return _present.step


def _write(tag: str, metadata: bytes, step: Any, data: Any, make: Any) -> bool:
    """An event with `make(array)` as its tensor, after each run of a compiled function."""
    writer = _present.writer
    if writer is None or writer.file is None or not should_record_summaries():
        return False
    step = _present.step if step is None else step
    if step is None:
        raise ValueError("No step set. Please specify one either through the `step` argument or "
                         "through tf.summary.experimental.set_step()")  # fmt: skip
    file = writer.file

    def emit(array: np.ndarray, at: np.ndarray) -> None:
        value = pb.chunk(1, tag) + pb.chunk(9, metadata) + pb.chunk(8, tensor_proto(make(array)))
        file.add(event(int(at), pb.chunk(1, value)))

    effects.perform(emit, data, raw(step) if raw(step) is not None else np.asarray(step))
    return True


@export("summary.scalar")
def scalar(name: str, data: Any, step: Any = None, description: Any = None) -> bool:
    """A number, for the curve `name`."""
    about = _metadata("scalars", description, data_class=1)
    return _write(name, about, step, data, lambda x: np.asarray(x, np.float32).reshape(()))


@export("summary.text")
def text(name: str, data: Any, step: Any = None, description: Any = None) -> bool:
    """A text."""
    return _write(
        name, _metadata("text", description, data_class=2), step, to_array(data), np.asarray
    )


@export("summary.write")
def write(tag: str, tensor: Any, step: Any = None, metadata: Any = None, name: Any = None) -> bool:
    """Any tensor."""
    return _write(tag, _metadata("tensor", ""), step, tensor, np.asarray)


@export("summary.histogram")
def histogram(name: str, data: Any, step: Any = None, buckets: Any = None,
              description: Any = None) -> bool:  # fmt: skip
    """How numbers are distributed, in buckets of equal width."""

    def counted(x: np.ndarray) -> np.ndarray:
        counts, edges = np.histogram(x.reshape(-1), int(buckets or 30))
        return np.stack([edges[:-1], edges[1:], counts], axis=1).astype(np.float64)

    return _write(name, _metadata("histograms", description, data_class=2), step, data, counted)


@export("summary.image")
def image(name: str, data: Any, step: Any = None, max_outputs: int = 3,
          description: Any = None) -> bool:  # fmt: skip
    """Images [n, height, width, channels]; floats are in [0, 1]."""

    def encoded(x: np.ndarray) -> np.ndarray:
        from tensorflow_lamella.io.images import encode
        from tensorflow_lamella.ops.color import converted

        pixels = converted(x[: int(max_outputs)], "uint8", saturate=True)
        files = [encode(p, "PNG").item() for p in pixels]
        size = [str(x.shape[2]).encode(), str(x.shape[1]).encode()]
        return np.array([*size, *files, None], object)[:-1]

    return _write(name, _metadata("images", description, data_class=3), step, data, encoded)
