"""Tests of what `import tensorflow` means: installed for each module, and taken away after it."""

import sys
from pathlib import Path

import pytest

import tensorflow_lamella
from tensorflow_lamella.install import Finder

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def tf():
    """Our tensorflow."""
    tensorflow_lamella.install()
    import tensorflow

    yield tensorflow
    sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, Finder)]
    for name in [n for n in sys.modules if n.split(".")[0] == "tensorflow"]:
        del sys.modules[name]
