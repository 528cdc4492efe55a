"""tf.app, tf.flags, tf.logging, tf.gfile, tf.ConfigProto and other things around a program."""

from __future__ import annotations

import argparse
import glob as _glob
import logging as _logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from tensorflow_lamella.errors import NotFoundError, unsupported
from tensorflow_lamella.names import export, put

_PLACES = ("app.flags", "flags")


class Flags:
    """Values of the flags that a program defines: those of the command line, else the defaults."""

    def __init__(self) -> None:
        self.__dict__["_defined"] = {}
        self.__dict__["_values"] = {}
        self.__dict__["_parsed"] = False
        self.__dict__["_checks"] = []

    def _define(self, name: str, default: Any, parse: Callable[[str], Any], text: Any) -> None:
        self._defined[name] = (default, parse, text)
        self._values.setdefault(name, default)
        self.__dict__["_parsed"] = False

    def _parse(self, arguments: list[str]) -> list[str]:
        """Read `arguments`; returns those that are not flags."""
        parser = argparse.ArgumentParser(allow_abbrev=False)
        for name, (default, parse, text) in self._defined.items():
            options: dict[str, Any] = {
                "default": default,
                "help": str(text or "").replace("%", "%%"),
            }
            if isinstance(default, list):  # given several times, or a list in one word
                options["action"] = "append" if parse in _ONE_EACH else "store"
                options["default"] = None
            if parse is _boolean:
                parser.add_argument(f"--{name}", type=parse, nargs="?", const=True, **options)
                parser.add_argument(f"--no{name}", dest=name, action="store_false", default=default)
            else:
                parser.add_argument(f"--{name}", type=parse, **options)
        found, rest = parser.parse_known_args([_dashes(a) for a in arguments])
        given = {k: self._defined[k][0] if v is None else v for k, v in vars(found).items()}
        self.__dict__["_values"] = given
        self.__dict__["_parsed"] = True
        for name, check, message in self._checks:
            if not check(given[name] if isinstance(name, str) else {n: given[n] for n in name}):
                value = f"flag --{name}={given[name]}: " if isinstance(name, str) else ""
                raise IllegalFlagValueError(f"{value}{message}")
        return rest

    def __call__(self, argv: list[str], known_only: bool = False) -> list[str]:
        """Read a command line, the program's name first."""
        return [argv[0], *self._parse(list(argv[1:]))]

    def __getattr__(self, name: str) -> Any:
        if name == "__flags":  # as the first releases kept them
            return self.flag_values_dict()
        if name.startswith("__"):
            raise AttributeError(name)
        if not self._parsed:
            self._parse(sys.argv[1:])
        if name not in self._values:
            raise AttributeError(f"Unknown command line flag '{name}'")
        return self._values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if not self._parsed:
            self._parse(sys.argv[1:])
        self._values[name] = value

    __getitem__ = __getattr__

    def __iter__(self) -> Iterator[str]:
        return iter(self._defined)

    def __contains__(self, name: str) -> bool:
        return name in self._defined

    def _parse_flags(self) -> None:
        """Read the command line, as the first releases were told to."""
        self._parse(sys.argv[1:])

    def flag_values_dict(self) -> dict[str, Any]:
        """All flags and their values."""
        if not self._parsed:
            self._parse(sys.argv[1:])
        return dict(self._values)


def _dashes(argument: str) -> str:
    one = argument.startswith("-") and not argument.startswith("--") and len(argument) > 2
    return f"-{argument}" if one and not argument[1].isdigit() else argument


