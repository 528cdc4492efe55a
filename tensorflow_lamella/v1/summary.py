"""tf.summary of TensorFlow 1: operations that give serialised summaries, and the FileWriter."""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorflow_lamella.core import state
from tensorflow_lamella.io import protobuf as pb
from tensorflow_lamella.names import export, get
from tensorflow_lamella.train.summary import EventFile, event
from tensorflow_lamella.v1.graph import GraphKeys, get_default_graph
from tensorflow_lamella.v1.tensor import GraphTensor
from tensorflow_lamella.v1.variables import host_operation


def _value(tag: str, content: bytes) -> bytes:
    """A Summary of one value."""
    return pb.chunk(1, pb.chunk(1, tag) + content)


def _operation(name: str, tensor: Any, collections: Any, family: str | None, kind: str,
               serialise: Callable[[str, np.ndarray], bytes]) -> GraphTensor:  # fmt: skip
    graph = get_default_graph()
    scope = graph.get_name_scope()
    tag = "/".join(part for part in (scope, family, name.replace(" ", "_")) if part)

    def run(session: Any, array: np.ndarray) -> list[np.ndarray]:
        return [np.array(serialise(tag, array), object)]

    (t,) = host_operation(run, [tensor], [("string", ())], name.replace(" ", "_"), kind).outputs
    graph.add_to_collections(collections or [GraphKeys.SUMMARIES], t)
    return t


def _graphs_only(name: str) -> Callable[[Any], Any]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        def dispatch(*args: Any, **kwargs: Any) -> Any:
            if state.graph() is None:
                return get(f"summary.{name}", 2)(*args, **kwargs)
            return function(*args, **kwargs)

        dispatch.__doc__ = function.__doc__
        return export(f"summary.{name}", version=1)(dispatch)

    return decorate


@_graphs_only("scalar")
def scalar(name: str, tensor: Any, collections: Any = None, family: str | None = None) -> Any:
    """A number, for the curve `name`."""

    def serialise(tag: str, x: np.ndarray) -> bytes:
        return _value(tag, pb.single(2, float(x.reshape(()))))

    return _operation(name, tensor, collections, family, "ScalarSummary", serialise)


@_graphs_only("histogram")
def histogram(name: str, values: Any, collections: Any = None, family: str | None = None) -> Any:
    """How numbers are distributed."""

    def serialise(tag: str, x: np.ndarray) -> bytes:
        return _value(tag, pb.chunk(5, _histogram(x.astype(np.float64).reshape(-1))))

    return _operation(name, values, collections, family, "HistogramSummary", serialise)


def _histogram(x: np.ndarray) -> bytes:
    counts, edges = np.histogram(x, 30) if x.size else (np.zeros(1), np.zeros(2))
    ends = (float(x.min()), float(x.max())) if x.size else (0.0, 0.0)
    numbers = (*ends, float(x.size), float(x.sum()), float((x * x).sum()))
    head = b"".join(pb.double(i + 1, v) for i, v in enumerate(numbers))
    return (head + pb.chunk(6, edges[1:].astype("<f8").tobytes())
            + pb.chunk(7, counts.astype("<f8").tobytes()))  # fmt: skip


@_graphs_only("image")
def image(name: str, tensor: Any, max_outputs: int = 3, collections: Any = None,
          family: str | None = None) -> Any:  # fmt: skip
    """Images (n, height, width, channels); floats are scaled to what can be seen."""

    def serialise(tag: str, x: np.ndarray) -> bytes:
        out = b""
        for i, pixels in enumerate(x[:max_outputs]):
            label = f"{tag}/image" if max_outputs == 1 else f"{tag}/image/{i}"
            height, width, channels = pixels.shape
            picture = (pb.integer(1, height) + pb.integer(2, width) + pb.integer(3, channels)
                       + pb.chunk(4, png(_visible(pixels))))  # fmt: skip
            out += _value(label, pb.chunk(4, picture))
        return out

    return _operation(name, tensor, collections, family, "ImageSummary", serialise)


def _visible(pixels: np.ndarray) -> np.ndarray:
    """Bytes: non-negative numbers are scaled to 255, others around 127 as TensorFlow does."""
    if pixels.dtype == np.uint8:
        return pixels
    x = np.nan_to_num(pixels.astype(np.float64))
    low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 0.0)
    if low < 0:
        largest = max(abs(low), abs(high))
        x = x * (127.0 / largest if largest else 0.0) + 128.0
    else:
        x = x * (255.0 / high if high else 0.0)
    return np.clip(x, 0, 255).astype(np.uint8)


