"""The 8-bit floats of quantized layers, inside a trace."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from lamella.frontend.functions import bitcast

FLOAT8 = frozenset(np.dtype(t) for t in (ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2))


def round_to_float8(x: Any, dtype: np.dtype) -> Any:
    """Traced `x` as float32, rounded to the nearest value (ties to even) of a float8 `dtype`.

    The engine has no 8-bit floats; float32 holds all of their values.
    """
    format = ml_dtypes.finfo(dtype)
    x = x.astype(np.float32)
    exponent = (bitcast(x, np.int32) >> np.int32(23) & np.int32(255)) - np.int32(127)
    last_place = np.maximum(exponent, np.int32(format.minexp)) - np.int32(format.nmant)
    step = bitcast((last_place + np.int32(127)) << np.int32(23), np.float32)
    rounded = np.rint(x / step) * step
    overflow = np.float32(np.nan if dtype == ml_dtypes.float8_e4m3fn else np.inf)
    beyond = np.abs(rounded) > np.float32(format.max)
    return np.where(beyond, np.copysign(overflow, x), rounded)
