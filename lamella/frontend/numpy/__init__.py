"""NumPy's functions on Tracers, by theme; `implementation` finds one."""

from lamella.frontend.numpy import (
    creation,
    elementwise,
    fourier,
    joining,
    linalg,
    products,
    reductions,
    selection,
    shaping,
    signal,
    sorting,
    statistics,
)
from lamella.frontend.numpy.registry import implementation, implemented, implements

__all__ = ["implementation", "implemented", "implements"]
