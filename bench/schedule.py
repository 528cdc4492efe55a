"""Which process measures what, in which order, and how one that hangs or fails is survived."""

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import plain
from bench.environments import ROOT


@dataclass(frozen=True)
class Backend:
    """environment: whose Python runs it; module: the worker; variables: set for it."""

    environment: str
    module: str
    variables: dict[str, str]

    @property
    def is_plain(self) -> bool:
        return self.module.startswith("bench.plain")


def _keras(name: str) -> Backend:
    return Backend(name, "bench.run_keras", {"KERAS_BACKEND": name})


BACKENDS = {
    "lamella": _keras("lamella"),
    "tensorflow": _keras("tensorflow"),
    "jax": _keras("jax"),
    "torch": _keras("torch"),
    "jax-scan": Backend("jax", "bench.plain.run_jax", {}),
    "torch-eager": Backend("torch", "bench.plain.run_torch", {"BENCH_TORCH": "eager"}),
    "torch-compile": Backend("torch", "bench.plain.run_torch", {"BENCH_TORCH": "compile"}),
}
PEERS = ("tensorflow", "jax", "torch")  # the ones that Lamella's ratios are taken against
PLAIN = tuple(name for name, backend in BACKENDS.items() if backend.is_plain)


@dataclass(frozen=True)
class Limits:
    """Bounds on one process: warm units of training (count and seconds), and its whole time."""

    least: int = 2
    most: int = 12
    seconds: float = 6.0
    timeout: float = 900.0


@dataclass(frozen=True)
class Job:
    """One process: python is the interpreter, prepared the workload's file."""

    workload: str
    backend: str
    python: str
    prepared: Path


def order(rounds: int, workloads: list[str], backends: list[str]) -> Iterator[tuple[int, str, str]]:
    """(round, workload, backend): backends side by side, in another order in each round."""
    rng = random.Random(0)
    for round_ in range(rounds):
        for workload in workloads:
            fitting = [b for b in backends if not BACKENDS[b].is_plain or workload in plain.NAMES]
            for backend in rng.sample(fitting, len(fitting)):
                yield round_, workload, backend


def measure(job: Job, limits: Limits) -> dict[str, Any]:
    """The result of a job, or {"error": last line of what it said}.

    Every job has empty code caches. Lamella is started twice on them: "first" is with the empty
    cache, "first_cached" and all else with what the first process left there.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = Path(scratch)
        if job.backend != "lamella":
            return launch(job, limits, folder, [])
        cold = launch(job, limits, folder, ["--first-only"])
        if "error" in cold:
            return cold
        cached = launch(job, limits, folder, [])
        if "error" in cached:
            return cached
        return cached | {"first": cold["first"], "first_cached": cached["first"]}


def launch(job: Job, limits: Limits, folder: Path, options: list[str]) -> dict[str, Any]:
    """Runs one worker to its end, its failure or its time limit."""
    result = folder / "result.json"
    command = [job.python, "-m", BACKENDS[job.backend].module]
    command += [job.workload, str(job.prepared), str(result)]
    command += ["--least", str(limits.least), "--most", str(limits.most)]
    command += ["--seconds", str(limits.seconds), *options, "--started", repr(time.time())]
    said = folder / "said.txt"
    load = Load()
    with said.open("wb") as sink:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=variables(job.backend, folder),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(limits.timeout)
        except subprocess.TimeoutExpired:
            return {"error": f"no result after {limits.timeout:g} s"}
        finally:
            end(process)
    if process.returncode == 0:
        return json.loads(result.read_text()) | {"others": load.of_others()}
    return {"error": last_line(said.read_text(errors="replace"), process.returncode)}


class Load:
    """How busy other processes kept the machine since this was made."""

    def __init__(self) -> None:
        self.begun, self.all, self.ours = time.time(), busy_seconds(), children_seconds()

    def of_others(self) -> float:
        """Share of all cores' time that went to processes which are not this one's children."""
        elapsed = (time.time() - self.begun) * (os.cpu_count() or 1)
        busy = busy_seconds() - self.all - (children_seconds() - self.ours)
        return max(0.0, busy / elapsed)


def busy_seconds() -> float:
    """Processor time spent by everything on the machine, stolen time included; 0 where unknown."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    # user nice system idle iowait irq softirq steal
    times = [int(field) for field in stat.read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(times) - times[3] - times[4]) / os.sysconf("SC_CLK_TCK")


def children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def end(process: subprocess.Popen) -> None:
    """Ends the worker and whatever it started (compilers, say)."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def variables(backend: str, folder: Path) -> dict[str, str]:
    """The process's environment: on the CPU, without the user's Keras settings or code caches."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "-1"}
    folders = {
        "KERAS_HOME": str(folder / "keras"),
        "LAMELLA_CACHE_DIR": str(folder / "lamella"),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
    }
    return os.environ | quiet | folders | BACKENDS[backend].variables


def last_line(text: str, code: int) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else f"exit status {code}"
