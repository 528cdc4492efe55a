"""The passes, in the order in which a Program goes through them.

Each takes a Program and returns one with the same meaning; nested Programs are treated by the same
pass. `PIPELINE` is the whole list: LAMELLA_DEBUG=passes prints what each step changed.
"""

from __future__ import annotations

from collections.abc import Callable

from lamella.passes.bands import use_bands
from lamella.passes.compact import compact
from lamella.passes.crop import crop
from lamella.passes.dead import eliminate_dead
from lamella.passes.deduplicate import deduplicate
from lamella.passes.fuse import fuse
from lamella.passes.inline import inline_calls
from lamella.passes.simplify import simplify
from lamella.passes.squeeze import squeeze
from lamella.program import Program

PIPELINE: list[Callable[[Program], Program]] = [
    inline_calls,  # calls are their bodies; from here on control flow is scan, while and switch
    eliminate_dead,  # before simplify, which need not look at what nobody reads
    simplify,  # the rewrite table; constants fold
    eliminate_dead,
    crop,  # no ends of arrays that nobody reads
    squeeze,  # no loops over axes of size 1
    deduplicate,  # equal equations become one
    compact,  # gradients of tables without the rows that nobody touches
    eliminate_dead,
    use_bands,  # no products that a mask makes zero
    fuse,  # equations become regions, one kernel each
]


def run_pipeline(program: Program, watch: Callable[[str, Program], None] | None = None) -> Program:
    """`program` after every pass; `watch(name, program)` is told of each step."""
    for step in PIPELINE:
        program = step(program)
        if watch is not None:
            watch(step.__name__, program)
    return program
