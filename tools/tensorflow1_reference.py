"""Record what real TensorFlow (tf.compat.v1) computes for tests/tensorflow1/v1_cases.py.

    python tools/tensorflow1_reference.py

Run it in an environment with TensorFlow; it writes tests/tensorflow1/reference.npz: for each case
the numbers of its rounds, one after the other.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "tensorflow1"


def flat(x: Any) -> list[np.ndarray]:
    """The arrays in nested lists and tuples; nothing for operations."""
    if isinstance(x, (list, tuple)):
        return [a for item in x for a in flat(item)]
    return [] if x is None else [np.asarray(x)]


def run(tf: Any, build: Any) -> list[np.ndarray]:
    """The numbers of all rounds of a case."""
    with tf.Graph().as_default(), tf.Session() as session:
        rounds = build(tf)
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        return [a for fetches, feeds in rounds for a in flat(session.run(fetches, feeds))]


def main() -> None:
    """Write the file."""
    import tensorflow.compat.v1 as tf

    tf.disable_v2_behavior()
    sys.path.insert(0, str(FOLDER))
    from v1_cases import CASES

    out: dict[str, np.ndarray] = {}
    for name, build in CASES.items():
        for i, array in enumerate(run(tf, build)):
            out[f"{name}.{i}"] = array
    np.savez_compressed(FOLDER / "reference.npz", **out)
    print(f"{len(out)} arrays of {len(CASES)} cases")


if __name__ == "__main__":
    main()
