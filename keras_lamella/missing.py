"""What happens when Keras asks for an operation that Lamella does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn


class MissingOp(NotImplementedError, AttributeError):
    """Keras asked for an operation that Lamella does not have.

    An AttributeError, since Keras probes for optional operations with `hasattr`; a
    NotImplementedError, since that is what it means to a person.
    """


def missing_op(module: str) -> Callable[[str], NoReturn]:
    """The `__getattr__` of an op module.

        __getattr__ = missing_op(__name__)

    turns any name that the module does not define into a `MissingOp`.
    """

    def __getattr__(name: str) -> NoReturn:
        if name.startswith("__"):  # Python's own probes: __path__, __wrapped__
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        group = module.rpartition(".")[2]
        raise MissingOp(
            f"Keras asks its backend for {group}.{name}, which lamella does not have. Write it "
            "with other keras.ops, or run the program on another backend: "
            "lamella run --engine jax|torch|tensorflow PROGRAM"
        )

    return __getattr__
