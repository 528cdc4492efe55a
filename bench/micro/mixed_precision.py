"""The transformer with widths of 512 in float32 and under `mixed_bfloat16`, interleaved epochs.

python -m bench.micro.mixed_precision [--rows 128] [--rounds 5] [--width 512]

Both start from the same weights and see the rows in the same order: their losses can be compared.
"""

from __future__ import annotations

import argparse
import statistics

from bench.micro.scaling import epoch_seconds  # imports Lamella, which has to precede Keras
from bench.workloads import transformer

POLICIES = ("float32", "mixed_bfloat16")


def build(policy: str):
    """The workload's model under a policy, from one seed."""
    import keras

    keras.utils.set_random_seed(512)
    keras.config.set_dtype_policy(policy)
    return transformer.build()


def main() -> None:
    import keras

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--width", type=int, default=512)
    options = parser.parse_args()
    transformer.WIDTH = options.width
    x, y = (array[: options.rows] for array in transformer.data())
    models = {policy: build(policy) for policy in POLICIES}
    results: dict[str, list[tuple[float, float]]] = {policy: [] for policy in POLICIES}
    for epoch in range(options.rounds + 1):
        for policy, model in models.items():
            keras.utils.set_random_seed(epoch)  # the same order of the rows
            results[policy].append(epoch_seconds(model, x, y, transformer.BATCH_SIZE))
    for policy, epochs in results.items():
        warm = [seconds for seconds, _ in epochs[1:]]  # the first one compiles
        losses = " ".join(f"{loss:.3f}" for _, loss in epochs)
        print(
            f"{policy:15} median {statistics.median(warm):.3f} s, least {min(warm):.3f} s, "
            f"losses {losses}"
        )


if __name__ == "__main__":
    main()