_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of uint8 pixels (height, width, channels)."""
    height, width, channels = pixels.shape

    def part(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header)
            + part(b"IDAT", zlib.compress(rows.tobytes())) + part(b"IEND", b""))  # fmt: skip


@_graphs_only("text")
def text(name: str, tensor: Any, collections: Any = None) -> Any:
    """A text."""

    def serialise(tag: str, x: np.ndarray) -> bytes:
        from tensorflow_lamella.train.summary import _metadata, tensor_proto

        return _value(tag, pb.chunk(9, _metadata("text", "")) + pb.chunk(8, tensor_proto(x)))

    return _operation(name, tensor, collections, None, "TextSummary", serialise)


@export("summary.merge", version=1)
def merge(inputs: Sequence[Any], collections: Any = None, name: str | None = None) -> Any:
    """One serialised summary of several."""

    def run(session: Any, *parts: np.ndarray) -> list[np.ndarray]:
        return [np.array(b"".join(p.item() for p in parts), object)]

    (t,) = host_operation(run, list(inputs), [("string", ())], name or "Merge/MergeSummary",
                          "MergeSummary").outputs  # fmt: skip
    if collections:
        get_default_graph().add_to_collections(collections, t)
    return t


@export("summary.merge_all", version=1)
def merge_all(key: str = GraphKeys.SUMMARIES, scope: str | None = None, name: Any = None) -> Any:
    """One serialised summary of all in the collection; None where there are none."""
    found = get_default_graph().get_collection(key, scope)
    return merge(found, name=name) if found else None


class Summary:
    """A summary that a program fills in itself: tf.Summary(value=[tf.Summary.Value(...)])."""

    class Value:
        """One number under a tag."""

        def __init__(self, tag: str = "", simple_value: float = 0.0, **unused: Any) -> None:
            self.tag, self.simple_value = tag, simple_value

    class _Values(list):
        def add(self, **kwargs: Any) -> Summary.Value:
            self.append(Summary.Value(**kwargs))
            return self[-1]

    def __init__(self, value: Sequence[Any] = ()) -> None:
        self.value = Summary._Values(value)

    def SerializeToString(self) -> bytes:
        """The protocol buffer."""
        return b"".join(_value(v.tag, pb.single(2, float(v.simple_value))) for v in self.value)


export("Summary", "summary.Summary", version=1)(Summary)


@export("summary.FileWriter", "train.SummaryWriter", "contrib.summary.create_file_writer_v1",
        version=1)  # fmt: skip
class FileWriter:
    """Writes event files that TensorBoard reads."""

    def __init__(self, logdir: str, graph: Any = None, max_queue: int = 10, flush_secs: int = 120,
                 graph_def: Any = None, filename_suffix: str | None = None,
                 session: Any = None) -> None:  # fmt: skip
        self._logdir = os.fspath(logdir)
        self._file: EventFile | None = EventFile(self._logdir, filename_suffix or "")
        if graph is not None:
            self.add_graph(graph)

    def get_logdir(self) -> str:
        """The folder."""
        return self._logdir

    def _add(self, data: bytes) -> None:
        if self._file is None:
            self._file = EventFile(self._logdir)
        self._file.add(data)

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Write a summary: what a run gave, or a tf.Summary."""
        data = summary if isinstance(summary, bytes) else summary.SerializeToString()
        self._add(event(int(global_step or 0), data))

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Write the nodes of a graph, for TensorBoard's page of graphs."""
        definition = getattr(graph, "as_graph_def", lambda: graph)()
        nodes = b"".join(pb.chunk(1, _node(op)) for op in getattr(definition, "node", ()))
        self._add(pb.double(1, time.time()) + pb.integer(2, int(global_step or 0))
                  + pb.chunk(4, nodes))  # fmt: skip

    def add_session_log(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""

    add_meta_graph = add_run_metadata = add_session_log

    def flush(self) -> None:
        """Write what is buffered."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Close the file; another one is opened when something is added."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def reopen(self) -> None:
        """Open another file."""

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


def _node(op: Any) -> bytes:
    inputs = [t.name.removesuffix(":0") for t in op.inputs]
    inputs += [f"^{c.name}" for c in op.control_inputs]
    return (pb.chunk(1, op.name) + pb.chunk(2, op.type)
            + b"".join(pb.chunk(3, name) for name in inputs))  # fmt: skip


@export("summary.FileWriterCache", version=1)
class FileWriterCache:
    """One FileWriter for each folder."""

    _writers: dict[str, FileWriter] = {}  # noqa: RUF012 (it is shared)

    @classmethod
    def get(cls, logdir: str) -> FileWriter:
        """The writer of a folder."""
        return cls._writers.setdefault(logdir, FileWriter(logdir))

    @classmethod
    def clear(cls) -> None:
        """Close all."""
        for writer in cls._writers.values():
            writer.close()
        cls._writers.clear()


def _old(name: str, function: Any) -> None:
    """The name until 0.12; a tag could hold spaces."""

    def summary(tag: Any, values: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("name", None)
        return function(tag if isinstance(tag, str) else str(tag), values, *args, **kwargs)

    summary.__doc__ = f"tf.summary.{function.__name__}: the name until 0.12."
    export(name, version=1)(summary)


_old("scalar_summary", scalar)
_old("histogram_summary", histogram)
_old("image_summary", image)
export("merge_summary", version=1)(merge)
export("merge_all_summaries", version=1)(merge_all)
