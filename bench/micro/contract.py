"""GFLOP/s of single contractions, against the processor's multiply-add peak.

python -m bench.micro.contract [--threads 1 2] [words that the names must hold]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from lamella import native, ops
from lamella.kernels.contract import lower_contraction
from lamella.program import Builder, building
from lamella.types import Type, dtype_of

CONV = "n {s}y+i-{p} {s}x+j-{p} c, i j c o -> n y x o"
GRAD_W = "n {s}y+i-{p} {s}x+j-{p} c, n y x o -> i j c o"
GRAD_X = "n y x o, i j c o -> n {s}y+i-{p} {s}x+j-{p} c"
DEPTH = ("n y+i-1 x+j-1 c, i j c -> n y x c", "n y+i-1 x+j-1 c, n y x c -> i j c",
         "n y x c, i j c -> n y+i-1 x+j-1 c")  # fmt: skip


def matrix(m, n, k):
    """The three products of a dense layer."""
    x, w, y = (m, k), (k, n), (m, n)
    return {
        f"dense {m}x{k} @ {k}x{n}": ("i k, k j -> i j", x, w, y),
        f"dense {m}x{k} @ {k}x{n} input": ("i j, k j -> i k", y, w, x),
        f"dense {m}x{k} @ {k}x{n} weight": ("i k, i j -> k j", x, y, w),
    }


def convolution(n, size, c, o, kernel=3, stride=1, same=True):
    """The three contractions of a convolution; channels last."""
    h, w = size
    kh, kw = (kernel, kernel) if isinstance(kernel, int) else kernel
    pad = (kh - 1) // 2 if same else 0
    oh, ow = ((-(-h // stride), -(-w // stride)) if same else
              ((h - kh) // stride + 1, (w - kw) // stride + 1))  # fmt: skip
    x, f, y = (n, h, w, c), (kh, kw, c, o), (n, oh, ow, o)
    name = f"conv {kh}x{kw}/{stride} {c}->{o} {h}x{w} n{n}"
    form = {"s": stride if stride > 1 else "", "p": pad}
    return {
        name: (CONV.format(**form), x, f, y),
        f"{name} input": (GRAD_X.format(**form), y, f, x),
        f"{name} weight": (GRAD_W.format(**form), x, y, f),
    }


def depthwise(n, size, c):
    h, w = size
    x, f = (n, h, w, c), (3, 3, c)
    return {
        f"depthwise 3x3 {c} {h}x{w} n{n}": (DEPTH[0], x, f, x),
        f"depthwise 3x3 {c} {h}x{w} n{n} input": (DEPTH[2], x, f, x),
        f"depthwise 3x3 {c} {h}x{w} n{n} weight": (DEPTH[1], x, x, f),
    }


def cases():
    """{name: (spec, a, b, result)}"""
    found = {
        **matrix(32, 128, 784), **matrix(32, 10, 128), **matrix(1, 128, 784),
        **convolution(32, (28, 28), 1, 32, same=False),
        **matrix(32, 128, 5408),
        **convolution(128, (26, 26), 32, 64, same=False),
        **convolution(128, (32, 32), 3, 16),
        **convolution(128, (32, 32), 16, 16), **convolution(128, (16, 16), 32, 32),
        **convolution(128, (8, 8), 64, 64), **convolution(128, (32, 32), 16, 32, stride=2),
        **convolution(128, (32, 32), 16, 32, kernel=1, stride=2),
        **convolution(100, (49, 10), 1, 64, kernel=(10, 4), stride=2),
        **depthwise(100, (25, 5), 64), **convolution(100, (25, 5), 64, 64, kernel=1),
        **matrix(32, 256, 64), **matrix(4096, 512, 128), **matrix(512, 512, 512),
        "attention q k": ("b i k, b j k -> b i j", (128, 128, 32), (128, 128, 32), (128, 128, 128)),
        "attention p v": ("b i j, b j k -> b i k", (128, 128, 128), (128, 128, 32), (128, 128, 32)),
    }  # fmt: skip
    return found


def program(spec, a, b, out, dtype):
    builder = Builder()
    with building(builder):
        x, y = builder.make_value(Type(a, dtype)), builder.make_value(Type(b, dtype))
        z = ops.contract(x, y, spec=spec, shape=out)
    return builder.finish([x, y], [z])


def aligned(nbytes):
    raw = np.ones(nbytes + 256, np.uint8)
    return raw[-raw.ctypes.data % 64 :][: nbytes + 64]


def machine_of(lowered, sizes):
    """A Machine that runs the launches once, the pointers it runs on, and the arrays."""
    arrays = [aligned(n) for n in (*sizes, *lowered.scratch)]
    made = native.compile_kernels({x.kernel.key: x.kernel.make_text for x in lowered.launches})
    code = native.Code()
    with code.loop(cell=0):
        for x in lowered.launches:
            code.call(made[x.kernel.key], x.kernel.n_chunks, list(x.arguments), name="contract")
            code.barrier()
    machine = native.Machine(code, slots=len(arrays))
    return machine, np.array([x.ctypes.data for x in arrays], np.uintp), arrays


def operations(spec, a, b, out):
    """Multiply-adds that are in bounds count as two operations; padding is not subtracted."""
    from lamella.indexmap import parse

    return 2 * int(np.prod(list(parse(spec).extents(a, b, out).values())))


def measure(name, case, threads, dtype, seconds):
    spec, a, b, out = case
    start = time.perf_counter()
    lowered = lower_contraction(program(spec, a, b, out, dtype), native.target())
    lowering = time.perf_counter() - start
    sizes = [int(np.prod(s)) * dtype.itemsize for s in (a, b, out)]
    start = time.process_time()
    machine, pointers, arrays = machine_of(lowered, sizes)
    compiling = time.process_time() - start
    rng = np.random.default_rng(0)
    for array, shape in zip(arrays, (a, b)):
        n = int(np.prod(shape))
        array[: n * dtype.itemsize].view(dtype)[...] = rng.normal(size=n).astype(dtype)
    flops = operations(spec, a, b, out)
    rates = []
    for n in threads:
        native.set_num_threads(n)
        repeats = np.array([1], np.int64)
        machine.run(pointers, repeats)
        start = time.perf_counter()
        machine.run(pointers, repeats)
        repeats[0] = max(1, int(0.001 / (time.perf_counter() - start)))
        clock = time.process_time if n == 1 else time.perf_counter  # neighbours do not count
        best, end = float("inf"), time.perf_counter() + seconds
        while time.perf_counter() < end or best == float("inf"):
            start = clock()
            machine.run(pointers, repeats)
            best = min(best, (clock() - start) / repeats[0])
        rates.append(f"{flops / best / 1e9:7.1f} GF/s {best * 1e6:8.1f} us")
    chunks = "+".join(str(x.kernel.n_chunks) for x in lowered.launches)
    print(f"{name:42} {' | '.join(rates)}   chunks {chunks}, lowered in {lowering * 1e3:.1f} ms, "
          f"compiled in {compiling * 1e3:.0f} ms", flush=True)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--seconds", type=float, default=0.2)
    options = parser.parse_args()
    for name, case in cases().items():
        if all(word in name for word in options.words):
            measure(name, case, options.threads, dtype_of(options.dtype), options.seconds)


if __name__ == "__main__":
    main()
