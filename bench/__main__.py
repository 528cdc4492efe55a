"""Times the same Keras programs on Lamella and its peers, whose environments it builds."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import environments, groundwork, report, schedule, workloads
from bench.schedule import BACKENDS


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--workloads", nargs="+", choices=workloads.NAMES, default=workloads.NAMES, metavar="NAME"
    )
    parser.add_argument(
        "--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS), metavar="NAME"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round, one warm epoch each")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for one process")
    parser.add_argument("--peak", type=float, help="float32 GFLOP/s of all cores (else measured)")
    parser.add_argument(
        "--environments",
        type=Path,
        default=environments.default_folder(),
        help=f"where they are kept (default: ${environments.FOLDER_VARIABLE} or .bench-envs)",
    )
    parser.add_argument("--output", type=Path, help="where results go (default: in environments)")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    folder = options.environments.resolve()
    output = options.output or folder / "results"
    output.mkdir(parents=True, exist_ok=True)
    results, files = describe(options, folder)
    limits = schedule.Limits(timeout=options.timeout)
    if options.quick:
        options.rounds = 1
        limits = schedule.Limits(least=1, most=1, seconds=0.2, timeout=options.timeout)
    jobs = schedule.order(options.rounds, options.workloads, options.backends)
    for round_, workload, backend in jobs:
        environment = results["environments"][BACKENDS[backend].environment]
        job = schedule.Job(workload, backend, environment.get("python"), files[workload])
        run = schedule.measure(job, limits) if job.python else {"error": environment["error"]}
        run |= {"round": round_, "workload": workload, "backend": backend}
        results["runs"].append(run)
        print(report.one_line(run), file=sys.stderr, flush=True)
        (output / "results.json").write_text(json.dumps(results, indent=1))
    write_report(results, output, folder)


def describe(options: argparse.Namespace, folder: Path) -> tuple[dict[str, Any], dict[str, Path]]:
    """The head of the results (machine, environments, workloads) and each workload's file."""
    names = {BACKENDS[backend].environment for backend in options.backends}
    found = groundwork.interpreters(folder, names)
    files = groundwork.prepare(folder / "data", options.workloads, found)
    results = {
        "machine": groundwork.machine()
        | {"peak_gflops": options.peak or groundwork.peak_gflops(found)},
        "environments": found,
        "workloads": {name: groundwork.facts(file) for name, file in files.items()},
        "backends": options.backends,
        "runs": [],
    }
    return results, files


def write_report(results: dict[str, Any], output: Path, folder: Path) -> None:
    text = report.markdown(results)
    (output / "results.md").write_text(text)
    print(text)
    try:
        python = environments.python_of(folder, "plot")
        command = [python, "-m", "bench.plot", output / "results.json", output / "results.png"]
        subprocess.run(command, cwd=environments.ROOT, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"no plot: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
