"""Run Keras's own tests, as the installed wheel holds them, on Lamella: a table by folder.

    python tools/run_keras_tests.py                      # all that a backend has to pass
    python tools/run_keras_tests.py losses ops/nn_test.py    # folders and files of keras/src
    python tools/run_keras_tests.py --append ~/tf/lib/python3.11/site-packages \
                                    --append ~/torch/lib/python3.11/site-packages

The files of a folder share a process. One that crashes or hangs is started again without the test
that did it, so that it costs one test. Many test files import TensorFlow, JAX or torch for
reference values: without those packages they are uncollectable, `--append` lends them from
elsewhere.
`--out` keeps the records: several runs with one file, folder by folder, end in the table of all.

tests/keras_exclusions.txt lists the tests that may fail, each with its reason. The exit status is
0 where no other test fails and every listed one still does.
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
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EXCLUSIONS = ROOT / "tests" / "keras_exclusions.txt"
WITHOUT_TENSORFLOW = "without TensorFlow"  # begins the reason of a test that passes with it
#: Not a backend's business: downloads, other backends.
LEFT_OUT = (
    "applications/", "datasets/", "backend/jax/", "backend/tensorflow/", "backend/torch/",
    "backend/numpy/", "backend/openvino/",
)  # fmt: skip
COLUMNS = ("passed", "excluded", "failed", "skipped", "uncollectable")
COLUMN = {
    "passed": "passed", "xfailed": "passed", "excluded": "excluded", "stale": "passed",
    "skipped": "skipped", "uncollectable": "uncollectable",
}  # fmt: skip

Records = dict[str, dict[str, Any]]
"""test -> its outcome, seconds and message."""


@dataclass(frozen=True)
class Settings:
    """append: folders for the end of sys.path; timeouts in seconds; only: pytest's -k."""

    append: Sequence[str] = ()
    folder_timeout: float = 7200
    test_timeout: float = 300
    only: str | None = None


def keras_folder() -> Path:
    """The folder keras/src of the installed Keras."""
    spec = importlib.util.find_spec("keras")
    if spec is None or spec.origin is None:
        raise SystemExit("Keras is not installed: pip install keras")
    return Path(spec.origin).parent / "src"


def test_files(names: Sequence[str]) -> Iterator[str]:
    """The test files that `names` (files, folders; none: all) stand for, relative to keras/src."""
    src = keras_folder()
    found = {
        path.relative_to(src).as_posix()
        for name in names or ["."]
        for path in ([src / name] if name.endswith(".py") else (src / name).rglob("*_test.py"))
    }
    return iter(sorted((f for f in found if not f.startswith(LEFT_OUT)), key=_by_folder))


def _by_folder(file: str) -> tuple[str, str]:
    return os.path.split(file)


def run_files(files: Sequence[str], settings: Settings) -> dict[str, Records]:
    """The tests of each file in one process, started again after each test that ended it."""
    records: Records = {}  # of `file::test`
    while True:
        new, finished, status = _run_process(files, settings, done=list(records))
        ended = [t for t, r in new.items() if r["outcome"] == "started"]
        for test in ended:
            new[test] |= {"outcome": "crashed", "message": f"the process ended with {status}"}
        records |= new
        if not ended:
            break
    if not finished and len(files) > 1:  # it ended between tests: which file is it?
        return {file: run_files([file], settings)[file] for file in files}
    if not finished:
        records[f"{files[0]}::"] = {"outcome": "crashed", "message": f"pytest ended with {status}"}
    found: dict[str, Records] = {file: {} for file in files}
    for name, record in records.items():
        file, _, test = name.partition("::")
        found[file][test] = record
    return found


