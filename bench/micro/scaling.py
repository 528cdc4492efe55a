"""Seconds per warm epoch of a workload on one thread and on several, interleaved in one process.

python -m bench.micro.scaling resnet20 [--threads 1 2] [--rounds 5]
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import time

import lamella  # before Keras, whose backend it becomes


def epoch_seconds(model, x, y, batch_size: int) -> tuple[float, float]:
    """The time and the loss of one epoch of `fit`."""
    start = time.perf_counter()
    history = model.fit(x, y, batch_size=batch_size, verbose=0)
    return time.perf_counter() - start, history.history["loss"][-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    workload = importlib.import_module(f"bench.workloads.{options.workload}")
    model, (x, y) = workload.build(), workload.data()
    epoch_seconds(model, x, y, workload.BATCH_SIZE)  # compiles
    seconds: dict[int, list[float]] = {threads: [] for threads in options.threads}
    for _ in range(options.rounds):
        for threads, times in seconds.items():
            lamella.native.set_num_threads(threads)
            times.append(epoch_seconds(model, x, y, workload.BATCH_SIZE)[0])
    base = statistics.median(seconds[options.threads[0]])
    for threads, times in seconds.items():
        median = statistics.median(times)
        print(
            f"{options.workload} on {threads} threads: median {median:.3f} s, "
            f"least {min(times):.3f} s, {base / median:.2f} times the first"
        )


if __name__ == "__main__":
    main()
