"""The threads, and the memory through which they are given work.

A thread of the team is a Python daemon thread inside one native call that lasts as long as the
team. Threads start when the first program needs them.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
from collections.abc import Callable
from functools import cache as remember

import numpy as np

from . import interpreter, jit
from .assembler import ALIGNMENT
from .interpreter import TEAM, team_words
from .processor import target

MAX_THREADS = 512
EXIT_SECONDS = 1.0

_POINTER = ctypes.c_void_p


@remember
def native() -> dict[str, Callable]:
    """The functions of the virtual machine, as ctypes calls that release the GIL."""
    text = interpreter.text()
    addresses = jit.load_modules({text: (lambda: text, interpreter.EXPORTS)})[text]
    run = ctypes.CFUNCTYPE(ctypes.c_int64, *[_POINTER] * 5)
    return {
        "run": run(addresses["run"]),
        "run_profiled": run(addresses["run_profiled"]),
        "worker": ctypes.CFUNCTYPE(None, _POINTER, ctypes.c_int64)(addresses["worker"]),
        "start": ctypes.CFUNCTYPE(None, _POINTER)(addresses["start"]),
        "ticks": ctypes.CFUNCTYPE(ctypes.c_int64)(addresses["ticks"]),
    }


def aligned(nbytes: int) -> np.ndarray:
    """New bytes, zero, whose address is a multiple of ALIGNMENT."""
    memory = np.zeros(nbytes + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + nbytes]


class Team:
    """`size` threads, of which the caller is number 0; `lock` is held while a program runs."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.lock = threading.Lock()
        self.starting = threading.Lock()
        self.caller = 0  # identity of the thread whose program runs
        self.memory = aligned(8 * team_words(size)).view(np.int64)
        self.memory[TEAM["threads"]] = size
        self.address = self.memory.ctypes.data
        self.threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads, unless they run; the caller holds the lock."""
        if len(self.threads) < self.size - 1:
            # In a thread of its own, which Ctrl-C does not interrupt half-way.
            starter = threading.Thread(target=self._start)
            starter.start()
            starter.join()

    def _start(self) -> None:
        worker = native()["worker"]
        with self.starting:
            for t in range(len(self.threads) + 1, self.size):
                name = f"lamella-{t}"
                thread = threading.Thread(
                    target=worker, args=(self.address, t), name=name, daemon=True
                )
                thread.start()
                self.threads.append(thread)

    def end(self) -> None:
        """Let the threads leave, for good; the caller holds the lock."""
        if self.threads:
            self.memory[TEAM["program"]] = 0
            native()["start"](self.address)
            for thread in self.threads:
                thread.join()


def num_threads() -> int:
    """How many threads run a program: set_num_threads, LAMELLA_NUM_THREADS or the cores there are.

    Raises:
        ValueError: LAMELLA_NUM_THREADS is not an integer from 1 to 512.
    """
    return team().size


def set_num_threads(n: int) -> None:
    """Run programs on `n` threads from now on; more than there are cores is allowed.

    Raises:
        ValueError: n is not an integer from 1 to 512.
        RuntimeError: called from inside a running program.
    """
    global _team
    size = _checked(n, "set_num_threads: n")
    old = team()
    if old.caller == threading.get_ident():
        raise RuntimeError("set_num_threads cannot be called while a program runs in this thread")
    with _changing, old.lock:
        _team = Team(size)
        old.end()


def team() -> Team:
    """The team of this process."""
    global _team
    if _team is None:
        with _changing:
            if _team is None:
                _team = Team(_initial_size())
    return _team


def _initial_size() -> int:
    given = os.environ.get("LAMELLA_NUM_THREADS")
    return min(target().cores, MAX_THREADS) if not given else _checked(given, "LAMELLA_NUM_THREADS")


def _checked(n: int | str, name: str) -> int:
    try:
        size = int(n) if isinstance(n, str) else n.__index__()
    except (ValueError, AttributeError):
        size = 0
    if not 1 <= size <= MAX_THREADS:
        raise ValueError(f"{name} is {n!r}, must be an integer from 1 to {MAX_THREADS}")
    return size


def _forget() -> None:
    """A forked child has none of the threads, and perhaps a lock that nobody will release."""
    global _team, _changing
    _team, _changing = None, threading.Lock()


def _leave() -> None:
    """At exit the threads leave before what they use is taken apart."""
    if _team is not None and _team.lock.acquire(timeout=EXIT_SECONDS):
        _team.end()
        _team.lock.release()


_team: Team | None = None
_changing = threading.Lock()
atexit.register(_leave)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
