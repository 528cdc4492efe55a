"""Compiled code goes to a folder of the test run's own. `golden(name, text)` compares text with
tests/golden/<name>.txt; --update-golden rewrites it."""

import random
import signal
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden")


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory):
    """Tests neither use nor leave compiled code in the user's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMELLA_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("LAMELLA_CACHE", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """Started in a shell's background, tests and what they start would ignore Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def repeatable():
    """What a test draws does not depend on the tests before it, nor on the day."""
    random.seed(0)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture
def golden(request):
    def compare(name: str, text: str) -> None:
        path = GOLDEN / f"{name}.txt"
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text + "\n")
        assert text + "\n" == path.read_text(), (
            f"differs from {path.name} (--update-golden accepts)"
        )

    return compare
