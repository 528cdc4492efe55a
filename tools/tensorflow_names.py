"""Record the public names of TensorFlow's modules: tensorflow_lamella/names.txt.

    python tools/tensorflow_names.py

Run it in an environment with TensorFlow. The file has one line for each module: its name, then the
names in it. `tensorflow_lamella.coverage` says which of them there are here.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "tensorflow_lamella" / "names.txt"
MODULES = """
tf tf.math tf.nn tf.random tf.linalg tf.image tf.strings tf.signal tf.bitwise tf.data tf.train
tf.summary tf.io tf.io.gfile tf.debugging tf.config tf.errors tf.nest tf.dtypes tf.autograph
tf.random.experimental tf.data.experimental tf.config.experimental tf.version tf.test tf.sets
tf.queue tf.data.Dataset tf.random.Generator tf.GradientTape tf.Variable tf.TensorArray
tf.TensorShape
""".split()


def public(module: Any) -> list[str]:
    """The names in a module or a class; modules in it are listed by themselves."""
    names = (n for n in dir(module) if not n.startswith("_"))
    return [n for n in names if not inspect.ismodule(getattr(module, n, None))]


def main() -> None:
    """Write the file."""
    import tensorflow as tf

    lines = [f"# TensorFlow {tf.__version__}"]
    for name in MODULES:
        module = eval(name, {"tf": tf})
        lines.append(" ".join([name, *public(module)]))
    FILE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
