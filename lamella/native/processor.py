"""The processor that code is made for."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import llvmlite.binding as llvm

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the generators of code need to know about this processor.

    `vector_bytes` is the width of a vector register, `bf16` and `amx_bf16` say whether there are
    bfloat16 dot products (AVX512-BF16) and tiles (AMX, granted by the system); `l1d`, `l2` and
    `l3` are sizes in bytes; `cores` is how many processors this process may use.
    """

    triple: str
    cpu: str
    features: str
    vector_bytes: int
    bf16: bool
    amx_bf16: bool
    l1d: int
    l2: int
    l3: int
    cores: int

    def has(self, feature: str) -> bool:
        """Whether the processor has an LLVM feature, such as "avx2" or "fma"."""
        return f"+{feature}" in self.features.split(",")

    def machine(self) -> llvm.TargetMachine:
        """A new LLVM target machine; one must not be used by two threads at once."""
        target = llvm.Target.from_triple(self.triple)
        return target.create_target_machine(
            cpu=self.cpu, features=self.features, opt=2, reloc="pic", codemodel="small", jit=True
        )


@cache
def target() -> Target:
    """The processor of this process."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, flags = _host()
    sizes = _cache_sizes()
    return Target(
        triple=llvm.get_process_triple(),
        cpu=cpu,
        features=flags.flatten(),
        vector_bytes=_vector_bytes(flags),
        bf16=bool(flags.get("avx512bf16")),
        amx_bf16=bool(flags.get("amx-bf16")) and _allow_amx(),
        l1d=sizes.get(1, 32 << 10),
        l2=sizes.get(2, 512 << 10),
        l3=sizes.get(3, 8 << 20),
        cores=usable_cores(),
    )


def _host() -> tuple[str, llvm.FeatureMap]:
    """Name and features; the baseline of the architecture where LLVM cannot tell."""
    try:
        flags = llvm.get_host_cpu_features()
    except RuntimeError:
        flags = llvm.FeatureMap()
    if not flags:
        return "", flags
    return llvm.get_host_cpu_name(), flags


def _vector_bytes(flags: llvm.FeatureMap) -> int:
    if flags.get("avx512f"):
        return 64
    return 32 if flags.get("avx") else 16


def _allow_amx() -> bool:
    """Ask Linux for the AMX tile registers of this process (arch_prctl ARCH_REQ_XCOMP_PERM)."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return False
    arch_prctl, req_xcomp_perm, tile_data = 158, 0x1023, 18
    syscall = ctypes.CDLL(None).syscall
    return syscall(arch_prctl, ctypes.c_long(req_xcomp_perm), ctypes.c_long(tile_data)) == 0


def _cache_sizes() -> dict[int, int]:
    """{level: bytes} of the data caches that sysfs lists."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    sizes = {}
    for entry in CACHES.glob("index*"):
        try:
            kind, size = (entry / "type").read_text(), (entry / "size").read_text().strip()
            if kind.strip() != "Instruction":
                level = int((entry / "level").read_text())
                sizes[level] = int(size.rstrip("KMG")) * units.get(size[-1], 1)
        except (OSError, ValueError, IndexError):
            continue
    return sizes


def usable_cores() -> int:
    """Processors this process may run on: its affinity, bounded by the CPU quota of its cgroup."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = CPU_QUOTA.read_text().split()
        return max(1, min(cores, -(-int(quota) // int(period))))
    except (OSError, ValueError):
        return cores
