"""Programs in the manner of each era run unmodified, and what they assert holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from keras_cases import run_programs

HERE = Path(__file__).parent
PROGRAMS = sorted(p.name for p in (HERE / "programs").glob("*.py"))


@pytest.fixture(scope="module")
def errors():
    """The error that ended each program, or None: all of them in one process of their own."""
    ended, printed = run_programs([HERE / "programs" / name for name in PROGRAMS], timeout=900)
    return {Path(path).name: error for path, error in ended.items()}, printed[-2000:]


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