def _run_process(
    files: Sequence[str], settings: Settings, done: Sequence[str]
) -> tuple[Records, bool, int]:
    """What pytest reported, whether it came to its end, and its exit status."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "keras_tests_plugin", "--tb=short"]
    command += ["-p", "no:cacheprovider", "-c", os.devnull, "--continue-on-collection-errors"]
    command += [str(keras_folder() / file) for file in files]
    command += ["-k", settings.only] if settings.only else []
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report")
        report.touch()
        Path(folder, "done").write_text("\n".join(done), encoding="utf-8")
        environment = {
            **os.environ,
            "KERAS_BACKEND": "lamella",
            "KERAS_TESTS_FOLDER": str(keras_folder()),
            "KERAS_TESTS_REPORT": str(report),
            "KERAS_TESTS_DONE": str(Path(folder, "done")),
            "KERAS_TESTS_APPEND": os.pathsep.join(settings.append),
            "KERAS_TESTS_TIMEOUT": str(settings.test_timeout),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tools")]),
        }
        try:
            status = subprocess.run(
                command, env=environment, cwd=folder, timeout=settings.folder_timeout,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            status = -9
        lines = report.read_text(encoding="utf-8").splitlines()
    records: Records = {}
    for record in map(json.loads, lines):  # a failure stays one, whatever is told after it
        if records.get(record["test"], {}).get("outcome") != "failed":
            records[record.pop("test")] = record
    return records, records.pop("", None) is not None, status


# ---- exclusions --------------------------------------------------------------------------------


def read_exclusions(path: Path = EXCLUSIONS) -> dict[str, str]:
    """`file::test` (with * for any text) -> reason, from lines `file::test  # reason`."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("  # ") for line in lines if line and not line.startswith("#")]
    return {test.strip(): reason.strip() for test, _, reason in pairs}


def apply_exclusions(file: str, records: Records, exclusions: dict[str, str]) -> None:
    """A listed test that fails is excluded; one that passes makes its line stale, unless the reason
    is that TensorFlow is not there."""
    for test, record in records.items():
        name = f"{file}::{test}"
        for pattern, reason in exclusions.items():
            if fnmatchcase(name, pattern.replace("[", "[[]")):
                passed = "passed" if reason.startswith(WITHOUT_TENSORFLOW) else "stale"
                outcome = COLUMN.get(record["outcome"], "failed")
                record["outcome"] = {"failed": "excluded", "passed": passed}.get(outcome, outcome)


# ---- the table ---------------------------------------------------------------------------------


def table(results: dict[str, Records]) -> str:
    """Counts by folder; uncollectable counts files."""
    folders: dict[str, Counter[str]] = {}
    for file, records in sorted(results.items()):
        count = folders.setdefault(file.rpartition("/")[0] or ".", Counter())
        count.update(COLUMN.get(r["outcome"], "failed") for r in records.values())
    folders["total"] = sum(folders.values(), Counter())
    rows = [["folder", *COLUMNS]]
    rows += [[name, *(str(c[o] or "") for o in COLUMNS)] for name, c in folders.items()]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


def is_bad(record: dict[str, Any]) -> bool:
    return record["outcome"] == "stale" or COLUMN.get(record["outcome"], "failed") == "failed"


def show_bad(file: str, records: Records) -> None:
    for test, record in records.items():
        if is_bad(record) or record["outcome"] == "uncollectable":
            message = record.get("message", "")
            print(f"{record['outcome']:14}{file}::{test}  {message}", flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="files or folders of keras/src")
    parser.add_argument(
        "--append", action="append", default=[], metavar="SITE_PACKAGES",
        help="a folder for the end of sys.path",
    )  # fmt: skip
    parser.add_argument("--jobs", type=int, default=1, help="folders at a time")
    parser.add_argument("--folder-timeout", type=float, default=7200, help="seconds")
    parser.add_argument("--test-timeout", type=float, default=300, help="seconds")
    parser.add_argument(
        "--out", type=Path, help="a JSON file of records; those of other files in it stay and count"
    )
    parser.add_argument("-k", help="only tests whose name matches, as in pytest")
    return parser.parse_args()


def main() -> int:
    args = parse_arguments()
    settings = Settings(args.append, args.folder_timeout, args.test_timeout, args.k)
    files, exclusions = list(test_files(args.names)), read_exclusions()
    results: dict[str, Records] = {}
    if args.out and args.out.exists():
        results = json.loads(args.out.read_text(encoding="utf-8"))
    folders = [list(group) for _, group in groupby(files, os.path.dirname)]
    with ThreadPoolExecutor(args.jobs) as pool:
        for found in pool.map(lambda names: run_files(names, settings), folders):
            for file, records in found.items():
                apply_exclusions(file, records, exclusions)
                show_bad(file, records)
            results |= found
            if args.out:
                args.out.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print(table(results))
    return int(any(is_bad(r) for records in results.values() for r in records.values()))


if __name__ == "__main__":
    raise SystemExit(main())