def _boolean(text: Any) -> bool:
    if isinstance(text, bool):
        return text
    if text.lower() in ("true", "t", "1", "yes"):
        return True
    if text.lower() in ("false", "f", "0", "no"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


@export("flags.IllegalFlagValueError", "app.flags.IllegalFlagValueError", version=1)
class IllegalFlagValueError(ValueError):
    """A flag has a value that the program forbids."""


FLAGS = Flags()
for _place in _PLACES:
    put(FLAGS, f"{_place}.FLAGS", version=1)


def _definer(name: str, parse: Callable[[str], Any]) -> None:
    def define(flag_name: str, default_value: Any, docstring: Any = "", lower_bound: Any = None,
               upper_bound: Any = None, **unused: Any) -> None:  # fmt: skip
        FLAGS._define(flag_name, default_value, parse, docstring)
        if lower_bound is not None or upper_bound is not None:
            low = -float("inf") if lower_bound is None else lower_bound
            high = float("inf") if upper_bound is None else upper_bound
            register_validator(
                flag_name, lambda x: x is None or low <= x <= high, f"it is not in [{low}, {high}]"
            )

    define.__name__, define.__doc__ = name, f"Define a flag: tf.flags.{name}(name, default, help)."
    export(*(f"{p}.{name}" for p in _PLACES), version=1)(define)


for _name, _parse in (("DEFINE_string", str), ("DEFINE_integer", int), ("DEFINE_float", float),
                      ("DEFINE_boolean", _boolean), ("DEFINE_bool", _boolean)):  # fmt: skip
    _definer(_name, _parse)


@export(*(f"{p}.DEFINE_list" for p in _PLACES), version=1)
def define_list(name: str, default: Any, help: Any = "", **unused: Any) -> None:
    """A flag of words with commas between."""
    default = default.split(",") if isinstance(default, str) else default
    FLAGS._define(name, default, lambda text: text.split(","), help)


def _several(name: str, parse: Callable[[str], Any]) -> None:
    def define(flag_name: str, default: Any, help: Any = "", **unused: Any) -> None:
        listed = default if isinstance(default, list) or default is None else [default]
        FLAGS._define(flag_name, [] if listed is None else listed, parse, help)

    define.__name__, define.__doc__ = name, "Define a flag that may be given several times: a list."
    export(*(f"{p}.{name}" for p in _PLACES), version=1)(define)


def _word(text: str) -> str:
    return text


def _integer(text: str) -> int:
    return int(text)


def _number(text: str) -> float:
    return float(text)


_ONE_EACH = (_word, _integer, _number)
for _kind, _one in zip(("string", "integer", "float"), _ONE_EACH):
    _several(f"DEFINE_multi_{_kind}", _one)


@export(*(f"{p}.DEFINE_enum" for p in _PLACES), version=1)
def define_enum(name: str, default: Any, enum_values: Any, help: Any = "", **unused: Any) -> None:
    """A flag that is one of several words."""

    def parse(text: str) -> str:
        if text not in enum_values:
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {list(enum_values)}")
        return text

    FLAGS._define(name, default, parse, help)


@export(*(f"{p}.mark_flag_as_required" for p in _PLACES), version=1)
def mark_flag_as_required(flag_name: str, *args: Any) -> None:
    """Without this flag the program does not run."""
    register_validator(
        flag_name, lambda value: value is not None,
        f"Flag --{flag_name} must have a value other than None.",
    )  # fmt: skip


@export(*(f"{p}.mark_flags_as_required" for p in _PLACES), version=1)
def mark_flags_as_required(flag_names: Any, *args: Any) -> None:
    """Without these flags the program does not run."""
    for name in flag_names:
        mark_flag_as_required(name)


@export(*(f"{p}.register_validator" for p in _PLACES), version=1)
def register_validator(flag_name: str, checker: Callable[[Any], bool],
                       message: str = "Flag validation failed", *args: Any) -> None:  # fmt: skip
    """The flag must have a value for which `checker` is true; IllegalFlagValueError otherwise."""
    FLAGS._checks.append((flag_name, checker, message))


@export(*(f"{p}.register_multi_flags_validator" for p in _PLACES), version=1)
def register_multi_flags_validator(flag_names: Any, multi_flags_checker: Callable[[Any], bool],
                                   message: str = "Flags validation failed",
                                   *args: Any) -> None:  # fmt: skip
    """As register_validator, of a dict of several flags."""
    FLAGS._checks.append((tuple(flag_names), multi_flags_checker, message))


@export(*(f"{p}.validator" for p in _PLACES), version=1)
def validator(flag_name: str, message: str = "Flag validation failed", *args: Any) -> Any:
    """`@flags.validator("name")` above a function that says whether a value is good."""

    def decorate(checker: Callable[[Any], bool]) -> Callable[[Any], bool]:
        register_validator(flag_name, checker, message)
        return checker

    return decorate


@export("app.run", version=1)
def run(main: Any = None, argv: Any = None) -> NoReturn:
    """Read the flags, call `main(argv)` and leave the program."""
    argv = sys.argv if argv is None else argv
    try:
        rest = FLAGS._parse(list(argv[1:]))
    except IllegalFlagValueError as error:
        sys.exit(f"FATAL Flags parsing error: {error}")
    if main is None:
        main = sys.modules["__main__"].main
    sys.exit(main([argv[0], *rest]))


# Logging

_logger = _logging.getLogger("tensorflow")
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40, "FATAL": 50}
for _name, _level in _LEVELS.items():
    put(_level, f"logging.{_name}", version=1)


