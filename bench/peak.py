"""Worker: the machine's float32 peak, by independent vector FMAs in registers on every core.

Prints GFLOP/s of all cores this process may use. Runs in Lamella's environment, for llvmlite.
"""

import ctypes
import os
import threading
import time

import llvmlite.binding as llvm

CHAINS = 10  # independent accumulators: latency times units, and still in registers
LOOPS = 30_000_000


def lanes() -> int:
    features = llvm.get_host_cpu_features()
    return 16 if features.get("avx512f") else 8 if features.get("avx") else 4


def kernel_text(width: int) -> str:
    """LLVM IR of `float kernel(i64 loops)`: CHAINS multiply-adds of `width` lanes per loop."""
    vector = f"<{width} x float>"
    chains = range(CHAINS)
    phis = [f"%a{i} = phi {vector} [zeroinitializer, %entry], [%b{i}, %loop]" for i in chains]
    call = f"call {vector} @llvm.fma.v{width}f32"
    steps = [f"%b{i} = {call}({vector} %a{i}, {vector} %x, {vector} %x)" for i in chains]
    sums = [f"%s1 = fadd {vector} %b0, %b1"]
    sums += [f"%s{i} = fadd {vector} %s{i - 1}, %b{i}" for i in chains[2:]]
    return "\n".join(
        [
            f"declare {vector} @llvm.fma.v{width}f32({vector}, {vector}, {vector})",
            "define float @kernel(i64 %loops) {",
            "entry:",
            "%seed = sitofp i64 %loops to float",
            f"%one = insertelement {vector} poison, float %seed, i32 0",
            f"%x = shufflevector {vector} %one, {vector} poison, <{width} x i32> zeroinitializer",
            "br label %loop",
            "loop:",
            "%n = phi i64 [0, %entry], [%next, %loop]",
            *phis,
            *steps,
            "%next = add i64 %n, 1",
            "%more = icmp slt i64 %next, %loops",
            "br i1 %more, label %loop, label %done",
            "done:",
            *sums,
            f"%r = extractelement {vector} %s{CHAINS - 1}, i32 0",
            "ret float %r",
            "}",
        ]
    )


def compile_kernel(width: int):
    """The compiled function and the engine that owns its code."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2
    )
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(kernel_text(width)), machine)
    address = engine.get_function_address("kernel")
    return ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_int64)(address), engine


def peak_gflops(cores: int) -> float:
    width = lanes()
    kernel, _engine = compile_kernel(width)
    best = 0.0
    for _ in range(15):
        threads = [threading.Thread(target=kernel, args=(LOOPS,)) for _ in range(cores)]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        best = max(best, cores * LOOPS * CHAINS * width * 2 / (time.perf_counter() - begun))
    return best / 1e9


if __name__ == "__main__":
    print(peak_gflops(len(os.sched_getaffinity(0))))
