"""Runs short programs for Keras one after the other in one process, as `lamella run` does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import lamella

HERE = Path(__file__).parent

PRELUDE = """
import contextlib, importlib.util, json, os
import numpy as np
import keras
import keras.backend as K

ones = np.ones((8, 1), 'float32')

class Skip(Exception): pass

def pytest_needs(name):
    if importlib.util.find_spec(name) is None: raise Skip(name)

def small(loss, metrics=None, activation=None):
    model = keras.Sequential([keras.layers.Dense(1, activation=activation, input_shape=(1,))])
    model.compile('sgd', loss, metrics=metrics)
    return model

@contextlib.contextmanager
def raises(kind, text):
    try:
        yield
    except kind as error:
        assert text in str(error), error
    else:
        raise AssertionError('no ' + kind.__name__)
"""


def run_programs(paths, timeout):
    """({path: its error or None} of the programs that were reached, what they printed)."""
    env = {k: v for k, v in os.environ.items() if k not in ("KERAS_BACKEND", "LAMELLA_DEBUG")}
    result = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / "runner.py"), *map(str, paths)],
        env={**env, "PYTHONPATH": str(Path(lamella.__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return dict(json.loads(line) for line in result.stdout.splitlines()), result.stderr


def errors_of(cases, folder):
    """The error of each case (name, where it is met, lines), or None."""
    paths = []
    for i, (_, where, lines) in enumerate(cases):
        body = "\n".join(line[8:] for line in lines.strip("\n").split("\n"))
        paths.append(folder / f"case{i:02d}.py")
        paths[-1].write_text(f'"""{where}"""\n{PRELUDE}\n{body}\n', encoding="utf-8")
    found, printed = run_programs(paths, timeout=300)
    assert len(found) == len(cases), printed[-3000:]
    return list(found.values())
