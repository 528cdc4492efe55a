"""tf.errors: the exceptions of TensorFlow's own, and what is raised for things we do not have."""

from __future__ import annotations

from typing import Any

from tensorflow_lamella.names import export, put


@export("errors.OpError")
class OpError(Exception):
    """The base of TensorFlow's errors; also `OpError(node_def, op, message)`."""

    error_code = 2

    def __init__(self, *args: Any) -> None:
        super().__init__(args[-1] if args else "")
        self.message = str(args[-1]) if args else ""
        known = len(args) == 3
        self.node_def: Any = args[0] if known else None
        self.op: Any = args[1] if known else None


def _error(name: str, code: int, *bases: type) -> type[OpError]:
    about = {"error_code": code, "__doc__": f"tf.errors.{name}."}
    made: type[OpError] = type(name, (OpError, *bases), about)
    made.__module__ = __name__
    put(made, f"errors.{name}")
    return made


CancelledError = _error("CancelledError", 1)
UnknownError = _error("UnknownError", 2)
InvalidArgumentError = _error("InvalidArgumentError", 3, ValueError)
DeadlineExceededError = _error("DeadlineExceededError", 4)
NotFoundError = _error("NotFoundError", 5)
AlreadyExistsError = _error("AlreadyExistsError", 6)
PermissionDeniedError = _error("PermissionDeniedError", 7)
ResourceExhaustedError = _error("ResourceExhaustedError", 8)
FailedPreconditionError = _error("FailedPreconditionError", 9)
AbortedError = _error("AbortedError", 10)
OutOfRangeError = _error("OutOfRangeError", 11)
UnimplementedError = _error("UnimplementedError", 12)
InternalError = _error("InternalError", 13)
UnavailableError = _error("UnavailableError", 14)
DataLossError = _error("DataLossError", 15)
UnauthenticatedError = _error("UnauthenticatedError", 16)


@export("errors.OperatorNotAllowedInGraphError")
class OperatorNotAllowedInGraphError(TypeError):
    """A tensor whose numbers are not known was asked for them."""


#: Tensors of different dtypes: InvalidArgumentError eagerly, TypeError in graphs.
DifferentDtypes = type("DifferentDtypes", (InvalidArgumentError, TypeError), {})


for _code, _name in enumerate(
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS "
    "PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED "
    "INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED".split()
):
    put(_code, f"errors.{_name}")


class Unsupported(NotImplementedError):
    """A part of TensorFlow that Lamella does not have; the message says what to use."""


class OnlyInPython(Unsupported):
    """What a compiled function cannot do and Python can: tf.function then runs as Python."""


def unsupported(what: str, instead: str) -> Unsupported:
    """The exception for a symbol or an option that we do not have."""
    from lamella.frontend.trace import user_line

    line = user_line()
    at = f" (at {line})" if line else ""
    return Unsupported(f"{what} is not supported by TensorFlow on Lamella{at}; {instead}")
