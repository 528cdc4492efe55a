"""Every primitive of the IR, one record each; a family to a file.

Rules reach other primitives through this package (`ops.add`), looked up when called.
"""

from lamella.ops.contraction import contract
from lamella.ops.layout import (
    barrier,
    broadcast,
    concatenate,
    flip,
    full,
    iota,
    pad,
    reshape,
    slice_ as slice,
    stop_gradient,
    transpose,
)
from lamella.ops.reduction import argmax, argmin, max_ as max, min_ as min, prod, sum_ as sum
