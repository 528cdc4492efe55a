"""Every primitive of the IR, one record each; a family to a file.

Rules reach other primitives through this package (`ops.add`), looked up when called.
"""

from lamella.ops.arithmetic import (
    abs,
    add,
    bitcast,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    ceil,
    convert,
    copysign,
    div,
    equal,
    floor,
    floor_divide,
    fmod,
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    maximum,
    minimum,
    mul,
    neg,
    nextafter,
    not_equal,
    power,
    remainder,
    rint,
    select,
    shift_left,
    shift_right,
    sign,
    signbit,
    sub,
    trunc,
)
from lamella.ops.complex import complex_ as complex
from lamella.ops.complex import fft, ifft, imag, irfft, real, rfft
from lamella.ops.contraction import contract
from lamella.ops.control import call, fused, switch
from lamella.ops.cumulative import cummax, cummin, cumprod, cumsum
from lamella.ops.indexing import dynamic_slice, gather, gather_nd
from lamella.ops.layout import (
    barrier,
    broadcast,
    concatenate,
    flip,
    full,
    iota,
    pad,
    reshape,
    stop_gradient,
    transpose,
)
from lamella.ops.layout import (
    slice_ as slice,
)
from lamella.ops.linalg import (
    cholesky,
    det,
    eig,
    eigh,
    inv,
    lu,
    pivots_to_permutation,
    qr,
    slogdet,
    solve,
    svd,
    triangular_solve,
)
from lamella.ops.loops import while_loop
from lamella.ops.random import philox
from lamella.ops.reduction import argmax, argmin, prod
from lamella.ops.reduction import max_ as max
from lamella.ops.reduction import min_ as min
from lamella.ops.reduction import sum_ as sum
from lamella.ops.scan import scan
from lamella.ops.scatter import dynamic_update_slice, scatter_add, scatter_nd
from lamella.ops.sort import argsort, sort, top_k
from lamella.ops.transcendental import (
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cbrt,
    cos,
    cosh,
    digamma,
    erf,
    erfc,
    erfinv,
    exp,
    exp2,
    expm1,
    lgamma,
    log,
    log1p,
    log2,
    log10,
    polygamma,
    rsqrt,
    sigmoid,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
)
from lamella.ops.window import window_max, window_max_gradient, window_max_take, window_sum
