"""What needs a process of its own: environment, fork, exit."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

PREAMBLE = """
import os, sys, threading, time
import numpy as np
from toy_kernels import kernel
from lamella import native

code = native.Code()
with code.loop(cell=0):
    code.call(kernel("increment"), 60, [0, 0])
    code.barrier()
machine = native.Machine(code, 1)
x = np.zeros(60, np.int64)
pointers = np.array([x.ctypes.data], np.uintp)

def run(n):
    machine.run(pointers, np.array([n]))
"""


def python(body, timeout=60, **environment):
    """Run PREAMBLE and `body`; what it printed, and it must end well."""
    path = os.pathsep.join((str(ROOT), str(HERE)))
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", PREAMBLE + textwrap.dedent(body)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(), done.stderr


def test_threads_from_the_environment():
    out, _ = python("run(10); print(native.num_threads(), x[0])", LAMELLA_NUM_THREADS="3")
    assert out == ["3", "10"]


@pytest.mark.parametrize("value", ["0", "-2", "two", "1.5"])
def test_wrong_threads_in_the_environment(value):
    out, _ = python(
        """
        try:
            run(1)
        except ValueError as error:
            print(str(error).replace(" ", "_"))
        """,
        LAMELLA_NUM_THREADS=value,
    )
    assert out == [f"LAMELLA_NUM_THREADS_is_'{value}',_must_be_an_integer_from_1_to_512"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork_starts_afresh():
    """Parent and child both go on, also when the child is made while another thread runs."""
    body = """
    import warnings; warnings.simplefilter("ignore")
    run(100)
    busy = threading.Thread(target=lambda: [other.run(theirs, np.array([200])) for _ in range(50)])
    other = native.Machine(code, 1)
    y = np.zeros(60, np.int64)
    theirs = np.array([y.ctypes.data], np.uintp)
    busy.start()
    for _ in range(5):
        child = os.fork()
        if child == 0:
            run(100)
            os._exit(0 if (x % 100 == 0).all() and x[0] > 100 else 1)
        _, status = os.waitpid(child, 0)
        assert status == 0, status
        run(100)
    busy.join()
    print(x[0], y[0])
    """
    out, _ = python(body, LAMELLA_NUM_THREADS="3")
    assert out == ["600", "10000"]


@pytest.mark.parametrize("pause", [0, 0.1])
def test_exit_is_clean(pause):
    """With threads that yield or sleep, and with a daemon thread amid a run."""
    body = f"""
    run(1000)
    def endless():
        mine = np.zeros(60, np.int64)
        table = np.array([mine.ctypes.data], np.uintp)
        while True:
            machine.run(table, np.array([100]))
    threading.Thread(target=endless, daemon=True).start()
    time.sleep({pause})
    print("bye")
    """
    for _ in range(3):
        out, err = python(body, LAMELLA_NUM_THREADS="4")
        assert (out, err) == (["bye"], "")


def test_idle_threads_sleep():
    out, _ = python(
        """
        run(10)
        time.sleep(0.2)
        before = time.process_time()
        time.sleep(0.3)
        print(time.process_time() - before < 0.02)
        run(10)
        print(x[0])
        """,
        LAMELLA_NUM_THREADS="4",
    )
    assert out == ["True", "20"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_interrupt_in_a_host_function():
    out, _ = python(
        f"""
        calls = []
        def interrupted(pointers):
            calls.append(1)
            if len(calls) == 2:
                os.kill(os.getpid(), {int(signal.SIGINT)})
                time.sleep(10)
        code = native.Code()
        with code.loop(count=100):
            code.host(interrupted)
            code.barrier()
        try:
            native.Machine(code, 1).run(pointers)
        except KeyboardInterrupt:
            print("stopped", len(calls))
        run(5)
        print(x[0])
        """,
        LAMELLA_NUM_THREADS="3",
    )
    assert out == ["stopped", "2", "5"]


def test_debug():
    _, err = python("run(1)", LAMELLA_DEBUG="asm", LAMELLA_CACHE="0", LAMELLA_NUM_THREADS="1")
    assert "kernel." in err
    assert "ret" in err
    _, err = python("run(1)", LAMELLA_DEBUG="native", LAMELLA_CACHE_DIR="/dev/null/nowhere")
    assert "compiled 1 modules" in err
    assert "cache: cannot write to /dev/null/nowhere" in err


def test_a_new_version_installed_meanwhile_finds_no_code_of_the_old_one(tmp_path):
    """A program runs, its package is exchanged on disk, then it compiles: the next process, which
    has the new version, must not run that code."""
    shutil.copytree(ROOT / "lamella", tmp_path / "lamella")
    program = """
        import os, pathlib, sys
        import numpy as np
        import lamella, lamella.compile
        assert lamella.__file__ == os.path.join(os.getcwd(), "lamella", "__init__.py")
        if sys.argv[1] == "old":
            with open("lamella/kernels/text.py", "a") as file:
                print("# exchanged", file=file)
        assert lamella.jit(lambda x: x * 3 + 1)(np.arange(5.0)).tolist() == [1, 4, 7, 10, 13]
        print(len(list(pathlib.Path("cache").glob("*.code"))))
    """
    environment = {**os.environ, "LAMELLA_CACHE_DIR": "cache", "PYTHONPATH": str(ROOT)}

    def entries(version):
        command = [sys.executable, "-c", textwrap.dedent(program), version]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    old = entries("old")
    new = entries("new")
    assert old < new == entries("new")
