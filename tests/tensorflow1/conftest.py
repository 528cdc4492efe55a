"""Tests of TensorFlow 1 in this process: its name is installed for them, and taken away after."""

import sys
from pathlib import Path

import pytest

import tensorflow_lamella
from tensorflow_lamella.install import Finder

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def _installed():
    tensorflow_lamella.install()
    import tensorflow.compat.v1

    yield tensorflow.compat.v1
    sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, Finder)]
    for name in [n for n in sys.modules if n.split(".")[0] == "tensorflow"]:
        del sys.modules[name]


@pytest.fixture
def tf(_installed):
    """Our tensorflow.compat.v1, building graphs, with an empty default graph."""
    from tensorflow_lamella.v1 import mode

    mode.reset()
    mode.start_graphs()
    yield _installed
    mode.reset()
