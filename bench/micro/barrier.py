"""Nanoseconds of a barrier of all threads, again and again: how near the cores are to each other.

A cache line that one core writes and another reads passes through the cache that both share, or,
on cores without a common cache, through the memory's network, several times slower. The host of a
virtual machine may move its cores from one state to the other at any time.

python -m bench.micro.barrier [--samples 20]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from lamella import native

BARRIERS = 10_000
SECONDS = 0.25  # between the samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=20)
    options = parser.parse_args()
    code = native.Code()
    with code.loop(cell=0):
        code.barrier()
    machine, nothing = native.Machine(code, slots=1), np.zeros(1, np.uintp)
    count = np.array([BARRIERS], np.int64)
    machine.run(nothing, count)
    for _ in range(options.samples):
        start = time.perf_counter()
        machine.run(nothing, count)
        print(round((time.perf_counter() - start) / BARRIERS * 1e9), end=" ", flush=True)
        time.sleep(SECONDS)
    print("ns")


if __name__ == "__main__":
    main()
