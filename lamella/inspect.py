"""Seeing: what LAMELLA_DEBUG prints, and the profile of a program's kernels.

LAMELLA_DEBUG holds words between commas:

    program   every Program as traced
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
from typing import Any

from lamella.kernels.kernel import Kernel
from lamella.program import Program

WORDS = ("program", "passes", "kernels", "llvm", "asm", "native", "time", "traceback")


def wanted(word: str) -> bool:
    """Does LAMELLA_DEBUG hold `word` (or `all`)?"""
    words = os.environ.get("LAMELLA_DEBUG", "").split(",")
    return word in words or "all" in words


def say(title: str, text: Any) -> None:
    """One titled piece of debugging output, to standard error."""
    print(f"---- lamella: {title}\n{text}", file=sys.stderr, flush=True)


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
    """What one instruction of compiled programs took in all."""

    text: str
    kernel: Kernel | None
    count: int = 0
    nanoseconds: float = 0.0


_rows: dict[tuple[int, int], Row] = {}


def record(owner: int, timings: Sequence[Any], kernels: Mapping[int, Kernel]) -> None:
    """Add the timings of one run of program `owner`; kernels: instruction number -> kernel."""
    if not _rows:
        atexit.register(lambda: say("time", profile_table()))
    for i, timing in enumerate(timings):
        row = _rows.setdefault((owner, i), Row(timing.text, kernels.get(i)))
        row.count += timing.count
        row.nanoseconds += timing.nanoseconds


def profile_table(most: int = 40) -> str:
    """The instructions that took longest: time, share, arithmetic and memory rates."""
    total = sum(r.nanoseconds for r in _rows.values()) or 1.0
    head = f"{'ms':>10} {'share':>6} {'count':>8} {'us each':>9} {'GFLOP/s':>8} {'GB/s':>7}  what"
    lines = [head]
    for row in sorted(_rows.values(), key=lambda r: -r.nanoseconds)[:most]:
        each = row.nanoseconds / max(row.count, 1)
        flops = row.kernel.flops / each if row.kernel and each else 0.0
        rate = row.kernel.nbytes / each if row.kernel and each else 0.0
        lines.append(
            f"{row.nanoseconds / 1e6:10.2f} {row.nanoseconds / total:6.1%} {row.count:8d} "
            f"{each / 1e3:9.2f} {flops:8.1f} {rate:7.1f}  {row.text[:100]}"
        )
    return "\n".join(lines)
