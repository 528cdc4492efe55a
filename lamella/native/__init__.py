"""From LLVM text to running programs: compiler, threads, virtual machine. See README.md."""

from . import cache
from .assembler import ALIGNMENT, Code, Label
from .chain import chain_address
from .interpreter import BEFORE_TABLE, COPY_BYTES
from .jit import assembly, compile_kernels
from .machine import Machine, Timing
from .peak import Peaks, peaks
from .processor import Target, target
from .team import num_threads, set_num_threads

__all__ = [
    "ALIGNMENT",
    "BEFORE_TABLE",
    "COPY_BYTES",
    "Code",
    "Label",
    "Machine",
    "Peaks",
    "Target",
    "Timing",
    "assembly",
    "cache",
    "chain_address",
    "compile_kernels",
    "num_threads",
    "peaks",
    "set_num_threads",
    "target",
]
