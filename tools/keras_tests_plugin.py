"""pytest plugin: Keras's own tests, from the installed wheel, on the backend of KERAS_BACKEND.

It stands in for Keras's conftest.py and pytest settings, which the wheel does not hold, and writes
one JSON line for each test to the file named by KERAS_TESTS_REPORT, and a last one. Tests are named
`file::test`, from KERAS_TESTS_FOLDER. Those in the file KERAS_TESTS_DONE, one a line, are left out.
"""

from __future__ import annotations

import ast
import faulthandler
import importlib.machinery
import importlib.util
import json
import os
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from keras_lamella.install import NAME, add_branch, install

WARNINGS = (
    "error",
    *(
        f"ignore::{kind}Warning"
        for kind in ("Deprecation", "Import", "Runtime", "PendingDeprecation", "Future", "User")
    ),
)
BACKENDS = {"'tensorflow'", "'jax'", "'torch'"}
TRAINER_TEST = "keras.src.trainers.trainer_test"


class TrainerTestLoader(importlib.machinery.SourceFileLoader):
    """trainer_test.py knows the Trainers and the devices of backends by name, and no others."""

    def get_code(self, fullname: str) -> Any:
        path = self.get_filename(fullname)
        tree = ast.parse(self.get_data(path), path)
        add_branch(tree, "from keras_lamella.src.trainer import Trainer")
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict) and BACKENDS <= {ast.unparse(k) for k in node.keys if k}:
                node.keys.append(ast.Constant(NAME))
                node.values.append(ast.Constant("cpu"))
        ast.fix_missing_locations(tree)
        return compile(tree, path, "exec", dont_inherit=True)


class TrainerTestFinder:
    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if name != TRAINER_TEST:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.origin is not None:
            spec.loader = TrainerTestLoader(name, spec.origin)
        return spec


def _conftest() -> types.ModuleType:
    """What seven of Keras's test files import from its conftest.py."""
    module = types.ModuleType("conftest")

    def skip_if_backend(given_backend: str, reason: str) -> Any:
        name = os.environ["KERAS_BACKEND"]
        return pytest.mark.skipif(name == given_backend, reason=reason)

    module.skip_if_backend = skip_if_backend  # type: ignore[attr-defined]
    return module


def pytest_configure(config: pytest.Config) -> None:
    ROOTS.append(config.rootpath)
    for marker in ("requires_trainable_backend", "multi_device"):
        config.addinivalue_line("markers", f"{marker}: set by Keras")
    for line in WARNINGS:
        config.addinivalue_line("filterwarnings", line)
    if os.environ.get("KERAS_BACKEND") == NAME:
        install()
        sys.meta_path.insert(0, TrainerTestFinder)  # type: ignore[arg-type]
    sys.modules["conftest"] = _conftest()
    sys.path.extend(filter(None, os.environ.get("KERAS_TESTS_APPEND", "").split(os.pathsep)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    done = set(Path(os.environ["KERAS_TESTS_DONE"]).read_text(encoding="utf-8").splitlines())
    finished = {item for item in items if _test(item.nodeid) in done}
    config.hook.pytest_deselected(items=list(finished))
    items[:] = [item for item in items if item not in finished]
    for item in items:
        if item.get_closest_marker("multi_device"):
            item.add_marker(pytest.mark.skip(reason="needs several devices"))


def _test(nodeid: str) -> str:
    """`file::test` for pytest's name of a test, which starts at its root folder."""
    file, _, test = nodeid.partition("::")
    path = os.path.relpath(ROOTS[0] / file, os.environ["KERAS_TESTS_FOLDER"])
    return f"{path}::{test}"


#: pytest's root folder, as soon as it is known.
ROOTS: list[Path] = []


# ---- the report --------------------------------------------------------------------------------

#: How Python, Keras and Lamella name a package that is not installed.
NAMED = re.compile(r"No module named '(\w+)|pip install '?([\w-]+)|requires installing (\w+)")
MODULES = {
    "pillow": "PIL",
    "orbax-checkpoint": "orbax",
    "protobuf": "google",
    "TensorFlow": "tensorflow",
}


def is_missing_package(message: str) -> bool:
    """Does an error's message name a package that is indeed not installed?"""
    packages = ["".join(groups) for groups in NAMED.findall(message)]
    modules = [MODULES.get(p, p.replace("-", "_")) for p in packages]
    return any(importlib.util.find_spec(module) is None for module in modules)


def _write(test: str, outcome: str, **record: Any) -> None:
    with open(os.environ["KERAS_TESTS_REPORT"], "a", encoding="utf-8") as file:
        file.write(json.dumps({"test": test, "outcome": outcome, **record}) + "\n")


def pytest_runtest_logstart(nodeid: str) -> None:
    seconds = float(os.environ["KERAS_TESTS_TIMEOUT"])
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)
    _write(_test(nodeid), "started")


def pytest_runtest_logfinish() -> None:
    faulthandler.cancel_dump_traceback_later()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when != "call" and report.passed:
        return
    message = _last_line(report) if report.failed else ""
    outcome: str = report.outcome
    if hasattr(report, "wasxfail"):
        outcome = "xfailed"
    elif report.skipped and isinstance(report.longrepr, tuple):
        message = report.longrepr[2].removeprefix("Skipped: ")
    elif is_missing_package(message):
        outcome = "skipped"
    seconds = round(report.duration, 3)
    _write(_test(report.nodeid), outcome, seconds=seconds, message=message)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        message = _last_line(report)
        outcome = "uncollectable" if is_missing_package(message) else "failed"
        _write(_test(report.nodeid), outcome, message=message)


def pytest_sessionfinish() -> None:
    _write("", "finished")


def _last_line(report: Any) -> str:
    lines = [x[2:].strip() for x in report.longreprtext.splitlines() if x.startswith("E ")]
    return next(filter(None, lines), "")[:300]
