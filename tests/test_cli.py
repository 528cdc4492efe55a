"""The command `lamella`, as a user runs it: in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import lamella


def command(*arguments: str | Path, cwd: Path | None = None, **environment: str):
    """Run `python -m lamella ARGUMENTS`, with the checkout importable from anywhere."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("KERAS_BACKEND", "LAMELLA_DEBUG")}
    root = str(Path(lamella.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-m", "lamella", *map(str, arguments)],
        env={**inherited, "PYTHONPATH": root, **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def script(tmp_path: Path):
    """Write a program, return its path."""

    def write(text: str, name: str = "program.py") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_version():
    assert command("--version").stdout == f"lamella {lamella.__version__}\n"


def test_no_command_lists_the_commands():
    result = command()
    assert result.returncode == 0
    assert "run" in result.stdout
    assert "cache" in result.stdout


def test_unknown_command_is_refused():
    result = command("fly")
    assert result.returncode == 2
    assert "'fly'" in result.stderr


def test_run_is_like_python(script, tmp_path):
    script("value = 7", "neighbour.py")
    path = script(
        "import sys, os, neighbour, __main__\n"
        "print(sys.argv[1:], __name__, os.path.basename(__file__), neighbour.value)\n"
        "print(__main__.__file__ == __file__, os.environ['KERAS_BACKEND'])\n"
    )
    result = command("run", path, "--epochs", "3", "-x", cwd=tmp_path.parent)
    assert result.stdout.splitlines() == [
        "['--epochs', '3', '-x'] __main__ program.py 7",
        "True lamella",
    ]


def test_run_overrides_the_environment(script):
    path = script("import os; print(os.environ['KERAS_BACKEND'])")
    assert command("run", path, KERAS_BACKEND="jax").stdout == "lamella\n"


def test_future_imports_of_the_command_do_not_leak(script):
    path = script("def f(x: 1 + 1): pass\nprint(f.__annotations__)")
    assert command("run", path).stdout == "{'x': 2}\n"


@pytest.mark.parametrize(("ending", "code"), [("", 0), ("raise SystemExit(5)", 5), ("1 / 0", 1)])
def test_exit_code(script, ending, code):
    assert command("run", script(ending)).returncode == code


def test_traceback_shows_the_program_only(script):
    path = script(
        "import lamella\n"
        "def f(x):\n"
        "    return lamella.grad(42)(x)\n"
        "try:\n"
        "    [][1]\n"
        "except IndexError as error:\n"
        "    f(1.0)\n"
    )
    result = command("run", path)
    assert result.returncode == 1
    frames = [line for line in result.stderr.splitlines() if line.startswith("  File ")]
    assert [frame.split(", ", 1)[1] for frame in frames] == [
        "line 5, in <module>",
        "line 7, in <module>",
        "line 3, in f",
    ]
    assert "LAMELLA_DEBUG=traceback" in result.stderr
    whole = command("run", path, LAMELLA_DEBUG="traceback").stderr
    assert "transforms.py" in whole
    assert "LAMELLA_DEBUG=traceback" not in whole


def test_error_of_the_program_itself_has_no_note(script):
    stderr = command("run", script("def f(): raise KeyError('x')\nf()\n")).stderr
    assert stderr.endswith("KeyError: 'x'\n")
    assert "cli.py" not in stderr


def test_syntax_error_names_the_place(script):
    result = command("run", script("x = (1,\ny = 2\n"))
    assert result.returncode == 1
    assert "program.py" in result.stderr
    assert "cli.py" not in result.stderr


def test_missing_script(tmp_path):
    result = command("run", tmp_path / "nothing.py")
    assert result.returncode == 2
    assert "nothing.py" in result.stderr
    assert "Traceback" not in result.stderr


def test_engine_that_is_not_installed_says_how_to_install_it(script, tmp_path):
    # a stand-in for an environment without JAX: the import system refuses the name
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['jax'] = None")
    root = str(Path(lamella.__file__).parent.parent)
    result = command(
        "run", "--engine", "jax", script(""), PYTHONPATH=os.pathsep.join([str(tmp_path), root])
    )
    assert result.returncode == 2
    assert "pip install jax" in result.stderr


def test_engine_selects_another_backend(script, tmp_path):
    (tmp_path / "torch.py").write_text("")
    path = script("import os; print(os.environ['KERAS_BACKEND'])")
    root = str(Path(lamella.__file__).parent.parent)
    both = os.pathsep.join([str(tmp_path), root])
    assert command("run", "--engine", "torch", path, PYTHONPATH=both).stdout == "torch\n"


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_interrupt_ends_it_as_it_ends_python(script, tmp_path):
    path = script("import time; print('ready', flush=True); time.sleep(60)")
    root = str(Path(lamella.__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, "-m", "lamella", "run", str(path)],
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in stderr


TRAINING = """
import sys
import keras, numpy as np
model = keras.Sequential([keras.layers.Dense(64, activation="relu"), keras.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(np.ones((320, 50)), np.ones(320), batch_size=32, epochs=3, verbose=0)
print("trained", sys.argv[1:])
"""


def test_profile_tells_times_and_limits(script):
    result = command("profile", script(TRAINING), "one")
    assert result.returncode == 0, result.stderr
    first, *table = result.stdout.splitlines()
    assert first == "trained ['one']"
    assert table[1].split() == "ms share count us each GFLOP/s GB/s bound by what".split()
    kernels = [line for line in table if "CALL contract" in line]
    assert kernels
    assert all(line.split()[2] == "30" for line in kernels)
    assert any("arithmetic" in line or "cache" in line for line in kernels)
    assert table[-1].startswith(tuple("123456789"))
    assert "GFLOP/s (float32)" in table[-1]


def test_show_prints_each_compiled_step(script):
    result = command("show", script(TRAINING))
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("---- lamella: fused") == 1
    assert "kind='contraction'" in result.stdout
    assert "trained []" in result.stdout


@pytest.mark.parametrize("name", ["run", "profile", "show"])
def test_script_that_is_not_there(name):
    result = command(name, "nowhere.py")
    assert result.returncode == 2
    assert "cannot read nowhere.py" in result.stderr


def test_cache_is_shown_and_cleared(tmp_path):
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "kernel.code").write_bytes(b"x" * 500_000)
    (folder / "letter.txt").write_text("not ours")
    shown = command("cache", LAMELLA_CACHE_DIR=str(folder)).stdout
    assert str(folder) in shown
    assert "holds 1 files, 0.5 MB" in shown
    assert "removed 1 files" in command("cache", "clear", LAMELLA_CACHE_DIR=str(folder)).stdout
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]


def test_cache_turned_off():
    assert "LAMELLA_CACHE=0" in command("cache", LAMELLA_CACHE="0").stdout
