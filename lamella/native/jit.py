"""LLVM text to machine code that stays loaded as long as the process lives.

Text -> parse -> object code -> one JIT library per call. The generators write explicit vectors and
nothing twice: -O1 took a third of the time and left code of the same size and speed (measured on
whole training steps), so only modules of several functions are optimised, to join them. llvmlite
serialises its calls with a lock; the long ones are made past it, which is safe because every
compiling thread has an LLVM context of its own.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache as remember
from itertools import count
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm
from llvmlite.binding import ffi

from . import cache, half_floats, processor
from .processor import target

MAX_THREADS = 8


def debugging(word: str) -> bool:
    """Whether LAMELLA_DEBUG, words between commas, has this word."""
    return word in os.environ.get("LAMELLA_DEBUG", "").split(",")


log = logging.getLogger("lamella.native")
if debugging("native"):
    log.setLevel(logging.DEBUG)
    log.addHandler(logging.StreamHandler())

MakeText = Callable[[], str]
Addresses = dict[str, int]

_loaded: dict[str, Addresses] = {}
_loading = threading.RLock()
_serial = count()


def compile_kernels(kernels: Mapping[str, MakeText], salt: str = "") -> dict[str, int]:
    """The address of each kernel, compiled when neither memory nor disk has it.

    Args:
        kernels: `{key: make_text}`. `make_text()` gives LLVM text that defines
            `void @kernel(ptr %table, ptr %ids, i64 %lo, i64 %hi)`; it is only called when needed,
            in the calling thread. Equal keys and salts must mean equal texts.
        salt: what else the texts depend on, such as a hash of the generators' sources.

    Returns:
        `{key: address}`, valid as long as the process lives.

    Raises:
        ValueError: a text is not valid LLVM, or lacks `@kernel`.
    """
    loaded = load_modules({key: (make, ("kernel",)) for key, make in kernels.items()}, salt)
    return {key: symbols["kernel"] for key, symbols in loaded.items()}


def load_modules(
    modules: Mapping[str, tuple[MakeText, tuple[str, ...]]], salt: str = ""
) -> dict[str, Addresses]:
    """As `compile_kernels`, for modules that define several functions: {key: {name: address}}."""
    digests = {key: _digest(key, salt) for key in modules}
    with _loading:
        missing = {digests[key]: modules[key] for key in modules if digests[key] not in _loaded}
        if missing:
            start = time.perf_counter()
            _link({digest: names for digest, (_, names) in missing.items()}, _objects(missing))
            milliseconds = (time.perf_counter() - start) * 1e3
            log.debug("loaded %d modules in %.1f ms", len(missing), milliseconds)
    return {key: _loaded[digest] for key, digest in digests.items()}


def assembly(text: str) -> str:
    """The assembly that LLVM text compiles to on this processor."""
    return _Compiler().assembly(text)


def _digest(key: str, salt: str) -> str:
    return hashlib.sha256("\0".join((_setting(), salt, key)).encode()).hexdigest()[:32]


@remember
def _setting() -> str:
    """Everything beside key and salt that machine code depends on."""
    here = target()
    versions = (llvmlite.__version__, *map(str, llvm.llvm_version_info))
    own = [Path(file).read_text() for file in (__file__, processor.__file__)]
    return "\0".join((*own, *versions, here.triple, here.cpu, here.features))


def _objects(missing: Mapping[str, tuple[MakeText, tuple[str, ...]]]) -> dict[str, bytes]:
    """{digest: object code}, from disk or compiled on several threads."""
    objects, compiling = {}, {}
    compilers = threading.local()

    def work(digest: str, text: str, names: tuple[str, ...]) -> bytes:
        if not hasattr(compilers, "own"):
            compilers.own = _Compiler()
        return compilers.own.object_code(_unique(text, names, digest))

    threads = min(len(missing), target().cores, MAX_THREADS)
    with ThreadPoolExecutor(threads) as pool:
        try:
            for digest, (make, names) in missing.items():
                if (code := cache.read(digest)) is not None:
                    objects[digest] = code
                else:
                    compiling[digest] = pool.submit(work, digest, make(), names)
            for digest, future in compiling.items():
                objects[digest] = future.result()
                cache.write(digest, objects[digest])
        except BaseException:  # an interrupt waits only for what is being compiled
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if compiling:
        cache.trim()
        log.debug("compiled %d modules, %d threads", len(compiling), threads)
    return objects


def _unique(text: str, names: tuple[str, ...], digest: str) -> str:
    """Give the exported functions names that no other module has."""
    for name in names:
        text, found = re.subn(rf"@{name}\(", f"@{name}.{digest}(", text)
        if not found:
            raise ValueError(f"the LLVM text does not define @{name}(...):\n{_numbered(text)}")
    return text


def _link(names: Mapping[str, tuple[str, ...]], objects: Mapping[str, bytes]) -> None:
    """Load object code as one library, which is never unloaded."""
    library = llvm.JITLibraryBuilder().add_current_process()
    for digest, code in objects.items():
        library.add_object_img(code)
        for name in names[digest]:
            library.export_symbol(f"{name}.{digest}")
    for name, address in _half_floats(objects.values()).items():
        library.import_symbol(name, address)
    tracker = library.link(_jit(), f"lamella{next(_serial)}")
    for digest in objects:
        _loaded[digest] = {name: tracker[f"{name}.{digest}"] for name in names[digest]}
    tracker.detach()


def _half_floats(objects: Iterable[bytes]) -> Addresses:
    """The conversions that these objects call."""
    names = half_floats.NAMES
    if not any(name.encode() in code for code in objects for name in names):
        return {}
    text = half_floats.TEXT
    module = load_modules({"half floats": (lambda: text, tuple(names.values()))}, salt=text)
    return {name: module["half floats"][function] for name, function in names.items()}


@remember
def _jit() -> llvm.LLJIT:
    return llvm.create_lljit_compiler(target().machine(), suppress_errors=True)


class _Compiler:
    """Text to object code, for one thread."""

    def __init__(self) -> None:
        self.machine = target().machine()
        self.layout = str(self.machine.target_data)
        self.context = llvm.create_context()
        options = llvm.create_pipeline_tuning_options(speed_level=1)
        options.loop_vectorization = options.slp_vectorization = False
        options.loop_interleaving = options.loop_unrolling = False
        self.builder = llvm.create_pass_builder(self.machine, options)

    def object_code(self, text: str) -> bytes:
        with self._module(text) as module:
            if debugging("asm"):
                print(self.machine.emit_assembly(module), file=sys.stderr)
            return _emit_object(self.machine, module)

    def assembly(self, text: str) -> str:
        with self._module(text) as module:
            return self.machine.emit_assembly(module)

    def _module(self, text: str) -> llvm.ModuleRef:
        module = self._parsed(text)
        module.triple = target().triple
        module.data_layout = self.layout
        if debugging("native"):
            module.verify()
        if sum(not f.is_declaration for f in module.functions) > 1:
            passes = self.builder.getModulePassManager()
            _unlocked("RunNewModulePassManager")(passes, module, self.builder)
        return module

    def _parsed(self, text: str) -> llvm.ModuleRef:
        with ffi.OutputString() as error:
            pointer = _unlocked("ParseAssembly")(self.context, text.encode(), error)
            if error:
                raise ValueError(f"LLVM cannot parse a kernel: {error}\n{_numbered(text)}")
        return llvm.ModuleRef(pointer, self.context)


def _emit_object(machine: llvm.TargetMachine, module: llvm.ModuleRef) -> bytes:
    with ffi.OutputString() as error:
        buffer = _unlocked("TargetMachineEmitToMemory")(machine, module, 1, error)
        if not buffer:
            raise ValueError(f"LLVM cannot compile a kernel: {error}")
    try:
        start, size = ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer)
        return ctypes.string_at(start, size)
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


@remember
def _unlocked(name: str) -> Callable:
    """A function of llvmlite's library, called without llvmlite's lock."""
    locked = getattr(ffi.lib, f"LLVMPY_{name}")
    library = ctypes.CDLL(ffi.lib._name, handle=ffi.lib._handle)
    function = library[f"LLVMPY_{name}"]
    function.argtypes, function.restype = locked.argtypes, locked.restype
    return function


def _numbered(text: str) -> str:
    return "\n".join(f"{n:4} {line}" for n, line in enumerate(text.splitlines(), 1))
