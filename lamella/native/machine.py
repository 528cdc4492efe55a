"""A program of instructions, ready to run."""

from __future__ import annotations

import ctypes
import threading
import time
from dataclasses import dataclass

import numpy as np

from .assembler import MAX_SLOTS, Code
from .interpreter import FINISHED, HOST_DONE, PROGRAM, PROGRAM_WORDS
from .team import aligned, native, team

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
        self._program = np.zeros(PROGRAM_WORDS, np.int64)
        self._host = _HOST(self._call_host)
        self._program[PROGRAM["code"]] = self._words.ctypes.data
        self._program[PROGRAM["slots"]] = slots
        self._program[PROGRAM["host"]] = ctypes.cast(self._host, ctypes.c_void_p).value
        self._program[PROGRAM["scratch"]] = code.scratch_bytes
        self._address = self._program.ctypes.data
        self._run = native()["run"]
        self._errors = threading.local()
        self._scratch: list[np.ndarray] = []
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
        given, table = self._pointers
        if pointers is not given:
            table = self._checked("pointers", pointers, np.uintp, self.slots)
            self._pointers = (pointers, table)
        given, cells = self._params
        if params is not given:
            cells = self._checked("params", params, np.int64, self.code.cells)
            self._params = (params, cells)
        elif params is None and self.code.cells:
            raise ValueError(f"params is missing: the program reads {self.code.cells} cells")
        if self._start(self._run, table, cells) != FINISHED:
            self._raise()

    def profile(self, pointers: np.ndarray, params: np.ndarray | None = None) -> list[Timing]:
        """Run the program once and tell how long each instruction took, in order of the code."""
        sums = np.zeros((2, len(self._words)), np.int64)
        self._program[PROGRAM["nanoseconds"]] = sums[0].ctypes.data
        self._program[PROGRAM["counts"]] = sums[1].ctypes.data
        self._run, plain = native()["run_profiled"], self._run
        start = time.perf_counter_ns()
        try:
            self.run(pointers, params)
        finally:
            self._run = plain
        scale = (time.perf_counter_ns() - start) / max(1, sums[0].sum())
        return [
            Timing(line.text, int(sums[1, line.position]), float(sums[0, line.position] * scale))
            for line in self.code.instructions
        ]

    def listing(self) -> str:
        """The instructions, one per line."""
        return self.code.listing()

    def _start(self, run, table: int, cells: int) -> int:
        everyone = team()
        if self.serial or everyone.size == 1 or everyone.caller == threading.get_ident():
            return self._with_scratch(run, None, table, cells, 1)
        with everyone.lock:
            everyone.caller = threading.get_ident()
            try:
                everyone.start()
                return self._with_scratch(run, everyone.address, table, cells, everyone.size)
            finally:
                everyone.caller = 0

    def _with_scratch(self, run, address: int | None, table: int, cells: int, threads: int) -> int:
        nbytes = self.code.scratch_bytes * threads
        if not nbytes:
            return run(address, self._address, table, cells, 0)
        memory = self._scratch.pop() if self._scratch else aligned(nbytes)
        if memory.nbytes < nbytes:
            memory = aligned(nbytes)
        try:
            return run(address, self._address, table, cells, memory.ctypes.data)
        finally:
            self._scratch.append(memory)

    def _call_host(self, index: int, table: int) -> int:
        """Called by the virtual machine; anything but HOST_DONE stops the program."""
        try:
            host = self.code.hosts[index]
            pointers = (ctypes.c_size_t * self.slots).from_address(table)
            host.function(tuple(pointers[slot] for slot in host.slots))
            return HOST_DONE
        except BaseException as error:
            self._errors.raised = error
            return 1 - HOST_DONE

    def _raise(self) -> None:
        """Raise what the host function raised; an interrupt can hit before that is noted."""
        error = self._errors.__dict__.pop("raised", None)
        raise KeyboardInterrupt if error is None else error

    def _checked(self, name: str, array: np.ndarray, dtype: type, size: int) -> int:
        good = isinstance(array, np.ndarray) and array.dtype == dtype and array.ndim == 1
        if not good or array.size < size or not array.flags.c_contiguous:
            given = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else repr(array)
            wanted = f"a contiguous array of {np.dtype(dtype)} with at least {size} elements"
            raise ValueError(f"{name} must be {wanted}, is {given}")
        return array.ctypes.data
