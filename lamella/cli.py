"""The command `lamella`: a table of small commands, each a function of its own arguments."""

from __future__ import annotations

import argparse
import functools
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import keras_lamella.install
import tensorflow_lamella.keras
import tensorflow_lamella.others
from lamella import inspect, scripts, tracebacks
from lamella.version import __version__
from tensorflow_lamella.others import advice, figures

ENGINES = ("lamella", "jax", "torch", "tensorflow")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the result is the exit code of the process.

    >>> main(["--version"])
    lamella 0.1.0
    0
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0
    if arguments[0] in ("-V", "--version"):
        print("lamella", __version__)
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"lamella: there is no command {name!r}\n\n{_usage()}", file=sys.stderr)
        return 2
    return COMMANDS[name](rest)


def _usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {_summary(command)}" for name, command in COMMANDS.items()]
    return "\n".join(
        ["usage: lamella COMMAND ...", "       lamella --version", "", "commands:", *lines]
    )


def _summary(command: Callable[..., Any]) -> str:
    return (command.__doc__ or "").partition("\n")[0]


def _parser(command: Callable[..., Any]) -> argparse.ArgumentParser:
    prog = f"lamella {command.__name__}"
    return argparse.ArgumentParser(prog, description=_summary(command))


# -- lamella run -----------------------------------------------------------------------------


def run(arguments: Sequence[str]) -> int:
    """Run a Keras or TensorFlow program, or a notebook, on Lamella or another engine of Keras."""
    parser = _parser(run)
    parser.add_argument("--engine", choices=ENGINES, default="lamella", help="default: lamella")
    parser.add_argument(
        "--tensorflow", choices=("lamella", "real"), default="lamella",
        help="what `import tensorflow` gives: lamella's (default), or the installed TensorFlow",
    )  # fmt: skip
    options, source = _script(parser, arguments)
    select_engine(parser, options.engine)
    bridge_old_names(tensorflow=options.engine == options.tensorflow == "lamella")
    run_script(options.script, source, options.args)
    return 0


def profile(arguments: Sequence[str]) -> int:
    """Run a Keras program; show what its compiled steps took, and what bounds them."""
    parser = _parser(profile)
    options, source = _script(parser, arguments)
    inspect.want("time", sys.stdout)
    inspect.measure_peaks()
    select_engine(parser, "lamella")
    bridge_old_names()
    run_script(options.script, source, options.args)
    return 0


def show(arguments: Sequence[str]) -> int:
    """Run a Keras program; show the fused Program of each step that is compiled."""
    parser = _parser(show)
    options, source = _script(parser, arguments)
    inspect.want("fused", sys.stdout)
    select_engine(parser, "lamella")
    bridge_old_names()
    run_script(options.script, source, options.args)
    return 0


def check(arguments: Sequence[str]) -> int:
    """List what a program uses of TensorFlow and Keras that is not there, without running it."""
    options, source = _script(_parser(check), arguments)
    select_engine(_parser(check), "lamella")
    bridge_old_names()
    problems = importlib.import_module("tensorflow_lamella.check").problems
    count = 0
    try:
        parts = scripts.parts(options.script, source, scripts.tell)
    except SyntaxError as error:
        reason = advice.python_2(error) or error.msg
        print(f"{error.filename or options.script}:{error.lineno}: {reason}")
        return 1
    for part in parts:
        text = part.source.decode() if isinstance(part.source, bytes) else part.source
        for problem in problems(text):
            print(f"{part.name}:{problem.line}: {problem.message}")
            count += 1
    print(f"{options.script}: {count or 'nothing'} unsupported found")
    return 1 if count else 0


def _script(
    parser: argparse.ArgumentParser, arguments: Sequence[str]
) -> tuple[argparse.Namespace, bytes]:
    """The options of a command that runs a program, and the program."""
    parser.add_argument("script", help="the program, a Python file")
    parser.add_argument("args", nargs=argparse.REMAINDER, help="its own arguments")
    options = parser.parse_args(arguments)
    try:
        return options, Path(options.script).read_bytes()
    except OSError as error:
        parser.error(f"cannot read {options.script}: {error.strerror}")


def select_engine(parser: argparse.ArgumentParser, engine: str) -> None:
    """Make `engine` the backend of the Keras that is imported next."""
    if engine != "lamella" and importlib.util.find_spec(engine) is None:
        parser.error(f"--engine {engine} needs the package {engine}: pip install {engine}")
    os.environ["KERAS_BACKEND"] = engine
    keras_lamella.install.install()


def bridge_old_names(tensorflow: bool = True) -> None:
    """Let programs written for earlier Keras, and with `tensorflow` for TensorFlow, be run.

    Nothing is imported by it: finders wait for the program's imports.
    """
    if tensorflow:
        tensorflow_lamella.install()
    else:
        tensorflow_lamella.keras.install(of_tensorflow=False)
    tensorflow_lamella.others.install()


def run_script(script: str, source: bytes, args: Sequence[str]) -> None:
    """Run the program `source` as `python script args` would; see `lamella.scripts`.

    Exceptions and SystemExit leave it unchanged; a traceback that reaches the top shows the
    lines of the program and leaves out ours.
    """
    path = os.path.abspath(script)
    sys.excepthook = functools.partial(_show_error, source.decode(errors="replace"))
    parts = scripts.parts(path, source, scripts.tell)
    module = ModuleType("__main__")
    module.__file__ = path
    module.__loader__ = SourceFileLoader("__main__", path)
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    sys.argv = [script, *args]
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(script))
    if path.endswith(".ipynb") or not figures.has_display():
        figures.draw_in_memory()  # a notebook's figures were in the page, not in windows
    if path.endswith(".ipynb"):
        tensorflow_lamella.announce("\n".join(str(part.source) for part in parts))
    if path.endswith(".ipynb") or b"get_ipython" in source:
        module.__dict__.update(scripts.namespace(scripts.tell))
    for part in parts:
        part.run(module.__dict__)


def _show_error(source: str, kind: Any, error: BaseException, trace: Any) -> None:
    advice.advise(error, source)
    tracebacks.show(kind, error, trace)


# -- lamella cache ---------------------------------------------------------------------------


def cache(arguments: Sequence[str]) -> int:
    """Show the folder of compiled code, or clear it."""
    parser = _parser(cache)
    parser.add_argument("action", nargs="?", choices=("show", "clear"), default="show")
    options = parser.parse_args(arguments)
    from lamella.native import cache as code_cache

    folder = code_cache.folder()
    if folder is None:
        print("compiled code is not kept: LAMELLA_CACHE=0")
        return 0
    count, nbytes = code_cache.size()
    if options.action == "clear":
        code_cache.clear()
    done = "removed" if options.action == "clear" else "holds"
    print(f"{folder}: {done} {count} files, {nbytes / 1e6:.1f} MB")
    return 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "run": run,
    "profile": profile,
    "show": show,
    "check": check,
    "cache": cache,
}
