"""Record what real TensorFlow computes for tests/tf2/tf2_cases.py.

    python tools/tensorflow_reference.py

Run it in an environment with TensorFlow; it writes tests/tf2/reference.npz: for each
expression its value, and the derivatives of a weighted sum of it with respect to the inputs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "tf2"


def weights(shape: Any) -> np.ndarray:
    """What the elements of a result are weighted with before its derivative is taken."""
    return np.cos(np.arange(int(np.prod(shape)), dtype="float64")).reshape(tuple(shape))


def evaluate(tf: Any, tf2_cases: Any, expression: str, derivative: bool) -> dict[str, np.ndarray]:
    """The value of an expression under "", and the derivative for each input it uses."""
    inputs = {name: tf.constant(x) for name, x in tf2_cases.INPUTS.items()}
    floats = [k for k, x in inputs.items() if derivative and x.dtype in (tf.float32, tf.float64)]
    with tf.GradientTape() as tape:
        tape.watch([inputs[k] for k in floats])
        value = eval(expression, {"tf": tf, "np": np, **inputs})
        total = (
            tf.reduce_sum(value * tf.cast(weights(value.shape), value.dtype)) if floats else None
        )
    found = {"": np.asarray(value.numpy())}
    if floats:
        grads = tape.gradient(total, [inputs[k] for k in floats])
        found |= {
            k: tf.convert_to_tensor(g).numpy() for k, g in zip(floats, grads) if g is not None
        }
    return found


def main() -> None:
    """Write the file."""
    sys.path.insert(0, str(FOLDER))
    import tensorflow as tf
    import tf2_cases

    out: dict[str, np.ndarray] = {}
    for family in tf2_cases.CASES:
        for expression, _, derivative in tf2_cases.lines(family):
            try:
                found = evaluate(tf, tf2_cases, expression, derivative)
            except Exception as error:
                print(f"{expression}: {type(error).__name__}: {str(error)[:200]}")
                continue
            for name, value in found.items():
                text = value.dtype == object
                out[f"{expression}|{name}"] = value.astype("S") if text else value
    np.savez_compressed(
        FOLDER / "reference.npz", **{k.replace("/", "÷"): v for k, v in out.items()}
    )
    print(f"{len(out)} arrays")


if __name__ == "__main__":
    main()
