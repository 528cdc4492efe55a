"""What a kernel generator returns: machine-independent descriptions of native functions.

A kernel is `void @kernel(ptr %table, ptr %ids, i64 %lo, i64 %hi)`: array j is at
`table[ids[j]]` (ids are int64), and the call does chunks lo..hi-1 of `n_chunks`. The number of
chunks depends on shapes only, so that results do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Kernel:
    """One native function.

    key: everything the code depends on besides the processor; equal keys share machine code.
    make_text: the LLVM IR text; called only when no compiled code is found.
    blocks: per argument, the bytes per chunk if chunk c touches only bytes [c*block, (c+1)*block)
        of that array (nothing, where that is 0), else None (it may touch anything). Two kernels
        with equal n_chunks and blocks need no barrier between them.
    runs: how many runs of equally many chunks have blocks of their own in more of the arrays,
        which are the run_blocks (matrices of a batch whose rows are cut into chunks).
    flops, nbytes: arithmetic operations and bytes of the arrays touched, for the profiler.
    """

    key: str
    make_text: Callable[[], str] = field(compare=False, repr=False)
    n_chunks: int
    blocks: tuple[int | None, ...]
    flops: int = 0
    nbytes: int = 0
    runs: int = 1
    run_blocks: tuple[int | None, ...] = ()

    def group_block(self, argument: int, groups: int) -> int | None:
        """Bytes of an array that each of `groups` equal groups of chunks has for itself."""
        block = self.blocks[argument]
        if block and self.n_chunks % groups == 0:
            return block * (self.n_chunks // groups)
        run = self.run_blocks[argument] if self.run_blocks else None
        return run * (self.runs // groups) if run and self.runs % groups == 0 else None


@dataclass(frozen=True)
class Launch:
    """A call of `kernel`; arguments index the region's inputs, then outputs, then scratch."""

    kernel: Kernel
    arguments: tuple[int, ...]


@dataclass(frozen=True)
class Lowered:
    """The launches of one region, in order.

    scratch: sizes in bytes of the scratch buffers it needs.
    inplace: pairs (input, output) that may share one buffer.
    """

    launches: tuple[Launch, ...]
    scratch: tuple[int, ...] = ()
    inplace: frozenset[tuple[int, int]] = frozenset()


class CannotFuse(Exception):
    """A generator refuses a region: the fusion must be split."""
