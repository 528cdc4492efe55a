"""Runs a body through the loop generator on aligned buffers, and guards what lies behind them."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamella import native
from lamella.kernels.kernel import Launch, Lowered
from lamella.kernels.loop import lower_loop
from lamella.program import Builder, Program, building
from lamella.types import Type, dtype_of

GUARD = 0xCD


def typed(*shape: int, dtype: str = "float32") -> Type:
    return Type(shape, dtype_of(dtype))


def program(f: Callable[..., Any], *types: Type) -> Program:
    """The Program of `f`, which emits primitives on Values."""
    builder = Builder()
    with building(builder):
        inputs = [builder.make_value(t) for t in types]
        outputs = f(*inputs)
    return builder.finish(inputs, outputs if isinstance(outputs, tuple | list) else [outputs])


def buffer(nbytes: int) -> np.ndarray:
    """Aligned bytes, full of guard bytes, with 64 more that may be read."""
    raw = np.full(nbytes + 192, GUARD, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + nbytes + 64]


def run_lowered(
    lowered: Lowered, body: Program, arrays: Sequence[Any], serial: bool = True
) -> list[np.ndarray]:
    """The outputs of the launches, on one thread or on the team."""
    arrays = [np.asarray(a, t.dtype) for a, t in zip(arrays, body.in_types, strict=True)]
    buffers = []
    for a in arrays:
        buffers.append(buffer(a.nbytes))
        buffers[-1][: a.nbytes] = np.frombuffer(a.tobytes(), np.uint8)
    sizes = [t.nbytes for t in body.out_types] + list(lowered.scratch)
    buffers += [buffer(n) for n in sizes]
    code = native.Code()
    for launch in lowered.launches:
        kernel = launch.kernel
        text = kernel.make_text()
        salt = hashlib.sha256(text.encode()).hexdigest()  # the generator may have changed
        (address,) = native.compile_kernels({kernel.key: lambda t=text: t}, salt=salt).values()
        code.call(address, kernel.n_chunks, list(launch.arguments), name=kernel.key)
        code.barrier()
    machine = native.Machine(code, slots=len(buffers), serial=serial)
    machine.run(np.array([b.ctypes.data for b in buffers], np.uintp))
    for b, n in zip(buffers[len(arrays) :], sizes):
        assert (b[n:] == GUARD).all(), "a kernel wrote past the end of a buffer"
    outputs = buffers[len(arrays) : len(arrays) + len(body.outputs)]
    return [
        b[: t.nbytes].copy().view(t.dtype).reshape(t.shape) for b, t in zip(outputs, body.out_types)
    ]


def table_of(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The addresses of the arrays, as kernels want them: with some words in front."""
    return np.array([0] * native.BEFORE_TABLE + [x.ctypes.data for x in arrays], np.uintp)[
        native.BEFORE_TABLE :
    ]


def chunk_writes(launch: Launch, body: Program, chunk: int) -> tuple[int, int]:
    """The first and the last byte, plus one, that a chunk writes of the first output."""
    kernel = launch.kernel
    text = kernel.make_text()
    salt = hashlib.sha256(text.encode()).hexdigest()
    (address,) = native.compile_kernels({kernel.key: lambda: text}, salt=salt).values()
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=t.shape).astype(t.dtype) for t in body.in_types]
    buffers = [buffer(t.nbytes) for t in (*body.in_types, *body.out_types)]
    for b, x in zip(buffers, inputs):
        b[: x.nbytes] = np.frombuffer(x.tobytes(), np.uint8)
    table = table_of(buffers)
    ids = np.array(launch.arguments, np.int64)
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 2)(address)
    call(table.ctypes.data, ids.ctypes.data, chunk, chunk + 1)
    size = body.out_types[0].nbytes
    whole = np.frombuffer(buffers[len(inputs)][:size].tobytes(), np.uint32) != 0xCDCDCDCD
    (places,) = np.nonzero(whole)
    return 4 * int(places[0]), 4 * int(places[-1]) + 4


def run_loop(body: Program, *arrays: Any) -> list[np.ndarray]:
    """The outputs of the compiled body."""
    return run_lowered(lower_loop(body, native.target()), body, arrays)


def check(f: Callable[..., Any], *arrays: Any, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """The compiled `f` agrees with its meaning."""
    arrays = tuple(np.asarray(a) for a in arrays)
    body = program(f, *(Type(a.shape, a.dtype) for a in arrays))
    wanted = body.run(*arrays)
    for got, want in zip(run_loop(body, *arrays), wanted, strict=True):
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        if got.dtype.kind in "fV":
            np.testing.assert_allclose(
                got.astype(np.float64), want.astype(np.float64), rtol=rtol, atol=atol
            )
        else:
            np.testing.assert_array_equal(got, want)
