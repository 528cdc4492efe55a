"""Seeing: what LAMELLA_DEBUG prints, and the profile of a program's kernels.

LAMELLA_DEBUG holds words between commas:

    program   every Program as traced
    fused     every Program after the passes, as it is compiled: each `fused` is one kernel or a few
    passes    each pass: how many equations before and after, and the Program where it changed
    kernels   the launches of every region, and the machine's instructions
    llvm      the LLVM text of every kernel
    asm       the machine code of every kernel that is compiled
    native    what is compiled, loaded and cached
    time      the time of every instruction, added up over the process, printed at its end
    traceback the lines inside Lamella and Keras, in tracebacks under `lamella run`
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from lamella import native
from lamella.kernels.kernel import Kernel
from lamella.native import Timing
from lamella.program import Program

#: An instruction this far below both limits is bound by something else: latency, starting, scalars.
NEAR = 0.1

WORDS = ("program", "fused", "passes", "kernels", "llvm", "asm", "native", "time", "traceback")


def wanted(word: str) -> bool:
    """Does LAMELLA_DEBUG hold `word` (or `all`)?"""
    words = os.environ.get("LAMELLA_DEBUG", "").split(",")
    return word in words or "all" in words


def want(word: str, stream: TextIO) -> None:
    """Put `word` into LAMELLA_DEBUG and print to `stream` from now on."""
    global _stream
    words = os.environ.get("LAMELLA_DEBUG", "").split(",")
    os.environ["LAMELLA_DEBUG"] = ",".join([*filter(None, words), word])
    _stream = stream


_stream: TextIO | None = None


def say(title: str, text: Any) -> None:
    """One titled piece of debugging output, to standard error unless `want` said otherwise."""
    print(f"---- lamella: {title}\n{text}", file=_stream or sys.stderr, flush=True)


def watcher() -> Callable[[str, Program], None] | None:
    """What `run_pipeline` should tell of each pass; None where nobody wants to know."""
    if not wanted("passes"):
        return None
    last: list[str] = []

    def watch(name: str, program: Program) -> None:
        text = str(program)
        changed = not last or text != last[-1]
        last[:] = [text]
        say(f"after {name}: {len(program.equations)} equations", text if changed else "(unchanged)")

    return watch


@dataclass
class Row:
    """What one instruction of compiled programs took in all; `threads` shared its work."""

    text: str
    kernel: Kernel | None
    threads: int
    count: int = 0
    nanoseconds: float = 0.0


_rows: dict[tuple[int, int], Row] = {}


def record(
    owner: int, timings: Sequence[Timing], kernels: Mapping[int, Kernel], threads: int
) -> None:
    """Add the timings of one run of program `owner`; kernels: instruction number -> kernel."""
    if not _rows:
        atexit.register(lambda: say("time", profile_table()))
    for i, timing in enumerate(timings):
        row = _rows.setdefault((owner, i), Row(timing.text, kernels.get(i), threads))
        row.count += timing.count
        row.nanoseconds += timing.nanoseconds


def measure_peaks() -> None:
    """Compare the profile with what this processor can do."""
    global _peaks
    _peaks = native.peaks()


_peaks: native.Peaks | None = None


def profile_table(most: int = 40) -> str:
    """The instructions that took longest: time, share, arithmetic and memory rates.

    After `measure_peaks` also what bounds each: the limit that it comes closest to, and how close.
    """
    total = sum(r.nanoseconds for r in _rows.values()) or 1.0
    head = f"{'ms':>10} {'share':>6} {'count':>8} {'us each':>9} {'GFLOP/s':>8} {'GB/s':>7}"
    lines = [f"{head}  {'bound by':<14} what" if _peaks else f"{head}  what"]
    for row in sorted(_rows.values(), key=lambda r: -r.nanoseconds)[:most]:
        each = row.nanoseconds / max(row.count, 1)
        flops, rate = _rates(row)
        bound = f"{_bound(row, _peaks):<14} " if _peaks else ""
        lines.append(
            f"{row.nanoseconds / 1e6:10.2f} {row.nanoseconds / total:6.1%} {row.count:8d} "
            f"{each / 1e3:9.2f} {flops:8.1f} {rate:7.1f}  {bound}{row.text[:100]}"
        )
    if _peaks:
        lines.append(
            f"{native.num_threads()} threads can do {_peaks.gflops:.0f} GFLOP/s (float32) and read "
            f"{_peaks.cached:.0f} GB/s from their caches, {_peaks.memory:.0f} GB/s from memory"
        )
    return "\n".join(lines)


def _rates(row: Row) -> tuple[float, float]:
    """GFLOP/s and GB/s."""
    each = row.nanoseconds / max(row.count, 1)
    if row.kernel is None or not each:
        return 0.0, 0.0
    return row.kernel.flops / each, row.kernel.nbytes / each


def _bound(row: Row, peaks: native.Peaks) -> str:
    if row.kernel is None:
        return {"BARRIER": "waiting", "HOST": "Python"}.get(row.text.split()[0], "")
    here = native.target()
    cached = row.kernel.nbytes <= here.l2 * row.threads
    flops, rate = _rates(row)
    part = row.threads / native.num_threads()
    limits = {
        "arithmetic": flops / (peaks.gflops * part),
        "cache" if cached else "memory": rate / ((peaks.cached if cached else peaks.memory) * part),
    }
    name = max(limits, key=limits.__getitem__)
    return f"{name} {limits[name]:.0%}" if limits[name] >= NEAR else "neither"
