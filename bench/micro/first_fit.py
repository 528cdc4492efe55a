"""The first epoch of a deep network on a few batches: how long compiling it takes.

python -m bench.micro.first_fit [MODEL] [--batches 5] [--size 64]

MODEL is a name in keras.applications; batches have 32 random images. Lamella keeps nothing on disk.
With KERAS_BACKEND=torch, jax or tensorflow and that package installed, the same for that backend.
"""

from __future__ import annotations

import argparse
import os
import time

BATCH = 32


def main() -> None:
    start, cpu = time.perf_counter(), time.process_time()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="MobileNetV2")
    parser.add_argument("--batches", type=int, default=5)
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args()
    os.environ["LAMELLA_CACHE"] = "0"
    if os.environ.setdefault("KERAS_BACKEND", "lamella") == "lamella":
        import lamella  # noqa: F401 (precedes Keras)
    import keras
    import numpy as np

    shape = (options.size, options.size, 3)
    model = getattr(keras.applications, options.model)(weights=None, input_shape=shape, classes=10)
    model.compile("adam", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    x = rng.random((BATCH * options.batches, *shape), np.float32)
    y = rng.integers(0, 10, len(x))
    built = time.perf_counter()
    model.fit(x, y, batch_size=BATCH, verbose=0)
    first, cpu = time.perf_counter(), time.process_time() - cpu
    model.fit(x, y, batch_size=BATCH, verbose=0)
    print(
        f"{keras.backend.backend()} {options.model}: imports and model {built - start:.1f} s, "
        f"first epoch {first - built:.1f}, second {time.perf_counter() - first:.2f}, "
        f"start to end of the first {first - start:.1f} ({cpu:.1f} of CPU)"
    )


if __name__ == "__main__":
    main()
