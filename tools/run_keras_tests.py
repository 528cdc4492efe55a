"""Run Keras's own tests, as the installed wheel holds them, on Lamella: a table by folder.

    python tools/run_keras_tests.py                          # what needs no TensorFlow
    python tools/run_keras_tests.py ops/nn_test.py losses    # files and folders of keras/src
    python tools/run_keras_tests.py --path ~/jax/site-packages --path ~/tf/site-packages .

A file is a process of its own. One that crashes or hangs is started again after the test that did
it, so that it costs one test. `--path` adds folders at the end of sys.path: many test files import
TensorFlow or JAX for reference values.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DEFAULT = (
    "activations", "callbacks", "constraints", "dtype_policies", "initializers",
    "layers/activations", "layers/attention", "layers/convolutional", "layers/core", "layers/layer_test.py",
    "layers/merging", "layers/normalization", "layers/pooling", "layers/regularization",
    "layers/reshaping", "layers/rnn", "losses", "metrics", "models", "ops", "optimizers",
    "quantizers", "random", "regularizers", "saving", "trainers", "utils", "wrappers",
)  # fmt: skip
LEFT_OUT = ("applications/", "datasets/", "backend/jax/", "backend/tensorflow/", "backend/torch/")
OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "crashed", "timeout", "uncollected")
BAD = ("failed", "error", "crashed", "timeout", "uncollected")


def keras_folder() -> Path:
    spec = importlib.util.find_spec("keras")
    if spec is None or spec.origin is None:
        raise SystemExit("Keras is not installed: pip install keras")
    return Path(spec.origin).parent / "src"


def test_files(src: Path, names: list[str]) -> Iterator[str]:
    """Paths relative to keras/src, each once."""
    found = {
        path.relative_to(src).as_posix()
        for name in names
        for path in ([src / name] if name.endswith(".py") else (src / name).rglob("*_test.py"))
    }
    return iter(sorted(f for f in found if not f.startswith(LEFT_OUT)))


def run_file(src: Path, file: str, args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """test -> its record; the file is started again after each test that ended the process."""
    records: dict[str, dict[str, Any]] = {}
    while True:
        new, timed_out, status = _run_once(src, file, args, list(records))
        unfinished = [t for t, r in new.items() if r["outcome"] == "started"]
        for test in unfinished:
            new[test]["outcome"] = "timeout" if timed_out else "crashed"
        records.update(new)
        if not unfinished:
            if not records and status not in (0, 5):
                records[""] = {"outcome": "timeout" if timed_out else "crashed"}
            return records


def _run_once(
    src: Path, file: str, args: argparse.Namespace, done: list[str]
) -> tuple[dict[str, dict[str, Any]], bool, int]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report")
        report.touch()
        environment = {
            **os.environ,
            "KERAS_BACKEND": args.backend,
            "KERAS_TESTS_REPORT": str(report),
            "KERAS_TESTS_PATH": os.pathsep.join(args.path),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tools")]),
        }
        command = [sys.executable, "-m", "pytest", "-q", "-p", "keras_tests_plugin"]
        command += ["-p", "no:cacheprovider", "--tb=short", "-c", os.devnull, str(src / file)]
        command += [f"--deselect={src / file}::{t}" for t in done]
        command += ["-k", args.k] if args.k else []
        try:
            ended = subprocess.run(
                command, env=environment, cwd=folder, capture_output=True, timeout=args.timeout
            )
            timed_out, status = False, ended.returncode
        except subprocess.TimeoutExpired:
            timed_out, status = True, 1
        lines = report.read_text(encoding="utf-8").splitlines()
    records: dict[str, dict[str, Any]] = {}
    for record in map(json.loads, lines):
        if record["outcome"] != "passed" or records.get(record["test"], {}).get("outcome") not in (
            "failed",
            "error",
        ):
            records[record["test"]] = record
    return records, timed_out, status


def table(results: dict[str, dict[str, dict[str, Any]]]) -> str:
    folders: dict[str, Counter[str]] = {}
    for file, records in results.items():
        count = folders.setdefault(file.rpartition("/")[0] or ".", Counter())
        count.update(r["outcome"] for r in records.values())
    folders["total"] = sum(folders.values(), Counter())
    rows = [["folder", *OUTCOMES]]
    rows += [[name, *(str(c[o] or "") for o in OUTCOMES)] for name, c in folders.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                  for i, (cell, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )  # fmt: skip


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", default=list(DEFAULT), help="files or folders")
    parser.add_argument("--backend", default="lamella")
    parser.add_argument("--path", action="append", default=[], help="added to the end of sys.path")
    parser.add_argument("--jobs", type=int, default=1, help="files at a time")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for a file")
    parser.add_argument("--out", type=Path, help="write every record to this JSON file")
    parser.add_argument("-k", help="only tests whose name matches, as in pytest")
    return parser.parse_args()


def main() -> int:
    args, src = parse_arguments(), keras_folder()
    files = list(test_files(src, args.names))
    results: dict[str, dict[str, dict[str, Any]]] = {}
    with ThreadPoolExecutor(args.jobs) as pool:
        for file, records in zip(files, pool.map(lambda f: run_file(src, f, args), files)):
            results[file] = records
            for test, record in records.items():
                if record["outcome"] in BAD:
                    print(f"{record['outcome']:12}{file}::{test}  {record.get('message', '')}")
            sys.stdout.flush()
    print(table(results))
    if args.out:
        args.out.write_text(json.dumps(results, indent=1), encoding="utf-8")
    return int(any(r["outcome"] in BAD for records in results.values() for r in records.values()))


if __name__ == "__main__":
    raise SystemExit(main())
