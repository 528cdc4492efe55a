"""The examples do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    result = subprocess.run(
        [sys.executable, *command],
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def accuracy(output: str) -> float:
    """Of the last line, `lamella: test loss L, accuracy A`."""
    found = re.fullmatch(r"lamella: test loss [\d.]+, accuracy ([\d.]+)", output.splitlines()[-1])
    assert found, output
    return float(found[1])


def test_linear_regression_finds_the_line():
    output = run("examples/linear_regression.py")
    slope = [float(x) for x in re.findall(r"slope +\[([^]]*)\],", output)[0].split()]
    assert slope == pytest.approx([2, -3, 0.5], abs=0.02)


def test_mnist_mlp():
    assert accuracy(run("-m", "lamella", "run", "examples/mnist_mlp.py", "--epochs", "1")) > 0.94


@pytest.mark.slow
def test_mnist_cnn():
    assert accuracy(run("-m", "lamella", "run", "examples/mnist_cnn.py", "--epochs", "2")) > 0.97
