"""One measurement, in a process of its own: shared by the workers of Keras, PyTorch and JAX.

A worker hands `main` two callables: one imports its engine, the other makes a Subject. The result
is one JSON object. Nothing heavy is imported here: the import of the engine is itself timed.
"""

import argparse
import importlib
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from bench.prepared import Prepared

CHECK_STEPS = 20  # steps of the exact comparison of losses
MANY_ROWS = 10_000  # rows of the large predict, or all there are


class Subject(Protocol):
    """A model on an engine, with its initial weights set."""

    def fit(self, on_unit: Callable[[dict[str, float]], bool]) -> None:
        """Trains, shuffling; after each unit of epochs calls on_unit(metrics), stops if True."""

    def predict(self, x) -> Any:
        """Outputs for arrays of any number of rows, as NumPy."""

    def call(self, x) -> Any:
        """The shortest way to the outputs of one batch, as NumPy."""

    def check(self, x, y, epochs: int) -> float:
        """Mean loss of the last epoch from the initial weights, unshuffled, without dropout."""


class Units:
    """Notes the end of each unit of training with its metrics; decides when there are enough."""

    def __init__(self, started: float, limits: argparse.Namespace):
        self.started, self.limits = started, limits
        self.ends: list[float] = []
        self.metrics: list[dict[str, float]] = []

    def __call__(self, metrics: dict[str, float]) -> bool:
        self.ends.append(time.time())
        self.metrics.append(metrics)
        warm = self.warm()
        return len(warm) >= self.limits.most or (
            len(warm) >= self.limits.least and sum(warm) >= self.limits.seconds
        )

    def first(self) -> float:
        """Seconds from the start of the process to the end of the first unit."""
        return self.ends[0] - self.started

    def warm(self) -> list[float]:
        """Seconds of each later unit."""
        return [after - before for before, after in pairwise(self.ends)]


def repeat(call: Callable[[], Any], seconds: float, most: int = 300) -> dict[str, float]:
    """Seconds of one call after warming up: median and min of at least 5, for about `seconds`."""
    for _ in range(3):
        call()
    times: list[float] = []
    while len(times) < 5 or (sum(times) < seconds and len(times) < most):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return {"median": statistics.median(times), "min": min(times)}


def peak_memory() -> float:
    """The largest resident size of this process so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(t for t in status.read_text().splitlines() if t.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    scale = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", help="workload")
    parser.add_argument("prepared", help="its file of data and weights")
    parser.add_argument("result", help="where the JSON goes")
    parser.add_argument("--started", type=float, default=time.time(), help="time.time() at launch")
    parser.add_argument("--least", type=int, default=2, help="warm units, at least")
    parser.add_argument("--most", type=int, default=12, help="warm units, at most")
    parser.add_argument("--seconds", type=float, default=6.0, help="of warm units, about")
    parser.add_argument("--first-only", action="store_true", help="stop after the first unit")
    return parser.parse_args()


def main(
    import_engine: Callable[[], dict[str, str]],
    make: Callable[[str, Prepared], Subject],
) -> None:
    """Measures and writes the result; import_engine returns versions."""
    limits = arguments()
    if limits.first_only:
        limits.least = limits.most = 0
    begun = time.perf_counter()
    versions = import_engine()
    result: dict[str, Any] = {"import": time.perf_counter() - begun, "versions": versions}
    prepared = Prepared(limits.prepared)
    subject = make(limits.name, prepared)
    units = Units(limits.started, limits)
    subject.fit(units)
    result |= {"first": units.first(), "warm": units.warm(), "metrics": units.metrics}
    if not limits.first_only:
        result |= inference(subject, prepared, min(1.0, limits.seconds))
        result["memory"] = peak_memory()
        result["check"] = check(subject, prepared)
    Path(limits.result).write_text(json.dumps(result))


def inference(subject: Subject, prepared: Prepared, seconds: float) -> dict[str, Any]:
    one, _ = prepared.take(1)
    many, y = prepared.take(MANY_ROWS)
    return {
        "predict_one": repeat(lambda: subject.predict(one), seconds),
        "call_one": repeat(lambda: subject.call(one), seconds),
        "predict_many": repeat(lambda: subject.predict(many), seconds),
        "predict_many_rows": len(y),
    }


def check(subject: Subject, prepared: Prepared) -> float:
    x, y = prepared.take(CHECK_STEPS * prepared.batch_size)
    steps_per_epoch = -(-len(y) // prepared.batch_size)
    return subject.check(x, y, CHECK_STEPS // steps_per_epoch)


def load_workload(name: str):
    return importlib.import_module(f"bench.workloads.{name}")
