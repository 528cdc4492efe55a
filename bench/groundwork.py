"""What a run needs before it measures: interpreters, prepared workloads, the machine's figures."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import environments, prepared
from bench.environments import ROOT
from bench.schedule import BACKENDS, last_line


def interpreters(folder: Path, names: set[str]) -> dict[str, dict[str, Any]]:
    """{environment: {"python", "megabytes"} or {"error"}}: a failed build stops nothing."""
    found: dict[str, dict[str, Any]] = {}
    for name in sorted(names):
        try:
            python = environments.python_of(folder, name)
            megabytes = environments.installed_megabytes(python)
            found[name] = {"python": str(python), "megabytes": megabytes}
        except (OSError, subprocess.CalledProcessError) as error:
            found[name] = {"error": f"the environment {name} could not be built: {error}"}
    return found


def prepare(folder: Path, names: list[str], found: dict[str, dict[str, Any]]) -> dict[str, Path]:
    """The file of each workload, written by the first Keras backend that can."""
    files = {name: prepared.path_of(folder, name) for name in names}
    said = "no environment with Keras was asked for"
    for environment in ("lamella", "jax", "torch", "tensorflow"):
        missing = [name for name, file in files.items() if not file.exists()]
        if missing and "python" in found.get(environment, {}):
            command = [found[environment]["python"], "-m", "bench.prepared", str(folder), *missing]
            variables = os.environ | BACKENDS[environment].variables
            done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
            said = last_line(done.stderr, done.returncode)
    missing = [name for name, file in files.items() if not file.exists()]
    if missing:
        sys.exit(f"bench: {', '.join(missing)} could not be prepared: {said}")
    return files


def facts(file: Path) -> dict[str, Any]:
    """Rows, batch size, epochs timed as one and FLOPs per row of a prepared workload."""
    return json.loads(file.with_suffix(".json").read_text())


def machine() -> dict[str, Any]:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def peak_gflops(found: dict[str, dict[str, Any]]) -> float | None:
    """Measured in Lamella's environment, which has LLVM; None without it."""
    python = found.get("lamella", {}).get("python")
    if python is None:
        return None
    command = [python, "-m", "bench.peak"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return float(done.stdout) if done.returncode == 0 else None
