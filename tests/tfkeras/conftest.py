"""Programs are run in processes of their own: the bridges change the Keras of a process."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from keras_cases import errors_of

import lamella


@pytest.fixture
def run(tmp_path):
    """run(text, *options): what `lamella run` of the program printed; its errors fail the test."""

    def run(text, *options, name="program.py", command="run", fails=False, **environment):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        ours = ("KERAS_", "LAMELLA_")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        root = str(Path(lamella.__file__).parent.parent)
        result = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "lamella", command, *options, str(path)],
            env={**inherited, "PYTHONPATH": root, "LAMELLA_NUM_THREADS": "1", **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if fails:
            assert result.returncode != 0, result.stdout
            return result.stdout + result.stderr
        assert result.returncode == 0, result.stderr[-3000:]
        return result.stdout

    return run


@pytest.fixture(scope="module")
def errors(request, tmp_path_factory):
    """The error of each of the module's CASES, or None."""
    return errors_of(request.module.CASES, tmp_path_factory.mktemp("cases"))
