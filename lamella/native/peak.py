"""What the team of threads can do at most: the limits that profiles are compared with."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from .assembler import Code
from .jit import compile_kernels
from .machine import Machine
from .processor import target
from .team import aligned, num_threads

CHAINS = 10  # independent accumulators: latency times units, and still in registers
LOADS = 8  # vectors between two jumps
MULTIPLY_ADDS = 20_000  # per chain and chunk
BLOCK = 1 << 15  # bytes that one chunk reads
LEAST_MEMORY, MOST_MEMORY = 64 << 20, 256 << 20
SECONDS = 0.1  # of each measurement; the best part of it counts


@dataclass(frozen=True)
class Peaks:
    """Rates of all threads together.

    gflops: float32 multiply-adds in registers; cached: GB/s read from the caches of the cores;
    memory: GB/s read from arrays that are larger than every cache.
    """

    gflops: float
    cached: float
    memory: float


@cache
def peaks() -> Peaks:
    """The limits of this processor, measured in less than half a second."""
    here, threads = target(), num_threads()
    width = here.vector_bytes // 4
    memory = min(max(4 * here.l3, LEAST_MEMORY), MOST_MEMORY)
    flops = threads * MULTIPLY_ADDS * CHAINS * width * 2
    return Peaks(
        gflops=flops / _nanoseconds(multiply_adds(width), threads, BLOCK),
        cached=_read_rate(width, threads * max(here.l2 // 2, BLOCK)),
        memory=_read_rate(width, memory),
    )


def _read_rate(width: int, nbytes: int) -> float:
    chunks = nbytes // BLOCK
    return chunks * BLOCK / _nanoseconds(reads(width), chunks, chunks * BLOCK)


def _nanoseconds(text: str, chunks: int, nbytes: int) -> float:
    """The least time of one call with `chunks` chunks on an array of `nbytes`."""
    address = compile_kernels({text: lambda: text})[text]
    array, sums = aligned(nbytes), aligned(64 * chunks)
    array[:] = 0  # memory that was never written is one page of zeros, always in the cache
    code = Code()
    code.call(address, chunks, [0, 1])
    machine = Machine(code, slots=2)
    pointers = np.array([array.ctypes.data, sums.ctypes.data], np.uintp)
    return _least(lambda: machine.run(pointers)) * 1e9


def _least(run: Callable[[], None]) -> float:
    best, end = float("inf"), time.perf_counter() + SECONDS
    while (begin := time.perf_counter()) < end or best == float("inf"):
        run()
        best = min(best, time.perf_counter() - begin)
    return best


def multiply_adds(width: int) -> str:
    """A kernel whose chunks are MULTIPLY_ADDS fused multiply-adds on each of CHAINS registers."""
    vector = f"<{width} x float>"
    fma = f"call {vector} @llvm.fma.v{width}f32"
    body = [f"%b{i} = {fma}({vector} %a{i}, {vector} %x, {vector} %x)" for i in range(CHAINS)]
    start = [
        "%seed = sitofp i64 %lo to float",
        f"%one = insertelement {vector} poison, float %seed, i32 0",
        f"%x = shufflevector {vector} %one, {vector} poison, <{width} x i32> zeroinitializer",
    ]
    declaration = f"declare {vector} @llvm.fma.v{width}f32({vector}, {vector}, {vector})"
    return f"{declaration}\n{_loop(vector, CHAINS, (MULTIPLY_ADDS, 1), body, start)}"


def reads(width: int) -> str:
    """A kernel whose chunks add up BLOCK bytes of array 0, which is aligned to 64 bytes."""
    vector = f"<{width} x float>"
    body = []
    for i in range(LOADS):
        body += [
            f"%p{i} = getelementptr {vector}, ptr %array, i64 {i}",
            f"%q{i} = getelementptr i8, ptr %p{i}, i64 %n",
            f"%v{i} = load {vector}, ptr %q{i}",
            f"%b{i} = fadd {vector} %a{i}, %v{i}",
        ]
    return _loop(vector, LOADS, (BLOCK, LOADS * width * 4), body)


def _loop(
    vector: str,
    accumulators: int,
    steps: tuple[int, int],
    body: Sequence[str],
    start: Sequence[str] = (),
) -> str:
    """`for n in range(lo * size, hi * size, step)`: `body` turns %a0... into %b0...; their sum is
    stored in array 1, 64 bytes for each chunk."""
    (size, step), chains = steps, range(accumulators)
    phis = [f"%a{i} = phi {vector} [zeroinitializer, %entry], [%b{i}, %loop]" for i in chains]
    sums = [f"%s1 = fadd {vector} %b0, %b1"]
    sums += [f"%s{i} = fadd {vector} %s{i - 1}, %b{i}" for i in chains[2:]]
    lines = [
        "define void @kernel(ptr %table, ptr %ids, i64 %lo, i64 %hi) {",
        "entry:",
        *_array("array", 0),
        *_array("sums", 1),
        f"%first = mul i64 %lo, {size}",
        f"%last = mul i64 %hi, {size}",
        *start,
        "br label %loop",
        "loop:",
        "%n = phi i64 [%first, %entry], [%next, %loop]",
        *phis,
        *body,
        f"%next = add i64 %n, {step}",
        "%more = icmp slt i64 %next, %last",
        "br i1 %more, label %loop, label %done",
        "done:",
        *sums,
        "%place = mul i64 %lo, 64",
        "%to = getelementptr i8, ptr %sums, i64 %place",
        f"store {vector} %s{accumulators - 1}, ptr %to",
        "ret void",
        "}",
    ]
    return "\n".join(lines)


def _array(name: str, k: int) -> list[str]:
    return [
        f"%{name}.id = getelementptr i64, ptr %ids, i64 {k}",
        f"%{name}.slot = load i64, ptr %{name}.id",
        f"%{name}.place = getelementptr ptr, ptr %table, i64 %{name}.slot",
        f"%{name} = load ptr, ptr %{name}.place",
    ]
