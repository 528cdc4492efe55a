"""Programs in the manner of each era run unmodified, and what they assert holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lamella

HERE = Path(__file__).parent
PROGRAMS = sorted(p.name for p in (HERE / "programs").glob("*.py"))


@pytest.fixture(scope="module")
def errors():
    """The error that ended each program, or None: all of them in one process of their own."""
    env = {k: v for k, v in os.environ.items() if k not in ("KERAS_BACKEND", "LAMELLA_DEBUG")}
    paths = [str(HERE / "programs" / name) for name in PROGRAMS]
    result = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / "runner.py"), *paths],
        env={**env, "PYTHONPATH": str(Path(lamella.__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {Path(path).name: error for path, error in lines}, result.stderr[-2000:]


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name, errors):
    ended, printed = errors
    if name not in ended:
        pytest.fail(f"the process ended before this program: {printed}")
    if ended[name] and "pip install scikit-learn" in ended[name]:
        pytest.skip("scikit-learn is not installed")
    assert ended[name] is None, ended[name]


def test_the_corpus_is_there():
    assert len(PROGRAMS) >= 45
