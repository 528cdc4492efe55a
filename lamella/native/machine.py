"""A program of instructions, ready to run."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache as remember
from functools import partial

import numpy as np

from .assembler import MAX_SLOTS, Code, Host
from .interpreter import FINISHED, HOST_DONE, PROGRAM, PROGRAM_WORDS
from .team import aligned, native, team

CALIBRATION_SECONDS = 0.01

_HOST = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)


@dataclass(frozen=True)
class Timing:
    """What one instruction took in thread 0, waiting included."""

    text: str
    count: int
    nanoseconds: float


class Machine:
    """Code that can be run many times.

    Args:
        code: the instructions; a STOP is added at the end if there is none.
        slots: the size of the table of pointers, at least as many as the code names.
        serial: run on the calling thread alone.

    Raises:
        ValueError: `slots` is too small or too large; a label is missing; a jump enters a loop.
    """

    def __init__(self, code: Code, slots: int, serial: bool = False) -> None:
        if not code.instructions or code.instructions[-1].text != "STOP":
            code.stop()
        if not code.slots <= slots <= MAX_SLOTS:
            raise ValueError(f"slots is {slots}, the code needs {code.slots} of {MAX_SLOTS}")
        self.code = code
        self.slots = slots
        self.serial = serial
        self._words = np.array(code.words(), np.int64)
        self._errors = threading.local()
        self._host = _HOST(partial(_call_host, code.hosts, slots, self._errors))
        self._program = np.zeros(PROGRAM_WORDS, np.int64)
        self._program[PROGRAM["code"]] = self._words.ctypes.data
        self._program[PROGRAM["slots"]] = slots
        self._program[PROGRAM["host"]] = ctypes.cast(self._host, ctypes.c_void_p).value or 0
        self._program[PROGRAM["scratch"]] = code.scratch_bytes
        self._address = self._program.ctypes.data
        self._scratch: list[np.ndarray] = []  # what no run is using
        self._native = native()
        # The arrays given last, with their addresses: looking an address up takes a microsecond.
        self._pointers: tuple[np.ndarray | None, int] = (None, 0)
        self._params: tuple[np.ndarray | None, int] = (None, 0)

    def run(self, pointers: np.ndarray, params: np.ndarray | None = None) -> None:
        """Run the program.

        Args:
            pointers: np.uintp (slots,), the table each thread starts with; not changed.
            params: np.int64, at least the cells that loops read.

        Raises:
            ValueError: an array has the wrong dtype, size or layout.
            Exception: whatever a host function raised.
        """
        self._run(self._native["run"], pointers, params)

    def profile(self, pointers: np.ndarray, params: np.ndarray | None = None) -> list[Timing]:
        """Run the program once and tell how long each instruction took, in order of the code."""
        ticks, counts = np.zeros((2, len(self._words)), np.int64)
        self._program[PROGRAM["ticks"]] = ticks.ctypes.data
        self._program[PROGRAM["counts"]] = counts.ctypes.data
        self._run(self._native["run_profiled"], pointers, params)
        scale = _nanoseconds_per_tick()
        return [
            Timing(line.text, int(counts[line.position]), float(ticks[line.position] * scale))
            for line in self.code.instructions
        ]

    def listing(self) -> str:
        """The instructions, one per line."""
        return self.code.listing()

    def _run(self, run: Callable, pointers: np.ndarray, params: np.ndarray | None) -> None:
        given, table = self._pointers
        if pointers is not given:
            table = _address("pointers", pointers, np.uintp, self.slots)
            self._pointers = (pointers, table)
        given, cells = self._params
        if params is not given or given is None:
            cells = _address("params", params, np.int64, self.code.cells)
            self._params = (params, cells)
        if self._on_team(run, table, cells) != FINISHED:
            raise self._errors.__dict__.pop("raised", KeyboardInterrupt)

    def _on_team(self, run: Callable, table: int, cells: int) -> int:
        everyone = team()
        if self.serial or everyone.size == 1 or everyone.caller == threading.get_ident():
            return self._with_scratch(run, None, table, cells, 1)
        with everyone.lock:
            if everyone is not team():  # set_num_threads came between
                return self._on_team(run, table, cells)
            try:
                everyone.caller = threading.get_ident()
                everyone.start()
                return self._with_scratch(run, everyone.address, table, cells, everyone.size)
            finally:
                everyone.caller = 0

    def _with_scratch(
        self, run: Callable, everyone: int | None, table: int, cells: int, threads: int
    ) -> int:
        nbytes = self.code.scratch_bytes * threads
        if not nbytes:
            return run(everyone, self._address, table, cells, 0)
        memory = self._scratch.pop() if self._scratch else aligned(nbytes)
        if memory.nbytes < nbytes:
            memory = aligned(nbytes)
        try:
            return run(everyone, self._address, table, cells, memory.ctypes.data)
        finally:
            self._scratch.append(memory)


@remember
def _nanoseconds_per_tick() -> float:
    """The rate of the processor's counter, which the profiled machine reads."""
    ticks = native()["ticks"]
    start, first = time.perf_counter_ns(), ticks()
    time.sleep(CALIBRATION_SECONDS)
    return (time.perf_counter_ns() - start) / (ticks() - first)


def _call_host(
    hosts: list[Host], slots: int, errors: threading.local, index: int, table: int
) -> int:
    # Any other answer than HOST_DONE stops the program: also the one that ctypes makes up when
    # an interrupt comes before the try.
    try:
        pointers = (ctypes.c_size_t * slots).from_address(table)
        hosts[index].function(tuple(pointers[slot] for slot in hosts[index].slots))
        return HOST_DONE
    except BaseException as error:
        errors.raised = error
        return 1 - HOST_DONE


def _address(name: str, array: np.ndarray | None, dtype: type, size: int) -> int:
    if array is None and size == 0:
        return 0
    if (
        isinstance(array, np.ndarray)
        and array.dtype == dtype
        and array.ndim == 1
        and array.size >= size
        and array.flags.c_contiguous
    ):
        return array.ctypes.data
    given = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else repr(array)
    wanted = f"a contiguous array of {np.dtype(dtype)} with at least {size} elements"
    raise ValueError(f"{name} must be {wanted}, is {given}")