def get_logger() -> _logging.Logger:
    """The logger "tensorflow", writing to standard error."""
    _handler()
    return _logger


def _handler() -> None:
    if not _logger.handlers:
        handler = _logging.StreamHandler()
        handler.setFormatter(_logging.Formatter("%(levelname)s:%(name)s:%(message)s"))
        _logger.addHandler(handler)
        _logger.propagate = False
        if _logger.level == _logging.NOTSET:
            _logger.setLevel(_logging.WARNING)


@export("logging.set_verbosity", version=1)
def set_verbosity(level: Any) -> None:
    """Messages of this level and above are shown."""
    _logger.setLevel(level)


@export("logging.get_verbosity", version=1)
def get_verbosity() -> int:
    """The level from which on messages are shown."""
    return _logger.getEffectiveLevel()


def _log(name: str, level: int) -> None:
    def log(message: Any, *args: Any, **kwargs: Any) -> None:
        _handler()
        _logger.log(level, message, *args, **kwargs)

    log.__name__, log.__doc__ = name, f"Log a message of level {name}."
    export(f"logging.{name}", version=1)(log)


for _name in ("debug", "info", "warn", "warning", "error", "fatal"):
    _log(_name, _LEVELS[_name.upper()])


@export("logging.log_every_n", version=1)
def log_every_n(level: int, message: str, n: int, *args: Any) -> None:
    """Log the first of every `n` calls with this message."""
    count = _counts.get(message, 0)
    _counts[message] = count + 1
    if count % n == 0:
        _handler()
        _logger.log(level, message, *args)


_counts: dict[str, int] = {}


# Files


def _file(*names: str) -> Callable[[Any], Any]:
    return export(*(f"gfile.{n}" for n in names), version=1)


@_file("GFile", "FastGFile", "Open")
class GFile:
    """A file, opened when it is first used."""

    def __init__(self, name: str, mode: str = "r") -> None:
        self.name, self.mode = os.fspath(name), mode
        self._open: Any = None

    def _file(self) -> Any:
        if self._open is None:
            try:
                text = "b" not in self.mode
                self._open = open(  # noqa: SIM115 (closed by close())
                    self.name, self.mode, encoding="utf-8" if text else None
                )
            except FileNotFoundError as error:
                raise NotFoundError(
                    None, None, f"{self.name}; No such file or directory"
                ) from error
        return self._open

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file(), name)

    def size(self) -> int:
        """Bytes."""
        return os.path.getsize(self.name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file())

    def __enter__(self) -> GFile:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        if self._open is not None:
            self._open.close()
            self._open = None


def _missing(path: Any) -> Exception:
    return NotFoundError(None, None, f"{path}; No such file or directory")


_file("Exists")(lambda path: os.path.exists(path))
_file("IsDirectory")(lambda path: os.path.isdir(path))
_file("MakeDirs")(lambda path: os.makedirs(path, exist_ok=True))
_file("Rename")(lambda old, new, overwrite=False: os.replace(old, new))
_file("Stat")(lambda path: os.stat(path))
_file("Glob")(lambda pattern: sorted(_glob.glob(pattern)))
_file("MkDir")(lambda path: os.mkdir(path))


