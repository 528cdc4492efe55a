"""Kernels read nothing in front of an array, and at most 64 bytes behind it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("fence", ["front", "end"])
@pytest.mark.parametrize("count", [20, pytest.param(600, marks=pytest.mark.slow)])
def test_kernels_stay_within_their_arrays(fence, count):
    """In a process of its own, which a read beyond a fence ends."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(HERE / "fences.py"), fence, str(count)],
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.stdout.split() == ["within"], done.stderr
