"""Lamella: the CPU engine for Keras 3.

`import lamella` before `import keras` makes Lamella the backend of Keras; `lamella.jit`, `grad` and
the other transformations work on plain NumPy functions.
"""

from keras_lamella.install import install as _install
from lamella.control import (
    associative_scan,
    cond,
    fori_loop,
    scan,
    switch,
    while_loop,
)
from lamella.control import map_ as map
from lamella.frontend.functions import (
    contract,
    digamma,
    dynamic_slice,
    dynamic_update_slice,
    erf,
    erfc,
    erfinv,
    lgamma,
    normal,
    random_bits,
    rsqrt,
    sigmoid,
    top_k,
    uniform,
    update,
)
from lamella.jit import jit
from lamella.transforms import (
    checkpoint,
    custom_gradient,
    grad,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
    vmap,
)
from lamella.version import __version__

_install(select=True)

__all__ = [
    "__version__", "associative_scan", "checkpoint", "cond", "contract", "custom_gradient",
    "digamma", "dynamic_slice", "dynamic_update_slice", "erf", "erfc", "erfinv", "fori_loop",
    "grad", "jit", "jvp", "lgamma", "map", "normal", "random_bits", "rsqrt", "scan", "sigmoid",
    "stop_gradient", "switch", "top_k", "uniform", "update", "value_and_grad", "vjp", "vmap",
    "while_loop",
]  # fmt: skip