@_file("Copy")
def copy(oldpath: str, newpath: str, overwrite: bool = False) -> None:
    """Copy a file."""
    if os.path.exists(newpath) and not overwrite:
        raise FileExistsError(newpath)
    shutil.copyfile(oldpath, newpath)


@_file("ListDirectory")
def list_directory(path: str) -> list[str]:
    """The names in a folder; NotFoundError where there is none."""
    if not os.path.isdir(path):
        raise _missing(path)
    return os.listdir(path)


@_file("Remove")
def remove(path: str) -> None:
    """Delete a file; NotFoundError where there is none."""
    if not os.path.exists(path):
        raise _missing(path)
    os.remove(path)


@_file("DeleteRecursively")
def delete_recursively(path: str) -> None:
    """Delete a folder and what is in it; NotFoundError where there is none."""
    if not os.path.exists(path):
        raise _missing(path)
    shutil.rmtree(path)


@_file("Walk")
def walk(top: str, in_order: bool = True) -> Iterator[Any]:
    """os.walk."""
    return os.walk(top, topdown=in_order)


# Options of sessions: read and without effect


class Options:
    """A record of options that are accepted: any attribute can be set and read."""

    def __init__(self, **kwargs: Any) -> None:
        self.__dict__.update(kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        inner = Options()
        self.__dict__[name] = inner
        return inner

    def CopyFrom(self, other: Any) -> None:
        """Take the options of another."""
        self.__dict__.update(vars(other))


for _name in ("ConfigProto", "GPUOptions", "OptimizerOptions", "GraphOptions", "RunOptions",
              "RunMetadata"):  # fmt: skip
    _made = type(_name, (Options,), {"__doc__": f"tf.{_name}: accepted, without effect.",
                                     "FULL_TRACE": 3, "NO_TRACE": 0, "ON_1": 1})  # fmt: skip
    export(_name, version=1)(_made)


def _absent(instead: str, *names: str) -> None:
    for name in names:

        def call(*args: Any, _name: str = name, **kwargs: Any) -> Any:
            raise unsupported(f"tf.{_name}", instead)

        call.__doc__ = f"An error: {instead}."
        export(name, version=1)(call)


_absent("read the data with NumPy or tf.data, and feed it",
        "train.string_input_producer", "train.slice_input_producer", "train.range_input_producer",
        "train.input_producer", "train.batch", "train.shuffle_batch", "train.batch_join",
        "train.shuffle_batch_join", "train.limit_epochs", "FIFOQueue", "RandomShuffleQueue",
        "PaddingFIFOQueue", "PriorityQueue", "QueueBase", "TextLineReader", "WholeFileReader",
        "TFRecordReader", "FixedLengthRecordReader", "IdentityReader", "ReaderBase",
        "train.QueueRunner", "train.add_queue_runner", "train.match_filenames_once",
        "queue.FIFOQueue", "queue.RandomShuffleQueue")  # fmt: skip
_absent("everything runs in one process: leave it out",
        "train.Server", "train.ClusterSpec", "train.replica_device_setter", "train.Supervisor",
        "train.SyncReplicasOptimizer", "train.SessionManager", "train.Scaffold")  # fmt: skip
_absent(
    "use tf.train.Saver to save, and Python to build the graph",
    "contrib.quantize",
    "contrib.lite.TFLiteConverter",
    "contrib.predictor.from_saved_model",
)


@export("train.Coordinator", version=1)
class Coordinator:
    """Without queues there is nothing to coordinate: it never stops by itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._stopped = False

    def should_stop(self) -> bool:
        """Whether somebody asked to stop."""
        return self._stopped

    def request_stop(self, ex: Any = None) -> None:
        """Ask to stop."""
        self._stopped = True

    def join(self, threads: Any = None, **kwargs: Any) -> None:
        """Nothing to wait for."""


@export("train.start_queue_runners", version=1)
def start_queue_runners(*args: Any, **kwargs: Any) -> list[Any]:
    """There are no queues: nothing starts."""
    return []


@export("test.is_gpu_available", version=1)
def is_gpu_available(*args: Any, **kwargs: Any) -> bool:
    """There is none."""
    return False


@export("test.gpu_device_name", version=1)
def gpu_device_name() -> str:
    """There is none."""
    return ""
