"""`python -m bench.plot results.json results.png`: warm epochs, on a log scale."""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from bench.report import summaries

COLOURS = {
    "lamella": "#d62728",
    "tensorflow": "#ff9f1c",
    "jax": "#2a6fbb",
    "torch": "#7b4fa3",
    "jax-scan": "#8fb8e0",
    "torch-eager": "#c3a6dd",
    "torch-compile": "#9a9a9a",
}


def draw(results: dict, path: str) -> None:
    of = summaries(results)
    names = list(of)[::-1]
    figure, axes = plt.subplots(figsize=(9, 0.55 * len(names) + 1.6))
    for backend in results["backends"]:
        points = [
            (of[n][backend]["warm"], i) for i, n in enumerate(names) if "warm" in of[n][backend]
        ]
        if points:
            style = {"color": COLOURS[backend], "zorder": 3}
            if backend == "lamella":
                style |= {"marker": "D", "s": 70}
            axes.scatter(*zip(*points, strict=True), label=backend, **style)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("seconds per warm epoch (left is faster)")
    axes.grid(axis="both", color="#dddddd", linewidth=0.6)
    axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    figure.savefig(path, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2])
